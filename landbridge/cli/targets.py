"""`targets` and `targets set`: what there is to run on, and what operators say of it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landbridge.cli.options import InventoryOption, Output, OutputOption

if TYPE_CHECKING:
    from landbridge.operations.stock import Said

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def list_targets(context: typer.Context, inventory: InventoryOption = "", output: OutputOption = Output.TABLE) -> None:
    """List the targets of the inventory.

    With site, driver, roles, what is free, instance types, cost per hour and state; and what the workspaces behind them have to
    run on, also what the inventory does not name.
    """
    if context.invoked_subcommand:
        return
    from landbridge.cli import show
    from landbridge.cli.asking import ask, home_inventory
    from landbridge.cli.rows import rows_of

    with show.waiting("Asking the targets what they have…"):
        found = ask("targets", inventory=home_inventory(inventory))
    if output is Output.JSON:
        show.print_json(found)
        return
    columns = (
        "target",
        "site",
        "driver",
        "roles",
        "CPU free",
        "memory free",
        "GPU free",
        "instance types",
        "cost/h",
        "state",
    )
    show.table(columns, [_cells(row) for row in rows_of(found, "targets")], f"Targets of {found['inventory']}")
    offered = ("workspace", "compute", "kind", "can", "instance types", "nodes", "state", "target here")
    show.table(offered, [_offer_cells(row) for row in rows_of(found, "offers")], "What the workspaces have to run on")
    silent = found.get("offers_not_told")
    for target, why in silent.items() if isinstance(silent, dict) else ():
        show.say(f"What the workspace of {target} has is not told: {why}")


@app.command("set")
def set_state(  # noqa: PLR0913, PLR0917 - typer reads options from the signature
    target: Annotated[str, typer.Argument(help="A target of the inventory.")],
    reason: Annotated[str, typer.Argument(help="Why; plans repeat it.")] = "",
    drain: Annotated[bool | None, typer.Option("--drain/--undrain", help="Nothing new may start there.")] = None,
    maintenance: Annotated[
        bool | None, typer.Option("--maintenance/--no-maintenance", help="In maintenance from now on.")
    ] = None,
    busy: Annotated[bool | None, typer.Option("--busy/--not-busy", help="Nothing of it is free.")] = None,
    gpu: Annotated[int | None, typer.Option("--gpu", metavar="N", min=0, help="So many GPUs per node.")] = None,
    gpu_reset: Annotated[bool, typer.Option("--gpu-reset", help="GPUs as measured again.")] = False,
    unreachable: Annotated[
        bool | None, typer.Option("--unreachable/--reachable", help="Counts as not answering.")
    ] = None,
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Say how a target is.

    The next plan heeds it, and comes back to the target when it is taken back. Kept in the ledger.
    """
    from landbridge.cli import show
    from landbridge.cli.asking import home, home_inventory
    from landbridge.domain.errors import InputError
    from landbridge.operations.stock import say

    flags = {"drained": drain, "maintenance": maintenance, "busy": busy, "unreachable": unreachable}
    said = tuple(_said(flags, (gpu, gpu_reset), reason))
    if not said:
        raise InputError(
            "Nothing was said of the target.", "Add --drain, --maintenance, --busy, --gpu N or --unreachable."
        )
    say(home(), home_inventory(inventory), target, said)
    if output is Output.JSON:
        from landbridge.operations.plain import as_json

        show.print_json({"target": target, "said": [as_json(item) for item in said]})
        return
    for item in said:
        show.line(f"{target}: {_in_words(item)}{f' ({reason})' if reason else ''}")


def _in_words(item: "Said") -> str:
    value = f" {item.value}" if item.state == "gpu" and not item.cleared else ""
    return f"{'no longer ' if item.cleared else ''}{item.state}{value}"


def _said(flags: Mapping[str, bool | None], gpu: tuple[int | None, bool], reason: str) -> "Iterator[Said]":
    from landbridge.domain.errors import InputError
    from landbridge.operations.stock import Said

    for state, wanted in flags.items():
        if wanted is not None:
            yield Said(state, True, reason, cleared=not wanted)
    count, reset = gpu
    if count is not None and reset:
        raise InputError("--gpu and --gpu-reset contradict each other.", "Use one of them.")
    if count is not None or reset:
        yield Said("gpu", count, reason, cleared=reset)


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    from landbridge.cli.rows import cells, text
    from landbridge.domain.capacity import size_in_words

    total, free = row["total"], row["free"]
    room = ("", "", "")
    if total and free:
        cpu = f"{free['cpu_millicores'] / 1000:g} of {total['cpu_millicores'] / 1000:g}"
        memory = f"{size_in_words(free['memory_bytes'])} of {size_in_words(total['memory_bytes'])}"
        room = (cpu, memory, f"{free['gpus']} of {total['gpus']}")
    types = ", ".join(item["name"] for item in row["instance_types"])
    state = "; ".join(row["reasons"]) or "ready"
    return (
        *cells(row, "name", "site", "driver"),
        ", ".join(row["roles"]),
        *room,
        types,
        text(row["cost_per_hour"]),
        state,
    )


def _offer_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    from landbridge.cli.rows import cells
    from landbridge.domain.capacity import in_words
    from landbridge.domain.values import Resources

    types = [f"{item['name']} ({in_words(Resources(**item['limits']))})" for item in row["instance_types"]]
    return (
        *cells(row, "place", "name", "kind"),
        ", ".join(row["powers"]) or "nothing here",
        "; ".join(types) or ("any size of the region" if row["kind"] == "serverless" else ""),
        "" if row["nodes"] is None else str(row["nodes"]),
        row["problem"] or "ready",
        ", ".join(row["targets"]),
    )
