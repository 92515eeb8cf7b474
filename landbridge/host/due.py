"""Which due runs to start, which to skip, which to leave for later. Pure."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

Id = TypeVar("Id", bound=Hashable)


@dataclass(frozen=True, slots=True)
class DueRun(Generic[Id]):
    """A scheduled run whose time has come.

    Attributes:
        key: runs of one key never go at the same time (the scenario's file); "" = no such rule.
        schedule: the schedule that made it, or "" when somebody asked for it.
    """

    id: Id
    key: str
    schedule: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Choice(Generic[Id]):
    """`start` in order; `skip`: a later run of the same schedule is due too. All others wait."""

    start: tuple[Id, ...]
    skip: tuple[Id, ...]


def choose(due: Iterable[DueRun[Id]], active_keys: Iterable[str], free: int) -> Choice[Id]:
    """Missed runs of one schedule become one; one run per key; at most `free`, the longest due first."""
    ordered = sorted(due, key=lambda run: run.at)
    newest = {run.schedule: run.id for run in ordered if run.schedule}
    skip = tuple(run.id for run in ordered if run.schedule and newest[run.schedule] != run.id)
    busy = set(active_keys)
    start: list[Id] = []
    for run in ordered:
        if run.id in skip or len(start) >= free or (run.key and run.key in busy):
            continue
        busy.add(run.key)
        start.append(run.id)
    return Choice(tuple(start), skip)
