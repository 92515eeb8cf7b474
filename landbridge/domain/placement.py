"""Choose where a job runs, and say why: filter, then rank."""

from dataclasses import dataclass
from enum import StrEnum

from landbridge.domain.inventory import Target
from landbridge.domain.scenario import FailoverReason
from landbridge.domain.values import Resources, SiteKind


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


class Rule(StrEnum):
    """The rules that refuse a target, in the order they are asked."""

    ROLE = "role"
    PATTERN = "pattern"
    RESIDENCY = "residency"
    PRIVATE_NETWORK = "private-network"
    CAPABILITY = "capability"
    INSTANCE_TYPE = "instance-type"
    HARDWARE = "hardware"
    DRAINED = "drained"
    MAINTENANCE = "maintenance"
    REACHABILITY = "reachability"
    BUSY = "busy"
    COST = "cost"
    AVOIDED = "avoided"  # failed there in this run already
    FAILOVER = "failover"  # a better site is only out for a reason whose failover is switched off


@dataclass(frozen=True, slots=True)
class TargetView:
    """All that is known of one target when the decision is made.

    Attributes:
        refused_fields: fields of the job that its driver refuses, as "field: why".
        avoided: why this run must not go there again, or "".
    """

    target: Target
    site_kind: SiteKind
    capacity: Capacity
    refused_fields: tuple[str, ...] = ()
    avoided: str = ""


@dataclass(frozen=True, slots=True)
class TargetRuling:
    """One row of the placement table.

    Attributes:
        rule: the first rule that refused it, or None.
        reason: why chosen, eligible or refused, in one sentence.
        change: the smallest change that would make it eligible, or "".
    """

    target: str
    site: str
    eligible: bool
    chosen: bool
    rule: Rule | None
    reason: str
    change: str
    cost_per_hour: float


@dataclass(frozen=True, slots=True)
class Placement:
    """Chosen target (or None: nowhere to go) and one ruling per target, best first.

    `spilled` is the failover reason for which the pattern's preferred sites were left, or None.
    """

    chosen: str | None
    rulings: tuple[TargetRuling, ...]
    spilled: FailoverReason | None = None
