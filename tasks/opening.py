"""Open the story and see whether it may be carried out."""

from landbridge.domain.placement import Placement
from landbridge.domain.plan import Check, Plan
from landbridge.operations import connections, planning, preflight
from landbridge.operations.story import Request, Story
from landbridge.operations.story import open_story as open_files
from tasks.step import step


@step("open {request.scenario}")
def open_story(request: Request) -> Story:
    """Read scenario, inventory and job, and name data and code by digest."""
    return open_files(request)


@step("plan {story.scenario.name}")
def plan(story: Story) -> Plan:
    """Refuse here what may not be done, before anything changes."""
    return planning.require_plan(story)


@step("preflight {story.scenario.name}")
def preflight_network(story: Story) -> tuple[Check, ...]:
    """Prove that the network is as private as the pattern asks, before a byte moves."""
    return preflight.require(story)


@step("preflight {placement.chosen}")
def preflight_place(story: Story, placement: Placement) -> tuple[Check, ...]:
    """The same for the site that placement chose, if nothing else of the story is there."""
    return preflight.require(story, connections.site_of(story.inventory, str(placement.chosen)).name)
