"""Attaching a cluster to a workspace as a compute, and detaching it. Every call may be repeated."""

from collections.abc import Mapping
from typing import Any

from landbridge.domain.azure.attaching import DEFAULT_NAMESPACE, SYSTEM, Attached, Attachment
from landbridge.domain.errors import InputError, RefusedError
from landbridge.domain.operating import Waiting
from landbridge.domain.values import Json
from landbridge.drivers.azureml.client import COMPUTES, Object, Request, Workspace
from landbridge.drivers.azureml.clusters import cluster_of
from landbridge.drivers.azureml.computes import compute_of
from landbridge.drivers.azureml.operating_options import read_operating
from landbridge.drivers.azureml.options import AzureOptions, ComputeKind
from landbridge.drivers.azureml.waiting import telling, until

BUSY = frozenset({"Creating", "Updating", "Deleting"})


def wanted(workspace: Workspace, options: AzureOptions) -> Attachment:
    """What the inventory says.

    Raises:
        InputError: it names no compute, or no cluster.
    """
    if options.compute_kind is ComputeKind.SERVERLESS:
        raise InputError(
            "The target names no compute.", "Add `compute:` to its options: the name that it is attached by."
        )
    said = read_operating(options.operations)
    namespace = options.namespace or DEFAULT_NAMESPACE
    return Attachment(options.compute, cluster_of(workspace, options), namespace, said.identity, said.description)


def find(workspace: Workspace, name: str) -> Attached | None:
    """The compute as it is; None = none of that name.

    Raises:
        RefusedError: it is of another kind.
    """
    found = _find(workspace, name)
    if found is None:
        return None
    kind = str(found["properties"].get("computeType") or "")
    if kind != "Kubernetes":
        hint = "Choose another name for `compute:` of the target."
        raise RefusedError(f"There is a compute {name!r} already, of kind {kind}.", hint)
    compute = compute_of(found)
    of, inner = found["properties"], found["properties"].get("properties") or {}
    return Attached(
        str(found["name"]),
        str(of.get("resourceId") or ""),
        str(inner.get("namespace") or DEFAULT_NAMESPACE),
        _identity(found.get("identity") or {}),
        str(of.get("provisioningState") or ""),
        compute.problem if compute else "",
    )


def attach(workspace: Workspace, order: Attachment, waiting: Waiting) -> Attached:
    """Attach it where it is not; what is attached and well is left alone."""
    doing = f"attaching {order.cluster.label} as compute {order.compute!r}"
    _settle(workspace, order.compute, waiting, doing)
    there = find(workspace, order.compute)
    if there is None or not there.is_well:
        answer = workspace.put(f"computes/{order.compute}", COMPUTES, _body(workspace, order), doing)
        workspace.finish(answer, doing, waiting.seconds, telling(waiting, doing))
        there = find(workspace, order.compute)
    if there is None or not there.is_well:
        said = there.said if there else "It is not there."
        hint = "Look at the extension (`landbridge ops extension status`), and at the cluster (`landbridge ops cluster check`)."
        raise RefusedError(f"{doing[0].upper()}{doing[1:]} failed: {said}", hint)
    return there


def detach(workspace: Workspace, name: str, waiting: Waiting) -> bool:
    """Whether there was one; waits until it is gone. The cluster and what runs on it stay as they are."""
    doing = f"detaching compute {name!r}"
    _settle(workspace, name, waiting, doing)
    if find(workspace, name) is None:
        return False
    query = {"underlyingResourceAction": "Detach"}
    answer = workspace.ask(Request("DELETE", f"computes/{name}", doing, COMPUTES, query=query))
    workspace.finish(answer, doing, waiting.seconds, telling(waiting, doing))
    until(lambda: _find(workspace, name), lambda found: found is None, waiting, doing)
    return True


def _find(workspace: Workspace, name: str) -> Object | None:
    return workspace.find(f"computes/{name}", COMPUTES, f"reading compute {name!r}")


def _settle(workspace: Workspace, name: str, waiting: Waiting, doing: str) -> None:
    """Until no operation on it goes on: one that was begun before we were killed, or by somebody else."""

    def is_settled(found: Object | None) -> bool:
        return found is None or str(found["properties"].get("provisioningState") or "") not in BUSY

    until(lambda: _find(workspace, name), is_settled, waiting, doing)


def _body(workspace: Workspace, order: Attachment) -> Json:
    region = str(workspace.resource()["location"])
    properties: dict[str, Json] = {
        "computeType": "Kubernetes",
        "resourceId": order.cluster.id,
        "computeLocation": region,
        "properties": {"namespace": order.namespace},
    }
    if order.description:
        properties["description"] = order.description
    body: dict[str, Json] = {"location": region, "properties": properties}
    if order.identity == SYSTEM:
        body["identity"] = {"type": "SystemAssigned"}
    elif order.identity:
        body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {order.identity: {}}}
    return body


def _identity(said: Mapping[str, Any]) -> str:
    kind = str(said.get("type") or "").lower().replace(" ", "")
    if "userassigned" in kind:
        return ", ".join(said.get("userAssignedIdentities") or {})
    return SYSTEM if kind == "systemassigned" else ""
