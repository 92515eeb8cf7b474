"""Whether an endpoint and a colour can be made: Azure's limits on numbers, and what the Kubernetes compute has. Asks Azure."""

from collections.abc import Iterator, Mapping
from typing import Any

from landbridge.domain.azure.online import DEPLOYMENTS_OF_A_CLUSTER, DEPLOYMENTS_OF_AN_ENDPOINT, ENDPOINTS_OF_A_CLUSTER
from landbridge.domain.plan import Finding
from landbridge.domain.quantities import resources
from landbridge.domain.requests import ColourSpec
from landbridge.domain.values import Resources
from landbridge.drivers.azureml import region_room
from landbridge.drivers.azureml.client import COMPUTES, Workspace
from landbridge.drivers.azureml.serving_bodies import Where
from landbridge.drivers.azureml.serving_making import ROOM
from landbridge.drivers.azureml.serving_reading import Seen, state_of
from landbridge.drivers.findings import refused

Object = dict[str, Any]

MLFLOW_NEEDS = Resources(cpu_millicores=2000, memory_bytes=4_000_000_000)


def obstacles(workspace: Workspace, where: Where, spec: ColourSpec, seen: Seen) -> Iterator[Finding]:
    """What stands in the way of this colour now, before anything is made. `seen`: the endpoint as it is."""
    if where.compute:
        yield from _of_compute(workspace, where, spec)
    if spec.colour not in seen.deployments:
        yield from _full(workspace, where, is_new=seen.resource is None)
    there = len(seen.deployments)
    if spec.colour not in seen.deployments and there >= DEPLOYMENTS_OF_AN_ENDPOINT:
        detail = f"{spec.endpoint} has {there} deployments, as many as Azure gives to an endpoint."
        yield refused(ROOM, detail, "Delete deployments that nobody needs, or name another endpoint.")


def _full(workspace: Workspace, where: Where, is_new: bool) -> Iterator[Finding]:
    """In this workspace; another one that has the same cluster attached counts too, and cannot be asked."""
    everywhere = region_room.endpoints(workspace)
    here = [path for path, item in everywhere.items() if where.compute and _is_on(item, where.compute)]
    if is_new and len(here) >= ENDPOINTS_OF_A_CLUSTER:
        detail = f"{_name(where)} has {len(here)} endpoints, as many as Azure gives to a cluster."
        yield refused(ROOM, detail, "Delete endpoints that nobody needs, or attach another cluster.")
    if there := region_room.count_deployments(workspace, here, DEPLOYMENTS_OF_A_CLUSTER):
        detail = f"{_name(where)} has {there} deployments, as many as Azure gives to a cluster."
        yield refused(ROOM, detail, "Delete deployments that nobody needs, or attach another cluster.")
    if word := region_room.full_region(workspace, list(everywhere), is_new):
        yield refused(ROOM, *word)


def _is_on(endpoint: Object, compute: str) -> bool:
    return str(endpoint["properties"].get("compute") or "").lower() == compute.lower()


def _of_compute(workspace: Workspace, where: Where, spec: ColourSpec) -> Iterator[Finding]:
    compute = workspace.find(where.compute, COMPUTES, f"reading compute {_name(where)}")
    if compute is None:
        detail = f"The workspace has no compute {_name(where)}."
        yield refused("compute", detail, "Attach the cluster, or correct `compute` in the target's options.")
        return
    kind = str(compute["properties"].get("computeType"))
    if kind != "Kubernetes":
        detail = f"{_name(where)} is a compute of type {kind}; only a Kubernetes compute serves endpoints."
        yield refused("compute", detail, "Name a Kubernetes compute, or none for managed endpoints.")
    elif state_of(compute) in ("Failed", "Deleting"):
        yield refused("compute", f"{_name(where)} is {state_of(compute)}.", "Detach and attach the cluster again.")
    else:
        yield from _of_type(compute["properties"].get("properties") or {}, where, spec)


def _of_type(cluster: Mapping[str, Any], where: Where, spec: ColourSpec) -> Iterator[Finding]:
    """Only when the compute tells its types: it may not have been read since they were made."""
    types = cluster.get("instanceTypes") or {}
    named = spec.settings.instance_type or where.instance_type
    wanted = named or str(cluster.get("defaultInstanceType") or "")
    if wanted in types and spec.scoring is None:
        yield from _too_small(wanted, types[wanted])
    elif types and named and named not in types:
        detail = f"{named} is not an instance type of {_name(where)} (it has {', '.join(sorted(types))})."
        yield refused("instance_type", detail, "Create it (`landbridge ops instance-types`), or name one of these.")


def _too_small(name: str, kind: Mapping[str, Any]) -> Iterator[Finding]:
    """Azure starts an MLflow model without code only where it has enough to build its server.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-kubernetes-instance-types
    """
    told = (kind.get("resources") or {}).get("limits") or {}
    limits = resources({key: value for key, value in told.items() if value is not None})
    if not MLFLOW_NEEDS.fits_into(limits):
        detail = (
            f"{name} has {told.get('cpu')} CPU and {told.get('memory')}; an MLflow model needs 2 CPU and 4 GB here."
        )
        yield refused("instance_type", detail, "Name a larger one in endpoint.deployment.instance_type.")


def _name(where: Where) -> str:
    return where.compute.rpartition("/")[2]
