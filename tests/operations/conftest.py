"""A world of memory drivers per test; no server, no process."""

from pathlib import Path

import pytest

from landbridge.settings import DATABASE_VARIABLE, HOME_VARIABLE
from tests.operations.world import World, make_world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The hybrid pattern, data in the cloud, everything well."""
    found = make_world(tmp_path)
    monkeypatch.setenv(HOME_VARIABLE, str(found.home))
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    return found
