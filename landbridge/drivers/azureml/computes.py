"""The compute behind a target: what it is, whether it takes work, and what its machines have."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from landbridge.domain.errors import InputError, LandbridgeError, NotFoundError, RefusedError
from landbridge.domain.values import Resources
from landbridge.drivers.azureml.client import COMPUTES, Object, Workspace
from landbridge.drivers.azureml.options import AzureOptions, ComputeKind

KINDS = {"amlcompute": ComputeKind.AML, "kubernetes": ComputeKind.KUBERNETES}
GIB = 1 << 30
WORKING = ("runningNodeCount", "preparingNodeCount", "leavingNodeCount")


@dataclass(frozen=True, slots=True)
class Compute:
    """A compute as it was read; serverless has neither identifier nor properties."""

    kind: ComputeKind
    id: str = ""
    said: Mapping[str, Any] | None = None

    @property
    def properties(self) -> Mapping[str, Any]:
        """What belongs to its kind."""
        return (self.said or {}).get("properties") or {}

    @property
    def instance_types(self) -> Mapping[str, Any]:
        """Of an attached cluster, by name."""
        return self.properties.get("instanceTypes") or {}

    @property
    def problem(self) -> str:
        """Why it takes no work, or ""."""
        if self.said is None:
            return ""
        state = str(self.said.get("provisioningState") or "Succeeded")
        if state in {"Succeeded", "Updating"}:
            return ""
        return f"The compute is {state}{self._words(self.said.get('provisioningErrors'))}."

    @property
    def complaint(self) -> str:
        """What Azure says of a compute that goes on trying, such as to get machines; or ""."""
        return self._words(self.properties.get("errors")).removeprefix(": ")

    @staticmethod
    def _words(errors: Any) -> str:
        found = [one.get("error") or one for one in errors or () if isinstance(one, dict)]
        return "".join(f": {one.get('code')}: {one.get('message')}".rstrip(".") for one in found[:1])


def read_compute(workspace: Workspace, options: AzureOptions) -> Compute:
    """The compute as it is now; asks nobody for serverless.

    Raises:
        RefusedError: there is none of that name, it is of another kind, or was attached with another namespace.
    """
    if options.compute_kind is ComputeKind.SERVERLESS:
        return Compute(ComputeKind.SERVERLESS)
    doing = f"reading compute {options.compute!r}"
    try:
        found = workspace.get(f"computes/{options.compute}", COMPUTES, doing)
    except NotFoundError as error:
        hint = "Correct `compute:` of the target; `landbridge targets` lists what the workspace has."
        raise RefusedError(f"There is no compute {options.compute!r} in {workspace.place.label}.", hint) from error
    return _checked(found, options)


def compute_of(found: Object) -> Compute | None:
    """A resource of the list of computes; None for a kind that runs no jobs of landbridge (instances, Databricks…)."""
    kind = KINDS.get(str(found["properties"].get("computeType", "")).lower())
    return Compute(kind, str(found["id"]), found["properties"]) if kind else None


@dataclass(frozen=True, slots=True)
class MachineSize:
    """What one machine has, and the family whose quota it counts for."""

    resources: Resources
    family: str


def machine_sizes(workspace: Workspace) -> Mapping[str, MachineSize]:
    """Machine size in lower case → what it is. Asked once: a region's sizes do not change while somebody works."""

    def read() -> Object:
        return workspace.get(_of_region(workspace, "vmSizes"), COMPUTES, "reading the machine sizes of the region")

    return {str(one["name"]).lower(): _size(one) for one in workspace.kept("sizes", read).get("value") or ()}


def quotas(workspace: Workspace) -> list[Object]:
    """The subscription's counters in the region; none for who may not read them."""
    with suppress(LandbridgeError):
        return list(workspace.items(_of_region(workspace, "usages"), COMPUTES, "reading the quotas of the region"))
    return []


def cores_left(usages: Iterable[Object], family: str, low_priority: bool = False) -> int | None:
    """How many virtual CPUs the quotas leave for machines of `family`; None = no limit is told. Pure."""
    wanted = ("totalclusterlowpriority",) if low_priority else ("totalclusterdedicated", _plain(family))
    left = [
        int(one["limit"]) - int(one.get("currentValue") or 0)
        for one in usages
        if int(one.get("limit", -1)) >= 0 and _plain(str((one.get("name") or {}).get("value"))).startswith(wanted)
    ]
    return max(0, min(left)) if left else None


def _of_region(workspace: Workspace, what: str) -> str:
    provider = f"/subscriptions/{workspace.place.subscription_id}/providers/Microsoft.MachineLearningServices"
    return f"{provider}/locations/{workspace.resource()['location']}/{what}"


def _plain(text: str) -> str:
    """Azure writes `standardDSv2Family` in one place and `Standard DSv2 Family Cluster Dedicated vCPUs` in another."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def working_nodes(compute: Compute) -> int:
    """How many machines of an AmlCompute have work, or are on their way to or from it."""
    counts = compute.properties.get("nodeStateCounts") or {}
    return sum(int(counts.get(name) or 0) for name in WORKING)


def running_nodes(compute: Compute) -> int:
    """How many machines there are, with work or without."""
    return int(compute.properties.get("currentNodeCount") or 0)


def most_nodes(compute: Compute) -> int:
    return int((compute.properties.get("scaleSettings") or {}).get("maxNodeCount") or 0)


def _size(said: Object) -> MachineSize:
    cpus, memory, gpus = said.get("vCPUs") or 0, float(said.get("memoryGB") or 0), said.get("gpus") or 0
    return MachineSize(Resources(1000 * int(cpus), int(memory * GIB), int(gpus)), str(said.get("family") or ""))


def _checked(found: Object, options: AzureOptions) -> Compute:
    compute = compute_of(found)
    if compute is None:
        kind = found["properties"].get("computeType")
        hint = "Name a compute cluster or an attached Kubernetes cluster."
        raise RefusedError(f"Compute {options.compute!r} is of kind {kind}, which runs no jobs of landbridge.", hint)
    if options.kind and options.kind != compute.kind:
        hint = f"Write `kind: {compute.kind}`, or leave it out."
        raise InputError(f"Compute {options.compute!r} is of kind {compute.kind}, not {options.kind}.", hint)
    namespace = compute.properties.get("namespace")
    if options.namespace and compute.kind is ComputeKind.KUBERNETES and namespace != options.namespace:
        raise RefusedError(
            f"Compute {options.compute!r} was attached with namespace {namespace!r}, not {options.namespace!r}.",
            "Detach it and attach it again with that namespace; Azure changes none. Or correct `namespace:`.",
        )
    return compute
