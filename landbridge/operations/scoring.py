"""Score files with a registered model: a job on a training target, at a site where the data and the model may be.

What it leaves is derived from the data, so it stays at the site where it was made.
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

from landbridge.domain import residency
from landbridge.domain.azure.batch import BatchDeployment
from landbridge.domain.errors import (
    CapabilityMissingError,
    InputError,
    JobFailedError,
    JobLostError,
    LandbridgeError,
    NotFoundError,
    QuotaExceededError,
    RefusedError,
    ResidencyError,
)
from landbridge.domain.ledger import Entry, Kind
from landbridge.domain.names import job_name
from landbridge.domain.nearest import nearest
from landbridge.domain.plan import Finding, Movement, MovementKind
from landbridge.domain.requests import BatchOrder
from landbridge.domain.scenario import DataAsset
from landbridge.domain.scoring import SUMMARY, ScoringCounts, ScoringOrder, counts_of, scoring_key
from landbridge.domain.values import JobPhase, Json, ModelVersion
from landbridge.drivers.fsspec.models import SiteModels
from landbridge.files.document import place as line_of
from landbridge.operations import (
    connections,
    movements,
    preflight,
    scoring_batch,
    scoring_endpoint,
    scoring_job,
    scoring_place,
    shipping,
    staging,
    training,
    versions,
)
from landbridge.operations.scoring_job import DATA, MODEL, PREDICTIONS
from landbridge.operations.sites import registry_site
from landbridge.operations.story import STORE_PREFIX, StoredData, Story, data_location
from landbridge.operations.training import Attempt

ENDPOINT = "endpoint"  # a way to score


@dataclass(frozen=True, slots=True)
class Scoring:
    """An order that was found allowed.

    Attributes:
        story: the scenario's, with the scoring job instead of its own, the data to score, and the scoring's key.
        trained: the same with the data that the model was made of: it rules on where the model may be.
        way: of a new job: "" = as a job, "endpoint" = through the target's batch endpoint.
        deployment: what the scenario's batch deployment says, or None.
        findings: what that says and the scoring does not have as written.
    """

    order: ScoringOrder
    story: Story
    trained: Story
    version: ModelVersion
    target: str
    way: str = ""
    deployment: BatchDeployment | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def threshold(self) -> int:
        """How many files may fail."""
        return scoring_batch.threshold_of(self.order, self.deployment)

    @property
    def data(self) -> StoredData:
        return next(iter(self.story.data.values()))

    @property
    def site(self) -> str:
        return connections.site_of(self.story.inventory, self.target).name

    @property
    def summary(self) -> str:
        version = f"{self.version.model} version {self.version.version}"
        said = "".join(f"; {item.field} {item.kind}: {item.detail.removesuffix('.')}" for item in self.findings)
        return f"{version} on {self.data.asset.name}, at {self.target} ({self.site}); key {self.story.run_key}{said}"


@dataclass(frozen=True, slots=True)
class Scored:
    """A scoring job that succeeded; `output` is the folder of the predictions, at `site`."""

    job: str
    target: str
    site: str
    output: str
    counts: ScoringCounts

    @property
    def summary(self) -> str:
        return f"{self.counts.summary}; predictions at {self.site}: {self.output}"


def prepare(story: Story, order: ScoringOrder, only: str = "") -> Scoring:
    """Find version, data and target, and refuse here what may not be done: nothing has moved yet.

    Args:
        only: the key of the scoring that the order must be; "" = whichever it is.

    Raises:
        NotFoundError: no such version, or no data.
        RefusedError: it is not `only`, for its data or the champion are others now.
        ResidencyError: data or model may not be where the job would run.
        NowhereToGoError: no target takes it, with every target's reason.
        NetworkError: the site of the job is not as private as the pattern asks.
    """
    deployment = scoring_batch.load(story)
    _require_scorable(story, deployment)
    version, item = _version(story, order.version), _data(story, order.data)
    threshold = scoring_batch.threshold_of(order, deployment)
    own = scoring_batch.digest_of(story, deployment)
    key = scoring_key(story.scenario.name, version, item.snapshot.digest, threshold, own)
    if only not in {"", key}:
        raise RefusedError(f"The order is scoring {key} now, not {only}.", "Order the scoring again: it is made anew.")
    scored = scoring_job.scored_by(story, item.snapshot, deployment, threshold)
    scored = replace(scored, data={item.asset.name: item}, run_key=key)
    trained = replace(story, run_key=key)
    _require_at_home(scored)
    whole = replace(order, error_threshold=threshold)
    target = _place(scored, trained, version, whole)
    way = ENDPOINT if scoring_endpoint.is_chosen(scored, target) else ""
    said = scoring_batch.findings(scored, target, version, deployment, order) if deployment else ()
    scoring = Scoring(whole, scored, trained, version, target, way, deployment, said)
    movements.require(staging.data_movement(scored, item, scoring.site))
    movements.require(model_movement(trained, version, scoring.site))
    preflight.require(story, scoring.site)
    return scoring


def ship_model(scoring: Scoring) -> shipping.Shipped:
    """Ensure a verified copy of the model at the site of the job; stripped where its residency asks for it."""
    return shipping.ship(scoring.trained, scoring.version, [scoring.site])


def stage_data(scoring: Scoring) -> staging.StagedInputs:
    """Bring the data to the site of the job; refused before a byte moves."""
    return staging.stage(scoring.story, scoring.site)


def submit(scoring: Scoring, shipped: shipping.Shipped, staged: staging.StagedInputs) -> Attempt:
    """Ensure that the job of this scoring is on its target. Safe to repeat.

    Raises:
        JobLostError: the target refused the job.
    """
    story = scoring.story
    attempt = _adopted(scoring.story, scoring.order.target)
    if attempt is None:
        _leave(scoring)
        number = len(training.attempts(story, Kind.SCORING)) + 1
        name = job_name(f"{story.scenario.name}-score", story.run_key, number)
        attempt = Attempt(number, scoring.target, name, "", way=scoring.way)
        training.record_attempt(story, attempt, "submitted", _what(scoring), Kind.SCORING)
    inputs = {MODEL: _model_path(scoring, shipped), DATA: staged.values[scoring.data.asset.name]}
    try:
        _send(scoring, attempt, inputs, shipped.copies[scoring.site].digest)
    except (QuotaExceededError, RefusedError) as error:
        raise JobLostError(f"{attempt.target} refused job {attempt.name}: {error.message}", error.hint) from error
    return attempt


def wait(scoring: Scoring, attempt: Attempt) -> Scored:
    """Wait until the job is final, and write down what it made and where that is.

    Raises:
        JobFailedError: it failed, be it because too many files did; its log says which.
    """
    return follow(scoring.story, attempt, _what(scoring))


def follow(story: Story, attempt: Attempt, what: Mapping[str, Json]) -> Scored:
    """The same for whoever has only the ledger: `what` is what it says of the scoring, `story` has the scoring's key.

    Raises:
        JobFailedError: as `wait`.
        NotFoundError: the target does not know the job.
    """
    status = training.await_final(story, attempt)
    said: dict[str, Json] = {"outcome": status.phase, "reason": status.reason, "detail": status.detail}
    if status.phase is not JobPhase.SUCCEEDED:
        training.record_attempt(story, attempt, status.phase, {**what, **said}, Kind.SCORING)
        raise training.failure(attempt, status, "landbridge logs --scoring")
    output = status.outputs.get(PREDICTIONS, "").removeprefix("file://")
    try:
        if attempt.way:
            scoring_endpoint.summarise(cast(list[str], what["files"]), Path(output), SUMMARY)
        counts = counts_of(json.loads((Path(output) / SUMMARY).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        lost: dict[str, Json] = {"outcome": JobPhase.FAILED, "reason": "NoSummary", "detail": str(error)}
        training.record_attempt(story, attempt, JobPhase.FAILED, {**what, **lost}, Kind.SCORING)
        raise JobFailedError(
            f"Job {attempt.name} on {attempt.target} succeeded but left no readable {SUMMARY} in {output or 'no output'}.",
            "Order the scoring again: it is made anew.",
        ) from error
    if attempt.way and 0 <= cast(Mapping[str, int], what["order"])["error_threshold"] < counts.failed_files:
        many: dict[str, Json] = {"outcome": JobPhase.FAILED, "reason": "FailedFiles", "detail": counts.summary}
        training.record_attempt(story, attempt, JobPhase.FAILED, {**what, **many}, Kind.SCORING)
        raise JobFailedError(
            f"Job {attempt.name} on {attempt.target}: {counts.summary}.", "See `landbridge logs --scoring`."
        )
    made: dict[str, Json] = {"output": output, "counts": dict(asdict(counts))}
    training.record_attempt(story, attempt, status.phase, {**what, **said, **made}, Kind.SCORING)
    return Scored(attempt.name, attempt.target, str(what["site"]), output, counts)


def _send(scoring: Scoring, attempt: Attempt, inputs: Mapping[str, str], model_digest: str) -> None:
    """Ensure the job on its target, by the attempt's way. `model_digest`: of the copy that is there."""
    inventory = scoring.story.inventory
    if not attempt.way:
        with scoring_job.whole_code(scoring.story, scoring.deployment, scoring.threshold) as story:
            connections.training(inventory, attempt.target).submit(training.job_of(story, attempt, inputs))
        return
    order = replace(
        _batch_order(scoring),
        name=attempt.name,
        model_url=inputs[MODEL],
        model_digest=model_digest,
        data=inputs[DATA],
    )
    connections.require_batch(inventory, attempt.target).submit(order)


def _batch_order(scoring: Scoring) -> BatchOrder:
    return scoring_endpoint.order_of(scoring.story, scoring.version, scoring.threshold)


def model_movement(trained: Story, version: ModelVersion, site: str) -> Movement:
    """The movement that bringing the model to `site` would be; data that it was made of has its say."""
    return movements.planned(trained, MovementKind.MODEL, version.model, registry_site(trained), site)


def _place(scored: Story, trained: Story, version: ModelVersion, order: ScoringOrder) -> str:
    """The target of the attempt that was begun, else what placement chooses; the choice is written down."""
    begun = _adopted(scored, order.target)
    if begun is not None:
        return begun.target
    moves = {site: model_movement(trained, version, site) for site in scored.inventory.sites}
    kept_out = {site: move for site, move in moves.items() if not move.allowed}
    asked = scoring_endpoint.order_of(scored, version, order.error_threshold or 0)
    placement = scoring_place.require_place(scored, order.target, kept_out, asked)
    payload: dict[str, Json] = dict(asdict(placement))
    entry = Entry(Kind.DECISION, scored.scenario.name, scored.run_key, "placement", time.time(), payload)
    connections.ledger(scored.inventory.home).record(entry)
    return str(placement.chosen)


def _adopted(scored: Story, wanted: str) -> Attempt | None:
    """The attempt that this order is: the newest without a bad end, on the target that was asked for."""
    fitting = [item for item in _without_bad_end(scored) if wanted in {"", item.target}]
    return fitting[-1] if fitting else None


def _without_bad_end(scored: Story) -> list[Attempt]:
    tries = training.attempts(scored, Kind.SCORING)
    return [
        item for item in tries if item.outcome in {"", JobPhase.SUCCEEDED} and item.target in scored.inventory.targets
    ]


def _leave(scoring: Scoring) -> None:
    """End what goes on elsewhere. No run waits for it, for this one holds the lease: it was stopped, or killed."""
    for item in _without_bad_end(scoring.story):
        if item.outcome or item.target == scoring.target:
            continue
        with suppress(LandbridgeError):  # a target that does not answer: what its job leaves, nobody asks for
            connections.runner(scoring.story.inventory, item.target, item.way).cancel(item.ref)
        left: dict[str, Json] = {"outcome": JobPhase.FAILED, "reason": "Left", "detail": f"ordered on {scoring.target}"}
        training.record_attempt(scoring.story, item, "left", {**_what(scoring), **left}, Kind.SCORING)


def _version(story: Story, number: str) -> ModelVersion:
    found = versions.named(story, number) if number else versions.champion(story)
    if found is None:
        raise NotFoundError(
            f"Model {story.scenario.model.name!r} has no champion.",
            "Run the scenario first, or name a version with --version.",
        )
    return found


def _data(story: Story, word: str) -> StoredData:
    """The data set of that name; or data at a URI, under the residency of the data set that it is part of.

    Data that no data set declares has no rule that lets it move, so it stays at its own site.
    """
    if word in story.data:
        return story.data[word]
    if not word.startswith(STORE_PREFIX):
        raise InputError(
            f"{word!r} is no data set of the scenario{nearest(word, story.data)}.",
            f"Name one of: {', '.join(story.data)}; or write `{STORE_PREFIX}<store>/paths/<path>`.",
            line_of(story.scenario.path, "data"),
        )
    store, path = data_location(DataAsset(word, word), story.job, story.inventory)
    if not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise InputError(f"The path {path!r} is not plain.", "Write it without `.`, `..` and empty parts.")
    around = [item for item in story.data.values() if item.store.name == store.name and _is_in(path, item.path)]
    whole = max(around, key=lambda item: len(item.path), default=None)  # the innermost has the rule that was meant
    bound = whole.asset.residency if whole else frozenset({store.site})
    name = whole.asset.name if whole else f"{store.name}/{path}"
    snapshot = connections.data_store(story.inventory, store.name).snapshot(path)
    return StoredData(DataAsset(name, word, bound), store, path, snapshot)


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _require_scorable(story: Story, deployment: BatchDeployment | None) -> None:
    has_script = deployment is not None and bool(deployment.scoring_script)
    if story.scenario.endpoint.scoring is not None and not has_script:
        raise CapabilityMissingError(
            f"Model {story.scenario.model.name!r} is scored by the scenario's own code (endpoint.scoring).",
            "Name a batch deployment with code_configuration in endpoint.batch, or save the model in MLflow's format.",
            line_of(story.scenario.path, "endpoint"),
        )


def _require_at_home(scored: Story) -> None:
    kinds = {name: site.kind for name, site in scored.inventory.sites.items()}
    if wrong := residency.misplaced(scored.homed, kinds):
        raise ResidencyError(
            "; ".join(wrong) + ".", "Move the data, or correct its residency in the scenario.", scored.scenario.path
        )


def _model_path(scoring: Scoring, shipped: shipping.Shipped) -> str:
    """The copy's folder where the site's models are on this machine, else its URL, for a target that reads that store."""
    copy = shipped.copies[scoring.site]
    try:
        return SiteModels(scoring.story.inventory.sites[scoring.site], scoring.story.inventory).local_path(copy)
    except CapabilityMissingError:
        return copy.url


def _what(scoring: Scoring) -> dict[str, Json]:
    """What whoever follows the job must know, also when the data is other by then."""
    files: list[Json] = [file.path for file in scoring.data.snapshot.files]
    return {
        "model": scoring.version.model,
        "version": scoring.version.version,
        "model_digest": scoring.version.digest,
        "data": scoring.data.asset.uri,
        "data_digest": scoring.data.snapshot.digest,
        "site": scoring.site,
        "order": dict(asdict(scoring.order)),
        **({"findings": [f"{item.field}: {item.detail}" for item in scoring.findings]} if scoring.findings else {}),
        **({"files": files} if scoring.way else {}),  # a batch endpoint does not say which it read
    }
