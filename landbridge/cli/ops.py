"""`ops`: what IT operations do to clusters. It takes their files only; no command of data science needs what these need."""

from typing import TYPE_CHECKING, Annotated

import typer

from landbridge.cli.options import InventoryOption, Output, OutputOption

if TYPE_CHECKING:
    from landbridge.domain.operating import Access, Waiting

TargetArgument = Annotated[str, typer.Argument(help="A target of the inventory.")]
AzureTargetArgument = Annotated[str, typer.Argument(help="A target of the inventory, in a workspace of Azure ML.")]
KubeconfigOption = Annotated[
    str,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        help="An administrator's kubeconfig. Without it: the target's own credentials.",
    ),
]
ContextOption = Annotated[
    str, typer.Option("--context", metavar="NAME", help="Context of the kubeconfig. Without it: its current one.")
]
TimeoutOption = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", min=1, help="How long to wait; the operation goes on afterwards."),
]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="IT operations: prepare and examine clusters.\n\nRefuses scenario and job files.",
)


def where(inventory: str, target: str) -> tuple[str, str, str]:
    """Home, inventory and target, as `landbridge.operations.ops` takes them."""
    from landbridge.cli.asking import home, home_inventory

    return home(), home_inventory(inventory), target


def access(kubeconfig: str, context: str) -> "Access":
    from pathlib import Path

    from landbridge.domain.errors import InputError
    from landbridge.domain.operating import Access

    if kubeconfig and not Path(kubeconfig).expanduser().is_file():
        raise InputError(f"There is no kubeconfig {kubeconfig}.", "Name an administrator's with --kubeconfig.")
    return Access(str(Path(kubeconfig).expanduser().absolute()) if kubeconfig else "", context)


def waiting(seconds: float) -> "Waiting":
    """For an operation of a cloud, with progress on standard error."""
    from landbridge.cli import show
    from landbridge.domain.operating import Waiting

    return Waiting(seconds, show.say)


@app.command()
def doctor(  # noqa: PLR0913, PLR0917 - typer reads options from the signature
    target: TargetArgument,
    image: Annotated[
        str,
        typer.Option("--image", help="Image of the probe job; needs python3. Without it: the first of the inventory."),
    ] = "",
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="End with a real job, deleted afterwards.")] = True,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=1, help="For the probe job, its image pull included.")
    ] = 120.0,
    kubeconfig: KubeconfigOption = "",
    context: ContextOption = "",
    inventory: InventoryOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Examine a cluster with the target's own credentials.

    Version, rights, namespace, quota, instance types, Gateway, secrets, clocks, storage; a probe job tries DNS, egress
    and storage from inside. An administrator's kubeconfig only looks where the target's account may not. Exit code 1
    when a check fails.
    """
    from landbridge.cli.ops_shown import show_diagnoses
    from landbridge.domain.operating import Examination
    from landbridge.operations.ops.doctor import examine

    order = Examination(access(kubeconfig, context), image, probe, timeout)
    show_diagnoses(target, examine(where(inventory, target), order), output)
