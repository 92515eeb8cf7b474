"""Ship, deploy beside, smoke-test, shift, promote, retire. Each drives the one rollout machine through its phase."""

from landbridge.domain.ledger import Lease
from landbridge.domain.rollout import Phase
from landbridge.domain.values import ModelVersion
from landbridge.operations import releasing, shipping
from landbridge.operations.releasing import Rolling
from landbridge.operations.shipping import Shipped
from landbridge.operations.story import Story
from tasks.step import step


@step("ship version {version.version}")
def ship_model(story: Story, version: ModelVersion) -> Shipped:
    """Put a verified copy at every serving site, before anything there changes."""
    return shipping.ship(story, version)


@step("deploy version {shipped.version.version} beside")
def deploy_beside(story: Story, shipped: Shipped, lease: Lease) -> Rolling:
    """Start the new colour at every site, without traffic."""
    return releasing.drive(story, releasing.begin(story, shipped, lease), lease, Phase.BESIDE)


@step("smoke-test version {rolling.release.version}")
def smoke_test(story: Story, rolling: Rolling, lease: Lease) -> Rolling:
    """Ask the new colour real questions at every site; one bad answer and none of them moves."""
    return releasing.drive(story, rolling, lease, Phase.SMOKE)


@step("shift traffic to version {rolling.release.version}")
def shift_traffic(story: Story, rolling: Rolling, lease: Lease) -> Rolling:
    """Move traffic by the scenario's steps, watch, and let the new colour soak."""
    return releasing.drive(story, rolling, lease, Phase.SOAK)


@step("promote version {rolling.release.version}")
def promote(story: Story, rolling: Rolling, lease: Lease) -> Rolling:
    """Make it the champion."""
    return releasing.drive(story, rolling, lease, Phase.PROMOTE)


@step("retire what served before version {rolling.release.version}")
def retire(story: Story, rolling: Rolling, lease: Lease) -> Rolling:
    """End the old colour; the release is done."""
    return releasing.drive(story, rolling, lease, Phase.RETIRE)
