from collections.abc import Iterator
from pathlib import Path

import pytest

from .api_server import ApiServer, api_server


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    with api_server(tmp_path) as made:
        yield made
