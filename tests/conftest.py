"""Who runs where: two workers share the files, and all of e2e, which shares one host, goes to one of them."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder, *rest = item.path.relative_to(HERE).parts
        item.add_marker(pytest.mark.xdist_group("e2e" if folder == "e2e" else "/".join([folder, *rest])))
    items.sort(key=lambda item: item.path.relative_to(HERE).parts[0] not in {"e2e", "chaos"})  # the longest first
