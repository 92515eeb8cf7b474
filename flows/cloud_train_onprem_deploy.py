"""Pattern 1. The data lives in the cloud; so does training, on elastic targets. The model serves on-premises."""

from flows.pattern import story_flow
from flows.release import release
from landbridge.domain.ledger import Lease
from landbridge.operations.reports import Report
from landbridge.operations.story import Story
from tasks.opening import plan
from tasks.training import evaluate, judge, place, register, stage_data, submit_training, train


@story_flow
async def cloud_train_onprem_deploy(story: Story, lease: Lease) -> Report:
    """Train in the cloud, serve on-premises: the model crosses the border, the data does not."""
    await plan(story)
    cloud = await place(story, {})
    inputs = await stage_data(story, cloud)
    trained = await train(story, await submit_training(story, cloud, inputs))
    candidate = await judge(story, await evaluate(story, trained))
    version = await register(story, candidate, lease)
    return await release(story, version, lease)
