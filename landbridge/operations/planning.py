"""Plan: a dry run of the whole story. It reads files, digests, capacities and what serves; it changes nothing."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime

from landbridge.domain import residency
from landbridge.domain.errors import LandbridgeError, NowhereToGoError, RefusedError, TransientError
from landbridge.domain.gate import wanted_metrics
from landbridge.domain.inventory import Role, Target
from landbridge.domain.ledger import Entry, Kind
from landbridge.domain.lineage import parse_lineage
from landbridge.domain.placement import (
    Change,
    Placement,
    PlacementRequest,
    TargetRuling,
    TargetView,
    place,
    smallest_change,
    why_not,
)
from landbridge.domain.plan import Check, Decision, Finding, FindingKind, Movement, MovementKind, Plan, PlannedStep
from landbridge.domain.requests import ColourSpec, ResolvedEnvironment
from landbridge.domain.residency import must_strip
from landbridge.domain.retrain import RunParts, decide
from landbridge.domain.rollout import steps_of
from landbridge.domain.scenario import Requirements, RolloutSpec
from landbridge.domain.values import Pattern
from landbridge.operations import connections, movements, preflight, probing, tracking_reach
from landbridge.operations.candidates import registration_movements
from landbridge.operations.sites import known_environment, registry_site, serving_sites, serving_target_name
from landbridge.operations.staging import data_movement
from landbridge.operations.story import Story, timeout_seconds
from landbridge.operations.training import leave, open_attempt
from landbridge.ports import CanCountRequests, CanForesee, CanShiftTraffic, LimitsTraffic, ServingTarget


def make_plan(story: Story) -> Plan:
    """Tell everything a run would do, with the rule for each movement, and whether it may be done at all."""
    decision = decide_training(story)
    placement = find_place(story, {})
    findings = _findings(story, placement)
    moves = planned_movements(story, placement)
    trains_at = connections.site_of(story.inventory, placement.chosen).name if placement.chosen else ""
    checks = (*preflight.checks(story, trains_at), *_data_checks(story))
    return Plan(
        scenario=story.scenario.name,
        pattern=str(story.scenario.pattern),
        run_key=story.run_key,
        decision=decision,
        placement=placement,
        serving=tuple(serving_target_name(story.inventory, site) for site in serving_sites(story)),
        steps=_steps(story, placement, decision),
        movements=moves,
        findings=findings,
        checks=checks,
        refusals=(*_placement_refusals(placement), *_refusals(findings, moves, checks)),
    )


def decide_training(story: Story) -> Decision:
    """Whether a job must run: not when one with this run key succeeded, or is under way."""
    attempt = open_attempt(story)
    if attempt is not None and attempt.outcome:
        return Decision(False, f"data, code and environment are those of job {attempt.name}, which succeeded")
    if attempt is not None:
        return Decision(True, f"job {attempt.name} was begun and is taken up again", ("resumed",))
    return decide(story.parts, last_parts(story), story.request.force)


def last_parts(story: Story) -> RunParts | None:
    """The run parts of the newest version of this scenario, from the ledger."""
    book = connections.ledger(story.inventory.home)
    newest = next(iter(book.entries(kind=Kind.VERSION, scenario=story.scenario.name, limit=1)), None)
    tags = newest.payload.get("tags") if newest else None
    if not isinstance(tags, dict):
        return None
    lineage = parse_lineage({key: str(value) for key, value in tags.items()})
    return lineage.parts if lineage else None


def find_place(story: Story, avoided: Mapping[str, str]) -> Placement:
    """Choose the target; a job that was begun stays where it is, unless that target is to be avoided."""
    request = placement_request(story)
    placement = place(request, _views(story, avoided, request), datetime.now(UTC))
    begun = open_attempt(story)
    if begun is None or begun.target in {placement.chosen, *avoided} or begun.target not in story.inventory.targets:
        return placement
    rulings = tuple(_as_begun(ruling, begun.target, begun.name) for ruling in placement.rulings)
    return replace(placement, chosen=begun.target, rulings=rulings)


def require_place(story: Story, avoided: Mapping[str, str]) -> Placement:
    """As `find_place`, and write the decision down.

    Raises:
        NowhereToGoError: with every target's reason. What serves keeps serving.
    """
    placement = find_place(story, avoided)
    entry = Entry(Kind.DECISION, story.scenario.name, story.run_key, "placement", time.time(), dict(asdict(placement)))
    connections.ledger(story.inventory.home).record(entry)
    if placement.chosen is None:
        reasons = "; ".join(f"{ruling.target}: {ruling.reason} (rule {ruling.rule})" for ruling in placement.rulings)
        raise NowhereToGoError(
            f"No target can train {story.scenario.name}: {reasons}. What serves now keeps serving.",
            smallest_change(placement) or "Add a training target to the inventory.",
            story.scenario.path,
        )
    leave(story, avoided)
    return placement


def explain_refusal(story: Story, target: str) -> tuple[Change, ...]:
    """All that stands between `target` and being eligible, with the smallest change for each."""
    connections.find_target(story.inventory, target)
    return why_not(placement_request(story), _views(story, {}), datetime.now(UTC), target)


def placement_request(story: Story) -> PlacementRequest:
    """What the story's job asks of a target."""
    inventory, scenario = story.inventory, story.scenario
    instance_type = scenario.requires.instance_type or story.job.resources.instance_type
    private = scenario.pattern is Pattern.PRIVATE_AKS
    clusters = [connections.serving_target_of(inventory, site).cluster for site in serving_sites(story)]
    return PlacementRequest(
        pattern=scenario.pattern,
        requirements=Requirements(scenario.requires.resources, instance_type),
        policy=scenario.placement,
        data=story.homed,
        instances=story.job.resources.instance_count,
        timeout_seconds=timeout_seconds(story) if story.job.timeout_seconds else 0.0,
        private_only=private,
        same_cluster_as=tuple(clusters) if private else (),
        sites={name: site.kind for name, site in inventory.sites.items()},
        locked_sites=frozenset(name for name, site in inventory.sites.items() if "data" not in site.exports),
    )


def planned_movements(story: Story, placement: Placement) -> tuple[Movement, ...]:
    """Everything that would cross a border, in order; the same list that the ledger holds after the run."""
    found: list[Movement] = []
    if placement.chosen is not None:
        site = connections.site_of(story.inventory, placement.chosen).name
        found += [data_movement(story, item, site) for item in story.data.values() if item.site != site]
        found += registration_movements(story, site)
    home = registry_site(story)
    model = story.scenario.model.name
    found += [
        movements.planned(story, MovementKind.MODEL, model, home, site) for site in serving_sites(story) if site != home
    ]
    return tuple(found)


def require_plan(story: Story) -> Plan:
    """Make the plan, write it down, and refuse it here rather than half-way.

    Raises:
        RefusedError: with every refusal. Nothing was changed.
    """
    plan = make_plan(story)
    now = time.time()  # stands in the payload too, so that each plan is kept: the newest says what data was seen last
    payload = {**asdict(plan), "data": dict(story.parts.data), "trigger": story.request.trigger, "at": now}
    entry = Entry(Kind.PLAN, story.scenario.name, story.run_key, "plan", now, payload)
    connections.ledger(story.inventory.home).record(entry)
    if plan.refusals and plan.placement.chosen is not None:
        raise refusal_of(story, plan)
    return plan


def refusal_of(story: Story, plan: Plan) -> RefusedError:
    """The plan's refusals as one error, of the class of the first."""
    from landbridge.domain.errors import CapabilityMissingError, NetworkError, ResidencyError

    kinds: dict[str, type[RefusedError]] = {
        "movement ": ResidencyError,
        "check residency": ResidencyError,
        "check ": NetworkError,
    }
    first = plan.refusals[0]
    kind = next((kinds[start] for start in kinds if first.startswith(start)), CapabilityMissingError)
    hints = [check.hint for check in plan.checks if not check.passed and check.hint]
    hints += [finding.hint for finding in plan.findings if finding.kind is FindingKind.REFUSED and finding.hint]
    hint = hints[0] if hints else "See `landbridge plan` for every step and rule."
    return kind("The plan is refused: " + "; ".join(plan.refusals) + ".", hint, story.scenario.path)


def _views(story: Story, avoided: Mapping[str, str], request: PlacementRequest | None = None) -> tuple[TargetView, ...]:
    """As placement wants them, with what training asks of a target beyond what any job does."""
    return tuple(
        replace(view, refused_fields=(*view.refused_fields, *_unreached(story, view.target)))
        for view in probing.views(story, avoided, request)
    )


def _unreached(story: Story, target: Target) -> tuple[str, ...]:
    if Role.TRAIN not in target.roles:
        return ()
    try:
        said = tuple(tracking_reach.findings(story, target.name))
    except LandbridgeError:  # a driver that cannot be used is refused with its own reason
        return ()
    return tuple(f"{item.field}: {item.detail}" for item in said if item.kind is FindingKind.REFUSED)


def _as_begun(ruling: TargetRuling, target: str, job: str) -> TargetRuling:
    if ruling.target == target:
        return replace(ruling, chosen=True, reason=f"job {job} was begun here")
    return replace(ruling, chosen=False)


def _findings(story: Story, placement: Placement) -> tuple[Finding, ...]:
    found: list[Finding] = []
    if placement.chosen is not None:
        found += (*probing.findings(story, placement.chosen), *tracking_reach.findings(story, placement.chosen))
    for site in serving_sites(story):
        target = serving_target_name(story.inventory, site)
        environment = known_environment(story, target)
        if environment is None:
            found.append(_no_environment(story, target))
        else:
            found += _serving_findings(story, site, environment)
    return tuple(found)


def planned_colour(story: Story, environment: ResolvedEnvironment) -> ColourSpec:
    """A colour as far as it is known before there is a model: all that a driver judges."""
    endpoint, model = story.scenario.endpoint, story.scenario.model.name
    return ColourSpec(endpoint.name, "blue", model, "", "", "", environment, endpoint.settings, endpoint.scoring)


def _serving_findings(story: Story, site: str, environment: ResolvedEnvironment) -> tuple[Finding, ...]:
    target, colour = connections.serving_at(story.inventory, site), planned_colour(story, environment)
    found = target.findings(colour)
    refused = any(item.kind is FindingKind.REFUSED for item in found)
    return (
        *found,
        *(() if refused else _foreseen(site, target, colour)),
        *_powers(site, target),
        *_steps_taken(story.scenario.rollout, site, target),
        *_nothing_to_ask(story, site),
    )


def _foreseen(site: str, target: ServingTarget, colour: ColourSpec) -> Iterator[Finding]:
    """What the target itself says against the colour; asked only when its settings are right."""
    if not isinstance(target, CanForesee):
        return
    try:
        yield from target.foresee(colour)
    except TransientError as error:
        detail = f"whether the serving target at {site} has room could not be asked: {error.message}"
        yield Finding("endpoint", FindingKind.NOTE, detail)
    except LandbridgeError as error:
        yield Finding("endpoint", FindingKind.REFUSED, error.message, error.hint)


def _powers(site: str, target: ServingTarget) -> Iterator[Finding]:
    """What a release needs beyond serving: asked for now, never half-way."""
    if not isinstance(target, CanShiftTraffic):
        detail = f"the serving target at {site} cannot shift traffic"
        yield Finding("rollout.steps", FindingKind.REFUSED, detail, "Serve from a target whose driver can.")
    if not isinstance(target, CanCountRequests):
        detail = f"the serving target at {site} counts no requests, so failed ones roll nothing back"
        yield Finding("rollout.max_error_percent", FindingKind.NOTE, detail)


def _steps_taken(rollout: RolloutSpec, site: str, target: ServingTarget) -> Iterator[Finding]:
    """A router that can only give all or nothing must not be found out half-way through a rollout."""
    taken = target.percents() if isinstance(target, LimitsTraffic) else frozenset(range(101))
    too_fine = [step for step in steps_of(rollout) if not {step, 100 - step} <= taken]
    if too_fine:
        asked, possible = (" and ".join(map(str, sorted(steps))) for steps in (too_fine, taken))
        detail = f"the serving target at {site} gives a colour only {possible} percent of the traffic, not {asked}"
        hint = "Set rollout.steps to [100], or serve there through a Gateway (`gateway:` of a kubernetes target)."
        yield Finding("rollout.steps", FindingKind.REFUSED, detail, hint)


def _nothing_to_ask(story: Story, site: str) -> Iterator[Finding]:
    """A model that crosses a residency border loses its example, which the smoke test would send."""
    home = registry_site(story)
    borders = [story.border(item.site, place) for item in story.data.values() for place in (home, site)]
    if not story.scenario.endpoint.smoke.requests and any(must_strip(story.homed, border) for border in borders):
        detail = f"the model reaches {site} without its example, so the smoke test would have no request to send"
        yield Finding(
            "endpoint.smoke.requests", FindingKind.REFUSED, detail, "Give endpoint.smoke.requests a file with some."
        )


def _no_environment(story: Story, target: str) -> Finding:
    label = story.job.environment.label
    return Finding(
        "environment",
        FindingKind.REFUSED,
        f"{label!r} means nothing on {target}, where the model shall serve",
        "Add it to `environments:` in the inventory.",
    )


def _data_checks(story: Story) -> tuple[Check, ...]:
    wrong = residency.misplaced(story.homed, {name: site.kind for name, site in story.inventory.sites.items()})
    hint = "Move the data, or correct its residency in the scenario."
    return tuple(Check("residency", False, sentence, hint) for sentence in wrong)


def _placement_refusals(placement: Placement) -> tuple[str, ...]:
    return () if placement.chosen else ("placement: no target is eligible",)


def _refusals(findings: tuple[Finding, ...], moves: tuple[Movement, ...], checks: tuple[Check, ...]) -> tuple[str, ...]:
    refused = [f"movement of {line}" for line in movements.refused(moves)]
    refused += [f"check {check.name}: {check.detail}" for check in checks if not check.passed]
    refused += [f"field {item.field}: {item.detail}" for item in findings if item.kind is FindingKind.REFUSED]
    return tuple(refused)


def _steps(story: Story, placement: Placement, decision: Decision) -> tuple[PlannedStep, ...]:
    """The story in order; training steps say so when there is nothing to train."""
    endpoint, target = story.scenario.endpoint, placement.chosen or "nowhere"
    sites = ", ".join(serving_sites(story))
    shifts = " → ".join(f"{weight} %" for weight in story.scenario.rollout.steps)
    train = (
        f"run `{story.job.command.split(chr(10))[0][:60]}`" if decision.due else f"nothing to train: {decision.reason}"
    )
    return (
        PlannedStep("place", target, decision.reason),
        PlannedStep("stage_data", target, ", ".join(story.data) or "no data"),
        PlannedStep("train", target, train),
        PlannedStep("evaluate", target, f"judge {', '.join(wanted_metrics(story.scenario.gate)) or 'nothing'}"),
        PlannedStep("register", registry_site(story), f"{story.scenario.model.name}, once for {story.run_key}"),
        PlannedStep("ship_model", sites, "verified copy at every serving site"),
        PlannedStep("deploy_beside", sites, f"a new colour of {endpoint.name}, without traffic"),
        PlannedStep("smoke_test", sites, f"{len(endpoint.smoke.requests) or 1} real prediction(s) per site"),
        PlannedStep("shift_traffic", sites, f"{shifts}, then {story.scenario.rollout.soak_seconds:g} s soak"),
        PlannedStep("promote", registry_site(story), "alias champion"),
        PlannedStep("retire", sites, "the old colour"),
    )


def try_plan(story: Story) -> tuple[Plan | None, LandbridgeError | None]:
    """A plan or the error that stands in its way; for tables that must go on."""
    try:
        return make_plan(story), None
    except LandbridgeError as error:
        return None, error
