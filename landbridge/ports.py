"""What a driver promises. The docstrings are the contract; tests/contract holds every driver to it.

Required ports have at most five methods. An optional power is a `Protocol` of its own, asked for with
`isinstance` when the scenario is planned, never half-way through a run.

For every method: `ensure` verbs (`submit`, `apply`, `register`, `shift`) may be repeated with the same arguments
and change nothing the second time; `observe`/`find` read once and never wait; `cancel`/`remove` are silent when
there is nothing to end. Only errors of `landbridge.domain.errors` leave a driver: `TransientError` when the world may heal,
`PermanentError` when not, the vendor's error as `__cause__`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from landbridge.domain.inventory import Datastore, InstanceType, Inventory, RegistrySpec, Target
from landbridge.domain.job import CommandJob
from landbridge.domain.ledger import Entry, Lease, Release
from landbridge.domain.offers import OfferedCompute
from landbridge.domain.operating import Change, Diagnosis, Examination, NamespacePlan, OfferedType
from landbridge.domain.placement import Capacity
from landbridge.domain.plan import Check, Finding
from landbridge.domain.requests import (
    BatchOrder,
    Candidate,
    ColourSpec,
    EndpointStatus,
    Prediction,
    RequestCounts,
    Snapshot,
    TrackingRun,
    TrainingJob,
)
from landbridge.domain.values import JobRef, JobStatus, ModelVersion


@runtime_checkable
class TrainingTarget(Protocol):
    """Runs jobs."""

    def capacity(self) -> Capacity:
        """Measure what is free now. A target that cannot be asked answers `reachable=False` with the reason; never raises."""

    def findings(self, job: CommandJob) -> tuple[Finding, ...]:
        """Name every field of `job` that this target refuses or replaces. Asks nobody; nothing is dropped silently."""

    def submit(self, job: TrainingJob) -> JobRef:
        """Ensure that the job named `job.name` exists. A second submit returns the first job, whatever it holds."""

    def observe(self, ref: JobRef) -> JobStatus:
        """Read the job once, from the target's own record: another process may have submitted it.

        Raises:
            NotFoundError: no such job here.
        """

    def cancel(self, ref: JobRef) -> None:
        """End the job and all its processes; its record stays, as Failed with reason `Cancelled`."""


@runtime_checkable
class CanStreamLogs(Protocol):
    def logs(self, ref: JobRef, follow: bool) -> Iterator[str]:
        """Yield the job's log, line by line, from its start; with `follow` until the job is final."""


@runtime_checkable
class CanListJobs(Protocol):
    def jobs(self) -> tuple[JobRef, ...]:
        """Every job of landbridge on this target, also those that nobody remembers."""


@runtime_checkable
class RunsElsewhere(Protocol):
    """Its jobs run on other machines than this: what listens on loopback here is not theirs."""

    def is_surely_elsewhere(self) -> bool:
        """Whether 127.0.0.1 in a job is never this machine; False where options or the way there leave it open. Asks nobody."""


@runtime_checkable
class CanBatchScore(Protocol):
    """Scores files by a batch endpoint of its own; elsewhere a scoring is a training job like any other."""

    @property
    def is_chosen(self) -> bool:
        """Whether the target's options ask for it. Asks nobody."""

    def foresee(self, order: BatchOrder) -> tuple[Finding, ...]:
        """Name what would refuse `order` now: a name, a kind of file, the compute, a limit on numbers. Asks the target.

        `order` is as far as it is known before anything moves: `model_url` and `data` may be "".
        """

    def submit(self, order: BatchOrder) -> JobRef:
        """Ensure the endpoint, the deployment of the model version, and the one job of `order.name`.

        A second submit returns the first job, whatever it holds. Blocks until the deployment is made.

        Raises:
            RefusedError, QuotaExceededError: the target takes it now from nobody.
            CorruptError: the model's files are not those that were ordered.
        """

    def observe(self, ref: JobRef) -> JobStatus:
        """As TrainingTarget. The output `predictions` is a folder of CSV files whose every line names the file of its row."""

    def cancel(self, ref: JobRef) -> None:
        """As TrainingTarget. The endpoint and its deployments stay."""


@runtime_checkable
class ServingTarget(Protocol):
    """Serves models behind stable endpoints, each with coloured deployments."""

    def apply(self, colour: ColourSpec) -> None:
        """Ensure that `colour.endpoint` exists and has this colour, with weight 0 when the colour is new.

        Returns at once; `observe` tells when it is Ready. A colour of that name with another model is replaced,
        unless it has traffic: then ConflictError.
        """

    def observe(self, endpoint: str) -> EndpointStatus:
        """Read the endpoint once: its colours, their phases with reasons, and its traffic. An absent endpoint has no colours."""

    def predict(self, endpoint: str, colour: str, body: str, timeout_seconds: float) -> Prediction:
        """Send one real request through the router, to `colour`, or by traffic weight when `colour` is "".

        An answer of the model, whatever its status code, is a Prediction. No answer is TargetUnavailableError.
        """

    def remove(self, endpoint: str, colour: str) -> None:
        """End a colour, after its requests in flight; the last colour takes the endpoint with it.

        Raises:
            ConflictError: the colour still has traffic.
        """

    def findings(self, colour: ColourSpec) -> tuple[Finding, ...]:
        """Name every serving setting that this target refuses or replaces. Asks nobody."""


@runtime_checkable
class CanShiftTraffic(Protocol):
    def shift(self, endpoint: str, weights: Mapping[str, int]) -> None:
        """Make `weights` (colour → percent, in sum 0 or 100) the traffic; returns once every new request follows it.

        Raises:
            ConflictError: a colour with weight > 0 is not Ready.
        """


@runtime_checkable
class LimitsTraffic(Protocol):
    def percents(self) -> frozenset[int]:
        """The percentages that `shift` can give to a colour. A target without this method takes any. Asks nobody."""


@runtime_checkable
class CanCountRequests(Protocol):
    def counts(self, endpoint: str) -> Mapping[str, RequestCounts]:
        """Answers since the colour started: colour → counts. They survive neither a restart of the router nor of the colour."""


@runtime_checkable
class CanForesee(Protocol):
    def foresee(self, colour: ColourSpec) -> tuple[Finding, ...]:
        """Name what would refuse `colour` now (a limit on numbers) or delay it (an image to fetch). Asks the target.

        `colour` is as far as a plan knows it: without a model yet, under the name that a release would give it.
        """


@runtime_checkable
class CanListEndpoints(Protocol):
    def endpoints(self) -> tuple[str, ...]:
        """Every endpoint of landbridge on this target."""


@runtime_checkable
class ModelRegistry(Protocol):
    """Keeps model versions, their lineage and aliases."""

    def register(self, candidate: Candidate) -> ModelVersion:
        """Ensure one version for `candidate.run_key`: a second call returns the first version."""

    def find(self, model: str, version: str = "", alias: str = "", run_key: str = "") -> ModelVersion | None:
        """The one version that fits, by exactly one of the three; None when there is none."""

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """All versions, newest first; empty for an unknown model."""

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Point `alias` at `version`; "" removes it. Does nothing when it is so already."""

    def fetch(self, version: ModelVersion, destination: str) -> str:
        """Copy the version's files into the local folder `destination` and return their tree digest.

        Raises:
            CorruptError: the digest is not the registered one.
        """


@runtime_checkable
class TracksRuns(Protocol):
    """A registry that also records training runs."""

    def start_run(self, name: str, experiment: str, tags: Mapping[str, str]) -> TrackingRun:
        """Ensure one tracking run called `name`; its `environment` lets the job log to it."""

    def metrics(self, run_id: str) -> Mapping[str, float]:
        """The last value of every metric of the run."""

    def end_run(self, run_id: str, succeeded: bool) -> None:
        """Close the run. Does nothing when it is closed."""


@runtime_checkable
class DataStore(Protocol):
    """Files at a site."""

    def snapshot(self, path: str) -> Snapshot:
        """Name the content of `path` (a file or a folder) by digests.

        Raises:
            NotFoundError: nothing is there.
        """

    def fetch(self, snapshot: Snapshot, destination: str, progress: Callable[[int], None]) -> int:
        """Make local folder `destination` equal to `snapshot`; returns the bytes moved.

        Only missing or different files move; a broken transfer is resumed; each file is checked and appears
        whole or not at all. `progress` is told bytes as they come.

        Raises:
            ConflictError: the store changed since the snapshot was taken.
        """

    def url(self, path: str) -> str:
        """The fsspec URL of `path`."""


@runtime_checkable
class Ledger(Protocol):
    """The audit trail: what was decided, moved and released, and by whom it may be."""

    def record(self, entry: Entry) -> None:
        """Append. An entry with the same (run_key, kind, key) is replaced only by an equal one; else it is kept and this one is
        stored as a further attempt."""

    def entries(self, kind: str = "", scenario: str = "", run_key: str = "", limit: int = 1000) -> tuple[Entry, ...]:
        """The newest first."""

    def save_release(self, release: Release, lease: Lease) -> None:
        """Write the release's present state.

        Raises:
            FencedError: the lease's token is not the newest of its name.
        """

    def releases(self, scenario: str = "", endpoint: str = "", limit: int = 100) -> tuple[Release, ...]:
        """The newest first."""


@runtime_checkable
class Leases(Protocol):
    """Mutual exclusion with an end: a holder that dies is succeeded, and refused when it returns."""

    def acquire(self, name: str, holder: str, ttl_seconds: float) -> Lease:
        """Take the lease, with a token higher than any before. The same holder gets its own lease back, renewed.

        Raises:
            BusyError: somebody else holds it; says who and until when.
        """

    def renew(self, lease: Lease, ttl_seconds: float) -> Lease:
        """Extend.

        Raises:
            FencedError: somebody else holds it now.
        """

    def release(self, lease: Lease) -> None:
        """Give it back. Silent when it is not held any more."""

    def current(self, name: str) -> Lease | None:
        """Who holds the lease, also after its time; None when nobody does."""

    def check(self, lease: Lease) -> None:
        """Raises FencedError unless `lease` carries the newest token of its name."""


@runtime_checkable
class OperatedTarget(Protocol):
    """A target as IT operations see it. What may be done to it are the optional powers below; no scenario asks for them."""

    @property
    def label(self) -> str:
        """How messages name it: the cluster and what of it is ours."""


@runtime_checkable
class HasInstanceTypes(Protocol):
    """Instance types that are objects of the cluster itself."""

    def instance_types(self) -> tuple[OfferedType, ...]:
        """All of them, and the default, by name."""

    def apply_instance_types(self, wanted: tuple[InstanceType, ...]) -> tuple[Change, ...]:
        """Ensure that these are there, exactly so; others stay. Installs what the cluster needs to know the kind."""

    def check_instance_types(self) -> tuple[Diagnosis, ...]:
        """Whether each type that the inventory declares is in the cluster, as declared, and some node takes it."""


@runtime_checkable
class HasNamespaces(Protocol):
    """Teams share the cluster by namespaces; this target's is made from the inventory."""

    def plan_namespace(self) -> NamespacePlan:
        """What `apply_namespace` would do. Changes nothing."""

    def apply_namespace(self) -> NamespacePlan:
        """Ensure the namespace, what bounds it, and the orchestrator's account with the least rights."""

    def credentials(self, seconds: int) -> str:
        """A kubeconfig for the orchestrator's account, valid for about `seconds`.

        Raises:
            NotFoundError: the namespace or its account is not there.
        """


@runtime_checkable
class CanDiagnose(Protocol):
    """Can tell what stands between this target and its work."""

    def diagnose(self, order: Examination) -> Iterator[Diagnosis]:
        """Look at one thing after the other; one that breaks is a failed row and stops no other. Leaves nothing behind."""


@dataclass(frozen=True, slots=True)
class OptionProblem:
    """What is wrong with one of a target's `options`; `key` is "" when one is missing."""

    key: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Driver:
    """What one driver folder offers: constructors that import their SDK only when called. None = does not have it.

    `check` names what is wrong with the options of a target; it asks nobody, so files can be checked with their lines.
    `addresses` names the services that a target is reached by and brings in, each with its URL; it asks nobody either.
    `public_egress` tries, where jobs of a target run, whether they reach the open internet around every proxy, and names
    the places that answered; it blocks for seconds, leaves nothing behind, and raises what kept it from trying.
    `offers` asks the service behind a target for everything that it has to run on.
    `private_proof` reads whether all that a target stands on is private; it changes nothing, and what it cannot read is a failed
    check, never an error but for wrong options.
    `batch`: how the service behind a training target scores by itself.
    `own_environments`: its targets make an environment of a job themselves where the inventory's `environments` say nothing.
    """

    training: Callable[[Target, Inventory], TrainingTarget] | None = None
    serving: Callable[[Target, Inventory], ServingTarget] | None = None
    registry: Callable[[RegistrySpec, Inventory], ModelRegistry] | None = None
    data: Callable[[Datastore, Inventory], DataStore] | None = None
    operations: Callable[[Target, Inventory], OperatedTarget] | None = None
    batch: Callable[[Target, Inventory], CanBatchScore] | None = None
    check: Callable[[Target], Iterable[OptionProblem]] | None = None
    addresses: Callable[[Target, Inventory], Mapping[str, str]] | None = None
    public_egress: Callable[[Target, Inventory], tuple[str, ...]] | None = None
    offers: Callable[[Target, Inventory], tuple[OfferedCompute, ...]] | None = None
    private_proof: Callable[[Target, Inventory], tuple[Check, ...]] | None = None
    own_environments: bool = False
