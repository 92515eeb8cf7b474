"""Online endpoint and deployment YAML, as `az ml online-endpoint` and `az ml online-deployment` take it, unchanged."""

from collections.abc import Iterator
from pathlib import Path

from landbridge.domain.azure.online import OnlineDeployment, OnlineEndpoint
from landbridge.domain.names import is_legal_endpoint, is_legal_pair
from landbridge.domain.scenario import Probe, ServingSettings
from landbridge.domain.values import Resources
from landbridge.files.document import Problem, check, read, refuse
from landbridge.files.endpoint_parts import (
    NAME_HINT,
    code_of,
    file_faults,
    labels_of,
    model_of,
    registry_faults,
    text_of,
)
from landbridge.files.job_environment import load_environment
from landbridge.files.job_rules import given_keys
from landbridge.files.online_keys import AmountKeys, ContainerKeys, OnlineDeploymentKeys, OnlineEndpointKeys

_ENDPOINT_FIELDS = frozenset({"$schema", "name", "compute", "auth_mode", "description", "tags", "traffic"})
_DEPLOYMENT_FIELDS = frozenset(
    {
        *(
            "$schema",
            "name",
            "endpoint_name",
            "type",
            "description",
            "tags",
            "model",
            "code_configuration",
            "environment",
        ),
        *("environment_variables", "instance_type", "instance_count", "scale_settings", "request_settings"),
        *("liveness_probe", "readiness_probe", "resources"),
    }
)


def load_online_endpoint(path: Path) -> OnlineEndpoint:
    """Read an endpoint, on Kubernetes (`compute`) or managed.

    Raises:
        InputError: every fault of the file, with file and line.
    """
    document = read(path)
    keys = check(OnlineEndpointKeys, document)
    if problems := tuple(_endpoint_faults(keys)):
        raise refuse(document, problems)
    return OnlineEndpoint(
        name=keys.name,
        compute=keys.compute,
        auth_mode=keys.auth_mode,
        description=keys.description,
        tags=labels_of(keys.tags),
        traffic=dict(keys.traffic),
        options={name: value for name, value in given_keys(keys).items() if name not in _ENDPOINT_FIELDS},
    )


def load_online_deployment(path: Path) -> OnlineDeployment:
    """Read a deployment; `type: kubernetes` or, as Azure ML's own reader, without a type a managed one.

    Raises:
        InputError: every fault of the file, with file and line.
    """
    document = read(path)
    keys = check(OnlineDeploymentKeys, document)
    folder = path.absolute().parent
    if problems := tuple(_deployment_faults(keys, folder)):
        raise refuse(document, problems)
    return OnlineDeployment(
        name=keys.name,
        endpoint=keys.endpoint_name,
        kubernetes=keys.type == "kubernetes",
        environment=load_environment(keys.environment, folder) if keys.environment else None,
        model=model_of(keys, folder),
        **code_of(keys, folder),
        settings=_settings(keys),
        requests=_amounts(keys.resources.requests) if keys.resources else Resources(),
        limits=_amounts(keys.resources.limits) if keys.resources else Resources(),
        description=keys.description,
        tags=labels_of(keys.tags),
        options={name: value for name, value in given_keys(keys).items() if name not in _DEPLOYMENT_FIELDS},
    )


def _settings(keys: OnlineDeploymentKeys) -> ServingSettings:
    scale = given_keys(keys.scale_settings) if keys.scale_settings else {}
    scale_type = scale.pop("type", "default")
    variables = {name: text_of(value) for name, value in keys.environment_variables.items() if value is not None}
    return ServingSettings(
        instance_type=keys.instance_type,
        instance_count=keys.instance_count or 1,
        **keys.request_settings.model_dump(),
        environment_variables=variables,
        liveness_probe=Probe(**keys.liveness_probe.model_dump()),
        readiness_probe=Probe(**keys.readiness_probe.model_dump()),
        scale_type=scale_type,
        **scale,
    )


def _amounts(keys: AmountKeys) -> Resources:
    return Resources(keys.cpu or 0, keys.memory or 0, keys.gpu or 0)


def _endpoint_faults(keys: OnlineEndpointKeys) -> Iterator[Problem]:
    if not is_legal_endpoint(keys.name):
        yield Problem(("name",), f"`name`: {keys.name!r} is no legal name of an endpoint.", NAME_HINT)
    total = sum(keys.traffic.values())
    if total not in (0, 100):
        yield Problem(("traffic",), f"`traffic` sums up to {total}.", "Let it sum up to 100, or leave it out.")
    if keys.compute and keys.mirror_traffic:
        message = "`mirror_traffic`: endpoints on Kubernetes have none."
        yield Problem(("mirror_traffic",), message, "Remove it; test a deployment by its header instead.")
    if keys.compute and keys.public_network_access:
        message = "`public_network_access` belongs to managed endpoints."
        yield Problem(("public_network_access",), message, "Remove it; the extension's router decides.")


def _deployment_faults(keys: OnlineDeploymentKeys, folder: Path) -> Iterator[Problem]:
    kubernetes = keys.type == "kubernetes"
    if not is_legal_endpoint(keys.name):
        yield Problem(("name",), f"`name`: {keys.name!r} is no legal name of a deployment.", NAME_HINT)
    elif kubernetes and not is_legal_pair(keys.endpoint_name, keys.name):
        message = "The names of endpoint and deployment must be legal, and have 6 to 62 characters together."
        yield Problem(("endpoint_name",), message, "Take shorter names.")
    if not kubernetes and not keys.instance_type:
        hint = "Write `type: kubernetes`, or name a VM size for a managed deployment."
        yield Problem((), "A managed deployment needs `instance_type`.", hint)
    yield from _scale_faults(keys)
    yield from file_faults(keys, folder)
    if kubernetes:
        yield from _kubernetes_faults(keys)


def _scale_faults(keys: OnlineDeploymentKeys) -> Iterator[Problem]:
    scale = keys.scale_settings
    if scale is None:
        return
    given = [name for name in given_keys(scale) if name != "type"]
    if scale.type == "default" and given:
        message = f"`scale_settings.{given[0]}` has no effect with type default."
        yield Problem(("scale_settings", given[0]), message, "Remove it, or write `type: target_utilization`.")
    if (scale.min_instances or 0) > (scale.max_instances or 1) and scale.type != "default":
        message = "`scale_settings`: min_instances is more than max_instances."
        yield Problem(("scale_settings", "min_instances"), message, "Raise max_instances.")


def _kubernetes_faults(keys: OnlineDeploymentKeys) -> Iterator[Problem]:
    yield from registry_faults(keys, "Kubernetes online endpoints")
    for name in ("egress_public_network_access", "private_network_connection"):
        if getattr(keys, name) is not None:
            yield Problem((name,), f"`{name}` belongs to managed deployments.", "Remove it.")
    if keys.resources:
        yield from _resource_faults(keys.resources)


def _resource_faults(keys: ContainerKeys) -> Iterator[Problem]:
    for name in ("cpu", "memory"):
        asked, most = getattr(keys.requests, name), getattr(keys.limits, name)
        if asked is not None and most is not None and asked > most:
            message = f"`resources.requests.{name}` is more than `resources.limits.{name}`."
            yield Problem(("resources", "requests", name), message, "Raise the limit.")
    if keys.requests.gpu:
        message = "`resources.requests`: GPUs stand below `limits` alone."
        yield Problem(("resources", "requests", "nvidia.com/gpu"), message, "Move it to `resources.limits`.")
