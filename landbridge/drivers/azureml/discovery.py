"""What a workspace has to run on: its computes with their instance types, and serverless."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.inventory import InstanceType
from landbridge.domain.offers import SCORES, SERVES, TRAINS, OfferedCompute
from landbridge.domain.quantities import resources
from landbridge.domain.values import Resources
from landbridge.drivers.azureml.client import COMPUTES, Object, Workspace, connect
from landbridge.drivers.azureml.computes import Compute, compute_of, machine_sizes, most_nodes
from landbridge.drivers.azureml.options import SERVERLESS, AzureOptions, ComputeKind

POWERS = {ComputeKind.AML: (TRAINS, SCORES), ComputeKind.KUBERNETES: (TRAINS, SERVES, SCORES)}
"""Of a Kubernetes compute as far as its cluster's extension was installed for them, which a workspace does not know."""


def offers(options: AzureOptions) -> tuple[OfferedCompute, ...]:
    """Everything that jobs and deployments may run on, by name; serverless last, which every workspace has."""
    workspace = connect(options.place)
    found = workspace.items("computes", COMPUTES, f"listing the computes of {workspace.place.label}")
    made = sorted((_offer(one, workspace, options) for one in found), key=lambda one: one.name)
    used = options.compute_kind is ComputeKind.SERVERLESS
    return (*made, OfferedCompute(workspace.place.workspace, SERVERLESS, SERVERLESS, (TRAINS,), used=used))


def _offer(found: Object, workspace: Workspace, options: AzureOptions) -> OfferedCompute:
    place, name = workspace.place.workspace, str(found["name"])
    compute = compute_of(found)
    if compute is None:
        return OfferedCompute(place, name, str(found["properties"].get("computeType", "")).lower())
    nodes = most_nodes(compute) if compute.kind is ComputeKind.AML else None
    types = tuple(instance_types(compute, workspace))
    powers, problem, used = POWERS[compute.kind], compute.problem, name == options.compute
    return OfferedCompute(place, name, str(compute.kind), powers, types, nodes, problem, used)


def instance_types(compute: Compute, workspace: Workspace) -> Iterator[InstanceType]:
    """Of an AmlCompute its one machine size; of a cluster those that its operators made."""
    if compute.kind is ComputeKind.AML:
        name = str(compute.properties.get("vmSize") or "")
        size = Resources()
        with suppress(LandbridgeError, KeyError):  # the name alone is an answer
            size = machine_sizes(workspace)[name.lower()].resources
        yield InstanceType(name, size, size)
    for name, said in sorted(compute.instance_types.items()):
        yield _type(name, said or {})


def _type(name: str, said: Mapping[str, Any]) -> InstanceType:
    given = said.get("resources") or {}
    requests, limits = (
        resources({key: value for key, value in (given.get(part) or {}).items() if value is not None})
        for part in ("requests", "limits")
    )
    return InstanceType(name, requests, limits, dict(said.get("nodeSelector") or {}))
