"""Choose where a job runs, and say why: filter, then rank. Residency beats availability; "nowhere" is an answer."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from fnmatch import translate
from operator import itemgetter
from typing import NamedTuple

from landbridge.domain.capacity import Capacity, NodeCapacity
from landbridge.domain.errors import InputError
from landbridge.domain.nearest import nearest
from landbridge.domain.placement_changes import apply_change
from landbridge.domain.placement_rules import PREFERENCE, Question, ask, first_refusal, refused_unseen
from landbridge.domain.placement_values import (
    Change,
    Lever,
    Placement,
    PlacementRequest,
    Refusal,
    Rule,
    TargetRuling,
    TargetView,
)
from landbridge.domain.scenario import FailoverReason
from landbridge.domain.values import Resources, SiteKind

__all__ = [
    "Capacity", "Change", "Lever", "NodeCapacity", "Placement", "PlacementRequest", "Refusal", "Rule",
    "TargetRuling", "TargetView", "apply_change", "place", "smallest_change", "why_not",
    "worth_measuring",
]  # fmt: skip

FAILOVER_OF: Mapping[Rule, FailoverReason] = {
    Rule.BUSY: FailoverReason.BUSY,
    Rule.DRAINED: FailoverReason.MAINTENANCE,
    Rule.MAINTENANCE: FailoverReason.MAINTENANCE,
    Rule.HARDWARE: FailoverReason.HARDWARE,
    Rule.INSTANCE_TYPE: FailoverReason.HARDWARE,
    Rule.REACHABILITY: FailoverReason.UNREACHABLE,
    Rule.AVOIDED: FailoverReason.UNREACHABLE,  # it lost the job, or stopped to answer, in this very run
}
"""Only a target that is out for one of these rules asks whether work may go elsewhere."""


class _Row(NamedTuple):
    """A target with its place in the order and what refuses it. Lower keys are better."""

    key: tuple[int, int, float, int, str]  # group, preference, cost, assets that must move, name
    view: TargetView
    refusal: Refusal | None

    @property
    def group(self) -> int:
        return self.key[0]


def place(request: PlacementRequest, views: Sequence[TargetView], now: datetime) -> Placement:
    """Choose the best eligible target.

    A later kind of site of the pattern is asked only when every target of the earlier one is out, and each that is out
    for a failover reason is out for one that is switched on. Among eligible targets: the preference globs in order,
    then cost per hour, then how much of the data is already at the site, then the name.

    Args:
        views: one per target; names are unique.
        now: timezone-aware.
    """
    rows = _decide(ask(request, now), views)
    refused = tuple(_refused(row.view, row.refusal) for row in rows if row.refusal)
    eligible = [row for row in rows if row.refusal is None]
    if not eligible:
        return Placement(None, refused)
    first, cause = eligible[0], _left_for(eligible[0], rows)
    reason = f"{_why_first(request, eligible)}{f'; {cause.refusal.reason}' if cause and cause.refusal else ''}"
    chosen = _eligible(first.view, reason, chosen=True)
    others = (_eligible(row.view, _room(row.view), chosen=False) for row in eligible[1:])
    spilled = FAILOVER_OF[cause.refusal.rule] if cause and cause.refusal else None
    return Placement(chosen.target, (chosen, *others, *refused), spilled)


def worth_measuring(request: PlacementRequest, views: Sequence[TargetView], now: datetime) -> frozenset[str]:
    """The targets whose capacity can change what `place` answers; all others are refused whatever they have free."""
    question = ask(request, now)
    seen = map(question.sighted, views)
    return frozenset(view.target.name for view in seen if not refused_unseen(question, view))


def smallest_change(placement: Placement) -> str:
    """What helps the refused target that came furthest through the rules: it is the nearest to being eligible. "" if none."""
    order = list(Rule)
    refused = [(order.index(ruling.rule), ruling.change) for ruling in placement.rulings if ruling.rule]
    return max(refused, key=lambda item: item[0], default=(0, ""))[1]


def why_not(request: PlacementRequest, views: Sequence[TargetView], now: datetime, target: str) -> tuple[Change, ...]:
    """All that stands between `target` and being eligible, in the order of the rules; empty = it is eligible.

    Each change is the smallest that ends one refusal, given those before it; `apply_change` on all of them, in order,
    makes the target eligible.

    Raises:
        InputError: no view is of that name.
    """
    known = [view.target.name for view in views]
    if target not in known:
        raise InputError(f"No target is called {target!r}{nearest(target, known)}.", "See `landbridge targets`.")
    changes: list[Change] = []
    for _ in range(_most_changes(request, views)):
        rows = _decide(ask(request, now), views)
        refusal = next(row.refusal for row in rows if row.view.target.name == target)
        if refusal is None:
            break
        changes.append(refusal.change)
        request, views = apply_change(request, views, refusal.change)
    return tuple(changes)


def _most_changes(request: PlacementRequest, views: Sequence[TargetView]) -> int:
    """No more are ever needed: one per rule, data asset, window and node, and two per target that stands before."""
    own = max(len(view.target.maintenance) + 2 * len(view.capacity.nodes) for view in views)
    return len(Rule) + 2 * len(request.data) + own + 2 * len(views) + len(FailoverReason)


def _decide(question: Question, views: Sequence[TargetView]) -> list[_Row]:
    """Every target with its refusal, best first."""
    request = question.request
    kinds = PREFERENCE[request.pattern]
    likes = [re.compile(translate(glob)).match for glob in request.policy.prefer]
    homes = [item.home for item in request.data]
    rows = []
    for view in map(question.sighted, views):
        target, kind = view.target, view.site_kind
        group = kinds.index(kind) if kind in kinds else len(kinds)
        moving = len(homes) - homes.count(target.site)
        key = (group, _preference(likes, target.name), target.cost_per_hour, moving, target.name)
        rows.append(_Row(key, view, first_refusal(question, view)))
    rows.sort(key=itemgetter(0))
    return _held_back(request, rows, kinds)


def _preference(likes: Sequence[Callable[[str], object]], name: str) -> int:
    for rank, likes_it in enumerate(likes):
        if likes_it(name):
            return rank
    return len(likes)


def _held_back(request: PlacementRequest, rows: list[_Row], kinds: Sequence[SiteKind]) -> list[_Row]:
    """Refuse the later kinds of site while an earlier one must be used or waited for."""
    for group in range(len(kinds) - 1):
        refusal = _hold(request, [row for row in rows if row.group == group], kinds[group])
        if refusal:
            return [_Row(row.key, row.view, row.refusal or refusal) if row.group > group else row for row in rows]
        if any(row.group == group and not row.refusal for row in rows):
            break
    return rows


def _hold(request: PlacementRequest, members: list[_Row], kind: SiteKind) -> Refusal | None:
    """Why work may not leave these targets, or None."""
    for row in members:
        name = row.view.target.name
        if row.refusal is None:
            reason = f"{request.pattern} trains at sites of kind {kind} first, and {name} is eligible"
            sentence = f"Drain {name}, so that work goes on to the next kind of site."
            return Refusal(Rule.FAILOVER, reason, Lever.DRAINED, name, "left on purpose", sentence)
    for row in members:
        switch = FAILOVER_OF.get(row.refusal.rule) if row.refusal else None
        if switch is not None and row.refusal and switch not in request.policy.failover:
            reason = f"failover for {switch} is switched off: {row.view.target.name} is out ({row.refusal.reason})"
            sentence = f"Set placement.failover.{switch}: true."
            return Refusal(Rule.FAILOVER, reason, Lever.FAILOVER, "", str(switch), sentence)
    return None


def _left_for(first: _Row, rows: list[_Row]) -> _Row | None:
    """The best target of an earlier kind of site that is out for a failover reason; None when nothing was left."""
    earlier = (row for row in rows if row.group < first.group)
    return next((row for row in earlier if row.refusal and row.refusal.rule in FAILOVER_OF), None)


def _why_first(request: PlacementRequest, eligible: list[_Row]) -> str:
    """What put the first before the second."""
    first = eligible[0].view.target
    if len(eligible) == 1:
        return f"the only eligible target; {_room(eligible[0].view)}"
    one, two = eligible[0].key, eligible[1].key
    if one[1] != two[1]:
        return f"preferred by {request.policy.prefer[one[1]]!r}"
    if one[2] != two[2]:
        return f"the cheapest of {len(eligible)} at {first.cost_per_hour:g} per hour"
    if one[3] != two[3]:
        return f"nearest to the data, at {first.site}"
    return f"the first by name of {len(eligible)} equals"


def _room(view: TargetView) -> str:
    if view.capacity.nodes:
        return "has room now"
    if view.target.capacity != Resources():
        return "fits its declared capacity; what is free is unknown"
    return "its capacity is unknown, so it will decide itself"


def _eligible(view: TargetView, reason: str, chosen: bool) -> TargetRuling:
    target = view.target
    return TargetRuling(target.name, target.site, True, chosen, None, reason, "", target.cost_per_hour)


def _refused(view: TargetView, refusal: Refusal) -> TargetRuling:
    target, cost = view.target, view.target.cost_per_hour
    return TargetRuling(target.name, target.site, False, False, refusal.rule, refusal.reason, refusal.sentence, cost)
