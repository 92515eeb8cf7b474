"""What IT operations do to a target themselves, and what they find when they look at it.

Apart from training and serving on purpose: a scenario never needs any of this.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from landbridge.domain.inventory import InstanceType
from landbridge.domain.values import Json


class Action(StrEnum):
    """What was, or in a plan would be, done to an object."""

    CREATE = "create"
    CHANGE = "change"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Change:
    """One object of the cluster: `detail` says what it is for, or what of it differs."""

    action: Action
    kind: str
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NamespacePlan:
    """A team's namespace: the changes that bring it about, and every object whole, as the cluster spells it."""

    namespace: str
    changes: tuple[Change, ...]
    manifests: tuple[Mapping[str, Json], ...]


@dataclass(frozen=True, slots=True)
class OfferedType:
    """An instance type as the cluster has it.

    Attributes:
        source: "cluster", or "built in" for the default that nobody wrote down.
        nodes: the nodes that it may run on now.
    """

    type: InstanceType
    source: str
    nodes: tuple[str, ...] = ()


class Verdict(StrEnum):
    """How a look at one thing ended. UNSEEN: this account may not look, or there was no way to; `remedy` says what it takes."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at: how it is, why we say so, and what mends it when it failed."""

    name: str
    verdict: Verdict
    why: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """Credentials other than the target's own: a kubeconfig and its context; empty = the target's."""

    kubeconfig: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """How a target is to be examined.

    Attributes:
        access: an administrator's, to see what the target's own account may not; rights are always those of the latter.
        image: of the probe job; must have `python3`. "" = the first image that the inventory's environments name.
        probe: whether to run it at all.
        seconds: how long it may take, image pull included.
    """

    access: Access = Access()
    image: str = ""
    probe: bool = True
    seconds: float = 120.0


def _silent(text: str) -> None:
    del text


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long an operation of a cloud is waited for, s, and who is told of it: one line now and then."""

    seconds: float = 1800.0
    tell: Callable[[str], None] = _silent
