"""Replicate data ahead of need."""

from landbridge.operations import replicating
from landbridge.operations.replicating import Replicated
from landbridge.operations.story import Story
from tasks.step import step


@step("replicate {name} to {site}")
def replicate(story: Story, name: str, site: str) -> Replicated:
    """Copy what is missing of one data set into the cache of a site, if its residency lets it."""
    return replicating.replicate(story, name, site)
