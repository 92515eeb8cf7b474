"""The second half that all patterns share: make before break, one verdict for all sites."""

from landbridge.domain.ledger import Lease
from landbridge.domain.values import ModelVersion
from landbridge.operations import settling
from landbridge.operations.reports import Report
from landbridge.operations.story import Story
from tasks.serving import deploy_beside, promote, retire, shift_traffic, ship_model, smoke_test


async def release(story: Story, version: ModelVersion, lease: Lease) -> Report:
    """Put `version` on every serving site without losing a request; nothing to do when it is there."""
    shipped = await ship_model(story, version)
    if settled := settling.settled(story, version):
        return settled
    rolling = await deploy_beside(story, shipped, lease)
    rolling = await smoke_test(story, rolling, lease)
    rolling = await shift_traffic(story, rolling, lease)
    rolling = await promote(story, rolling, lease)
    rolling = await retire(story, rolling, lease)
    return settling.promoted(story, rolling)
