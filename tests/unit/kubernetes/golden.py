"""What the golden manifests hold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "golden" / "kubernetes"


def objects(file: Path) -> list[dict[str, Any]]:
    return list(_objects(yaml.safe_load_all(file.read_text())))


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document, a list or a stream of them."""
    if isinstance(value, dict) and "kind" in value:
        yield value
    elif not isinstance(value, dict | str):
        for item in value:
            yield from _objects(item)
