"""Errors of Azure Machine Learning on Kubernetes: found by code or in a text, with cause, remedy and what to keep away from.

The driver for Azure asks here whether to try again and where not to; `landbridge ops explain` shows the same to people.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from landbridge.domain.nearest import nearest
from landbridge.domain.values import Avoid

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,}")


class Where(StrEnum):
    """What was being done when it came."""

    INSTALL = "installing or updating the extension"
    HEALTH = "health check of the extension"
    COMPUTE = "reading the compute"
    CLUSTER = "reaching the cluster"
    TRAINING = "a training job"
    SERVING = "an online endpoint or deployment"
    REQUEST = "a request to an endpoint"
    OTHER = "anything"


class Again(StrEnum):
    """Whether the same may go well later. Also the family of our own error: TransientError or PermanentError."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True)
class Fault:
    """One error.

    Attributes:
        code: Azure's word, or ours in lower case with dashes where Azure has only a sentence.
        pattern: regular expression for its text, capital letters do not matter; "" = it has no text of its own.
        avoid: what the same thing would meet with again.
        fix: one imperative sentence or more.
    """

    code: str
    where: Where
    again: Again
    avoid: Avoid
    cause: str
    fix: str
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A fault that a text may mean. `by`: what of the text says so."""

    fault: Fault
    by: str


@cache
def faults() -> tuple[Fault, ...]:
    """The whole table, in the order of the article family."""
    from landbridge.domain.azure import faults_cluster, faults_serving

    return (*faults_cluster.FAULTS, *faults_serving.FAULTS)


def find(code: str) -> tuple[Fault, ...]:
    """All faults of that code, capital letters aside: Azure gives `E45004` to two things."""
    wanted = code.strip().lower()
    return tuple(
        fault for fault in faults() if wanted in (fault.code.lower(), fault.code.lower().removeprefix("http "))
    )


def match(text: str) -> tuple[Match, ...]:
    """What `text`, a code or any longer message or log, may mean; the surest first.

    A sentence that is known says more than a code, which may stand for two things: codes count where no sentence of the
    same code is known.
    """
    if exact := find(text):
        return tuple(Match(fault, text.strip()) for fault in exact)
    by_sentence = tuple(_sentences(text))
    sure = {found.fault.code for found in by_sentence}
    by_code = tuple(found for found in _codes(text) if found.fault.code not in sure)
    return (*by_sentence, *by_code)


def classify(code: str, message: str) -> Fault | None:
    """The one fault that Azure's answer means most likely; None = unknown, which nobody should try again."""
    named = find(code)
    said = {found.fault for found in match(message)}
    both = [fault for fault in named if fault in said]
    if both or named:
        return (both or named)[0]
    found = match(message)
    return found[0].fault if found else None


def nearest_code(code: str) -> str:
    """` (did you mean 'x'?)`, or ""."""
    return nearest(code, [fault.code for fault in faults()])


def _sentences(text: str) -> Iterator[Match]:
    for fault in faults():
        found = re.search(fault.pattern, text, re.IGNORECASE | re.DOTALL) if fault.pattern else None
        if found:
            yield Match(fault, " ".join(found[0].split()))


def _codes(text: str) -> Iterator[Match]:
    words = {word.lower(): word for word in _WORD.findall(text)}
    for fault in faults():
        if fault.code.lower() in words:
            yield Match(fault, words[fault.code.lower()])
