"""A scenario file into the domain's `Scenario`: keys, cross checks with lines, relative paths."""

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
from landbridge.files.document import check, read, refuse
from landbridge.files.kinds import refuse_operations
from landbridge.files.scenario_keys import DataKeys, DeploymentKeys, EndpointKeys, GateKeys, ProbeKeys, ScenarioKeys
from landbridge.files.scenario_rules import ANYWHERE, job_file, scenario_problems, smoke_requests, under
from landbridge.files.secrets import literal_secrets

DOCS = "docs/reference/scenario.md"

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
    refuse_operations(path, "scenario")
    document = read(path)
    if problems := tuple(literal_secrets(document.data)):
        raise refuse(document, problems)
    keys = check(ScenarioKeys, document, DOCS)
    folder = path.absolute().parent
    if problems := tuple(scenario_problems(keys, folder)):
        raise refuse(document, problems, DOCS)
    return _scenario(keys, path.absolute())


def _scenario(keys: ScenarioKeys, path: Path) -> Scenario:
    return Scenario(
        name=keys.name,
        pattern=keys.pattern,
        path=str(path),
        data={name: _asset(name, asset) for name, asset in keys.data.items()},
        job=str(under(path.parent, job_file(keys))),
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
    requests = smoke_requests(under(folder, smoke.requests)) if smoke.requests else ()
    return EndpointSpec(
        name=keys.name,
        sites=tuple(keys.sites) if keys.sites else SITES_BY_PATTERN[pattern],
        smoke=Smoke(requests, smoke.min, smoke.max, smoke.timeout),
        scoring=ScoringCode(str(under(folder, scoring.code)), scoring.script) if scoring else None,
        settings=_settings(keys.deployment),
        batch=str(under(folder, keys.batch)) if keys.batch else "",
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
