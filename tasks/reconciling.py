"""Look at what is, and end what nobody owns."""

from landbridge.operations import reconciling, scoring_resuming
from landbridge.operations.adopting import Adopted
from landbridge.operations.reconciling import Cleaned, Todo
from landbridge.operations.scoring import Scored, Scoring
from landbridge.operations.scoring_resuming import AllBegun, Begun
from landbridge.operations.story import Story
from tasks.step import step


@step("compare {scenario.name}")
def compare(story: Story, scenario: Adopted) -> Todo | None:
    """Compare registry, ledger and targets; say which flow puts it right."""
    return reconciling.todo(story, scenario)


@step("find scorings of {story.scenario.name}")
def find_scorings(story: Story) -> AllBegun:
    """Find the scorings that were begun and have no end in the ledger."""
    return scoring_resuming.all_begun(story)


@step("look at {begun.attempt.name}")
def look_at_scoring(story: Story, begun: Begun) -> Scoring | None:
    """Ask the target; a job that it never came to know is prepared again, if it is still allowed."""
    return scoring_resuming.prepare_again(story, begun)


@step("settle {begun.attempt.name}")
def settle_scoring(story: Story, begun: Begun) -> Scored:
    """Follow the job to its end, and write that down."""
    return scoring_resuming.settle(story, begun)


@step("clean up after {story.scenario.name}")
def clean_up(story: Story) -> Cleaned:
    """End jobs, colours and scorings' model copies that no ledger entry owns."""
    return reconciling.clean(story)
