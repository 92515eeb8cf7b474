"""What placement is asked, what it answers, and what it proposes. Import these from `landbridge.domain.placement`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from landbridge.domain.capacity import Capacity
from landbridge.domain.inventory import Target
from landbridge.domain.residency import HomedData
from landbridge.domain.scenario import FailoverReason, PlacementPolicy, Requirements
from landbridge.domain.values import Json, Pattern, SiteKind


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


TRACKING = "registry"  # refused where a job's metrics would not arrive: no field of the job, but what it runs with


@dataclass(frozen=True, slots=True)
class TargetView:
    """All that is known of one target when the decision is made.

    Attributes:
        refused_fields: fields of the job that its driver refuses, as "field: why"; and TRACKING.
        avoided: why this run must not go there again, or "".
    """

    target: Target
    site_kind: SiteKind
    capacity: Capacity
    refused_fields: tuple[str, ...] = ()
    avoided: str = ""


@dataclass(frozen=True, slots=True)
class PlacementRequest:
    """What looks for a place.

    Attributes:
        requirements: of one instance.
        instances: how many; each fits on one node.
        timeout_seconds: the job's limit; 0 = none, then one hour is kept free of maintenance.
        private_only: only targets that are reachable over private addresses alone; private_aks always asks for it.
        same_cluster_as: clusters of the serving targets when train and serve must share one; empty = need not.
        sites: site name → kind.
        locked_sites: sites whose IT policy (`exports`) lets no data out.
    """

    pattern: Pattern
    requirements: Requirements = Requirements()
    policy: PlacementPolicy = PlacementPolicy()
    data: tuple[HomedData, ...] = ()
    instances: int = 1
    timeout_seconds: float = 0.0
    private_only: bool = False
    same_cluster_as: tuple[str, ...] = ()
    sites: Mapping[str, SiteKind] = field(default_factory=dict)
    locked_sites: frozenset[str] = frozenset()


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


class Lever(StrEnum):
    """What a change moves. The comment tells the shape of `Change.value`."""

    ROLES = "roles"  # the role to add
    PATTERN = "pattern"  # the scenario's pattern
    CLUSTER = "cluster"  # a cluster that shall serve as well
    RESIDENCY = "residency"  # {"data": name, "site": site to add}
    EXPORTS = "exports"  # the site that shall let data out
    PRIVATE = "private"  # true
    JOB_FIELDS = "job-fields"  # [] : the refused fields are gone
    INSTANCE_TYPE = "instance-type"  # {"name", "requests": {...}, "limits": {...}}: defined or replaced
    CAPACITY = "capacity"  # {"node", "cpu_millicores", "memory_bytes", "gpus"} to add; "" = the declared capacity
    DRAINED = "drained"  # "" or why
    MAINTENANCE = "maintenance"  # index of the window to take away
    REACHABLE = "reachable"  # true
    UNCORDON = "uncordon"  # the node
    FREE = "free"  # as CAPACITY: to be freed on the node
    MAX_COST = "max-cost-per-hour"  # the limit
    AVOIDED = "avoided"  # ""
    FAILOVER = "failover"  # the reason to switch on


@dataclass(frozen=True, slots=True)
class Change:
    """One change that takes one refusal away, for people (`sentence`) and for `apply_change`.

    Attributes:
        target: whose inventory entry or state it changes, or "" when it changes the scenario or a site.
    """

    rule: Rule
    lever: Lever
    target: str
    value: Json
    sentence: str


class Refusal(NamedTuple):
    """The first rule that refuses a target, why, and the smallest change that ends this refusal.

    A tuple, because placement makes one for most of a thousand targets; see `Change` for the last four.
    """

    rule: Rule
    reason: str
    lever: Lever
    target: str
    value: Json
    sentence: str

    @property
    def change(self) -> Change:
        return Change(self.rule, self.lever, self.target, self.value, self.sentence)
