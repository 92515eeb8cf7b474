"""`logs`: of a training job, of a run, of a service."""

from typing import Annotated

import typer

from landbridge.cli.options import InventoryOption


def logs(  # noqa: PLR0913, PLR0917 - typer reads options from the signature
    scenario: Annotated[
        str, typer.Argument(metavar="[SCENARIO]", help="A scenario file, or the name of a scenario that was run here.")
    ] = "",
    inventory: InventoryOption = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job or run ends.")] = False,
    attempt: Annotated[int, typer.Option("--attempt", min=0, help="Which try at the job; 0 = the last.")] = 0,
    run: Annotated[bool, typer.Option("--run", help="The steps and the log of the last flow run instead.")] = False,
    scoring: Annotated[bool, typer.Option("--scoring", help="The last job of `landbridge score` instead.")] = False,
    service: Annotated[
        str, typer.Option("--service", metavar="NAME", help="The log of a service instead: prefect, mlflow, up.")
    ] = "",
) -> None:
    """Print the log of a job, a run or a service.

    Of a scenario: its last training job, with --scoring its last scoring job, or with --run its last run.
    """
    from landbridge.cli.log_sources import job_lines, run_lines, service_lines
    from landbridge.domain.errors import InputError

    if bool(scenario) == bool(service):
        raise InputError("Name a scenario, or a service with --service, and not both.", "See `landbridge logs --help`.")
    if scoring and (run or service):
        raise InputError("--scoring goes with neither --run nor --service.", "See `landbridge logs --help`.")
    if service:
        lines = service_lines(service, follow)
    elif run:
        lines = run_lines(scenario, follow)
    else:
        lines = job_lines(scenario, inventory, attempt, follow, scoring)
    for line in lines:
        typer.echo(line)
