"""The read-only questions behind the command line, answered as JSON. They change nothing.

The host answers them warm (`POST /query/<name>`); with the host down the CLI calls the same functions itself. Each
takes `home` and `inventory` (a file, or "" = found by the scenario) and its own parameters, all by name.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.values import Json
from landbridge.files.scenario import load_scenario
from landbridge.operations import connections, planning, reports
from landbridge.operations.adopting import Adopted, adopted
from landbridge.operations.locating import find_by_endpoint, locate, outline
from landbridge.operations.plain import as_json, as_object
from landbridge.operations.probing import operator_states
from landbridge.operations.story import Request, load, open_story

JsonObject = dict[str, Json]


def scenario(*, home: str, inventory: str = "", scenario: str, inputs: Mapping[str, Json] | None = None) -> JsonObject:
    """What a scenario is: name, pattern (the flow that runs it), files, endpoint, model. Checks its three files."""
    request = locate(home, scenario, inventory, inputs)
    found, stock, _ = load(request)
    return {
        "name": found.name,
        "pattern": str(found.pattern),
        "scenario": request.scenario,
        "inventory": stock.path,
        "endpoint": found.endpoint.name,
        "model": found.model.name,
    }


def plan(
    *, home: str, inventory: str = "", scenario: str, inputs: Mapping[str, Json] | None = None, force: str = ""
) -> JsonObject:
    """Everything a run would do (`landbridge.domain.plan.Plan`), and `refused`: whether it may not be done."""
    found = locate(home, scenario, inventory, inputs)
    request = Request(found.scenario, found.inventory, force=force, inputs=found.inputs)
    made = planning.make_plan(open_story(request))
    files: JsonObject = {"scenario_file": request.scenario, "inventory": request.inventory}
    return as_object(made) | files | {"refused": bool(made.refusals)}


def why_not(*, home: str, inventory: str = "", scenario: str, target: str) -> JsonObject:
    """All that stands between a target and this scenario's job, each with the smallest change that ends it."""
    changes = planning.explain_refusal(open_story(locate(home, scenario, inventory)), target)
    return {"target": target, "eligible": not changes, "changes": [as_json(change) for change in changes]}


def status(*, home: str, inventory: str = "", scenario: str = "") -> JsonObject:
    """Every scenario that lives here (or one): what serves where, and its last release; and what operators said."""
    del inventory  # each scenario has its own
    wanted = [find_by_endpoint(home, _named(scenario))] if scenario else list(adopted(home))
    return {
        "home": home,
        "scenarios": [_scenario_row(home, item) for item in wanted],
        "operator_states": as_json(operator_states(home)),
    }


def releases(*, home: str, inventory: str = "", of: str = "", limit: int = 20) -> JsonObject:
    """The newest releases, of one scenario or endpoint if `of` names it."""
    del inventory
    scenario = find_by_endpoint(home, _named(of)).name if of else ""
    found = connections.ledger(home).releases(scenario=scenario, limit=int(limit))
    return {"releases": [as_json(release) for release in found]}


def targets(*, home: str, inventory: str) -> JsonObject:
    """Every target of the inventory: what it is, what it has free, and whether work may start there.

    And `offers`: what the services behind them have to run on, also what the inventory does not name.
    """
    from landbridge.operations.stock import offer_rows, target_rows

    offers, silent = offer_rows(home, inventory)
    return {
        "inventory": inventory,
        "targets": [*target_rows(home, inventory)],
        "offers": [*offers],
        "offers_not_told": as_json(silent),
    }


def why(*, home: str, inventory: str = "", endpoint: str, site: str = "") -> JsonObject:
    """What led to the model that serves at `endpoint` now, per site (or at one)."""
    from landbridge.operations.why import explain

    del inventory
    return explain(find_by_endpoint(home, endpoint), site)


def _named(scenario: str) -> str:
    """A file means the scenario in it; anything else is a name already."""
    return load_scenario(Path(scenario)).name if Path(scenario).is_file() else scenario


def _scenario_row(home: str, item: Adopted) -> JsonObject:
    problem = ""
    serving: tuple[reports.Serving, ...] = ()
    try:
        serving = reports.serving_now(outline(item.request("status")))
    except LandbridgeError as error:
        problem = str(error)
    last = next(iter(connections.ledger(home).releases(scenario=item.name, limit=1)), None)
    return as_object(item) | {
        "problem": problem,
        "serving": [as_json(row) for row in serving],
        "last_release": as_json(last),
    }


QUERIES: Mapping[str, Callable[..., JsonObject]] = MappingProxyType(
    {query.__name__: query for query in (scenario, plan, why_not, status, releases, targets, why)}
)
