"""Score files with a model of the registry, where the data may be."""

from dataclasses import asdict
from functools import partial
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.pattern import carry_out, run_name
from landbridge.domain.ledger import Lease
from landbridge.domain.scoring import ScoringOrder
from landbridge.operations.reports import Report
from landbridge.operations.scoring import Scoring
from landbridge.operations.story import Request, Story
from tasks.scoring import prepare_scoring, score_files, ship_model, stage_scoring_data, submit_scoring


@flow(name="score", flow_run_name=run_name, persist_result=False)
async def score(scenario: str, inventory: str, order: ScoringOrder, trigger: str = "score") -> "State[Any]":
    """Run the champion, or the version of the order, over the files of a data set; the predictions stay at that site."""
    return await carry_out(partial(score_steps, order=order), Request(scenario, inventory, trigger))


async def score_steps(story: Story, lease: Lease, order: ScoringOrder) -> Report:
    """The steps of a scoring, under the lease of its model."""
    return await prepared_steps(await prepare_scoring(story, order), lease)


async def prepared_steps(scoring: Scoring, _lease: Lease) -> Report:
    """Those of one that was found allowed."""
    shipped = await ship_model(scoring)
    staged = await stage_scoring_data(scoring)
    attempt = await submit_scoring(scoring, shipped, staged)
    scored = await score_files(scoring, attempt)
    return Report(
        "Scored",
        scored.summary,
        model=scoring.version.model,
        version=scoring.version.version,
        details={
            "key": scoring.story.run_key,
            "findings": [asdict(item) for item in scoring.findings],
            **asdict(scored),
        },
    )
