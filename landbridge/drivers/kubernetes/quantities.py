"""What a pod asks for, as the scheduler counts it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from landbridge.domain.quantities import resources
from landbridge.domain.values import Resources


def pod_requests(pod: Mapping[str, Any]) -> Resources:
    """What the scheduler counts: all containers together, or the largest init container, and the overhead.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
    """
    spec = pod.get("spec") or {}
    steady = _sum(_asked(item) for item in spec.get("containers") or ())
    sidecars = Resources()
    largest = Resources()
    for item in spec.get("initContainers") or ():
        if item.get("restartPolicy") == "Always":
            sidecars = sidecars + _asked(item)
        else:
            largest = _larger(largest, sidecars + _asked(item))
    return _larger(steady + sidecars, largest) + resources(spec.get("overhead"))


def _asked(container: Mapping[str, Any]) -> Resources:
    given = container.get("resources") or {}
    return resources({**(given.get("limits") or {}), **(given.get("requests") or {})})


def _sum(items: Iterable[Resources]) -> Resources:
    return sum(items, Resources())


def _larger(one: Resources, other: Resources) -> Resources:
    return Resources(
        max(one.cpu_millicores, other.cpu_millicores),
        max(one.memory_bytes, other.memory_bytes),
        max(one.gpus, other.gpus),
    )
