"""Find and gate versions that no run of this story made."""

from landbridge.domain.values import ModelVersion
from landbridge.operations import versions
from landbridge.operations.story import Story
from tasks.step import step


@step("find version {version}")
def find_version(story: Story, version: str) -> ModelVersion:
    """The named version; without a name the one to go back to."""
    return versions.named(story, version) if version else versions.previous(story)


@step("judge version {version.version}")
def gate_version(story: Story, version: ModelVersion) -> ModelVersion:
    """Ask the gate, by the metrics that the version's run logged."""
    return versions.judge_version(story, version)
