"""Kubernetes' quantities (`500m`, `2Gi`, `1e3`) as numbers, and what pods and nodes say with them. Pure."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from landbridge.domain.values import Resources

GPU = "nvidia.com/gpu"
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_FACTORS = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}  # fmt: skip


def quantity(text: Any) -> Decimal:
    """Raises ValueError when it is none."""
    found = _QUANTITY.fullmatch(str(text).strip())
    if found is None:
        raise ValueError(f"{text!r} is no quantity")
    return Decimal(found[1]) * _FACTORS[found[2] or ""]


def resources(values: Mapping[str, Any] | None) -> Resources:
    """What a node has or a container asks for."""
    given = values or {}
    return Resources(
        int(quantity(given.get("cpu", 0)) * 1000),
        int(quantity(given.get("memory", 0))),
        int(quantity(given.get(GPU, 0))),
    )


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
