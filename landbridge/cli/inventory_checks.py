"""Whether what an inventory names is there: drivers, registries, data stores, targets, ports."""

import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from landbridge.domain.errors import LandbridgeError, NotFoundError
from landbridge.domain.inventory import Datastore, Inventory, Role, Site, Target
from landbridge.domain.plan import Check
from landbridge.domain.values import Json

PROBE = "landbridge-doctor-asks-for-nothing"  # a model and a path that nobody has
THREADS = 16

Look = Callable[[], Check]


def of_inventory(inventory: Inventory, host: Mapping[str, Json]) -> Iterator[Check]:
    """All of them, side by side: a dead server delays the answer once."""
    up = host["state"] == "up"
    looks: list[Look] = [lambda name=name: _driver(name) for name in _driver_names(inventory)]  # type: ignore[misc]
    looks += [lambda site=site: _registry(inventory, site, up) for site in inventory.sites.values() if site.registry]  # type: ignore[misc]
    looks += [lambda store=store: _store(inventory, store) for store in inventory.datastores.values()]  # type: ignore[misc]
    looks += [lambda target=target: _target(inventory, target, up) for target in inventory.targets.values()]  # type: ignore[misc]
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(lambda look: look(), looks)
    if not up:
        yield from _ports(inventory)


def _driver_names(inventory: Inventory) -> tuple[str, ...]:
    names = [target.driver for target in inventory.targets.values()]
    names += [site.registry.driver for site in inventory.sites.values() if site.registry]
    names += [store.driver for store in inventory.datastores.values()]
    return tuple(dict.fromkeys(names))


def _driver(name: str) -> Check:
    from landbridge.drivers import driver

    return _told(f"driver {name}", lambda: f"{driver(name) and 'can be imported'}")


def _registry(inventory: Inventory, site: Site, up: bool) -> Check:
    from landbridge.operations import connections

    name = f"registry of {site.name}"
    if not up and _hosted(site):
        return Check(name, True, "starts with `landbridge up`")
    return _told(name, lambda: _answers(connections.registry(inventory, site.name).versions(PROBE)))


def _hosted(site: Site) -> bool:
    """Whether it is one of this machine's own: on loopback, or without an address."""
    address = str(site.registry.options.get("uri") or "") if site.registry else ""
    return not address or "127.0.0.1" in address or "localhost" in address


def _store(inventory: Inventory, store: Datastore) -> Check:
    from landbridge.operations import connections

    def look() -> str:
        try:
            connections.data_store(inventory, store.name).snapshot(PROBE)
        except NotFoundError:
            if store.url.startswith("/") and not Path(store.url).is_dir():
                return f"{store.url} is not there yet"  # the first data makes it
        return f"{store.url} answers"

    return _told(f"data store {store.name}", look)


def _target(inventory: Inventory, target: Target, up: bool) -> Check:
    from landbridge.operations import connections

    name = f"target {target.name}"
    if Role.TRAIN in target.roles:
        return _training(inventory, target, name)
    if not up and target.driver == "local":
        return Check(name, True, "serves once `landbridge up` runs")
    return _told(name, lambda: _answers(connections.serving(inventory, target.name).observe(PROBE)))


def _training(inventory: Inventory, target: Target, name: str) -> Check:
    from landbridge.operations import connections

    try:
        capacity = connections.training(inventory, target.name).capacity()
    except LandbridgeError as error:
        return Check(name, False, error.message, error.hint)
    said = capacity.detail or _count(len(capacity.nodes), "node")
    hint = "" if capacity.reachable else "Check its options in the inventory, and that it runs."
    return Check(name, capacity.reachable, said, hint)


def _ports(inventory: Inventory) -> Iterator[Check]:
    """With the services down: whether the ports they will ask for are free."""
    from landbridge import settings
    from landbridge.drivers.mlflow.options import LOOPBACK, hosted_address

    wanted = {f"port {settings.prefect_port()} (Prefect)": (LOOPBACK, settings.prefect_port())}
    for site in inventory.sites.values():
        port = site.registry.options.get("port") if site.registry else None
        if site.registry and isinstance(port, int):
            wanted[f"port {port} (registry of {site.name})"] = (hosted_address(site.registry), port)
    for target in inventory.targets.values():
        port = target.options.get("port")
        if isinstance(port, int):
            wanted[f"port {port} ({target.name})"] = (LOOPBACK, port)
    for name, (address, port) in wanted.items():
        if port:
            yield _port(name, address, port)


def _port(name: str, address: str, port: int) -> Check:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            hint = "End the program that has it, or choose another port in the inventory."
            return Check(name, False, error.strerror or "cannot be taken", hint)
    return Check(name, True, "free")


def _answers(_: object) -> str:
    """What was asked for is not there; that it was said is the answer."""
    return "answers"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _told(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except LandbridgeError as error:
        return Check(name, False, error.message, error.hint)
