"""`score`: a model of the registry over the files of a data set."""

import shlex
from typing import Annotated

import typer

from landbridge.cli.options import DetachOption, InventoryOption, Output, OutputOption, ScenarioArgument
from landbridge.domain.values import Json

VersionOption = Annotated[
    str, typer.Option("--version", metavar="VERSION", help="Model version; default: the champion.")
]
TargetOption = Annotated[
    str, typer.Option("--target", metavar="NAME", help="Where to run it; default: placement chooses.")
]
ThresholdOption = Annotated[
    int | None,
    typer.Option(
        "--error-threshold",
        min=-1,
        help="How many files may fail; -1 = any number; default: endpoint.batch's, else 0.",
    ),
]


def score(  # noqa: PLR0913, PLR0917 - typer reads options from the signature
    scenario: ScenarioArgument,
    data: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="NAME|URI",
            help="A data set of the scenario, or azureml://datastores/<store>/paths/<path>.",
        ),
    ],
    inventory: InventoryOption = "",
    version: VersionOption = "",
    target: TargetOption = "",
    error_threshold: ThresholdOption = None,
    detach: DetachOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Score files with the scenario's model.

    CSV, JSON-lines and Parquet files, or whatever the script of endpoint.batch reads, as a job on a training target where
    data and model may be. The predictions stay at that site. The same model on the same data again is the same job.
    """
    from landbridge.cli.asking import scenario_facts
    from landbridge.cli.follow import Wish, carry_out
    from landbridge.client import RunOrder

    facts = scenario_facts(scenario, inventory, {})
    given = [
        ("--version", version),
        ("--target", target),
        ("--error-threshold", "" if error_threshold is None else str(error_threshold)),
    ]
    words = ["--data", data, *(word for key, value in given if value for word in (key, value))]
    order: dict[str, Json] = {"data": data, "version": version, "target": target, "error_threshold": error_threshold}
    files = {"scenario": facts["scenario"], "inventory": facts["inventory"]}
    run_order = RunOrder("score", {**files, "order": order, "trigger": "score"}, str(facts["name"]), "score")
    again = shlex.join(["landbridge", "score", scenario, *words])
    if code := carry_out(run_order, Wish(again, detach, output is Output.JSON)):
        raise typer.Exit(code)
