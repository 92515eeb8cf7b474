"""What a cluster's own words mean: a reason of ours, whether it can heal, what mends it, and how much to avoid. Pure.

`certain` means that waiting changes nothing. Each table was written from messages of a real cluster.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landbridge.domain.capacity import in_words, nearest, shortage
from landbridge.domain.quantities import quantity
from landbridge.domain.values import Avoid, Resources


@dataclass(frozen=True, slots=True)
class Why:
    """Why something is not as it should be. `reason`: a word of landbridge.operations.training; `hint` mends it."""

    reason: str
    detail: str
    hint: str
    avoid: Avoid
    certain: bool = True

    @property
    def sentence(self) -> str:
        return f"{self.detail.rstrip('.')}. {self.hint}"


IMAGE_IS_MISSING = re.compile(
    r"not found|manifest unknown|does not exist|NotFound|pull access denied|unauthorized|authentication required|403 Forbidden"
    r"|no basic auth|never pull|NeverPull|invalid reference",
    re.IGNORECASE,
)
IMAGE_HINT = "Check the image in `environments`, `image_mirror` and `image_pull_secrets`, and that the node reaches its registry."
PULLS_THAT_MAY_FAIL = 1  # the second failed pull counts as certain

# A busy kubelet says so of a Secret that is there, or of a runtime that has not answered yet, and tries again by itself.
KUBELET_IS_LATE = re.compile(
    r"failed to sync \w+ cache|timed out waiting for the condition|context deadline exceeded|is reserved for"
)

# Taints that Kubernetes sets itself and takes away again.
PASSING_TAINTS = re.compile(
    r"node\.kubernetes\.io/(not-ready|unreachable|unschedulable|disk-pressure|memory-pressure|pid-pressure)"
)
_NODES = re.compile(r"0/(\d+) nodes are available: (.*)", re.DOTALL)
_PART = re.compile(r"(\d+) (.+)")
_QUOTA = re.compile(r"exceeded quota: ([^,]+), requested: (.*), used: (.*), limited: (.*?)$", re.MULTILINE)


def waiting(reason: str, message: str, failed_pulls: int = 0) -> Why | None:
    """What a container that waits is waiting for; None = nothing unusual."""
    if reason in {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable"}:
        certain = (
            bool(IMAGE_IS_MISSING.search(message))
            or reason == "ErrImageNeverPull"
            or failed_pulls > PULLS_THAT_MAY_FAIL
        )
        return Why(
            "ImagePullBackOff", f"The image cannot be pulled: {message or reason}", IMAGE_HINT, Avoid.TARGET, certain
        )
    if reason in {"InvalidImageName", "ImageInspectError"}:
        return Why("ImagePullBackOff", f"The image cannot be used: {message or reason}", IMAGE_HINT, Avoid.TARGET)
    if reason in {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}:
        hint = "Correct the target's `overrides`, or what they name in the namespace (Secrets, ConfigMaps, the user)."
        detail = f"The container cannot be made: {message or reason}"
        return Why("NotStarted", detail, hint, Avoid.TARGET, certain=not KUBELET_IS_LATE.search(message))
    return None


# What a kubelet says in an event when it makes a container, long before the pod's status says it.
NEVER_MADE = re.compile(r"^Error: .*(not found|couldn't find key|runAsNonRoot|non-numeric user|invalid)")


def never_made(message: str) -> Why | None:
    """What an event `Failed` of a pod means; None for what may heal, or is told by the container's state."""
    return (
        waiting("CreateContainerConfigError", message.removeprefix("Error: ")) if NEVER_MADE.search(message) else None
    )


def unschedulable(message: str, need: Resources, nodes: Sequence[Resources] | None, scales_up: bool = False) -> Why:
    """Why no node takes the pod.

    Args:
        message: the scheduler's.
        need: what the pod asks for.
        nodes: what each node has when it is empty; None = it may not be asked.
        scales_up: an autoscaler has begun to add nodes.
    """
    parts = _parts(message)
    hint = "Choose another instance type, or have a node of that kind added."
    if nodes is not None and not scales_up and (lack := too_large(need, nodes)):
        return Why("Unschedulable", f"{lack} The scheduler says: {message}", hint, Avoid.INSTANCE_TYPE)
    never = bool(parts) and all(_never_heals(text) for text in parts) and not scales_up
    short = any("Insufficient" in text for text in parts)
    detail = f"No node takes the pod: {message}"
    if short and not never:
        hint = "Wait until something ends, or ask for less."
    return Why("Unschedulable", detail, hint, Avoid.INSTANCE_TYPE if never else Avoid.TARGET, certain=never)


def too_large(need: Resources, nodes: Sequence[Resources]) -> str:
    """One sentence when no node, even an empty one, is large enough; else ""."""
    if not nodes:
        return "The cluster has no node."
    if any(need.fits_into(node) for node in nodes):
        return ""
    best = nodes[nearest(need, nodes)]
    return f"Even an empty node has too little: {in_words(shortage(need, best))} are missing on the nearest one."


def _parts(message: str) -> list[str]:
    """`0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match …` → the reasons, without preemption's."""
    found = _NODES.search(message)
    if not found:
        return []
    words = re.split(r"\.? (?:preemption:|no new claims)", found[2])[0].rstrip(". ")
    return [match[2] for part in re.split(r", (?=\d+ )", words) if (match := _PART.match(part.strip()))]


def _never_heals(part: str) -> bool:
    if "untolerated taint" in part:
        return not PASSING_TAINTS.search(part)
    return "didn't match Pod's node affinity/selector" in part or "didn't satisfy plugin" in part


# Words of an admission's refusal → our reason, whether it is certain, what mends it. The first that fits counts.
REFUSALS: tuple[tuple[str, str, bool, str], ...] = (
    (
        "must specify",
        "QuotaExceeded",
        True,
        "Give the instance type requests and limits: the namespace's quota asks for them.",
    ),
    (
        "violates PodSecurity",
        "NotStarted",
        True,
        "Remove from the target's `overrides` what the namespace's Pod Security level forbids.",
    ),
    ("usage per", "QuotaExceeded", True, "Ask for an amount that the namespace's LimitRange allows."),
    ("being terminated", "QuotaExceeded", True, "The namespace is being deleted: create it again, or name another."),
    ("no PriorityClass", "NotStarted", True, "Correct `priority_class` of the target."),
    ("serviceaccount", "NotStarted", True, "Correct `service_account` of the target."),
    ("is invalid", "NotStarted", True, "Correct the target's `overrides`: the API server refuses the pod."),
    ("denied the request", "NotStarted", True, "Read the policy's words, and have the target's options suit it."),
    ("forbidden", "QuotaExceeded", False, "Have the namespace allow the pod."),
)


def failed_create(message: str) -> Why | None:
    """Why a Job's pod, or a ReplicaSet's, was refused by admission. None: the message is of something else."""
    if "exceeded quota" in message:
        return _quota(message)
    for words, reason, certain, hint in REFUSALS:
        if words in message:
            return Why(reason, message, hint, Avoid.TARGET, certain)
    return None


def _quota(message: str) -> Why:
    """Certain when the request is more than the whole quota: nothing that ends would make room."""
    found = _QUOTA.search(message)
    requested, limited = (_amounts(found[2]), _amounts(found[4])) if found else ({}, {})
    larger = [
        name for name, amount in requested.items() if name in limited and quantity(amount) > quantity(limited[name])
    ]
    hint = (
        "Ask for less, or have the quota raised."
        if larger
        else "Wait until something ends in the namespace, or have its quota raised."
    )
    return Why("QuotaExceeded", message, hint, Avoid.TARGET, certain=bool(larger))


def _amounts(text: str) -> dict[str, str]:
    return dict(part.strip().split("=", 1) for part in text.split(",") if "=" in part)


# The reason of a pod's DisruptionTarget condition, or the pod's own status.reason → our word.
# https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
DISRUPTIONS = {
    "DeletionByTaintManager": "NodeLost",
    "DeletionByPodGC": "NodeLost",
    "NodeLost": "NodeLost",
    "NodeShutdown": "NodeLost",
    "Terminated": "NodeLost",  # a graceful shutdown of the node
    "Shutdown": "NodeLost",
    "EvictionByEvictionAPI": "Evicted",
    "PreemptionByScheduler": "Evicted",
    "TerminationByKubelet": "Evicted",
    "Evicted": "Evicted",
    "Preempting": "Evicted",
    "UnexpectedAdmissionError": "Evicted",
    "OutOfcpu": "Unschedulable",
    "OutOfmemory": "Unschedulable",
    "NodeAffinity": "Unschedulable",
}
DISRUPTION_HINTS = {
    "NodeLost": "It may succeed on another node; look at this one before it gets work again.",
    "Evicted": "Run again; a priority class or a request nearer to what is used keeps it longer.",
    "Unschedulable": "Run again: the node had no room when the pod came.",
}


def disruption(status: Mapping[str, Any]) -> Why | None:
    """Why the cluster took the pod away, None when it did not."""
    words = [(str(status.get("reason") or ""), str(status.get("message") or ""))]
    words += [
        (str(item.get("reason") or ""), str(item.get("message") or ""))
        for item in status.get("conditions") or ()
        if item.get("type") == "DisruptionTarget" and item.get("status") == "True"
    ]
    for reason, message in words:
        if reason in DISRUPTIONS:
            ours = DISRUPTIONS[reason]
            return Why(
                ours, f"{reason}: {message or 'the cluster took the pod away'}", DISRUPTION_HINTS[ours], Avoid.NOTHING
            )
    return None


OOM = Why(
    "OutOfMemory",
    "The job used more memory than its limit.",
    "Ask for more memory, or read the data in parts.",
    Avoid.EVERYTHING,
)
