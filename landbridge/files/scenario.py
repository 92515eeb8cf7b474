"""A scenario file into the domain's `Scenario`: keys, cross checks with lines, relative paths."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from landbridge.domain.gate import BetterThanChampion, Gate, Threshold
from landbridge.domain.scenario import (
    DataAsset,
    EndpointSpec,
    Exports,
    FailoverReason,
    ModelSpec,
    PlacementPolicy,
    Probe,
    Requirements,
    RolloutSpec,
    Scenario,
    ScoringCode,
    ServingSettings,
    Smoke,
    Triggers,
)
from landbridge.domain.values import Pattern, Resources
from landbridge.files.document import Problem, check, read, refuse
from landbridge.files.problems import unknown_word
from landbridge.files.scenario_keys import DataKeys, DeploymentKeys, EndpointKeys, GateKeys, ProbeKeys, ScenarioKeys
from landbridge.files.secrets import literal_secrets

DOCS = "docs/reference/scenario.md"
ANYWHERE = "anywhere"

SITES_BY_PATTERN = {
    Pattern.CLOUD_TRAIN_ONPREM_DEPLOY: ("onprem",),
    Pattern.HYBRID_TRAIN_DEPLOY: ("onprem", "cloud"),
    Pattern.ONPREM_TRAIN_CLOUD_DEPLOY: ("cloud",),
    Pattern.PRIVATE_AKS: ("cloud",),
    Pattern.ONPREM_LIFECYCLE: ("onprem",),
}


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        InputError: every fault of the file, with file and line.
    """
    document = read(path)
    if problems := tuple(literal_secrets(document.data)):
        raise refuse(document, problems)
    keys = check(ScenarioKeys, document, DOCS)
    folder = path.absolute().parent
    if problems := tuple(problem for rule in _RULES for problem in rule(keys, folder)):
        raise refuse(document, problems, DOCS)
    return _scenario(keys, path.absolute())


def _scenario(keys: ScenarioKeys, path: Path) -> Scenario:
    return Scenario(
        name=keys.name,
        pattern=keys.pattern,
        path=str(path),
        data={name: _asset(name, asset) for name, asset in keys.data.items()},
        job=str(_under(path.parent, _job_file(keys))),
        job_inputs={} if isinstance(keys.job, str) else dict(keys.job.inputs),
        model=ModelSpec(keys.model.name, keys.model.output, keys.model.registry),
        endpoint=_endpoint(keys.endpoint, keys.pattern, path.parent),
        gate=_gate(keys.gate),
        requires=Requirements(
            Resources(keys.requires.cpu, keys.requires.memory, keys.requires.gpu), keys.requires.instance_type
        ),
        placement=_placement(keys),
        rollout=RolloutSpec(
            tuple(keys.rollout.steps), keys.rollout.step, keys.rollout.soak, keys.rollout.max_error_percent
        ),
        triggers=Triggers(tuple(keys.triggers.new_data), keys.triggers.cron, keys.triggers.model_versions),
        exports=Exports(keys.exports.model, tuple(keys.exports.metrics)),
    )


def _asset(name: str, keys: DataKeys) -> DataAsset:
    words = [keys.residency] if isinstance(keys.residency, str) else keys.residency
    residency = frozenset() if words == [ANYWHERE] else frozenset(words)
    return DataAsset(name, keys.uri or "", residency, keys.replication)


def _placement(keys: ScenarioKeys) -> PlacementPolicy:
    allowed = keys.placement.failover.model_dump()
    reasons = frozenset(reason for reason in FailoverReason if allowed[reason.value])
    return PlacementPolicy(tuple(keys.placement.prefer), reasons, keys.placement.max_cost_per_hour)


def _gate(keys: GateKeys) -> Gate:
    better = keys.better_than_champion
    return Gate(
        thresholds=tuple(Threshold(name, bounds.min, bounds.max) for name, bounds in keys.thresholds.items()),
        better_than_champion=BetterThanChampion(better.metric, better.goal, better.tolerance) if better else None,
        min_rows=keys.min_rows,
        rows_metric=keys.rows_metric,
    )


def _endpoint(keys: EndpointKeys, pattern: Pattern, folder: Path) -> EndpointSpec:
    smoke, scoring = keys.smoke, keys.scoring
    requests = _smoke_requests(_under(folder, smoke.requests)) if smoke.requests else ()
    return EndpointSpec(
        name=keys.name,
        sites=tuple(keys.sites) if keys.sites else SITES_BY_PATTERN[pattern],
        smoke=Smoke(requests, smoke.min, smoke.max, smoke.timeout),
        scoring=ScoringCode(str(_under(folder, scoring.code)), scoring.script) if scoring else None,
        settings=_settings(keys.deployment),
    )


def _settings(keys: DeploymentKeys) -> ServingSettings:
    requests, scale = keys.request_settings, keys.scale_settings
    return ServingSettings(
        instance_type=keys.instance_type,
        instance_count=keys.instance_count,
        request_timeout_ms=requests.request_timeout_ms,
        max_concurrent_requests_per_instance=requests.max_concurrent_requests_per_instance,
        max_queue_wait_ms=requests.max_queue_wait_ms,
        environment_variables=dict(keys.environment_variables),
        liveness_probe=_probe(keys.liveness_probe),
        readiness_probe=_probe(keys.readiness_probe),
        scale_type=scale.type,
        min_instances=scale.min_instances,
        max_instances=scale.max_instances,
        target_utilization_percentage=scale.target_utilization_percentage,
        polling_interval=scale.polling_interval,
    )


def _probe(keys: ProbeKeys) -> Probe:
    return Probe(**keys.model_dump())


def _under(folder: Path, relative: str) -> Path:
    return (folder / Path(relative).expanduser()).resolve()


def _job_file(keys: ScenarioKeys) -> str:
    return keys.job if isinstance(keys.job, str) else keys.job.file


def _smoke_requests(file: Path) -> tuple[str, ...]:
    """Each body as JSON text; a fault is a ValueError(message, hint)."""
    hint = "Give a JSON list of request bodies; each is sent to the endpoint as it stands."
    try:
        bodies = json.loads(file.read_bytes())
    except OSError as error:
        raise ValueError(f"the file {file} cannot be read: {error.strerror}", "Check the path.") from error
    except ValueError as error:
        raise ValueError(f"{file} is not JSON: {error}", hint) from error
    if not isinstance(bodies, list) or not bodies:
        raise ValueError(f"{file} does not hold a list with at least one request", hint)
    return tuple(json.dumps(body) for body in bodies)


def _files_exist(keys: ScenarioKeys, folder: Path) -> Iterator[Problem]:
    job = _under(folder, _job_file(keys))
    place = ("job",) if isinstance(keys.job, str) else ("job", "file")
    if not job.is_file():
        yield Problem(place, f"There is no job file {job}.", "Name the command-job YAML, relative to this file.")
    scoring = keys.endpoint.scoring
    if scoring and not (_under(folder, scoring.code) / scoring.script).is_file():
        missing = _under(folder, scoring.code) / scoring.script
        yield Problem(
            ("endpoint", "scoring", "script"), f"There is no file {missing}.", "Check `code` (folder) and `script`."
        )


def _smoke_is_usable(keys: ScenarioKeys, folder: Path) -> Iterator[Problem]:
    smoke, place = keys.endpoint.smoke, ("endpoint", "smoke")
    if smoke.requests:
        try:
            _smoke_requests(_under(folder, smoke.requests))
        except ValueError as error:
            message, hint = error.args
            yield Problem((*place, "requests"), f"`endpoint.smoke.requests`: {message}.", hint)
    if smoke.min is not None and smoke.max is not None and smoke.min > smoke.max:
        yield Problem(
            (*place, "min"), f"`endpoint.smoke`: min {smoke.min} is above max {smoke.max}.", "Swap min and max."
        )
    if smoke.timeout <= 0:
        yield Problem((*place, "timeout"), "`endpoint.smoke.timeout` is 0.", "Write a duration such as 5s.")


def _gate_is_decidable(keys: ScenarioKeys, _: Path) -> Iterator[Problem]:
    gate = keys.gate
    if not gate.thresholds and gate.better_than_champion is None and gate.min_rows == 0:
        yield Problem(
            ("gate",),
            "The gate has no criterion, so every model would pass.",
            "Give it `thresholds`, `better_than_champion` or `min_rows`.",
        )
    for metric, bounds in gate.thresholds.items():
        place = ("gate", "thresholds", metric)
        if bounds.min is None and bounds.max is None:
            yield Problem(place, f"The threshold of {metric!r} has no bound.", "Give it `min`, `max` or both.")
        elif bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
            yield Problem(
                place, f"The threshold of {metric!r} has min {bounds.min} above max {bounds.max}.", "Swap min and max."
            )


def _rollout_rises_to_all(keys: ScenarioKeys, _: Path) -> Iterator[Problem]:
    steps = keys.rollout.steps
    for index, (before, after) in enumerate(pairwise(steps), start=1):
        if after <= before:
            yield Problem(
                ("rollout", "steps", index),
                f"`rollout.steps` must rise, but {after} follows {before}.",
                "Write rising percentages, such as [10, 50, 100].",
            )
    if steps[-1] != 100:
        yield Problem(("rollout", "steps"), f"`rollout.steps` ends at {steps[-1]}.", "End the list with 100.")


def _scale_is_a_range(keys: ScenarioKeys, _: Path) -> Iterator[Problem]:
    scale = keys.endpoint.deployment.scale_settings
    if scale.min_instances > scale.max_instances:
        yield Problem(
            ("endpoint", "deployment", "scale_settings", "min_instances"),
            f"min_instances {scale.min_instances} is above max_instances {scale.max_instances}.",
            "Raise max_instances or lower min_instances.",
        )


def _words_are_unique(keys: ScenarioKeys, _: Path) -> Iterator[Problem]:
    lists: list[tuple[tuple[str, ...], list[str]]] = [
        (("endpoint", "sites"), keys.endpoint.sites or []),
        (("placement", "prefer"), keys.placement.prefer),
        (("triggers", "new_data"), keys.triggers.new_data),
        (("exports", "metrics"), keys.exports.metrics),
    ]
    lists += [
        (("data", name, "residency"), a.residency) for name, a in keys.data.items() if isinstance(a.residency, list)
    ]
    for place, words in lists:
        for index, word in enumerate(words):
            if word in words[:index]:
                yield Problem((*place, index), f"`{'.'.join(place)}` names {word!r} twice.", "Remove one of the two.")


def _anywhere_stands_alone(keys: ScenarioKeys, _: Path) -> Iterator[Problem]:
    for name, asset in keys.data.items():
        if isinstance(asset.residency, list) and ANYWHERE in asset.residency and len(asset.residency) > 1:
            yield Problem(
                ("data", name, "residency"),
                f"`data.{name}.residency` says {ANYWHERE!r} beside other words.",
                f"Write either {ANYWHERE!r} or the sites.",
            )


def _triggers_are_known(keys: ScenarioKeys, _: Path) -> Iterator[Problem]:
    for index, name in enumerate(keys.triggers.new_data):
        if name not in keys.data:
            yield Problem(
                ("triggers", "new_data", index),
                f"`triggers.new_data` names {name!r}, which `data` does not declare.",
                unknown_word(name, tuple(keys.data), "data set"),
            )
    cron = keys.triggers.cron
    if cron and (fault := _cron_fault(cron)):
        yield Problem(
            ("triggers", "cron"),
            f"`triggers.cron` {cron!r} is not a schedule: {fault}.",
            "Write five fields: minute, hour, day of month, month, day of week; such as '0 3 * * Mon'.",
        )


def _cron_fault(expression: str) -> str:
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError

    if len(expression.split()) != 5:
        return f"it has {len(expression.split())} fields instead of 5"
    try:
        next(CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return str(error)
    except StopIteration:
        return "it never comes"
    return ""


_RULES: tuple[Callable[[ScenarioKeys, Path], Iterator[Problem]], ...] = (
    _files_exist,
    _smoke_is_usable,
    _gate_is_decidable,
    _rollout_rises_to_all,
    _scale_is_a_range,
    _words_are_unique,
    _anywhere_stands_alone,
    _triggers_are_known,
)
