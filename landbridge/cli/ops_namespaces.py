"""`ops namespaces`: one per team, with its bounds and the orchestrator's account."""

from typing import TYPE_CHECKING, Annotated

import typer

from landbridge.cli.ops import ContextOption, KubeconfigOption, TargetArgument, access, where
from landbridge.cli.options import InventoryOption, Output, OutputOption

if TYPE_CHECKING:
    from landbridge.domain.operating import NamespacePlan

DAY_SECONDS = 86400

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="A team's namespace: bounds, network, the orchestrator's rights."
)


@app.command()
def plan(
    target: TargetArgument,
    kubeconfig: KubeconfigOption = "",
    context: ContextOption = "",
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what `apply` would change; with JSON, every object whole.

    All targets of the inventory with the same namespace have their say: quota, rights and ways out are those of all.
    """
    from landbridge.operations.ops import namespaces

    _show(target, namespaces.plan(where(inventory, target), access(kubeconfig, context)), output)


@app.command()
def apply(  # noqa: PLR0913, PLR0917 - typer reads options from the signature
    target: TargetArgument,
    write_kubeconfig: Annotated[
        str,
        typer.Option("--write-kubeconfig", metavar="FILE", help="Write the orchestrator's kubeconfig there, mode 600."),
    ] = "",
    days: Annotated[
        float, typer.Option("--days", min=0.01, help="How long its token is valid; the cluster may shorten it.")
    ] = 90.0,
    kubeconfig: KubeconfigOption = "",
    context: ContextOption = "",
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the target's namespace.

    With Pod Security level, quota, limits, a network that refuses what is not declared, and an account for the
    orchestrator that has the rights landbridge needs there and no others. May be repeated.
    """
    from pathlib import Path

    from landbridge.cli import show
    from landbridge.operations.ops import namespaces

    at, who = where(inventory, target), access(kubeconfig, context)
    _show(target, namespaces.ensure(at, who), output)
    if write_kubeconfig:
        path = Path(write_kubeconfig).expanduser().absolute()
        namespaces.write_credentials(at, who, path, int(days * DAY_SECONDS))
        show.say(f"The orchestrator's kubeconfig is in {path}; name it in the target's `kubeconfig:`.")


def _show(target: str, found: "NamespacePlan", output: Output) -> None:
    from landbridge.cli.ops_shown import show_changes
    from landbridge.operations.plain import as_json

    more = {"namespace": found.namespace, "manifests": as_json(found.manifests)}
    show_changes(target, found.changes, output, more)
