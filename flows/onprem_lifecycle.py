"""Pattern 5. Data, code, model, registry and logs stay on-premises; the declared proxy is the only way out."""

from flows.pattern import story_flow
from flows.release import release
from landbridge.domain.ledger import Lease
from landbridge.operations.reports import Report
from landbridge.operations.story import Story
from tasks.opening import plan, preflight_network, preflight_place
from tasks.training import evaluate, judge, place, register, stage_data, submit_training, train


@story_flow
async def onprem_lifecycle(story: Story, lease: Lease) -> Report:
    """Check the only way out, then train, register and serve on-premises."""
    await preflight_network(story)
    await plan(story)
    onprem = await place(story, {})
    await preflight_place(story, onprem)
    inputs = await stage_data(story, onprem)
    trained = await train(story, await submit_training(story, onprem, inputs))
    candidate = await judge(story, await evaluate(story, trained))
    version = await register(story, candidate, lease)
    return await release(story, version, lease)
