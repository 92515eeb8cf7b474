"""`ops router`: the inference router of a cluster."""

from typing import Annotated

import typer

from landbridge.cli.ops import AzureTargetArgument, ContextOption, access, where
from landbridge.cli.options import InventoryOption, Output, OutputOption


def router(  # noqa: PLR0913, PLR0917 - typer reads options from the signature
    target: AzureTargetArgument,
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="For its TLS answer.")] = 5.0,
    kubeconfig: Annotated[
        str,
        typer.Option(
            "--kubeconfig",
            metavar="FILE",
            help="To look at its pods and Service. Without it: what AKS gives this account; Arc gives none.",
        ),
    ] = "",
    context: ContextOption = "",
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Show and check the inference router azureml-fe.

    Its settings with the defaults that count; replicas and nodes, service type, TLS; in the cluster its pods, address, other
    autoscalers, what an AksCompute left, the secret of its certificate; from here its DNS name and how long the certificate
    holds. Changes nothing. Exit code 1 when a check fails.
    """
    from landbridge.cli import show
    from landbridge.cli.ops_shown import show_diagnoses
    from landbridge.operations.ops.routing import examine

    found = examine(where(inventory, target), access(kubeconfig, context), timeout)
    if output is Output.TABLE:
        show.table(("setting", "in effect"), found.settings, "Settings of the router")
        show.line()
    show_diagnoses(target, found.checks, output, {"settings": {name: value for name, value in found.settings}})
