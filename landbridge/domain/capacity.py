"""What a target's nodes have and what is free. A job's instance runs on one node: nothing is ever summed over nodes."""

from collections.abc import Sequence
from dataclasses import dataclass

from landbridge.domain.values import Resources

_MANY = 1_000_000  # instances that ask for nothing fit without end


@dataclass(frozen=True, slots=True)
class NodeCapacity:
    """One node of a target: what it has and what is free now."""

    name: str
    total: Resources
    free: Resources
    cordoned: bool = False


@dataclass(frozen=True, slots=True)
class Capacity:
    """One measurement. `reachable=False` carries the reason in `detail`."""

    nodes: tuple[NodeCapacity, ...] = ()
    reachable: bool = True
    detail: str = ""


def slots(need: Resources, have: Resources) -> int:
    """How many instances of `need` one node with `have` holds."""
    if not need.fits_into(have):
        return 0
    pairs = (
        (need.cpu_millicores, have.cpu_millicores),
        (need.memory_bytes, have.memory_bytes),
        (need.gpus, have.gpus),
    )
    return min((has // asked for asked, has in pairs if asked > 0), default=_MANY)


def shortage(need: Resources, have: Resources) -> Resources:
    """What must be added to `have` so that `need` fits."""
    return Resources(
        max(0, need.cpu_millicores - have.cpu_millicores),
        max(0, need.memory_bytes - have.memory_bytes),
        max(0, need.gpus - have.gpus),
    )


def larger(one: Resources, other: Resources) -> Resources:
    """The larger of both in every respect."""
    return one + shortage(other, one)


def nearest(need: Resources, haves: Sequence[Resources]) -> int:
    """Index of the node that lacks least: fewest kinds of resource, then the smallest part of the need."""
    if haves.count(haves[0]) == len(haves):
        return 0
    lacks = [_lack(need, have) for have in haves]
    return lacks.index(min(lacks))


def _lack(need: Resources, have: Resources) -> tuple[int, float]:
    kinds, part = 0, 0.0
    for asked, has in (
        (need.gpus, have.gpus),
        (need.cpu_millicores, have.cpu_millicores),
        (need.memory_bytes, have.memory_bytes),
    ):
        if asked > has:
            kinds += 1
            part += (asked - has) / asked if asked > 0 else 1.0
    return kinds, part


def in_words(resources: Resources) -> str:
    """`2 GPUs, 1.5 CPUs and 4 GiB memory`; what is zero is left out."""
    parts = []
    if resources.gpus:
        parts.append(_count(resources.gpus, "GPU"))
    if resources.cpu_millicores:
        parts.append(_count(resources.cpu_millicores / 1000, "CPU"))
    if resources.memory_bytes:
        parts.append(f"{size_in_words(resources.memory_bytes)} memory")
    if len(parts) < 2:
        return parts[0] if parts else "nothing"
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def size_in_words(size_bytes: int) -> str:
    """`4 GiB`, `512 MiB`, `17 B`: the largest unit that keeps at most three decimals."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size_bytes >= factor:
            return f"{round(size_bytes / factor, 3):g} {unit}"
    return f"{size_bytes} B"


def _count(amount: float, word: str) -> str:
    return f"{amount:g} {word}" if amount == 1 else f"{amount:g} {word}s"
