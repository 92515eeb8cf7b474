"""The rules that refuse a target, one function each, asked in the order of `Rule`. FAILOVER alone needs all targets.

A rule answers None, or a Refusal with the reason in numbers and the smallest change that ends it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import TypeAlias

from landbridge.domain.capacity import shortage
from landbridge.domain.inventory import InstanceType, Role
from landbridge.domain.maintenance import Span, opening, span
from landbridge.domain.nearest import nearest as did_you_mean
from landbridge.domain.placement_capacity import busy, describe, hardware, need_of, stated
from landbridge.domain.placement_values import TRACKING, Lever, PlacementRequest, Refusal, Rule, TargetView
from landbridge.domain.residency import in_words as residency_in_words
from landbridge.domain.residency import placement_allowed
from landbridge.domain.values import Json, Pattern, Resources, SiteKind

NO_LIMIT_SECONDS = 3600.0  # a job without a limit gets one hour free of maintenance
_LONGEST_SECONDS = 366 * 24 * 3600.0
_CLOUD, _ONPREM = SiteKind.CLOUD, SiteKind.ONPREM

PREFERENCE: Mapping[Pattern, tuple[SiteKind, ...]] = {
    Pattern.CLOUD_TRAIN_ONPREM_DEPLOY: (_CLOUD,),
    Pattern.HYBRID_TRAIN_DEPLOY: (_ONPREM, _CLOUD),
    Pattern.ONPREM_TRAIN_CLOUD_DEPLOY: (_ONPREM,),
    Pattern.PRIVATE_AKS: (_CLOUD,),
    Pattern.ONPREM_LIFECYCLE: (_ONPREM,),
}
"""Where each pattern trains, best first."""

_PATTERN_FOR = {_CLOUD: Pattern.CLOUD_TRAIN_ONPREM_DEPLOY, _ONPREM: Pattern.HYBRID_TRAIN_DEPLOY}


@dataclass(frozen=True, slots=True)
class Question:
    """The request, the time its job would take, and the rules that this request needs asked."""

    request: PlacementRequest
    span: Span
    rules: "tuple[_Rule, ...]"

    def sighted(self, view: TargetView) -> TargetView:
        """The view with its site's kind as the request tells it."""
        kind = self.request.sites.get(view.target.site, view.site_kind)
        return view if kind == view.site_kind else replace(view, site_kind=kind)


_Rule: TypeAlias = Callable[[Question, TargetView], Refusal | None]


def ask(request: PlacementRequest, now: datetime) -> Question:
    seconds = request.timeout_seconds if request.timeout_seconds > 0 else NO_LIMIT_SECONDS
    rules = tuple(rule for rule in _RULES if _NEEDED.get(rule, _always)(request))
    return Question(request, span(now, min(seconds, _LONGEST_SECONDS)), rules)


def first_refusal(question: Question, view: TargetView) -> Refusal | None:
    """The first rule that refuses the target, FAILOVER aside."""
    for rule in question.rules:
        refusal = rule(question, view)
        if refusal is not None:
            return refusal
    return None


def refused_unseen(question: Question, view: TargetView) -> bool:
    """Whether a rule refuses the target that comes before those that look at its capacity."""
    unseen = takewhile(lambda rule: rule is not _hardware, question.rules)
    return any(rule(question, view) is not None for rule in unseen)


def _role(_: Question, view: TargetView) -> Refusal | None:
    if Role.TRAIN in view.target.roles:
        return None
    name = view.target.name
    sentence = f"Add train to the roles of {name}."
    return Refusal(Rule.ROLE, f"{name} does not train", Lever.ROLES, name, "train", sentence)


def _pattern(question: Question, view: TargetView) -> Refusal | None:
    pattern, kind = question.request.pattern, view.site_kind
    if kind in PREFERENCE[pattern]:
        return _cluster(question, view)
    other = _PATTERN_FOR[kind]
    reason = f"{pattern} trains {_at(PREFERENCE[pattern][0])}, and {view.target.site} is a site of kind {kind}"
    sentence = f"Set pattern: {other}, which trains {_at(kind)} too."
    return Refusal(Rule.PATTERN, reason, Lever.PATTERN, "", str(other), sentence)


def _cluster(question: Question, view: TargetView) -> Refusal | None:
    clusters, own = question.request.same_cluster_as, view.target.cluster
    if not clusters or own in clusters:
        return None
    reason = f"must train in the cluster that serves ({', '.join(clusters)}), and {view.target.name} is in {own}"
    return Refusal(Rule.PATTERN, reason, Lever.CLUSTER, "", own, f"Serve from cluster {own}.")


def _residency(question: Question, view: TargetView) -> Refusal | None:
    site, kind = view.target.site, view.site_kind
    for item in question.request.data:
        name = item.asset.name
        if not placement_allowed(item.asset, site, kind):
            reason = f"data {name} may be at {residency_in_words(item.asset)} only"
            sentence = f"Add {site} to data.{name}.residency, if the data may be there."
            return Refusal(Rule.RESIDENCY, reason, Lever.RESIDENCY, "", {"data": name, "site": site}, sentence)
        if item.home != site and item.home in question.request.locked_sites:
            reason = f"IT policy lets no data out of {item.home}, where data {name} is"
            sentence = f"Let IT operations add data to sites.{item.home}.exports."
            return Refusal(Rule.RESIDENCY, reason, Lever.EXPORTS, "", item.home, sentence)
    return None


def _private_network(question: Question, view: TargetView) -> Refusal | None:
    name = view.target.name
    if view.target.private or not _wants_private(question.request):
        return None
    reason = f"{name} is not private, and the scenario asks for private addresses only"
    sentence = f"Give {name} private addresses only, then set private: true on it."
    return Refusal(Rule.PRIVATE_NETWORK, reason, Lever.PRIVATE, name, True, sentence)


def _capability(_: Question, view: TargetView) -> Refusal | None:
    if not view.refused_fields:
        return None
    names = [field.split(":", 1)[0] for field in view.refused_fields]
    reason = f"the {view.target.driver} driver refuses {'; '.join(view.refused_fields)}"
    of_the_job = ", ".join(name for name in names if name != TRACKING)
    mends = [f"Remove or replace {of_the_job} in the job."] if of_the_job else []
    mends += ["Give that registry an `address` or a `uri` that its jobs reach."] if TRACKING in names else []
    sentence = " ".join(mends)
    return Refusal(Rule.CAPABILITY, reason, Lever.JOB_FIELDS, view.target.name, [], sentence)


def _instance_type(question: Question, view: TargetView) -> Refusal | None:
    wanted = question.request.requirements
    if not wanted.instance_type:
        return None
    found = next((it for it in view.target.instance_types if it.name == wanted.instance_type), None)
    if found is None:
        return _missing_type(question, view)
    lacking = shortage(wanted.resources, stated(found.limits, wanted.resources))
    return None if lacking == Resources() else _small_type(question, view, found)


def _missing_type(question: Question, view: TargetView) -> Refusal:
    wanted, target = question.request.requirements, view.target
    names = [it.name for it in target.instance_types]
    reason = f"{target.name} has no instance type {wanted.instance_type}{did_you_mean(wanted.instance_type, names)}"
    known = f", or use {' or '.join(names)}" if names else ""
    value = _type_value(InstanceType(wanted.instance_type, wanted.resources, wanted.resources))
    sentence = f"Define instance type {wanted.instance_type} on {target.name}{known}."
    return Refusal(Rule.INSTANCE_TYPE, reason, Lever.INSTANCE_TYPE, target.name, value, sentence)


def _small_type(question: Question, view: TargetView, found: InstanceType) -> Refusal:
    need, target = question.request.requirements.resources, view.target
    needs, has, _ = describe(need, stated(found.limits, need))
    large = found.limits + shortage(need, stated(found.limits, need))
    fitting = [it.name for it in target.instance_types if need.fits_into(stated(it.limits, need))]
    known = f", or use {' or '.join(fitting)}" if fitting else ""
    sentence = f"Raise the limits of {found.name} on {target.name} to {needs}{known}."
    value = _type_value(InstanceType(found.name, found.requests, large))
    reason = f"needs {needs}; instance type {found.name} of {target.name} is limited to {has}"
    return Refusal(Rule.INSTANCE_TYPE, reason, Lever.INSTANCE_TYPE, target.name, value, sentence)


def _type_value(instance_type: InstanceType) -> dict[str, Json]:
    return {
        "name": instance_type.name,
        "requests": resources_value(instance_type.requests),
        "limits": resources_value(instance_type.limits),
    }


def resources_value(resources: Resources) -> dict[str, Json]:
    return {
        "cpu_millicores": resources.cpu_millicores,
        "memory_bytes": resources.memory_bytes,
        "gpus": resources.gpus,
    }


def _hardware(question: Question, view: TargetView) -> Refusal | None:
    return hardware(need_of(question.request, view), question.request.instances, view)


def _busy(question: Question, view: TargetView) -> Refusal | None:
    return busy(need_of(question.request, view), question.request.instances, view)


def _drained(_: Question, view: TargetView) -> Refusal | None:
    if not view.target.drained:
        return None
    name, why = view.target.name, view.target.drained
    return Refusal(Rule.DRAINED, f"{name} is drained: {why}", Lever.DRAINED, name, "", f"End the drain of {name}.")


def _maintenance(question: Question, view: TargetView) -> Refusal | None:
    for index, window in enumerate(view.target.maintenance):
        open_ = opening(window, question.span)
        if open_ is not None:
            name, opens, closes = view.target.name, _clock(open_[0]), _clock(open_[1])
            reason = f"maintenance of {name} ({window.reason}) from {opens} to {closes} overlaps the job"
            sentence = f"Start after {closes}, or end the maintenance window of {name}."
            return Refusal(Rule.MAINTENANCE, reason, Lever.MAINTENANCE, name, index, sentence)
    return None


def _reachability(_: Question, view: TargetView) -> Refusal | None:
    if view.capacity.reachable:
        return None
    name = view.target.name
    reason = f"{name} does not answer{': ' * bool(view.capacity.detail)}{view.capacity.detail}"
    sentence = f"Bring {name} back; `landbridge doctor` shows what fails."
    return Refusal(Rule.REACHABILITY, reason, Lever.REACHABLE, name, True, sentence)


def _cost(question: Question, view: TargetView) -> Refusal | None:
    limit, cost = question.request.policy.max_cost_per_hour, view.target.cost_per_hour
    if limit is None or cost <= limit:
        return None
    reason = f"costs {cost:g} per hour, and the scenario allows {limit:g}"
    return Refusal(Rule.COST, reason, Lever.MAX_COST, "", cost, f"Set placement.max_cost_per_hour: {cost:g}.")


def _avoided(_: Question, view: TargetView) -> Refusal | None:
    if not view.avoided:
        return None
    name = view.target.name
    sentence = f"Mend {name}, then start a new run; this one does not go there again."
    return Refusal(Rule.AVOIDED, f"avoided in this run: {view.avoided}", Lever.AVOIDED, name, "", sentence)


def _at(kind: SiteKind) -> str:
    return "in the cloud" if kind is _CLOUD else "on-prem"


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M %Z}"


def _always(_: PlacementRequest) -> bool:
    return True


def _wants_private(request: PlacementRequest) -> bool:
    return request.private_only or request.pattern is Pattern.PRIVATE_AKS


_RULES: tuple[_Rule, ...] = (
    _role,
    _pattern,
    _residency,
    _private_network,
    _capability,
    _instance_type,
    _hardware,
    _drained,
    _maintenance,
    _reachability,
    _busy,
    _cost,
    _avoided,
)
_NEEDED: Mapping[_Rule, Callable[[PlacementRequest], bool]] = {
    _residency: lambda request: bool(request.data),
    _private_network: _wants_private,
    _instance_type: lambda request: bool(request.requirements.instance_type),
    _cost: lambda request: request.policy.max_cost_per_hour is not None,
}
"""When a rule can refuse at all; the others always can."""
