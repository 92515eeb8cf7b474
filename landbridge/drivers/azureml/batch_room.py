"""Which deployments of a full batch endpoint may go for another one: those that landbridge made and nobody scores with now.

Asked only of an endpoint that is full: one request for each deployment that might go.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from landbridge.domain.azure.online import DEPLOYMENTS_OF_AN_ENDPOINT
from landbridge.domain.errors import PermanentError
from landbridge.domain.plan import Finding
from landbridge.drivers.azureml.batch_jobs import invocations
from landbridge.drivers.azureml.client import Object, Workspace
from landbridge.drivers.azureml.serving_reading import is_ours, state_of
from landbridge.drivers.azureml.training_state import FINAL, status_of, unix_time
from landbridge.drivers.findings import refused

ROOM = "endpoints"  # the field of findings about numbers


@dataclass(frozen=True, slots=True)
class Looked:
    """A deployment. `stays`: why it may not go, "" = it may. `used`: when it was invoked last, else made; unix time, s."""

    name: str
    stays: str
    used: float


@dataclass(frozen=True, slots=True)
class Room:
    """What makes room: the names of those that `go`, the longest unused first; or the refusal, where too few may."""

    go: tuple[str, ...] = ()
    refusal: Finding | None = None


def room(workspace: Workspace, endpoint: Object, there: Sequence[Object], name: str, target: str) -> Room:
    """Look for room at an endpoint, which has the deployments `there`, for `target`'s deployment `name`.

    Raises:
        TransientError: Azure did not tell the jobs of one.
    """
    there = [one for one in there if state_of(one) != "Deleting"]  # for the others Azure has room already
    needed = len(there) + 1 - DEPLOYMENTS_OF_AN_ENDPOINT
    if needed <= 0 or name in {one["name"] for one in there}:
        return Room()
    looked = list(_look(workspace, endpoint, there, target))
    spare = sorted((one for one in looked if not one.stays), key=lambda one: one.used)
    if len(spare) < needed:
        return Room(refusal=_full(str(endpoint["name"]), looked))
    return Room(tuple(one.name for one in spare[:needed]))


def _full(endpoint: str, looked: Sequence[Looked]) -> Finding:
    """Reasons that many have in common are told once."""
    why: dict[str, list[str]] = {}
    for one in looked:
        if one.stays:
            why.setdefault(one.stays, []).append(one.name)
    said = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in why.items())
    many = f"Batch endpoint {endpoint} has {len(looked)} deployments, as many as Azure gives to an endpoint"
    detail = f"{many}, and too few may go ({said})."
    return refused(ROOM, detail, "Delete those that nobody scores with any more, or wait for the jobs.")


def _look(workspace: Workspace, endpoint: Object, there: Sequence[Object], target: str) -> Iterator[Looked]:
    default = (endpoint["properties"].get("defaults") or {}).get("deploymentName")
    for one in there:
        name, made = str(one["name"]), _made(one)
        if not is_ours(one, target):
            yield Looked(name, f"target {target} did not make it", made)
        elif name == default:
            yield Looked(name, "it is the endpoint's default", made)
        else:
            yield _by_jobs(workspace, str(endpoint["name"]), name, made)


def _by_jobs(workspace: Workspace, endpoint: str, name: str, made: float) -> Looked:
    used = 0.0
    try:
        for job in invocations(workspace, endpoint, name):
            used = max(used, _made(job))
            if status_of(job) not in FINAL:
                return Looked(name, f"job {job['name']} is under way", used)
    except PermanentError as error:  # without knowing what is under way, it stays
        return Looked(name, error.message.rstrip("."), made)
    return Looked(name, "", used or made)


def _made(resource: Object) -> float:
    """When, 0 where Azure does not say."""
    return unix_time((resource.get("systemData") or {}).get("createdAt")) or 0.0
