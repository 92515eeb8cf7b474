"""Pattern 4. One cluster of your own behind a private network trains and serves; nothing of it is public."""

from flows.pattern import story_flow
from flows.release import release
from landbridge.domain.ledger import Lease
from landbridge.operations.reports import Report
from landbridge.operations.story import Story
from tasks.opening import plan, preflight_network, preflight_place
from tasks.training import evaluate, judge, place, register, stage_data, submit_training, train


@story_flow
async def private_aks(story: Story, lease: Lease) -> Report:
    """Prove that the network is private, then train and serve on the same cluster."""
    await preflight_network(story)
    await plan(story)
    cluster = await place(story, {})
    await preflight_place(story, cluster)
    inputs = await stage_data(story, cluster)
    trained = await train(story, await submit_training(story, cluster, inputs))
    candidate = await judge(story, await evaluate(story, trained))
    version = await register(story, candidate, lease)
    return await release(story, version, lease)
