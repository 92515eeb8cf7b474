"""Where a scoring runs: at the data's own site if a target there takes it, else where data and model may go."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from landbridge.domain.errors import NowhereToGoError, RefusedError, ResidencyError
from landbridge.domain.inventory import Role
from landbridge.domain.placement import Placement, Rule, TargetView, place, smallest_change
from landbridge.domain.plan import Movement
from landbridge.domain.requests import BatchOrder
from landbridge.domain.values import Pattern
from landbridge.operations import connections, planning, probing, scoring_endpoint
from landbridge.operations.story import Story

OWN_RULES = {Pattern.PRIVATE_AKS, Pattern.ONPREM_LIFECYCLE}  # nothing of these leaves its kind of site


def require_place(scored: Story, wanted: str, kept_out: Mapping[str, Movement], order: BatchOrder) -> Placement:
    """The target for the job of `scored`: `wanted`, or the best by the rules of placement.

    A pattern says where models are made, not where they are used: on other sites too, if data and model may be there.

    Args:
        kept_out: site → the movement of the model there, which is refused.
        order: what a target that scores by a batch endpoint would be given; the job itself is none of its concern.

    Raises:
        ResidencyError: data or model may not be at the wanted target.
        NowhereToGoError: no target takes it, with every target's reason.
    """
    if wanted:
        connections.find_target(scored.inventory, wanted)
    request = planning.placement_request(scored)
    if request.pattern not in OWN_RULES:
        request = replace(request, pattern=Pattern.HYBRID_TRAIN_DEPLOY)
    views = [_by_endpoint(_view(view, kept_out), scored, order) for view in probing.views(scored, {})]
    now = datetime.now(UTC)
    placement = Placement(None, ())
    for asked in _rounds(scored, wanted, views):
        placement = place(request, asked, now)
        if placement.chosen is not None:
            return placement
    raise _refusal(scored, wanted, placement)


def _rounds(scored: Story, wanted: str, views: Sequence[TargetView]) -> list[list[TargetView]]:
    """The targets to choose among; the next list is asked when none of the one before takes the job."""
    if wanted:
        return [[view for view in views if view.target.name == wanted]]
    homes = {item.site for item in scored.data.values()}
    return [[view for view in views if view.target.site in homes], list(views)]


def _view(view: TargetView, kept_out: Mapping[str, Movement]) -> TargetView:
    movement = kept_out.get(view.target.site)
    return replace(view, avoided=f"the model may not be there: {movement.rule}") if movement else view


def _by_endpoint(view: TargetView, scored: Story, order: BatchOrder) -> TargetView:
    if Role.TRAIN not in view.target.roles:
        return view
    refused = scoring_endpoint.refused_fields(scored, view.target.name, order)
    return view if refused is None else replace(view, refused_fields=refused)


def _refusal(scored: Story, wanted: str, placement: Placement) -> RefusedError:
    reasons = "; ".join(f"{ruling.target}: {ruling.reason} (rule {ruling.rule})" for ruling in placement.rulings)
    hint = smallest_change(placement) or "Add a training target to the inventory."
    if wanted:
        rule = placement.rulings[0].rule
        kind = ResidencyError if rule in {Rule.RESIDENCY, Rule.AVOIDED} else NowhereToGoError
        return kind(f"{scored.scenario.name} cannot be scored there: {reasons}.", hint, scored.scenario.path)
    return NowhereToGoError(f"No target can score {scored.scenario.name}: {reasons}.", hint, scored.scenario.path)
