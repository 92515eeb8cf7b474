"""Kubernetes' quantities (`500m`, `2Gi`, `1e3`) as numbers; instance types of Azure ML are spelt with them too."""

import re
from collections.abc import Mapping
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
