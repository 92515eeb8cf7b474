"""Batch scoring by Azure's batch endpoints: a model version is a deployment, a scoring an invocation of it.

All state lies in the workspace. An MLflow model needs neither script nor environment: Azure scores each file with it.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from landbridge.domain.errors import (
    CapabilityMissingError,
    InputError,
    LandbridgeError,
    NotFoundError,
    QuotaExceededError,
    RefusedError,
)
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.names import is_legal_endpoint
from landbridge.domain.plan import Finding
from landbridge.domain.requests import BatchOrder, ColourSpec, ResolvedEnvironment
from landbridge.domain.values import JobPhase, JobRef, JobStatus
from landbridge.drivers.azureml import batch_bodies as bodies
from landbridge.drivers.azureml.batch_jobs import find_job, invoke, job_status, log_files
from landbridge.drivers.azureml.batch_making import BatchMaker
from landbridge.drivers.azureml.batch_room import ROOM
from landbridge.drivers.azureml.blobs import default_store
from landbridge.drivers.azureml.client import Object, Workspace, connect
from landbridge.drivers.azureml.computes import Compute, read_compute
from landbridge.drivers.azureml.errors import translated
from landbridge.drivers.azureml.options import ComputeKind, read_options
from landbridge.drivers.azureml.serving_assets import model_id
from landbridge.drivers.azureml.training import AzureTraining
from landbridge.drivers.azureml.training_logs import lines
from landbridge.drivers.azureml.training_outputs import fetch
from landbridge.drivers.azureml.training_state import FINAL, name_of, status_of
from landbridge.drivers.azureml.training_submit import Site, address_of
from landbridge.drivers.findings import no_such_type, refused

OUTPUT = "predictions"
ENDINGS = (".csv", ".parquet")
TOLD = 3  # files of a finding that are named


class AzureBatch:
    """`CanBatchScore` and `CanStreamLogs` in one workspace."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._target = target
        self._inventory = inventory
        self._options = read_options(target, inventory)
        self._jobs = Path(inventory.home).absolute() / "sites" / target.site / "jobs" / target.name

    @property
    def is_chosen(self) -> bool:
        return self._options.batch_scoring == "endpoint"

    def foresee(self, order: BatchOrder) -> tuple[Finding, ...]:
        with self._doing(f"looking ahead to batch endpoint {order.endpoint}"):
            return tuple(self._obstacles(order))

    def submit(self, order: BatchOrder) -> JobRef:
        with self._doing(f"scoring {order.name}"):
            if find_job(self._workspace, order.name) is None:
                self._begin(self._complete(order))
        return JobRef(self._target.name, order.name)

    def observe(self, ref: JobRef) -> JobStatus:
        """As the port says: two or three requests, where Azure kept the name. Predictions are fetched once."""
        with self._doing(f"observing job {ref.name!r}"):
            job = self._found(ref)
            status = job_status(self._workspace, job)
            if status.phase is not JobPhase.SUCCEEDED:
                return status
            folder = self._jobs / ref.name / "outputs" / OUTPUT
            if not folder.exists():
                fetch(self._workspace, folder, bodies.output_spot(self._store, ref.name), is_file=False)
            return replace(status, outputs={OUTPUT: f"file://{folder}"})

    def cancel(self, ref: JobRef) -> None:
        with self._doing(f"cancelling job {ref.name!r}"):
            if job := find_job(self._workspace, ref.name):
                AzureTraining(self._target, self._inventory).cancel(replace(ref, name=name_of(job)))

    def logs(self, ref: JobRef, follow: bool) -> Iterator[str]:
        job = self._found(ref)
        yield from lines(lambda: log_files(self._workspace, job), follow, lambda: status_of(self._found(ref)) in FINAL)

    def _doing(self, what: str) -> Any:
        return translated(f"{what} on target {self._target.name!r}")

    @property
    def _workspace(self) -> Workspace:
        return connect(self._options.place)

    @property
    def _store(self) -> str:
        return self._options.datastore or default_store(self._workspace)

    def _complete(self, order: BatchOrder) -> BatchOrder:
        """With what the target's options say where the order says nothing."""
        return replace(order, instance_type=order.instance_type or self._options.instance_type)

    def _begin(self, order: BatchOrder) -> None:
        """Everything is checked, and what is made is named by its content or the order, so the next call finds it."""
        compute = self._compute()
        workspace, maker = self._workspace, BatchMaker(self._workspace, self._target.name)
        name = bodies.deployment_name(order, compute.id)
        _require(self._of_order(order, compute))
        _require(maker.obstacles(order.endpoint, name))
        model = model_id(workspace, _spec(order), self._options.datastore)
        site = Site(self._target, self._inventory, self._options, workspace)
        data = address_of(order.data, "uri_file" if order.is_file else "uri_folder", site)
        location = str(workspace.resource()["location"])
        body = bodies.deployment(order, self._target.name, location, (model, compute.id))
        endpoint = maker.ensure_endpoint(order.endpoint)
        maker.ensure_deployment(order.endpoint, name, body)
        asked = bodies.invocation(order, workspace.place, data, bodies.output_spot(self._store, order.name))
        try:
            invoke(workspace, str(endpoint["properties"]["scoringUri"]), name, asked)
        except LandbridgeError:
            if find_job(workspace, order.name) is None:  # else it was made, or somebody was quicker
                raise

    def _obstacles(self, order: BatchOrder) -> Iterator[Finding]:
        try:
            compute = self._compute()
        except (RefusedError, InputError) as error:
            yield refused("compute", error.message, error.hint)
            return
        whole = self._complete(order)
        yield from self._of_order(whole, compute)
        if is_legal_endpoint(order.endpoint):
            name = bodies.deployment_name(whole, compute.id)
            yield from BatchMaker(self._workspace, self._target.name).obstacles(order.endpoint, name)

    def _compute(self) -> Compute:
        """Raises RefusedError unless it takes work."""
        compute = read_compute(self._workspace, self._options)
        if compute.kind is ComputeKind.SERVERLESS:
            raise RefusedError(
                "A batch endpoint needs the name of a compute.", "Set `compute` in the target's options."
            )
        if compute.problem:
            raise RefusedError(compute.problem, "Mend the compute, or name another one.")
        return compute

    def _of_order(self, order: BatchOrder, compute: Compute) -> Iterator[Finding]:
        if not is_legal_endpoint(order.endpoint):
            detail = f"{order.endpoint!r} is no name of a batch endpoint."
            yield refused("endpoint.name", detail, "Use 3 to 32 letters, digits and dashes, a letter first.")
        types = compute.instance_types
        if order.instance_type and types and order.instance_type not in types:
            yield no_such_type("instance_type", order.instance_type, self._target.name, sorted(types))
        yield from _of_files(order.files)

    def _found(self, ref: JobRef) -> Object:
        job = find_job(self._workspace, ref.name)
        if job is None:
            where = f"target {self._target.name!r} ({self._workspace.place.label})"
            raise NotFoundError(
                f"There is no job {ref.name!r} on {where}.", "Order the scoring again: it is idempotent."
            )
        return job


def _of_files(files: tuple[str, ...]) -> Iterator[Finding]:
    """Azure's own reader of MLflow models takes these kinds, and does not look into folders below.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-mlflow-batch
    """
    hint = "Score them by a job: `batch_scoring: job` in the target's options, or another --target."
    if deep := [name for name in files if "/" in name]:
        yield refused("data", f"{_some(deep)}: a batch endpoint does not look into folders below.", hint)
    if other := [name for name in files if not name.lower().endswith(ENDINGS)]:
        yield refused("data", f"{_some(other)}: a batch endpoint reads {' and '.join(ENDINGS)} files.", hint)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return f"{', '.join(names[:TOLD])}{more}"


def _require(found: Iterator[Finding]) -> None:
    """Raises QuotaExceededError for a limit on numbers, CapabilityMissingError for what is not possible."""
    for word in found:
        kind = QuotaExceededError if word.field == ROOM else CapabilityMissingError
        raise kind(f"{word.field}: {word.detail}", word.hint)


def _spec(order: BatchOrder) -> ColourSpec:
    """The model as an online deployment has it, so both are one model of the workspace."""
    named = (order.endpoint, "", order.model, order.version, order.model_url, order.model_digest)
    return ColourSpec(*named, ResolvedEnvironment(""), labels=order.labels)
