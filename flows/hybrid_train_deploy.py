"""Pattern 2. On-premises first, the cloud when a reason allows it; both sites serve, and move together or not at all."""

from flows.pattern import story_flow
from flows.release import release
from landbridge.domain.errors import ConflictError, JobLostError, TransientError
from landbridge.domain.ledger import Lease
from landbridge.operations.reports import Report
from landbridge.operations.story import Story
from landbridge.operations.training import TrainedJob
from tasks.opening import plan
from tasks.progress import emit
from tasks.training import evaluate, judge, place, register, stage_data, submit_training, train


@story_flow
async def hybrid_train_deploy(story: Story, lease: Lease) -> Report:
    """Train on-premises, or in the cloud when on-premises cannot; serve at both, with one verdict."""
    await plan(story)
    trained = await train_where_it_can(story)
    candidate = await judge(story, await evaluate(story, trained))
    version = await register(story, candidate, lease)
    return await release(story, version, lease)


async def train_where_it_can(story: Story) -> TrainedJob:
    """Place, stage and train; a target that loses the job or does not answer is avoided, and the next one is asked.

    Ends: every round avoids one target more, and `place` raises when none is left.
    """
    avoided: dict[str, str] = {}
    while True:
        placement = await place(story, avoided)
        try:
            inputs = await stage_data(story, placement)
            return await train(story, await submit_training(story, placement, inputs))
        except ConflictError:  # the data changed under the run: no other target mends that
            raise
        except (JobLostError, TransientError) as error:
            avoided[str(placement.chosen)] = error.message
            emit("place", "info", f"{placement.chosen} is avoided: {error.message}")
