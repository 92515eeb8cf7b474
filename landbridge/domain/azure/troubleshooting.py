"""From what Azure says of everything around a failure to the errors that it is. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from landbridge.domain.azure.faults import Fault, Match, Where, match
from landbridge.domain.operating import Verdict


@dataclass(frozen=True, slots=True)
class Subject:
    """What failed, as far as somebody knows: names in the workspace; "" = not said."""

    job: str = ""
    endpoint: str = ""
    deployment: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was looked at.

    Attributes:
        said: Azure's words of it; of a FAIL they are what is wrong.
        remedy: what mends it, where that is known without the table.
        is_azure: the words are Azure's own; in others, such as a job's last lines, no error of Azure is looked for.
    """

    source: str
    verdict: Verdict
    said: str
    remedy: str = ""
    is_azure: bool = True


@dataclass(frozen=True, slots=True)
class Named:
    """An error that evidence means. `by`: what of Azure's words says so."""

    fault: Fault
    source: str
    by: str


_ORDER = (Where.CLUSTER, Where.INSTALL, Where.HEALTH, Where.COMPUTE)
"""What is nearer to the ground goes first: whoever mends that has often mended the rest."""


def name(evidence: Iterable[Evidence]) -> tuple[Named, ...]:
    """The errors, each once, the ground first. What is well or was not seen means none."""
    found: dict[str, Named] = {}
    for item in evidence:
        if item.verdict is Verdict.FAIL and item.is_azure:
            for one in _sure(match(item.said)):
                found.setdefault(one.fault.code, Named(one.fault, item.source, one.by))
    return tuple(sorted(found.values(), key=lambda named: _rank(named.fault)))


def _sure(found: tuple[Match, ...]) -> Iterator[Match]:
    """Sentences; bare codes only where no sentence is known, since words of a user's own error look like codes."""
    sentences = [one for one in found if one.by.lower() != one.fault.code.lower()]
    yield from sentences or found


def _rank(fault: Fault) -> int:
    return _ORDER.index(fault.where) if fault.where in _ORDER else len(_ORDER)
