"""`ops instance-types`: Azure ML's InstanceType objects of a cluster."""

from typing import Annotated

import typer

from landbridge.cli.ops import ContextOption, KubeconfigOption, TargetArgument, access, where
from landbridge.cli.options import InventoryOption, Output, OutputOption

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Instance types of a cluster, as Azure ML spells them."
)


@app.command("list")
def list_types(
    target: TargetArgument,
    kubeconfig: KubeconfigOption = "",
    context: ContextOption = "",
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """List what the cluster offers, and the nodes that take it.

    Of a target in a workspace of Azure ML without a way into its cluster: what the workspace tells, which knows no nodes.
    """
    from landbridge.cli import show
    from landbridge.domain.capacity import in_words
    from landbridge.operations.ops import instance_types
    from landbridge.operations.plain import as_json

    found = instance_types.offered(where(inventory, target), access(kubeconfig, context))
    if output is Output.JSON:
        show.print_json({"target": target, "instance_types": [as_json(item) for item in found]})
        return
    columns = ("instance type", "requests", "limits", "node selector", "nodes", "source")
    rows = [
        (
            item.type.name,
            in_words(item.type.requests),
            in_words(item.type.limits),
            ", ".join(f"{key}={value}" for key, value in item.type.node_selector.items()),
            str(len(item.nodes)),
            item.source,
        )
        for item in found
    ]
    show.table(columns, rows, f"Instance types of {target}")


@app.command("apply")
def apply_types(  # noqa: PLR0913, PLR0917 - typer reads options from the signature
    target: TargetArgument,
    file: Annotated[
        str, typer.Argument(help="A file with an InstanceType or InstanceTypeList. Without it: the inventory's types.")
    ] = "",
    kubeconfig: KubeconfigOption = "",
    context: ContextOption = "",
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Put instance types into the cluster.

    Installs the custom resource definition, and the default type with it, where it is missing. Types that are not named
    stay. May be repeated.
    """
    from landbridge.cli.ops_shown import show_changes
    from landbridge.operations.ops import instance_types

    changes = instance_types.ensure(where(inventory, target), access(kubeconfig, context), file)
    show_changes(target, changes, output)


@app.command("check")
def check_types(
    target: TargetArgument,
    kubeconfig: KubeconfigOption = "",
    context: ContextOption = "",
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Compare the cluster with the inventory.

    Each declared type must be there, as declared, and at least one node must take it. Exit code 1 when a check fails.
    """
    from landbridge.cli.ops_shown import show_diagnoses
    from landbridge.operations.ops import instance_types

    show_diagnoses(target, instance_types.check(where(inventory, target), access(kubeconfig, context)), output)
