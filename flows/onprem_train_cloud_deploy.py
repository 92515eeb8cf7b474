"""Pattern 3. The data may not leave the premises; the model, stripped of samples, serves in the cloud."""

from flows.pattern import story_flow
from flows.release import release
from landbridge.domain.ledger import Lease
from landbridge.operations.reports import Report
from landbridge.operations.story import Story
from tasks.opening import plan
from tasks.training import evaluate, judge, place, register, stage_data, submit_training, train


@story_flow
async def onprem_train_cloud_deploy(story: Story, lease: Lease) -> Report:
    """Train where the data must stay, serve in the cloud: only the model and approved metrics cross."""
    await plan(story)
    onprem = await place(story, {})
    inputs = await stage_data(story, onprem)
    trained = await train(story, await submit_training(story, onprem, inputs))
    candidate = await judge(story, await evaluate(story, trained))
    approved = await register(story, candidate, lease)
    return await release(story, approved, lease)
