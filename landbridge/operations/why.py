"""Why this model serves here: from the observed endpoint to the version, its lineage and what the ledger says of its run."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from landbridge.domain.errors import InputError, LandbridgeError, NotFoundError, TargetUnavailableError
from landbridge.domain.ledger import Entry, Kind
from landbridge.domain.lineage import parse_lineage
from landbridge.domain.nearest import nearest
from landbridge.domain.values import Json, ModelVersion
from landbridge.operations import connections
from landbridge.operations.adopting import Adopted
from landbridge.operations.locating import outline
from landbridge.operations.plain import as_json, as_object
from landbridge.operations.reports import Serving, serving_now
from landbridge.operations.sites import registry_site, serving_sites
from landbridge.operations.story import Story

JsonObject = dict[str, Json]


def explain(adopted: Adopted, site: str = "") -> JsonObject:
    """Everything that led to what serves at the endpoint of `adopted` now, at every site or at one.

    Raises:
        InputError: the endpoint is not at that site.
        NotFoundError: nothing serves there.
        TargetUnavailableError: no site answers.
    """
    story = outline(adopted.request("why"))
    rows = _serving(story, site)
    versions = dict.fromkeys(row.version for row in rows if row.traffic > 0)
    return {
        "endpoint": adopted.endpoint,
        "scenario": adopted.name,
        "scenario_file": adopted.scenario,
        "inventory": adopted.inventory,
        "pattern": adopted.pattern,
        "model": story.scenario.model.name,
        "registry": registry_site(story),
        "serving": [as_json(row) for row in rows],
        "versions": {version: _origin(story, version) for version in versions},
    }


def _serving(story: Story, site: str) -> tuple[Serving, ...]:
    sites, endpoint = serving_sites(story), story.scenario.endpoint.name
    if site and site not in sites:
        raise InputError(
            f"Endpoint {endpoint!r} is not at site {site!r}{nearest(site, sites)}.", f"Use one of: {', '.join(sites)}."
        )
    rows = tuple(row for row in serving_now(story) if site in ("", row.site))
    if any(row.traffic > 0 for row in rows):
        return rows
    silent = [f"{row.site}: {row.reason}" for row in rows if row.phase == "Unreachable"]
    if silent:
        said = "; ".join(silent)
        raise TargetUnavailableError(f"No site of endpoint {endpoint!r} answers: {said}", "Start it: `landbridge up`.")
    raise NotFoundError(f"Nothing serves at endpoint {endpoint!r}.", f"Run it: `landbridge run {story.scenario.path}`.")


def _origin(story: Story, version: str) -> JsonObject:
    """Lineage from the registry; when that does not answer, from the ledger's copy of the tags, and it says so."""
    book, problem = connections.ledger(story.inventory.home), ""
    registered: ModelVersion | None = None
    try:
        registry = connections.registry(story.inventory, registry_site(story))
        registered = registry.find(story.scenario.model.name, version=version)
    except LandbridgeError as error:
        problem = error.message
    written = [item for item in book.entries(kind=Kind.VERSION, scenario=story.scenario.name) if item.key == version]
    tags = dict(registered.tags) if registered else _tags(written)
    return {
        "registered": as_json(replace(registered, tags={})) if registered else None,
        "registry_problem": problem,
        "lineage": _lineage(tags),
        "releases": [
            as_json(release)
            for release in book.releases(endpoint=story.scenario.endpoint.name)
            if release.version == version
        ],
        **_history(story, tags, version),
    }


def _lineage(tags: Mapping[str, str]) -> Json:
    lineage = parse_lineage(tags)
    return None if lineage is None else as_object(lineage) | {"run_key": lineage.run_key}


def _history(story: Story, tags: Mapping[str, str], version: str) -> JsonObject:
    """What the ledger says of the run that made the version: decision, placement, job, verdict, movements, checks."""
    lineage = parse_lineage(tags)
    book = connections.ledger(story.inventory.home)
    entries = book.entries(run_key=lineage.run_key) if lineage else ()
    judged = [*_of(entries, Kind.VERDICT)] or [
        item
        for item in book.entries(kind=Kind.VERDICT, scenario=story.scenario.name)
        if item.key == f"version-{version}"
    ]
    plans = [*_of(entries, Kind.PLAN)]
    training = [plan for plan in plans if _is_due(plan)]  # a later look at unchanged data did not make the model
    plan = next(iter((*training, *plans)), None)
    return {
        "decision": _payload(plan).get("decision"),
        "placement": _newest(_of(entries, Kind.DECISION)),
        "jobs": [as_object(item.payload) | {"at": item.at} for item in reversed([*_of(entries, Kind.JOB)])],
        "verdict": _newest(judged),
        "movements": [as_object(item.payload) | {"at": item.at} for item in reversed([*_of(entries, Kind.MOVEMENT)])],
        "preflight": _evidence(_of(entries, Kind.PREFLIGHT)),
    }


def _is_due(plan: Entry) -> bool:
    decision = plan.payload.get("decision")
    return isinstance(decision, dict) and bool(decision.get("due"))


def _of(entries: Iterable[Entry], kind: Kind) -> Iterable[Entry]:
    return (entry for entry in entries if entry.kind is kind)


def _payload(entry: Entry | None) -> Mapping[str, Json]:
    return entry.payload if entry else {}


def _newest(entries: Iterable[Entry]) -> Json:
    newest = next(iter(entries), None)
    return as_json(newest.payload) if newest else None


def _evidence(entries: Iterable[Entry]) -> Json:
    """The checks of the newest pre-flight, and of the newest one of the site that placement chose."""
    newest = {entry.key: entry.payload for entry in reversed([*entries])}
    checks = [check for payload in newest.values() if isinstance(found := payload["checks"], list) for check in found]
    return {"checks": checks} if newest else None


def _tags(entries: list[Entry]) -> dict[str, str]:
    found = entries[0].payload.get("tags") if entries else None
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}
