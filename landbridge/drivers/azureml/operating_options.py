"""What an inventory may say under `options.operations` of an azureml target. For `landbridge ops` alone; all may be left out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from landbridge.domain.azure.clusters import is_identity_id, read_cluster_id
from landbridge.domain.errors import InputError
from landbridge.domain.nearest import nearest
from landbridge.domain.values import Json
from landbridge.ports import OptionProblem

OPERATIONS = "operations"
SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class OperatingOptions:
    """How the compute of a target is attached.

    Attributes:
        cluster: identifier of the AKS or Arc cluster; "" = that behind the compute, which is there then.
        identity: of the compute: "system", or the identifier of one user-assigned identity; "" = none.
        description: of the compute.
    """

    cluster: str = ""
    identity: str = ""
    description: str = ""


KNOWN = tuple(item.name for item in fields(OperatingOptions))


def read_operating(said: Mapping[str, Json]) -> OperatingOptions:
    """Of options that `operating_problems` found nothing wrong with."""
    return OperatingOptions(**{key: str(value) for key, value in said.items()})


def operating_problems(said: Json) -> Iterator[OptionProblem]:
    """Everything that is wrong with `operations`. Pure."""
    if not isinstance(said, Mapping):
        yield OptionProblem(OPERATIONS, f"{said!r} is no mapping.", f"Write keys below it: {', '.join(KNOWN)}.")
        return
    for key, value in said.items():
        if key not in KNOWN:
            message = f"there is no key {key!r} in it{nearest(key, KNOWN)}."
            yield OptionProblem(OPERATIONS, message, f"Remove it, or name one of: {', '.join(KNOWN)}.")
        elif not isinstance(value, str):
            yield OptionProblem(OPERATIONS, f"`{key}`: {value!r} is not text.", "Write text.")
    given = {key: value for key, value in said.items() if isinstance(value, str)}
    yield from _of_cluster(given.get("cluster", ""))
    yield from _of_identity(given.get("identity", ""))


def _of_cluster(cluster: str) -> Iterator[OptionProblem]:
    try:
        if cluster:
            read_cluster_id(cluster)
    except InputError as error:
        yield OptionProblem(OPERATIONS, f"`cluster`: {error.message}", error.hint)


def _of_identity(identity: str) -> Iterator[OptionProblem]:
    if "," in identity:
        hint = "Name one: of several, Azure uses the first alone."
        yield OptionProblem(OPERATIONS, f"`identity`: {identity!r} names several.", hint)
    elif identity not in {"", SYSTEM} and not is_identity_id(identity):
        hint = "Write system, or /subscriptions/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/NAME."
        yield OptionProblem(OPERATIONS, f"`identity`: {identity!r} is no identity.", hint)
