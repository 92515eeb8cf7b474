"""Order a run, show what it does while it does it, and say what it reached."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from landbridge.cli import show, tell
from landbridge.cli.asking import home
from landbridge.client import Client, JsonObject, RunOrder, Started, decode_error, is_last
from landbridge.domain.errors import BusyError

INTERRUPTED = 130
TURNS = 3  # other runs of the scenario that we let end before ours; a trigger that fires for ever must not hold us


@dataclass(frozen=True, slots=True)
class Wish:
    """How the user wants it. `again`: the command that resumes."""

    again: str
    detach: bool = False
    as_json: bool = False


def carry_out(order: RunOrder, wish: Wish) -> int:
    """Order a flow and follow it to its end; returns the exit code of what it reached.

    A run of the same scenario that is going is followed. It stands for an order of the same kind; anything else is
    ordered again after it.

    Raises:
        BusyError: other runs of the scenario kept coming first.
    """
    ensure_up(str(order.parameters.get("inventory") or ""))
    client = Client(home())
    for _ in range(TURNS):
        started = client.run(order)
        stands_for_ours = not started.active or _is_the_same(client, started, order)
        if wish.detach:
            return _detach(started, stands_for_ours, wish)
        last = _watch(client, started, stands_for_ours, wish)
        if stands_for_ours:
            return _finish(last, started, wish)
    raise BusyError(
        f"Other runs of {order.scenario or 'this home'} kept coming first.", f"Try again later: `{wish.again}`."
    )


def _is_the_same(client: Client, started: Started, order: RunOrder) -> bool:
    """Whether the run that is going does what was ordered: the same flow, and nothing forced or set for this order alone."""
    plain = order.trigger == "run" and not order.parameters.get("inputs")
    return plain and client.run_state(started.flow_run_id).get("flow") == order.flow


def ensure_up(inventory: str) -> None:
    """Start the services unless they are up; says so, once."""
    from landbridge.host.launch import start_background
    from landbridge.lock import is_held

    first = not is_held(home())
    if first:
        show.say(f"Starting the services of {home()}, once; they stay up until `landbridge down`.")
    record = start_background(home(), inventory, progress=lambda text: show.say(f"  {text}") if first else None)
    serves = str(record.get("inventory") or inventory)
    if inventory and serves != inventory:
        show.say(f"Note: the services are up for inventory {serves}; this run uses {inventory}.")


def _announce(started: Started, stands_for_ours: bool) -> None:
    if started.active and stands_for_ours:
        show.say("A run of this scenario is going already; nothing new was started.")
    elif started.active:
        show.say("Another run of this scenario is going; yours is ordered when it ends. Following it until then.")
    show.say(f"Run {started.flow_run_id}: {started.url}")


def _detach(started: Started, stands_for_ours: bool, wish: Wish) -> int:
    if not stands_for_ours:
        raise BusyError("Another run of this scenario is going; yours was not ordered.", f"Try later: `{wish.again}`.")
    _announce(started, stands_for_ours)
    answer: JsonObject = {"flow_run_id": started.flow_run_id, "url": started.url, "active": started.active}
    if wish.as_json:
        show.print_json(answer)
    else:
        show.line("It goes on by itself; `landbridge status` shows it.")
    return 0


def _watch(client: Client, started: Started, stands_for_ours: bool, wish: Wish) -> JsonObject:
    """Follow to the last event. Ctrl-C stops a run of ours; one that somebody else started goes on."""
    from landbridge.cli.progress import shown

    last: JsonObject = {}
    try:
        _announce(started, stands_for_ours)
        for event in shown(_events(client, started.flow_run_id), to_stderr=wish.as_json):
            last = event
    except KeyboardInterrupt:
        _interrupted(client, started, wish)
        raise typer.Exit(INTERRUPTED) from None
    return last


def _events(client: Client, flow_run_id: str) -> Iterator[JsonObject]:
    yield from client.follow(flow_run_id)


def _interrupted(client: Client, started: Started, wish: Wish) -> None:
    if started.active:
        show.say("\nNo longer following. The run goes on: you did not start it; `landbridge stop` ends it.")
        return
    show.say("\nStopping the run; press Ctrl-C again to leave it to itself.")
    client.stop(started.flow_run_id)
    show.say(f"Stopped. `{wish.again}` resumes it.")


def _finish(last: JsonObject, started: Started, wish: Wish) -> int:
    report = last.get("report")
    error: Any = last.get("error")
    said = report if isinstance(report, dict) and is_last(last) else {}
    if wish.as_json:
        links: JsonObject = {"flow_run_id": started.flow_run_id, "url": started.url, "followed": started.active}
        show.print_json({**said, **links, "error": error})
    else:
        from landbridge.cli.report import print_report

        print_report(said, started.url)
    if not isinstance(error, dict):
        return 1 if said.get("outcome") == "Failed" else 0  # `reconcile` goes on after an error; its text tells which
    tell(decode_error(error))
    return int(error.get("exit_code", 1))
