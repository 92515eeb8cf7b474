"""What the inventory's targets are and do now, and what operators say of them."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from landbridge import drivers
from landbridge.domain.capacity import Capacity
from landbridge.domain.errors import InputError, LandbridgeError
from landbridge.domain.inventory import Inventory, Role, Target
from landbridge.domain.ledger import Entry, Kind
from landbridge.domain.maintenance import opening, span
from landbridge.domain.nearest import nearest
from landbridge.domain.offers import OfferedCompute
from landbridge.domain.values import Json, Resources
from landbridge.files.inventory import load_inventory
from landbridge.operations import connections
from landbridge.operations.plain import as_json, as_object
from landbridge.operations.probing import DEADLINE_SECONDS, apply_states, operator_states
from landbridge.operations.side_by_side import side_by_side
from landbridge.ports import CanListEndpoints


@dataclass(frozen=True, slots=True)
class Said:
    """What an operator says of a target, or takes back (`cleared`). `state`: see `landbridge.domain.ledger`."""

    state: str
    value: Json = True
    reason: str = ""
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class _Look:
    """One target, looked at once. `endpoints` of a target that serves; `problem`: why it could not be asked."""

    capacity: Capacity | None = None
    endpoints: tuple[str, ...] = ()
    problem: str = ""


def target_rows(home: str, inventory_path: str) -> Iterator[dict[str, Json]]:
    """One row per target, in the inventory's order."""
    inventory = load_inventory(Path(inventory_path), home)
    states = operator_states(home)
    looks = _look_at_all(inventory)
    for target in inventory.targets.values():
        yield _row(inventory, target, looks[target.name], states.get(target.name, {}))


def offer_rows(home: str, inventory_path: str) -> tuple[list[dict[str, Json]], dict[str, str]]:
    """What the services behind the targets have to run on, each compute once; and target → why it could not be asked."""
    inventory = load_inventory(Path(inventory_path), home)
    asked = [target.name for target in inventory.targets.values() if _asks(target)]
    answers = side_by_side({name: partial(_offers, inventory, name) for name in asked}, DEADLINE_SECONDS)
    rows: dict[tuple[str, str], dict[str, Json]] = {}
    problems: dict[str, str] = {}
    for name in asked:
        answer = answers.get(name, f"no answer within {DEADLINE_SECONDS:g} s")
        if isinstance(answer, str):
            problems[name] = answer
            continue
        for offer in answer:
            row = rows.setdefault((offer.place, offer.name), {**as_object(offer), "targets": []})
            if offer.used:
                row["targets"] = [*_list(row["targets"]), name]
    return [{key: value for key, value in row.items() if key != "used"} for row in rows.values()], problems


def say(home: str, inventory_path: str, target: str, said: tuple[Said, ...]) -> None:
    """Write down what an operator says of a target; the next plan heeds it. Safe to repeat.

    Raises:
        InputError: the inventory has no such target.
    """
    known = load_inventory(Path(inventory_path), home).targets
    if target not in known:
        raise InputError(
            f"The inventory has no target {target!r}{nearest(target, known)}.",
            f"Name one of: {', '.join(known)}.",
            inventory_path,
        )
    book = connections.ledger(home)
    for item in said:
        payload: dict[str, Json] = {
            "state": item.state,
            "value": item.value,
            "reason": item.reason,
            "cleared": item.cleared,
        }
        book.record(Entry(Kind.TARGET_STATE, "", "", target, time.time(), payload))


def _look_at_all(inventory: Inventory) -> Mapping[str, _Look]:
    """All side by side, within one deadline: a dead target costs at most that."""
    pool = ThreadPoolExecutor(max_workers=max(1, len(inventory.targets)))
    asked = {name: pool.submit(_look_at, inventory, target) for name, target in inventory.targets.items()}
    wait(asked.values(), timeout=DEADLINE_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    late = f"no answer within {DEADLINE_SECONDS:g} s"
    silent = _Look(Capacity(reachable=False, detail=late), problem=late)
    return {name: future.result() if future.done() else silent for name, future in asked.items()}


def _look_at(inventory: Inventory, target: Target) -> _Look:
    try:
        capacity = None
        if Role.TRAIN in target.roles:
            capacity = connections.training(inventory, target.name).capacity()
        endpoints: tuple[str, ...] = ()
        if Role.SERVE in target.roles:
            serving = connections.serving(inventory, target.name)
            endpoints = tuple(serving.endpoints()) if isinstance(serving, CanListEndpoints) else ()
        return _Look(capacity, endpoints)
    except LandbridgeError as error:
        return _Look(Capacity(reachable=False, detail=error.message), problem=error.message)


def _asks(target: Target) -> bool:
    try:
        return drivers.driver(target.driver).offers is not None
    except LandbridgeError:  # its row says so
        return False


def _offers(inventory: Inventory, name: str) -> tuple[OfferedCompute, ...] | str:
    target = inventory.targets[name]
    ask = drivers.driver(target.driver).offers
    try:
        return ask(target, inventory) if ask else ()
    except LandbridgeError as error:
        return error.message


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _row(inventory: Inventory, target: Target, look: _Look, said: Mapping[str, Json]) -> dict[str, Json]:
    changed, seen = apply_states(target, look.capacity or Capacity(), said)
    measured = look.capacity is not None
    reasons = _reasons(changed, seen, look.problem, said) if measured or said else _serving_reasons(look)
    total, free = _most(seen, free=False), _most(seen, free=True)
    return {
        "name": target.name,
        "site": target.site,
        "kind": str(inventory.sites[target.site].kind),
        "driver": target.driver,
        "roles": as_json(target.roles),
        "cluster": target.cluster,
        "private": target.private,
        "nodes": len(seen.nodes),
        "total": as_json(total) if measured and seen.reachable else None,
        "free": as_json(free) if measured and seen.reachable else None,
        "instance_types": [as_json(item) for item in target.instance_types],
        "cost_per_hour": target.cost_per_hour,
        "endpoints": list(look.endpoints),
        "state": reasons[0].split(":", 1)[0] if reasons else "ready",
        "reasons": [*reasons],
        "said": as_json(said),
    }


def _reasons(target: Target, seen: Capacity, problem: str, said: Mapping[str, Json]) -> list[str]:
    """Why no work may start there, the gravest first."""
    found = [] if seen.reachable and not problem else [f"unreachable: {problem or seen.detail}"]
    if target.drained:
        found.append(f"drained: {target.drained}")
    now = span(datetime.now(UTC), 1.0)
    found += [f"maintenance: {window.reason}" for window in target.maintenance if opening(window, now)]
    full = seen.nodes and all(node.free.cpu_millicores <= 0 for node in seen.nodes)
    if full or "busy" in said:
        found.append(f"busy: {seen.detail or 'no CPU is free'}")
    return found


def _serving_reasons(look: _Look) -> list[str]:
    return [f"unreachable: {look.problem}"] if look.problem else []


def _most(capacity: Capacity, free: bool) -> Resources:
    """All nodes together; one instance must still fit on one node."""
    nodes = [node.free if free else node.total for node in capacity.nodes]
    return sum(nodes, Resources())
