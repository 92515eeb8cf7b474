"""Prepare, ship, stage, submit, score."""

from landbridge.domain.scoring import ScoringOrder
from landbridge.operations import scoring as jobs
from landbridge.operations.scoring import Scored, Scoring
from landbridge.operations.shipping import Shipped
from landbridge.operations.staging import StagedInputs
from landbridge.operations.story import Story
from landbridge.operations.training import Attempt
from tasks.step import step


@step("prepare scoring of {order.data}")
def prepare_scoring(story: Story, order: ScoringOrder) -> Scoring:
    """Find version, data and target, and refuse what may not be done before anything moves."""
    return jobs.prepare(story, order)


@step("ship version {scoring.version.version} to {scoring.site}")
def ship_model(scoring: Scoring) -> Shipped:
    """Ensure a verified copy of the model where the job runs."""
    return jobs.ship_model(scoring)


@step("stage {scoring.data.asset.name} at {scoring.site}")
def stage_scoring_data(scoring: Scoring) -> StagedInputs:
    """Bring the data to where the job runs, if its residency lets it."""
    return jobs.stage_data(scoring)


@step("submit to {scoring.target}")
def submit_scoring(scoring: Scoring, shipped: Shipped, staged: StagedInputs) -> Attempt:
    """Ensure the job of this scoring; its name is the idempotency key."""
    return jobs.submit(scoring, shipped, staged)


@step("score {attempt.name}")
def score_files(scoring: Scoring, attempt: Attempt) -> Scored:
    """Wait until the job is final, and write down what it made."""
    return jobs.wait(scoring, attempt)
