"""Place, stage, train, evaluate, judge, register."""

from collections.abc import Mapping

from landbridge.domain.ledger import Lease
from landbridge.domain.placement import Placement
from landbridge.domain.values import ModelVersion
from landbridge.operations import candidates, connections, planning, staging
from landbridge.operations import training as jobs
from landbridge.operations.candidates import Evaluated, Judged
from landbridge.operations.staging import StagedInputs
from landbridge.operations.story import Story
from landbridge.operations.training import Attempt, TrainedJob
from tasks.artifacts import placement_rows, verdict_rows
from tasks.step import step


@step("place {story.scenario.name}", table=placement_rows)
def place(story: Story, avoided: Mapping[str, str]) -> Placement:
    """Choose the target and write down why; `avoided` are targets that failed in this run, with the reason."""
    return planning.require_place(story, avoided)


@step("stage data for {placement.chosen}")
def stage_data(story: Story, placement: Placement) -> StagedInputs:
    """Bring the data to the chosen site, if its residency lets it."""
    return staging.stage(story, connections.site_of(story.inventory, str(placement.chosen)).name)


@step("submit to {placement.chosen}")
def submit_training(story: Story, placement: Placement, inputs: StagedInputs) -> Attempt:
    """Ensure the job of this run key; its name is the idempotency key."""
    return jobs.submit(story, placement, inputs.values)


@step("train {attempt.name}")
def train(story: Story, attempt: Attempt) -> TrainedJob:
    """Wait until the job is final."""
    return jobs.wait(story, attempt)


@step("evaluate {trained.attempt.name}")
def evaluate(story: Story, trained: TrainedJob) -> Evaluated:
    """Read the model and the metrics that the job left."""
    return candidates.evaluate(story, trained)


@step("judge {story.scenario.model.name}", table=verdict_rows)
def judge(story: Story, evaluated: Evaluated) -> Judged:
    """Ask the gate."""
    return candidates.judge_candidate(story, evaluated)


@step("register {story.scenario.model.name}")
def register(story: Story, judged: Judged, lease: Lease) -> ModelVersion:
    """Ensure one model version for this run key."""
    return candidates.register(story, judged, lease)
