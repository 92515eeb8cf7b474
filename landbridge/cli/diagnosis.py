"""`doctor`: what is wrong with this machine, this home and this inventory, and how to mend it."""

import typer

from landbridge.cli.options import InventoryOption, Output, OutputOption

UNWELL = 1


def doctor(inventory: InventoryOption = "", output: OutputOption = Output.TABLE) -> None:
    """Check the machine, the home, the inventory.

    Python, disk, ports, Envoy, services, registries, data stores, ledger, drivers, targets and leftovers.
    Exit code 1 when a check fails.
    """
    from landbridge.cli import show
    from landbridge.cli.checks import examine
    from landbridge.operations.plain import as_json

    checks = list(examine(inventory))
    failed = [check for check in checks if not check.passed]
    if output is Output.JSON:
        show.print_json({"healthy": not failed, "checks": [as_json(check) for check in checks]})
    else:
        rows = [("pass" if item.passed else "FAIL", item.name, item.detail, item.hint) for item in checks]
        show.table(("", "check", "why", "remedy"), rows)
        show.line(
            f"\n{len(failed)} of {len(checks)} checks failed." if failed else f"\nAll {len(checks)} checks passed."
        )
    if failed:
        raise typer.Exit(UNWELL)
