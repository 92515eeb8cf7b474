"""Exports of Azure ML's v1: web services, AKS endpoints, computes, and the files of its command line, in JSON or YAML.

Known shapes: `Webservice.serialize()` and `AksCompute.serialize()` of SDK v1, what its REST API and Azure's resources of
api-version 2021-01-01 answer (one object, a list, or a page with `value`), deployment and inference configurations of CLI v1,
and the arguments of `AksWebservice.deploy_configuration` by their own names.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from landbridge.domain.azure.v1.account import Breach, Entry, Keys, Outcome, show
from landbridge.domain.azure.v1.compute import compute
from landbridge.domain.azure.v1.draft import ComputeDraft, DeploymentDraft, ServiceDraft
from landbridge.domain.azure.v1.inference import InferenceDraft, inference
from landbridge.domain.azure.v1.service import ENDPOINT_TYPE, Wishes, service
from landbridge.domain.azure.v1.twins import PATHS
from landbridge.domain.errors import InputError
from landbridge.domain.values import Json
from landbridge.files.document import Document, Problem, refuse
from landbridge.files.kinds import OWNER, kind_of
from landbridge.files.yaml_tree import parse_any

_AKS = ("aks", ENDPOINT_TYPE)
_OF_COMPUTES = ("resourceId", "isAttachedCompute", "provisioningErrors")
_INFERENCE = ("entryScript", "condaFile", "sourceDirectory")


class Kind(StrEnum):
    SERVICE = "web service"
    COMPUTE = "compute"
    INFERENCE = "inference configuration"


@dataclass(frozen=True, slots=True)
class Described:
    """One object of a file.

    Attributes:
        place: where it stands in the file.
        inner: the key that holds its fields; "" = it is flat.
    """

    document: Document
    place: Keys
    kind: Kind
    data: Mapping[str, Json]
    inner: str

    def where(self, keys: Keys) -> str:
        return self.document.where(*self.place, *keys)


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and what became of what it describes. `entries` have their place in the file."""

    path: str
    document: Document
    kinds: tuple[str, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Drafts:
    """All drafts of the files of one command."""

    services: tuple[ServiceDraft, ...]
    computes: tuple[ComputeDraft, ...]
    sources: tuple[Source, ...]
    code: Path | None = None  # the local source folder, or the one script, of the inference configuration
    todo: tuple[str, ...] = ()


def load_v1(paths: list[Path], wishes: Wishes) -> Drafts:
    """Read the files and draft what they become.

    Raises:
        InputError: a file describes nothing that is known, or holds what v1 itself refuses; with file and line.
    """
    found = [item for path in paths for item in describe(path)]
    services, computes, sources = [], [], {str(path): _source(path) for path in paths}
    configuration: tuple[Described, InferenceDraft] | None = None
    for item in found:
        if item.kind is Kind.INFERENCE:
            configuration = _configuration(item, configuration)
            entries, kind = configuration[1].entries, "inference configuration"
        elif item.kind is Kind.COMPUTE:
            made = compute(item.data, wishes)
            _refuse(item, made.breaches)
            computes.append(made)
            entries, kind = made.entries, f"compute {made.old_name}"
        else:
            drafted = service(item.data, item.inner, wishes)
            _refuse(item, (*drafted.breaches, *(b for one in drafted.deployments for b in one.breaches)))
            services.append(drafted)
            entries, kind = drafted.entries, f"web service {drafted.name}"
        sources[item.document.path] = _with(sources[item.document.path], item, entries, kind)
    _refuse_twice(found, services, computes)
    if configuration:
        services = [_joined(configuration, services)]
    return Drafts(tuple(services), tuple(computes), tuple(sources.values()), _code(configuration), _pages(found))


def describe(path: Path) -> Iterator[Described]:
    """The objects of a file."""
    kind = kind_of(path)
    if kind:
        raise InputError(
            f"{path} is a file of {OWNER[kind]} ({kind}), no description of Azure ML's v1.",
            "Name an exported web service or compute, or a deployment configuration.",
            f"{path}:1",
        )
    document, value = _document(path)
    for place, data in _objects(value, lambda root, index: document.where(*root, index)):
        yield _described(document, place, data)


def _document(path: Path) -> tuple[Document, Json]:
    value, lines = parse_any(path)
    return Document(str(path), value if isinstance(value, dict) else {}, lines), value


def _objects(value: Json, where: Callable[[Keys, int], str]) -> Iterator[tuple[Keys, dict[str, Json]]]:
    if isinstance(value, dict) and isinstance(value.get("value"), list):
        listed = value["value"]
        root: Keys = ("value",)
    else:
        listed, root = value, ()
    if isinstance(listed, dict):
        yield (), listed
        return
    for index, item in enumerate(listed if isinstance(listed, list) else [listed]):
        if not isinstance(item, dict):
            raise InputError("This is no object with keys.", "Name an export, as Azure printed it.", where(root, index))
        yield (*root, index), item


def _described(document: Document, place: Keys, data: dict[str, Json]) -> Described:
    properties = data.get("properties")
    inside = properties if isinstance(properties, dict) and "computeType" in properties else None
    body = inside if inside is not None else data
    if any(key in data for key in _INFERENCE):
        return Described(document, place, Kind.INFERENCE, data, "")
    known = body.get("computeType")
    if known is None and not set(PATHS) & set(data):
        message = "Nothing here is a description of Azure ML's v1 that is known."
        hint = "Name an export of a web service or compute (it has `computeType`), or a configuration of CLI v1."
        raise InputError(message, hint, document.where(*place))
    if known is not None and str(known).lower() not in _AKS:
        message = f"This is of computeType {known}; only AKS goes to Kubernetes computes."
        hint = "Leave it out; for ACI Microsoft offers scripts to managed endpoints."
        raise InputError(message, hint, document.where(*place, *(("properties",) if inside else ()), "computeType"))
    if inside is not None and (any(key in inside for key in _OF_COMPUTES) or "/computes" in str(data.get("type"))):
        return Described(document, place, Kind.COMPUTE, data, "properties")
    return Described(document, place, Kind.SERVICE, data, "properties" if inside is not None else "")


def _configuration(item: Described, other: tuple[Described, InferenceDraft] | None) -> tuple[Described, InferenceDraft]:
    if other:
        message = "This is the second inference configuration."
        raise InputError(message, "Migrate one deployment at a time.", item.where(()))
    named = item.data.get("condaFile")
    return item, inference(item.data, _conda(item, str(named)) if named else None)


def _conda(item: Described, named: str) -> Mapping[str, Json] | None:
    """The conda file stands in the source folder, or beside the configuration."""
    folder = Path(item.document.path).absolute().parent
    for place in (folder / str(item.data.get("sourceDirectory") or ".") / named, folder / named):
        if place.is_file():
            value, _ = parse_any(place)
            return value if isinstance(value, dict) else None
    return None


def _joined(configuration: tuple[Described, InferenceDraft], services: list[ServiceDraft]) -> ServiceDraft:
    item, draft = configuration
    if len(services) != 1 or len(services[0].deployments) != 1:
        message = "An inference configuration belongs to one deployment; the files describe " + (
            f"{sum(len(one.deployments) for one in services)}." if services else "none."
        )
        raise InputError(message, "Name it together with one deployment configuration.", item.where(()))
    [deployment] = services[0].deployments
    if deployment.environment.is_there or deployment.code.script:
        message = "The web service says its environment and entry script itself."
        raise InputError(message, "Leave the inference configuration out.", item.where(()))
    return replace(services[0], deployments=(_with_configuration(deployment, draft),))


def _with_configuration(deployment: DeploymentDraft, draft: InferenceDraft) -> DeploymentDraft:
    variables = {"environment_variables": dict(draft.variables)} if draft.variables else {}
    return replace(
        deployment,
        fields={**deployment.fields, **variables},
        code=draft.code,
        environment=draft.environment,
        defaults=(*deployment.defaults, *draft.defaults),
        todo=(*deployment.todo, *draft.todo),
    )


def _source(path: Path) -> Source:
    """The file, with what stands beside the objects of a page."""
    document, value = _document(path)
    beside = value if isinstance(value, dict) and isinstance(value.get("value"), list) else {}
    note = "the list goes on: export the next pages too"
    entries = [
        Entry((key,), show(item), Outcome.REPORTED, note=note if key == "nextLink" else "")
        if item
        else Entry((key,), "", Outcome.EMPTY)
        for key, item in beside.items()
        if key != "value"
    ]
    return Source(str(path), document, (), tuple(entries))


def _code(configuration: tuple[Described, InferenceDraft] | None) -> Path | None:
    if configuration is None:
        return None
    item, draft = configuration
    folder = Path(item.document.path).absolute().parent
    found = folder / draft.code.source if draft.code.source else folder / draft.code.script
    return found if found.exists() else None


def _with(source: Source, item: Described, entries: tuple[Entry, ...], kind: str) -> Source:
    placed = tuple(replace(entry, keys=(*item.place, *entry.keys)) for entry in entries)
    return replace(source, kinds=(*source.kinds, kind), entries=(*source.entries, *placed))


def _refuse(item: Described, breaches: tuple[Breach, ...]) -> None:
    if breaches:
        problems = [Problem((*item.place, *breach.keys), breach.message, breach.hint) for breach in breaches]
        raise refuse(item.document, problems)


def _refuse_twice(found: list[Described], services: list[ServiceDraft], computes: list[ComputeDraft]) -> None:
    if not services and not computes:
        where = found[0].where(()) if found else ""
        message = "The files describe no web service and no compute."
        raise InputError(message, "Name an export, or a deployment configuration.", where)
    for what, names in (
        ("web service", [draft.name for draft in services]),
        ("compute", [draft.old_name for draft in computes]),
    ):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            hint = "Leave one out; --name and --compute name one thing alone."
            raise InputError(f"The {what} {twice!r} is described twice.", hint)


def _pages(found: list[Described]) -> tuple[str, ...]:
    """A page of a list may say that there are more."""
    documents = {item.document.path: item.document for item in found}
    more = [path for path, document in documents.items() if document.data.get("nextLink")]
    return tuple(f"{path} is one page of a list: export the next ones too." for path in more)
