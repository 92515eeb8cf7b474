"""Look at what is, and end what nobody owns."""

from landbridge.operations import reconciling
from landbridge.operations.adopting import Adopted
from landbridge.operations.reconciling import Cleaned, Todo
from landbridge.operations.story import Story
from tasks.step import step


@step("compare {scenario.name}")
def compare(story: Story, scenario: Adopted) -> Todo | None:
    """Compare registry, ledger and targets; say which flow puts it right."""
    return reconciling.todo(story, scenario)


@step("clean up after {story.scenario.name}")
def clean_up(story: Story) -> Cleaned:
    """End jobs and colours that no ledger entry owns."""
    return reconciling.clean(story)
