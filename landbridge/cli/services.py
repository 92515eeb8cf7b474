"""`up` and `down`: the services of a home."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from landbridge.cli.options import InventoryOption, Output, OutputOption

# As `landbridge.host.launch` starts it, and for its reason: the children of a fork server import `__main__` again.
_FOREGROUND = "import sys; from landbridge.host.up import main; sys.exit(main(sys.argv[1], sys.argv[2]))"


def up(
    inventory: InventoryOption = "",
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay in this terminal; for a supervisor.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Start the services of this home.

    Prefect, the registries, serving and the flow host. Returns when they are ready.
    """
    from landbridge.cli import show
    from landbridge.cli.asking import home, home_inventory
    from landbridge.cli.follow import ensure_up
    from landbridge.cli.host import host_now
    from landbridge.lock import is_held

    chosen = str(Path(home_inventory(inventory)).absolute())
    if foreground:
        Path(home()).mkdir(parents=True, exist_ok=True)
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-c", _FOREGROUND, home(), chosen])  # noqa: S606
    was_up = is_held(home())
    ensure_up(chosen)
    if output is Output.JSON:
        show.print_json(host_now() | {"was_up": was_up})
        return
    from landbridge.cli.report import links

    show.line(
        f"landbridge is up for {home()} with {host_now().get('inventory')}" + (" (it was already)" if was_up else "")
    )
    for link in links("", []):
        show.line(f"  {link}")


def down(
    jobs: Annotated[bool, typer.Option("--jobs", help="Cancel training jobs of this machine, too.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Stop the services of this home.

    And everything they started, also what a killed host left. Training jobs go on unless --jobs is given.
    """
    from landbridge.cli import show
    from landbridge.cli.asking import home
    from landbridge.client import Client
    from landbridge.lock import is_held

    ended: list[str] = []
    was_up = is_held(home())
    if was_up:
        Client(home()).down(cancel_jobs=jobs)
    else:
        ended = _end_leftovers(jobs)
    if output is Output.JSON:
        show.print_json({"was_up": was_up, "ended": [*ended]})
        return
    left = f" Ended what a killed host left: {', '.join(ended)}." if ended else ""
    show.line(f"landbridge is down for {home()}." if was_up else f"landbridge was not up for {home()}.{left}")


def _end_leftovers(jobs: bool) -> list[str]:
    """A killed host cannot end its own processes; its record names them."""
    from landbridge.cli.asking import home
    from landbridge.record import read_record

    record = read_record(home())
    inventory = Path(str(record.get("inventory") or ""))
    if not record:
        return []
    from landbridge.host.processes import end_leftovers

    ended = end_leftovers(record)
    if jobs and inventory.is_file():
        from landbridge.files.inventory import load_inventory
        from landbridge.host.local_targets import cancel_all_jobs

        count = cancel_all_jobs(load_inventory(inventory, home()))
        ended += [f"{count} training jobs"] if count else []
    return ended
