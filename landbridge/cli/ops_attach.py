"""`ops attach` and `ops detach`: a cluster as a compute of a workspace."""

from typing import Annotated

import typer

from landbridge.cli.ops import AzureTargetArgument, ContextOption, TimeoutOption, access, waiting, where
from landbridge.cli.options import InventoryOption, Output, OutputOption

KubeconfigOption = Annotated[
    str,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        help="To look for the namespace in the cluster. Without it: what AKS gives this account; Arc gives none.",
    ),
]


def attach(  # noqa: PLR0913, PLR0917 - typer reads options from the signature
    target: AzureTargetArgument,
    image: Annotated[
        str,
        typer.Option("--image", help="Image of the probe job. Without it: the first of the inventory, or Microsoft's."),
    ] = "",
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="End with a real job, deleted afterwards.")] = True,
    probe_timeout: Annotated[
        float,
        typer.Option("--probe-timeout", metavar="SECONDS", min=1, help="For the probe job, its image pull included."),
    ] = 600.0,
    timeout: TimeoutOption = 1800.0,
    kubeconfig: KubeconfigOption = "",
    context: ContextOption = "",
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Attach the target's cluster to its workspace.

    Compute, cluster, namespace and identity stand in the inventory. Looks first at cluster, extension and namespace, which
    Azure does not, and ends with a real job. May be repeated; one cluster may have many computes. Exit code 1 when the job
    fails, 3 when something is in the way.
    """
    from landbridge.cli.ops_shown import show_diagnoses
    from landbridge.operations.ops.attaching import Order
    from landbridge.operations.ops.attaching import attach as attaching

    order = Order(access(kubeconfig, context), image, probe, probe_timeout, waiting(timeout))
    show_diagnoses(target, attaching(where(inventory, target), order), output)


def detach(
    target: AzureTargetArgument,
    in_use: Annotated[bool, typer.Option("--in-use", help="Also while jobs or endpoints are on it.")] = False,
    timeout: TimeoutOption = 1800.0,
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Detach the target's cluster from its workspace.

    Refuses while jobs that have not ended, endpoints or batch deployments are on the compute. The cluster stays as it is. May
    be repeated.
    """
    from landbridge.cli import show
    from landbridge.operations.ops import attaching

    detached = attaching.detach(where(inventory, target), waiting(timeout), in_use)
    if output is Output.JSON:
        show.print_json({"target": target, "detached": detached})
        return
    show.line("Detached; the cluster stays as it is." if detached else "There is no such compute: nothing to do.")
