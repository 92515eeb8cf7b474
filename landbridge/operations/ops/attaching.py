"""A cluster becomes a compute of a workspace, and ceases to be one: everything that can be known is looked at first."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from landbridge.domain.azure.attaching import DEFAULT_NAMESPACE, Attachment, differences, in_the_way
from landbridge.domain.azure.extension_state import SUCCEEDED, Installed
from landbridge.domain.azure.settings import ENABLE, Feature, is_on
from landbridge.domain.errors import LandbridgeError, RefusedError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.operating import Access, Diagnosis, Verdict, Waiting
from landbridge.operations.ops.inside import inside
from landbridge.operations.ops.reaching import find, reach
from landbridge.ports_ops import CanAttach, CanCheckCluster, HasExtension, KnowsNamespaces, KnowsUses

Where = tuple[str, str, str]
Found = tuple[Inventory, Target]
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"


@dataclass(frozen=True, slots=True)
class Order:
    """How to attach.

    Attributes:
        access: of somebody who may look for the namespace in the cluster; empty = as its cloud lets this account in.
        image: of the probe job; "" = the first that the inventory's environments name for the target, else Microsoft's.
        probe: whether to run it.
        probe_seconds: how long it may take, the image's pull included.
    """

    access: Access = field(default_factory=Access)
    image: str = ""
    probe: bool = True
    probe_seconds: float = 600.0
    waiting: Waiting = field(default_factory=Waiting)


def attach(where: Where, order: Order) -> Iterator[Diagnosis]:
    """One row after the other; ends with a real job. May be repeated.

    Raises:
        RefusedError: the cluster, its extension, its namespace or a compute of that name is in the way; nothing was changed.
    """
    found = find(*where)
    operated = reach(found, Access(), CanAttach)  # type: ignore[type-abstract]
    wanted = operated.attachment()
    _same(wanted, operated)
    _refuse_cluster(found, wanted)
    installed = _extension(found, order.waiting)
    yield Diagnosis("extension", Verdict.PASS, f"{installed.name}, version {installed.present.version or 'not told'}")
    yield _namespace(found, wanted, order.access)
    there = operated.attach(order.waiting)
    why = f"{there.compute} is on {wanted.cluster.label}, namespace {there.namespace}, identity {there.identity or 'none'}"
    yield Diagnosis("compute", Verdict.PASS, why)
    if order.probe:
        order.waiting.tell("Running a probe job …")
        yield _probe(found, operated, installed, order)


def detach(where: Where, waiting: Waiting, in_use: bool = False) -> bool:
    """Whether there was a compute. `in_use`: also while jobs, endpoints or batch deployments are on it.

    Raises:
        RefusedError: it is in use.
    """
    found = find(*where)
    operated = reach(found, Access(), CanAttach)  # type: ignore[type-abstract]
    uses = reach(found, Access(), KnowsUses).uses(whole_cluster=False)  # type: ignore[type-abstract]
    if uses.in_words and not in_use:
        raise RefusedError(
            f"Compute {uses.computes[0]!r} is in use: {uses.in_words}.",
            "Wait for the jobs and delete the endpoints first, or say --in-use; an endpoint is lost with its compute.",
        )
    return operated.detach(waiting)


def _same(wanted: Attachment, operated: CanAttach) -> None:
    there = operated.attached()
    if there is not None and (found := list(differences(wanted, there))):
        raise RefusedError(
            f"Compute {wanted.compute!r} is attached otherwise: {'; '.join(found)}.",
            "Detach it (`landbridge ops detach`) and attach it again: Azure changes none of this in place. Or attach it "
            "under another name: a cluster may have many.",
        )


def _refuse_cluster(found: Found, wanted: Attachment) -> None:
    checked = reach(found, Access(), CanCheckCluster)  # type: ignore[type-abstract]
    if rows := in_the_way(checked.check_cluster()):
        said = "; ".join(f"{row.name}: {row.why}" for row in rows)
        raise RefusedError(f"{wanted.cluster.label} cannot be attached: {said}.", " ".join(row.remedy for row in rows))


def _extension(found: Found, waiting: Waiting) -> Installed:
    there = reach(found, Access(), HasExtension).extension(waiting)  # type: ignore[type-abstract]
    if there is None:
        hint = f"Run `landbridge ops extension install {found[1].name} FILE`."
        raise RefusedError("The extension is not installed on the cluster.", hint)
    if there.present.state != SUCCEEDED:
        said = f": {there.said[0].rstrip('.')}" if there.said else ""
        hint = f"Run `landbridge ops extension status {found[1].name}`, mend what it names, and install it again."
        raise RefusedError(f"The extension on {there.cluster} is {there.present.state}{said}.", hint)
    return there


def _namespace(found: Found, wanted: Attachment, access: Access) -> Diagnosis:
    """Azure neither makes nor checks it, and everything on a compute without one fails."""
    name = wanted.namespace
    if name == DEFAULT_NAMESPACE:
        return Diagnosis(
            "namespace", Verdict.PASS, f"{name}, which every cluster has; teams are apart in one of their own"
        )
    try:
        with inside(found, access, name) as there:
            assert isinstance(there, KnowsNamespaces)
            is_there = there.has_namespace()
    except LandbridgeError as error:
        return Diagnosis(
            "namespace", Verdict.UNSEEN, f"{name}: {error.message}", f"{error.hint} The probe job will tell."
        )
    if not is_there:
        hint = (
            f"Make it first (`kubectl create namespace {name}`): Azure makes none, and all on this compute would fail."
        )
        raise RefusedError(f"{wanted.cluster.label} has no namespace {name!r}.", hint)
    return Diagnosis("namespace", Verdict.PASS, f"{name} is there")


def _probe(found: Found, operated: CanAttach, installed: Installed, order: Order) -> Diagnosis:
    if not is_on(installed.present.settings, ENABLE[Feature.TRAINING]):
        remedy = "The first deployment will tell; `landbridge ops router` looks at what it needs."
        return Diagnosis("probe job", Verdict.UNSEEN, "the extension is for inference alone and runs no jobs", remedy)
    return operated.probe(order.image or _image(*found), order.probe_seconds)


def _image(inventory: Inventory, target: Target) -> str:
    fits = (
        item.image
        for item in inventory.environments
        if item.image and (not item.targets or any(fnmatchcase(target.name, name) for name in item.targets))
    )
    return next(fits, IMAGE)
