"""Train: one job per run key and attempt, whoever asks and however often."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from landbridge.domain.errors import JobFailedError, JobLostError, LandbridgeError, QuotaExceededError, RefusedError
from landbridge.domain.ledger import Entry, Kind
from landbridge.domain.lineage import RUN_KEY, SCENARIO, Lineage
from landbridge.domain.names import job_name, tracking_run_name
from landbridge.domain.placement import Placement
from landbridge.domain.requests import TrackingRun, TrainingJob
from landbridge.domain.values import Avoid, JobPhase, JobRef, JobStatus, Json
from landbridge.operations import connections
from landbridge.operations.sites import environment_on, tracking_site
from landbridge.operations.story import Story, timeout_seconds
from landbridge.ports import TracksRuns

GRACE_SECONDS = 30.0  # the target enforces the limit; this long after it we stop believing that it will

START_SECONDS = 10.0  # a claimed job whose starter died is started by the next submit; after this long, elsewhere


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at the job of a run key.

    Attributes:
        tracking_run: the run in the tracking site's registry.
        way: how it came to the target: "" = as a job, "endpoint" = through a batch endpoint.
    """

    number: int
    target: str
    name: str
    tracking_run: str
    outcome: str = ""
    way: str = ""

    @property
    def summary(self) -> str:
        return f"job {self.name} on {self.target}"

    @property
    def ref(self) -> JobRef:
        return JobRef(self.target, self.name)


@dataclass(frozen=True, slots=True)
class TrainedJob:
    """A job that succeeded."""

    attempt: Attempt
    status: JobStatus

    @property
    def summary(self) -> str:
        started, ended = self.status.started_at, self.status.ended_at
        took = f" in {ended - started:.1f} s" if started and ended else ""
        return f"{self.attempt.name} succeeded on {self.attempt.target}{took}"


def attempts(story: Story, kind: Kind = Kind.JOB) -> tuple[Attempt, ...]:
    """All tries at this run key, oldest first, from the ledger: the intent is written before the submit."""
    found: dict[int, Attempt] = {}
    entries = connections.ledger(story.inventory.home).entries(kind=kind, run_key=story.run_key)
    for entry in reversed(entries):
        payload = entry.payload
        number = int(str(payload["attempt"]))
        known = found.get(number)
        outcome = str(payload.get("outcome", "")) or (known.outcome if known else "")
        target, name, run = (str(payload[key]) for key in ("target", "name", "tracking_run"))
        found[number] = Attempt(number, target, name, run, outcome, str(payload.get("way", "")))
    return tuple(found[number] for number in sorted(found))


def open_attempt(story: Story) -> Attempt | None:
    """The try that has no bad end yet: still running, succeeded, or never seen to end. It is adopted, not repeated."""
    tries = attempts(story)
    return tries[-1] if tries and tries[-1].outcome in {"", JobPhase.SUCCEEDED} else None


def leave(story: Story, avoided: Mapping[str, str]) -> None:
    """Give up the open try when its target (target → why) is avoided: the next try is a new job, elsewhere."""
    attempt = open_attempt(story)
    if attempt is None or attempt.target not in avoided:
        return
    with suppress(LandbridgeError):  # a target that does not answer: `reconcile` ends the job once it does
        connections.training(story.inventory, attempt.target).cancel(attempt.ref)
    with suppress(LandbridgeError):
        _tracker(story).end_run(attempt.tracking_run, succeeded=False)
    lost: dict[str, Json] = {"outcome": JobPhase.FAILED, "reason": "Lost", "detail": avoided[attempt.target]}
    record_attempt(story, attempt, "left", lost)


def submit(story: Story, placement: Placement, inputs: Mapping[str, str]) -> Attempt:
    """Ensure that the job of this run key is on its target. Safe to repeat.

    Raises:
        TransientError: the target or the tracking server did not answer.
        JobLostError: the target refused the job; another target may take it.
        PermanentError: the job, or what it needs, is wrong.
    """
    attempt = open_attempt(story)
    number = attempt.number if attempt else len(attempts(story)) + 1
    run = _tracking_run(story, number)
    if attempt is None:
        name = job_name(story.scenario.name, story.run_key, number)
        attempt = Attempt(number, str(placement.chosen), name, run.run_id)
        record_attempt(story, attempt, "submitted")
    job = job_of(story, attempt, inputs, run.environment)
    try:
        connections.training(story.inventory, attempt.target).submit(job)
    except (QuotaExceededError, RefusedError) as error:
        raise JobLostError(f"{attempt.target} refused job {attempt.name}: {error.message}", error.hint) from error
    return attempt


def wait(story: Story, attempt: Attempt) -> TrainedJob:
    """Wait until the job is final; the target's record is read, nothing is assumed.

    Raises:
        JobFailedError: with the target's reason and where the log is.
        JobLostError: the target lost the job; another target may try.
    """
    status = await_final(story, attempt)
    said: dict[str, Json] = {"reason": status.reason, "detail": status.detail, "avoid": status.avoid}
    record_attempt(story, attempt, status.phase, {"outcome": status.phase, **said})
    _tracker(story).end_run(attempt.tracking_run, status.phase is JobPhase.SUCCEEDED)
    if status.phase is JobPhase.SUCCEEDED:
        return TrainedJob(attempt, status)
    raise failure(attempt, status)


def await_final(story: Story, attempt: Attempt) -> JobStatus:
    """Read the job until it is final; one that is overdue is cancelled, and failed."""
    target = connections.runner(story.inventory, attempt.target, attempt.way)
    since, pause = time.monotonic(), 0.02
    status = target.observe(attempt.ref)
    while not status.phase.is_final:
        overdue = _overdue(status, time.monotonic() - since, timeout_seconds(story))
        if overdue is not None:
            target.cancel(attempt.ref)
            return overdue
        time.sleep(pause)
        pause, before = next_pause(pause, time.monotonic() - since), status.phase
        status = target.observe(attempt.ref)
        since = since if status.phase is before else time.monotonic()
    return status


def next_pause(pause: float, waited: float) -> float:
    """How long to wait before a job is read again: half a second, of a long job one percent of its age, five at most.

    A target with many long jobs is asked rarely, and the end of none is seen late by more than it took already.
    """
    return min(pause * 1.5, max(0.5, min(waited / 100, 5.0)))


def _overdue(status: JobStatus, waited: float, limit: float) -> JobStatus | None:
    """What to call a job that its target should have started or ended long ago, or None. `waited`: in its phase, s."""
    if status.reason == "NotStarted" and waited > START_SECONDS:
        detail = f"it was not started within {START_SECONDS:g} s"
        return JobStatus(JobPhase.FAILED, "Lost", detail, avoid=Avoid.TARGET)
    if status.phase is JobPhase.RUNNING and waited > limit + GRACE_SECONDS:
        return JobStatus(JobPhase.FAILED, "Timeout", "the target did not end the job at its limit")
    return None


def lineage_of(story: Story, target: str) -> Lineage:
    """Where a model of this story, trained on `target`, comes from."""
    site = connections.site_of(story.inventory, target).name
    return Lineage(story.parts, target=target, site=site, trigger=story.request.trigger)


def failure(attempt: Attempt, status: JobStatus, logs: str = "landbridge logs") -> JobFailedError:
    """What a job's bad end is to whoever waits for it."""
    said = f"Job {attempt.name} on {attempt.target} failed: {status.reason}: {status.detail}"
    if status.avoid is not Avoid.EVERYTHING:
        return JobLostError(said, "Run again; another target is tried where the scenario allows it.")
    hints = {
        "Timeout": "Give the job more time (limits.timeout) or less to do.",
        "DiskFull": "Free disk space at the target, or write less.",
        "OutOfMemory": "Ask for more memory (requires.memory), or read the data in parts.",
    }
    hint = hints.get(status.reason, "Mend the job;")
    return JobFailedError(said, f"{hint} `{logs}` shows what it said.")


def _tracker(story: Story) -> TracksRuns:
    return connections.tracker(story.inventory, tracking_site(story))


def _tracking_run(story: Story, number: int) -> TrackingRun:
    name = tracking_run_name(story.scenario.name, story.run_key, number)
    tags = {RUN_KEY: story.run_key, SCENARIO: story.scenario.name}
    return _tracker(story).start_run(name, story.job.experiment_name or story.scenario.name, tags)


def job_of(
    story: Story, attempt: Attempt, inputs: Mapping[str, str], variables: Mapping[str, str] | None = None
) -> TrainingJob:
    """What the target of `attempt` is given; `variables` are set beside the job's own."""
    job = story.job
    return TrainingJob(
        name=attempt.name,
        job=job,
        code=job.code,
        inputs=inputs,
        environment=environment_on(story, attempt.target),
        environment_variables={**_threads(story), **job.environment_variables, **(variables or {})},
        timeout_seconds=timeout_seconds(story),
        resources=story.scenario.requires.resources,
        instance_type=story.scenario.requires.instance_type or job.resources.instance_type,
        labels={"landbridge.scenario": story.scenario.name, "landbridge.run-key": story.run_key},
    )


def _threads(story: Story) -> Mapping[str, str]:
    """As many OpenMP threads as CPUs were asked for: more than that spin against each other and take many times as long."""
    millicores = story.scenario.requires.resources.cpu_millicores
    return {"OMP_NUM_THREADS": str(max(1, millicores // 1000))} if millicores else {}


def record_attempt(
    story: Story, attempt: Attempt, event: str, more: Mapping[str, Json] | None = None, kind: Kind = Kind.JOB
) -> None:
    """Write down what became of an attempt."""
    payload: dict[str, Json] = {
        "attempt": attempt.number,
        "target": attempt.target,
        "name": attempt.name,
        "tracking_run": attempt.tracking_run,
        **({"way": attempt.way} if attempt.way else {}),
        **(more or {}),
    }
    key = f"attempt-{attempt.number}-{event}"
    entry = Entry(kind, story.scenario.name, story.run_key, key, time.time(), payload)
    connections.ledger(story.inventory.home).record(entry)
