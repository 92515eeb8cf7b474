"""Training on a cluster: one training job is one `batch/v1` Job, and that Job is the record.

A job that the cluster will never start is ended by whoever reads it first, with the cluster's own reason as an annotation:
so it stops waiting for room that cannot come, and every later reader sees the same.
"""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from landbridge.domain.capacity import Capacity
from landbridge.domain.errors import InputError, NotFoundError, RefusedError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.job import CommandJob
from landbridge.domain.names import is_legal_label
from landbridge.domain.plan import Finding
from landbridge.domain.requests import TrainingJob
from landbridge.domain.values import Avoid, JobPhase, JobRef, JobStatus
from landbridge.drivers.kubernetes.artifacts import ArtifactStore, artifact_store
from landbridge.drivers.kubernetes.capacity import measure
from landbridge.drivers.kubernetes.cluster import JOBS, Cluster, Object, connect
from landbridge.drivers.kubernetes.errors import lacks_namespace
from landbridge.drivers.kubernetes.job_manifest import JOB_LABEL, KEY_ENDED, KEY_OUTPUTS, kube_name
from landbridge.drivers.kubernetes.options import read_options
from landbridge.drivers.kubernetes.pod_template import MANAGED_BY, OURS, TARGET
from landbridge.drivers.kubernetes.reasons import Why
from landbridge.drivers.kubernetes.training_findings import findings
from landbridge.drivers.kubernetes.training_logs import JobLog
from landbridge.drivers.kubernetes.training_outputs import archive_keys, collect
from landbridge.drivers.kubernetes.training_reading import JobReader
from landbridge.drivers.kubernetes.training_state import Seen, index_of, is_final, read_message, reading
from landbridge.drivers.kubernetes.training_submit import Site, output_key, submit
from landbridge.drivers.sharing import the_one

OWN_LOOPBACK = frozenset({"hostNetwork", "containers", "initContainers"})  # a container beside ours may lead back here
CANCEL_SECONDS = 15.0  # the job's own grace is 5 s, then its log is sent
CANCEL_POLL_SECONDS = 0.2


class KubernetesTraining:
    """TrainingTarget, CanStreamLogs, CanListJobs, RunsElsewhere."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._target = target
        self._inventory = inventory
        self._options = read_options(target, inventory)
        self._jobs = Path(inventory.home).absolute() / "sites" / target.site / "jobs" / target.name
        self._opened: ArtifactStore | None = None

    def capacity(self) -> Capacity:
        return measure(self._cluster, self._target)

    def findings(self, job: CommandJob) -> tuple[Finding, ...]:
        return findings(job, self._target, self._options)

    def is_surely_elsewhere(self) -> bool:
        """As the port says: a pod has a loopback of its own, unless `overrides` give it the node's or put something there."""
        spec = self._options.overrides.get("spec")
        return not isinstance(spec, dict) or OWN_LOOPBACK.isdisjoint(spec)

    def submit(self, job: TrainingJob) -> JobRef:
        """As the port says. Raises RefusedError when the namespace is not there: the target's fault, not the job's."""
        _check_name(job.name)
        try:
            submit(job, Site(self._target, self._inventory, self._options, self._cluster(), self._store()))
        except NotFoundError as error:
            if not lacks_namespace(error):
                raise
            raise RefusedError(error.message, error.hint) from error
        return JobRef(self._target.name, job.name)

    def observe(self, ref: JobRef) -> JobStatus:
        """As the port says. All of this process who observe jobs of the namespace share readings, and may wait for their turn."""
        cluster = self._cluster()
        _check_name(ref.name)
        seen = self._seen(cluster, ref.name)
        if seen is None:
            raise self._no_job(cluster, ref)
        found = reading(seen)
        if found.why and found.why.certain and not found.status.phase.is_final:
            return self._end(cluster, seen.job, found.why)
        if found.status.phase is JobPhase.SUCCEEDED:
            return self._with_outputs(found.status, seen.job, seen.pods)
        return found.status

    def cancel(self, ref: JobRef) -> None:
        """As the port says; blocks until the pods have ended, 15 s at most."""
        cluster = self._cluster()
        job = cluster.find(JOBS, kube_name(ref.name)) if is_legal_label(ref.name) else None
        if job is None or is_final(job):
            return
        self._end(cluster, job, Why("Cancelled", "The job was cancelled", "", Avoid.EVERYTHING))
        deadline = time.monotonic() + CANCEL_SECONDS
        while time.monotonic() < deadline and _is_active(self._seen(cluster, ref.name)):
            time.sleep(CANCEL_POLL_SECONDS)

    def logs(self, ref: JobRef, follow: bool) -> Iterator[str]:
        cluster = self._cluster()
        job = self._found(cluster, ref)
        log = JobLog(cluster, self._store, self._target.name, ref.name)
        yield from log.lines(_instances(job), follow, lambda: is_final(self._found(cluster, ref)))

    def jobs(self) -> tuple[JobRef, ...]:
        found = self._cluster().items(JOBS, labels=f"{MANAGED_BY}={OURS},{TARGET}={self._target.name}")
        return tuple(JobRef(self._target.name, _full_name(job)) for job in found)

    def _cluster(self) -> Cluster:
        return connect(*self._options.place)

    def _store(self) -> ArtifactStore:
        if self._opened is None:
            self._opened = artifact_store(self._options, self._target.name)
        return self._opened

    def _found(self, cluster: Cluster, ref: JobRef) -> Object:
        _check_name(ref.name)
        job = cluster.find(JOBS, kube_name(ref.name))
        if job is None:
            raise self._no_job(cluster, ref)
        return job

    def _no_job(self, cluster: Cluster, ref: JobRef) -> NotFoundError:
        return NotFoundError(
            f"There is no job {ref.name!r} on target {self._target.name!r} ({cluster.label}).",
            "Run the scenario again: submitting is idempotent.",
        )

    def _seen(self, cluster: Cluster, name: str) -> Seen | None:
        return the_one(JobReader, *self._options.place).seen(cluster, name)

    def _end(self, cluster: Cluster, job: Object, why: Why) -> JobStatus:
        """Write down why, in the Job itself, and let Kubernetes end its pods. A suspended Job that is resumed ends at once."""
        said = json.dumps({"reason": why.reason, "detail": why.sentence.strip(), "avoid": why.avoid, "at": time.time()})
        change: Object = {"metadata": {"annotations": {KEY_ENDED: said}}, "spec": {"activeDeadlineSeconds": 1}}
        changed = cluster.patch(JOBS, str(job["metadata"]["name"]), change)
        return reading(Seen(changed)).status

    def _with_outputs(self, status: JobStatus, job: Object, pods: Sequence[Object]) -> JobStatus:
        name = _full_name(job)
        outputs = json.loads((job["metadata"].get("annotations") or {}).get(KEY_OUTPUTS) or "[]")
        digests = {
            output_key(self._target.name, name, output, index_of(pod)): str(told[0])
            for pod in pods
            for output, told in read_message(pod).outputs.items()
        }
        keys = archive_keys(self._target.name, name, outputs, _instances(job))
        urls = collect(self._store(), self._jobs / name / "outputs", keys, digests)
        return JobStatus(
            status.phase, status.reason, status.detail, status.exit_code, status.started_at, status.ended_at, urls
        )


def _check_name(name: str) -> None:
    if not is_legal_label(name):
        raise InputError(f"{name!r} is no legal job name.", "Use up to 63 of a-z, 0-9 and -, not at the ends.")


def _full_name(job: Object) -> str:
    return str((job["metadata"].get("labels") or {}).get(JOB_LABEL) or job["metadata"]["name"])


def _instances(job: Object) -> int:
    return int(job["spec"].get("completions") or 1)


def _is_active(seen: Seen | None) -> bool:
    pods = seen.pods if seen else ()
    return any((pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"} for pod in pods)
