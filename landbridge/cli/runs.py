"""The commands that order a flow: run, retrain, rollback, replicate, reconcile; and stop."""

import shlex
from typing import Annotated, Any

import typer

from landbridge.cli.options import (
    DetachOption,
    InventoryOption,
    Output,
    OutputOption,
    ScenarioArgument,
    SetOption,
    SomeScenarioArgument,
)
from landbridge.domain.values import Json

LONGEST_FORCE = 200  # it becomes a tag of the model version


def run(
    scenario: ScenarioArgument,
    inventory: InventoryOption = "",
    set_: SetOption = None,
    detach: DetachOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Run a scenario to its end.

    Trains if something changed, registers, deploys, promotes; resumes what was begun. Starts the services if
    they are not up. Ctrl-C stops the run; running again resumes it.
    """
    from landbridge.cli.asking import inputs_of, scenario_facts
    from landbridge.cli.follow import Wish, carry_out

    inputs = inputs_of(set_)
    facts = scenario_facts(scenario, inventory, inputs)
    again = shlex.join(["landbridge", "run", scenario, *(word for item in set_ or [] for word in ("--set", item))])
    parameters = {**_files(facts), "trigger": "run", "force": "", "inputs": inputs}
    _end(carry_out(_order(facts, str(facts["pattern"]), parameters), Wish(again, detach, output is Output.JSON)))


def retrain(  # noqa: PLR0913, PLR0917 - typer reads options from the signature
    scenario: ScenarioArgument,
    inventory: InventoryOption = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the model's lineage.")] = "",
    key: Annotated[
        str,
        typer.Option("--as", metavar="TEXT", help="Name of this retraining: the same text again is the same run."),
    ] = "",
    set_: SetOption = None,
    detach: DetachOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Train again although nothing changed.

    The new model is deployed if the gate lets it pass.
    """
    from landbridge.cli.asking import inputs_of, scenario_facts
    from landbridge.cli.follow import Wish, carry_out

    inputs, force = inputs_of(set_), key or _unique(reason)
    facts = scenario_facts(scenario, inventory, inputs)
    again = shlex.join(["landbridge", "retrain", scenario, "--as", force])
    parameters = {**_files(facts), "trigger": "retrain", "force": force, "inputs": inputs}
    _end(carry_out(_order(facts, str(facts["pattern"]), parameters), Wish(again, detach, output is Output.JSON)))


def rollback(
    scenario: ScenarioArgument,
    inventory: InventoryOption = "",
    to: Annotated[
        str, typer.Option("--to", metavar="VERSION", help="Model version; default: the one that served before.")
    ] = "",
    detach: DetachOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Put an earlier model version back to work.

    On every site, without losing a request. Asks no gate: you decide.
    """
    from landbridge.cli.asking import scenario_facts
    from landbridge.cli.follow import Wish, carry_out

    facts = scenario_facts(scenario, inventory, {})
    again = shlex.join(["landbridge", "rollback", scenario, *(["--to", to] if to else [])])
    parameters = {**_files(facts), "version": to, "trigger": "rollback"}
    _end(carry_out(_order(facts, "redeploy", parameters), Wish(again, detach, output is Output.JSON)))


def replicate(
    scenario: ScenarioArgument,
    inventory: InventoryOption = "",
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--to", metavar="SITE", help="Copy all data to this site; default: proactive data, where it may train."
        ),
    ] = None,
    detach: DetachOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Copy data to other sites ahead of need.

    As far as its residency allows. What is there already is not copied again.
    """
    from landbridge.cli.asking import scenario_facts
    from landbridge.cli.follow import Wish, carry_out

    facts = scenario_facts(scenario, inventory, {})
    _check_sites(to or [], facts)
    again = shlex.join(["landbridge", "replicate", scenario, *(word for site in to or [] for word in ("--to", site))])
    parameters = {**_files(facts), "sites": [*(to or [])], "trigger": "replicate"}
    _end(carry_out(_order(facts, "replicate_data", parameters), Wish(again, detach, output is Output.JSON)))


def reconcile(
    scenario: SomeScenarioArgument = "",
    inventory: InventoryOption = "",
    detach: DetachOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Put right what differs from the plan.

    Brings what serves to where registry and ledger say it should be, resumes what was begun, ends what nobody owns.
    """
    from landbridge.cli.asking import home_inventory, scenario_facts
    from landbridge.cli.follow import Wish, carry_out

    facts: dict[str, Json] = {"name": "", "scenario": "", "inventory": ""}
    facts = scenario_facts(scenario, inventory, {}) if scenario else facts | {"inventory": home_inventory(inventory)}
    again = shlex.join(["landbridge", "reconcile", *([scenario] if scenario else [])])
    parameters = {**_files(facts), "trigger": "reconcile"}
    _end(carry_out(_order(facts, "reconcile", parameters), Wish(again, detach, output is Output.JSON)))


def stop(scenario: ScenarioArgument, output: OutputOption = Output.TABLE) -> None:
    """Stop the run of a scenario.

    Whoever started it. Running the scenario again resumes it.
    """
    from landbridge.cli import show
    from landbridge.cli.active import stop_runs

    stopped = stop_runs(scenario)
    if output is Output.JSON:
        show.print_json({"stopped": [*stopped]})
        return
    show.line(
        f"Stopped run {', '.join(stopped)}. `landbridge run {scenario}` resumes it." if stopped else "Nothing runs."
    )


def _files(facts: dict[str, Json]) -> dict[str, Json]:
    return {"scenario": facts["scenario"], "inventory": facts["inventory"]}


def _order(facts: dict[str, Json], flow: str, parameters: dict[str, Any]) -> Any:
    from landbridge.client import RunOrder

    return RunOrder(flow, parameters, str(facts["name"]), str(parameters["trigger"]))


def _unique(reason: str) -> str:
    """A text that no other retraining has. It becomes a tag, so it is bounded."""
    import secrets
    from datetime import UTC, datetime

    from landbridge.domain.errors import InputError

    if len(reason) > LONGEST_FORCE:
        raise InputError(
            f"The reason has {len(reason)} characters.", f"Say it in {LONGEST_FORCE}: it becomes a tag of the model."
        )
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{reason or 'retrain'} ({now} {secrets.token_hex(2)})"


def _check_sites(sites: list[str], facts: dict[str, Json]) -> None:
    if not sites:
        return
    from pathlib import Path

    from landbridge.cli.asking import home
    from landbridge.domain.errors import InputError
    from landbridge.domain.nearest import nearest
    from landbridge.files.inventory import load_inventory

    known = load_inventory(Path(str(facts["inventory"])), home()).sites
    for site in sites:
        if site not in known:
            raise InputError(
                f"The inventory has no site {site!r}{nearest(site, known)}.",
                f"Name one of: {', '.join(known)}.",
                str(facts["inventory"]),
            )


def _end(code: int) -> None:
    if code:
        raise typer.Exit(code)
