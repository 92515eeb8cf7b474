"""What every contract suite needs: an inventory of two sites in a folder of its own, and how a port is compared."""

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from landbridge.domain.inventory import Datastore, Inventory, Site, Target
from landbridge.domain.values import SiteKind


@pytest.fixture
def make_inventory(tmp_path: Path) -> Callable[..., Inventory]:
    """Build an inventory with its home in `tmp_path`."""

    def make(*parts: Target | Datastore, cache_max_bytes: int = 0) -> Inventory:
        sites = {
            name: Site(name, kind, f"{tmp_path}/sites/{name}/models", f"{tmp_path}/sites/{name}/cache", cache_max_bytes)
            for name, kind in (("cloud", SiteKind.CLOUD), ("onprem", SiteKind.ONPREM))
        }
        targets = {part.name: part for part in parts if isinstance(part, Target)}
        stores = {part.name: part for part in parts if isinstance(part, Datastore)}
        return Inventory("test", f"{tmp_path}/inventory.yaml", str(tmp_path), sites, targets, stores)

    return make


def assert_same_signatures(port: type, implementation: type) -> None:
    """Fail when a method of `port` is missing from `implementation`, or is called or answers otherwise."""
    for name, promised in inspect.getmembers(port, inspect.isfunction):
        if not name.startswith("_"):
            kept = getattr(implementation, name, None)
            assert kept is not None, f"{implementation.__name__} lacks {name}"
            assert inspect.signature(kept) == inspect.signature(promised), f"{implementation.__name__}.{name}"
