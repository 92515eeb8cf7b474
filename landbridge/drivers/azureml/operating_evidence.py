"""Everything that Azure says around a failure: cluster, extension, compute, and the job, endpoint or deployment that is named."""

from collections.abc import Callable, Iterator

from landbridge.domain.azure.cluster_rules import judge
from landbridge.domain.azure.clusters import ClusterId
from landbridge.domain.azure.extension_state import SUCCEEDED
from landbridge.domain.azure.faults import find
from landbridge.domain.azure.troubleshooting import Evidence, Subject
from landbridge.domain.errors import AuthError, LandbridgeError, TransientError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.operating import Verdict
from landbridge.domain.values import JobPhase
from landbridge.drivers.azureml import attach, extension
from landbridge.drivers.azureml.client import JOBS, Object, Workspace, connect
from landbridge.drivers.azureml.clusters import cluster_of, read_cluster, read_surroundings
from landbridge.drivers.azureml.errors import scrubbed, words_of
from landbridge.drivers.azureml.options import AzureOptions, ComputeKind, read_options
from landbridge.drivers.azureml.serving_notes import Note, Notes
from landbridge.drivers.azureml.serving_reading import BUSY, ENDED, ONLINE, state_of
from landbridge.drivers.azureml.serving_why import why
from landbridge.drivers.azureml.training_reading import read_run
from landbridge.drivers.azureml.training_state import needs_run, reading

Look = Callable[[], Iterator[Evidence]]


class Witness:
    """Looks at one thing after the other; what cannot be read is unseen, and stops no other."""

    def __init__(self, target: Target, inventory: Inventory, kind: type[Workspace] = Workspace) -> None:
        self._target, self._inventory = target, inventory
        self._options: AzureOptions = read_options(target, inventory)
        self._workspace: Workspace = connect(self._options.place, kind)

    def evidence(self, of: Subject) -> Iterator[Evidence]:
        try:
            at = cluster_of(self._workspace, self._options)
        except LandbridgeError as error:
            at = None
            if self._options.compute_kind is not ComputeKind.SERVERLESS:
                yield _from(error, f"compute {self._options.compute}")
        if at is not None:
            yield from _seen(at.label, lambda: self._cluster(at))
            yield from _seen(f"extension of {at.label}", lambda: self._extension(at))
            yield from _seen(f"compute {self._options.compute}", self._compute)
        if of.job:
            yield from _seen(f"job {of.job}", lambda: self._job(of.job))
        if of.endpoint:
            yield from _seen(f"endpoint {of.endpoint}", lambda: self._endpoint(of))

    def _cluster(self, at: ClusterId) -> Iterator[Evidence]:
        cluster = read_cluster(self._workspace, at)
        failed = [
            row for row in judge(cluster, read_surroundings(self._workspace, cluster)) if row.verdict is Verdict.FAIL
        ]
        for row in failed:
            yield Evidence(at.label, Verdict.FAIL, f"{row.name}: {row.why}", row.remedy)
        if not failed:
            yield Evidence(at.label, Verdict.PASS, "its check finds nothing wrong")

    def _extension(self, at: ClusterId) -> Iterator[Evidence]:
        source, there = f"extension of {at.label}", extension.find(self._workspace, at)
        if there is None:
            remedy = f"Run `landbridge ops extension install {self._target.name} FILE`."
            yield Evidence(source, Verdict.FAIL, "The extension is not installed.", remedy)
            return
        for text in there.said:
            yield Evidence(source, Verdict.FAIL, text)
        if there.present.state != SUCCEEDED and not there.said:
            yield Evidence(source, Verdict.FAIL, f"It is {there.present.state}.")
        elif not there.said:
            yield Evidence(source, Verdict.PASS, f"{there.name} {there.present.version} is {there.present.state}")

    def _compute(self) -> Iterator[Evidence]:
        source = f"compute {self._options.compute}"
        there = attach.find(self._workspace, self._options.compute)
        if there is None:
            remedy = f"Run `landbridge ops attach {self._target.name}`."
            yield Evidence(source, Verdict.FAIL, "ComputeNotFound: it is not attached.", remedy)
        elif not there.is_well:
            yield Evidence(source, Verdict.FAIL, there.said or f"It is {there.state}.")
        else:
            yield Evidence(
                source, Verdict.PASS, f"attached, namespace {there.namespace}, identity {there.identity or 'none'}"
            )

    def _job(self, name: str) -> Iterator[Evidence]:
        source, doing = f"job {name}", f"reading job {name!r}"
        job = self._workspace.get(f"jobs/{name}", JOBS, doing)
        run = read_run(self._workspace, name) if needs_run(job) else None
        status = reading(job, run)
        if status.phase is JobPhase.FAILED:
            words, known = _error(run), bool(find(status.reason))
            said = words if known and words else f"{status.reason}: {status.detail}"
            remedy = "" if known else "Read its log: it is the job's own matter."
            yield Evidence(source, Verdict.FAIL, said, remedy, is_azure=known)
        elif status.phase is JobPhase.PENDING:
            remedy = (
                "Look for room, quota and node selectors; of an instance type with `landbridge ops instance-types`."
            )
            yield Evidence(source, Verdict.FAIL, f"it still waits: {status.reason}", remedy, is_azure=False)
        else:
            yield Evidence(source, Verdict.PASS, str(status.phase))

    def _endpoint(self, of: Subject) -> Iterator[Evidence]:
        path, source = f"onlineEndpoints/{of.endpoint}", f"endpoint {of.endpoint}"
        endpoint = self._workspace.get(path, ONLINE, f"reading {source}")
        yield _state(source, endpoint, "")
        notes = Notes(self._target, self._inventory).of(of.endpoint)
        found = list(self._workspace.items(f"{path}/deployments", ONLINE, f"listing the deployments of {source}"))
        for item in found:
            name = str(item["name"])
            if of.deployment in {"", name}:
                yield self._deployment(
                    f"{path}/deployments/{name}", f"deployment {of.endpoint}/{name}", item, notes.get(name)
                )
        if of.deployment and of.deployment not in {str(item["name"]) for item in found}:
            names = ", ".join(str(item["name"]) for item in found) or "none"
            yield Evidence(source, Verdict.FAIL, f"It has no deployment {of.deployment!r}; there are {names}.")

    def _deployment(self, path: str, source: str, item: Object, note: Note | None) -> Evidence:
        if state_of(item) not in ENDED:
            return _state(source, item, "")
        return _state(
            source, item, (note.reason if note else "") or why(self._workspace, path, note.operation if note else "")
        )


def _error(run: Object | None) -> str:
    """`Code: message` as Azure has it, or ""."""
    said = (run or {}).get("error")
    inner = said.get("error") if isinstance(said, dict) else None
    code, message = words_of(inner if isinstance(inner, dict) else said if isinstance(said, dict) else {})
    return f"{code}: {message}".strip(": ")


def _state(source: str, resource: Object, reason: str) -> Evidence:
    state = state_of(resource)
    verdict = Verdict.FAIL if state in ENDED else Verdict.UNSEEN if state in BUSY else Verdict.PASS
    return Evidence(source, verdict, f"{state}: {reason}" if reason else f"it is {state or 'there'}")


def _seen(source: str, look: Look) -> Iterator[Evidence]:
    try:
        yield from look()
    except LandbridgeError as error:
        yield _from(error, source)


def _from(error: LandbridgeError, source: str) -> Evidence:
    """What may not be read now is unseen; what is not there, or wrong, is a finding."""
    unseen = isinstance(error, AuthError | TransientError)
    verdict = Verdict.UNSEEN if unseen else Verdict.FAIL
    return Evidence(source, verdict, scrubbed(error.message), error.hint, is_azure=False)
