"""Is the trained model good enough, and if so, which version is it?"""

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from landbridge.domain.errors import GateError, InputError, JobFailedError
from landbridge.domain.gate import Verdict, VerdictOutcome, judge
from landbridge.domain.ledger import Entry, Kind, Lease
from landbridge.domain.lineage import RUN_KEY, lineage_tags
from landbridge.domain.nearest import nearest
from landbridge.domain.plan import Movement, MovementKind
from landbridge.domain.requests import Candidate
from landbridge.domain.residency import exportable_metrics, must_strip
from landbridge.domain.values import Json, ModelVersion
from landbridge.drivers.fsspec.models import strip_model
from landbridge.files.document import place
from landbridge.operations import connections, movements
from landbridge.operations.sites import registry_site, tracking_site
from landbridge.operations.story import Story
from landbridge.operations.training import TrainedJob, lineage_of

CHAMPION = "champion"
CHALLENGER = "challenger"
ALL_METRICS = "all"  # no data is bound: the job logs into the registry itself


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a job left: its model's folder and the metrics it logged."""

    trained: TrainedJob
    folder: str
    metrics: Mapping[str, float]

    @property
    def summary(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in sorted(self.metrics.items()))


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate and what the gate said of it."""

    evaluated: Evaluated
    verdict: Verdict

    @property
    def summary(self) -> str:
        return f"{self.verdict.outcome}: " + "; ".join(reason.detail for reason in self.verdict.reasons)


def evaluate(story: Story, trained: TrainedJob) -> Evaluated:
    """Read what the job left.

    Raises:
        JobFailedError: it left no model.
    """
    name = story.scenario.model.output
    folder = Path(trained.status.outputs.get(name, "").removeprefix("file://"))
    if not trained.status.outputs.get(name) or not folder.is_dir() or not any(folder.iterdir()):
        raise JobFailedError(
            f"Job {trained.attempt.name} succeeded but left no model in its output {name!r}.",
            f"Write the model into ${{{{outputs.{name}}}}}, or set model.output to the output that holds it.",
            place(story.scenario.path, "model"),
        )
    if story.scenario.endpoint.scoring is None and not (folder / "MLmodel").is_file():
        raise JobFailedError(
            f"Output {name!r} of job {trained.attempt.name} is no MLflow model: it has no MLmodel file.",
            "Save it with mlflow.<flavour>.save_model, or give endpoint.scoring a score.py.",
            place(story.scenario.path, "endpoint"),
        )
    metrics = connections.tracker(story.inventory, tracking_site(story)).metrics(trained.attempt.tracking_run)
    return Evaluated(trained, str(folder), metrics)


def judge_candidate(story: Story, evaluated: Evaluated) -> Judged:
    """Ask the gate, and write down what it said.

    Raises:
        GateError: Fail or Inconclusive, with all reasons. The champion stays.
        InputError: the gate names a metric that the job does not log.
    """
    site = registry_site(story)
    registry = connections.registry(story.inventory, site)
    champion = registry.find(story.scenario.model.name, alias=CHAMPION)
    mine = champion is not None and champion.tags.get(RUN_KEY) == story.run_key
    compared = None if champion is None or mine else champion.metrics
    try:
        verdict = judge(story.scenario.gate, evaluated.metrics, compared)
    except InputError as error:
        raise InputError(error.message, error.hint, place(story.scenario.path, "gate")) from error
    record_verdict(story, verdict, f"run-{story.run_key}")
    if not verdict.passed:
        raise refusal(place(story.scenario.path, "gate"), verdict)
    return Judged(evaluated, verdict)


def record_verdict(story: Story, verdict: Verdict, of: str) -> None:
    """Write down what the gate said of a run's candidate (`run-<key>`) or of a version (`version-<number>`)."""
    payload: dict[str, Json] = dict(asdict(verdict))
    entry = Entry(Kind.VERDICT, story.scenario.name, story.run_key, of, time.time(), payload)
    connections.ledger(story.inventory.home).record(entry)


def refusal(where: str, verdict: Verdict) -> GateError:
    """Tell why the gate did not let it pass."""
    bad = "; ".join(reason.detail for reason in verdict.reasons if reason.outcome is not VerdictOutcome.PASS)
    return GateError(
        f"The gate said {verdict.outcome}: {bad}. What serves now keeps serving.",
        "Train a better model, or change the gate if it asks too much.",
        where,
    )


def register(story: Story, judged: Judged, lease: Lease) -> ModelVersion:
    """Ensure one version for this run key; the model leaves its residency boundary only stripped, and with approved metrics.

    Raises:
        ResidencyError: the model or a metric may not be in that registry.
        FencedError: a newer run took over.
    """
    evaluated = judged.evaluated
    home, site = connections.site_of(story.inventory, evaluated.trained.attempt.target).name, registry_site(story)
    connections.ledger(story.inventory.home).check(lease)
    metrics = exported_metrics(story, home, evaluated.metrics)
    lineage = replace(
        lineage_of(story, evaluated.trained.attempt.target),
        token=lease.token,
        exported_metrics=tuple(sorted(metrics)),
    )
    tracked_here = tracking_site(story) == site
    with leaving(story, evaluated.folder, home, site) as folder:
        run_id = evaluated.trained.attempt.tracking_run if tracked_here else ""
        candidate = Candidate(story.scenario.model.name, story.run_key, folder, run_id, lineage_tags(lineage), metrics)
        registry = connections.registry(story.inventory, site)
        version = registry.register(candidate)
    if CHAMPION not in version.aliases:
        registry.set_alias(version.model, CHALLENGER, version.version)
    for movement in registration_movements(story, home):
        size = None if movement.kind is MovementKind.METRICS else _size(evaluated.folder)
        movements.record(story, replace(movement, digest=version.digest if size else "", size_bytes=size))
    _record_version(story, version, site)
    return version


def registration_movements(story: Story, home: str) -> tuple[Movement, ...]:
    """What crosses when a model trained at `home` is registered: the model, and the metrics: by name where data is bound."""
    site = registry_site(story)
    if home == site:
        return ()
    model = movements.planned(story, MovementKind.MODEL, story.scenario.model.name, home, site)
    names = sorted(story.scenario.exports.metrics) if _is_bound(story, home) else [ALL_METRICS]
    return (model, *(movements.planned(story, MovementKind.METRICS, name, home, site) for name in names))


def exported_metrics(story: Story, home: str, metrics: Mapping[str, float]) -> Mapping[str, float]:
    """Those metrics of a job at `home` that may be in the model's registry: all, unless resident data may not be there.

    Raises:
        InputError: the scenario exports a metric that the job did not log.
    """
    if not _is_bound(story, home):
        return metrics
    absent = next((name for name in story.scenario.exports.metrics if name not in metrics), None)
    if absent is not None:
        raise InputError(
            f"exports.metrics names {absent!r}{nearest(absent, metrics)}, which the job did not log.",
            "Log it in the job (mlflow.log_metric), or take it out of exports.metrics.",
            place(story.scenario.path, "exports", "metrics"),
        )
    allowed = exportable_metrics(metrics, story.homed, story.border(home, registry_site(story)))
    return {name: metrics[name] for name in allowed}


def _is_bound(story: Story, home: str) -> bool:
    """Whether resident data may not be where the registry is: then only named metrics and a stripped model go there."""
    return must_strip(story.homed, story.border(home, registry_site(story)))


@contextmanager
def leaving(story: Story, folder: str, home: str, site: str) -> Iterator[str]:
    """The model's folder as it may be at `site`: the same, or a copy without samples, which is removed at the end."""
    if home == site:
        yield folder
        return
    movements.require(movements.planned(story, MovementKind.MODEL, story.scenario.model.name, home, site))
    if not must_strip(story.homed, story.border(home, site)):
        yield folder
        return
    scratch = tempfile.mkdtemp(prefix="landbridge-strip-")
    try:
        target = str(Path(scratch) / "model")
        strip_model(folder, target)
        yield target
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _size(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def _record_version(story: Story, version: ModelVersion, site: str) -> None:
    payload: dict[str, Json] = {
        "model": version.model,
        "version": version.version,
        "digest": version.digest,
        "registry": site,
        "trigger": story.request.trigger,
        "scenario_file": story.request.scenario,
        "tags": dict(version.tags),
    }
    entry = Entry(Kind.VERSION, story.scenario.name, story.run_key, version.version, time.time(), payload)
    connections.ledger(story.inventory.home).record(entry)
