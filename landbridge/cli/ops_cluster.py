"""`ops cluster`: whether a cluster may carry Azure Machine Learning, as its cloud tells."""

import typer

from landbridge.cli.ops import AzureTargetArgument, where
from landbridge.cli.options import InventoryOption, Output, OutputOption

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="AKS and Arc clusters, as Azure tells of them.")


@app.callback()
def _group() -> None:
    """With one command, typer would leave its name out."""


@app.command()
def check(target: AzureTargetArgument, inventory: InventoryOption = "", output: OutputOption = Output.TABLE) -> None:
    """Check whether a cluster may carry Azure Machine Learning.

    AKS or Arc: supported version, managed identity, local accounts, authorised IP ranges, node sizes, private link, proxy,
    what an old AksCompute left. Reads what Azure's management service tells; changes nothing. Exit code 1 when a check
    fails.
    """
    from landbridge.cli.ops_shown import show_diagnoses
    from landbridge.operations.ops import clusters

    show_diagnoses(target, clusters.check(where(inventory, target)), output)
