"""A v1 web service into an endpoint with its deployments: AksWebservice, AksEndpoint, or a deployment configuration."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from landbridge.domain.azure.v1.account import Account, Breach, Entry, Keys, Outcome
from landbridge.domain.azure.v1.draft import DeploymentDraft, ServiceDraft, nested
from landbridge.domain.azure.v1.environment import environment, models, source
from landbridge.domain.azure.v1.serving import Found, access, collection, resources, scale, settings, whole_percents
from landbridge.domain.azure.v1.twins import claim, value
from landbridge.domain.names import is_legal_deployment, is_legal_endpoint, is_legal_pair
from landbridge.domain.values import Json

FIRST_COLOUR = "blue"
ENDPOINT_TYPE = "aksendpoint"
VERSIONS = ("versions", "variants")
_SAID_BY_SERVICE = (
    *("id", "type", "location", "identity", "sku", "systemData", "state", "createdTime", "updatedTime", "createdBy"),
    *("error", "operationId", "deploymentStatus", "deploymentType", "swaggerUri", "workspaceName", "computeType"),
    *("subscriptionId", "resourceGroup", "resourceGroupName"),
)
_MADE_BY_SERVICE = ("hasInferenceSchema", "hasHttps", "authEnabled")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person says beside the files; "" = as v1.

    Attributes:
        name: of the endpoint, where the file has none.
        compute: v2's compute.
    """

    name: str = ""
    compute: str = ""


def service(data: Mapping[str, Json], inner: str, wishes: Wishes) -> ServiceDraft:
    """Draft the endpoint. `inner`: the key that holds the fields, "properties" in a resource of Azure."""
    versions = _versions(data, inner)
    account = Account(_without_versions(data, inner) if versions else data, inner)
    name = wishes.name or str(account.get("name") or "")
    found = Found()
    endpoint = _endpoint(account, name, wishes, found)
    if versions:
        _of_versions_alone(account, endpoint)
        parts = [_version(keys, dict(body), name) for keys, body in versions]
        deployments = tuple(draft for draft, _ in parts)
        entries = tuple(entry for _, listed in parts for entry in listed)
    else:
        deployments, entries = (_deployment(account, name, FIRST_COLOUR),), ()
    return ServiceDraft(
        name=name,
        endpoint=endpoint,
        deployments=_with_traffic(deployments),
        compute=str(value(account, "compute_target_name") or ""),
        namespace=str(value(account, "namespace") or ""),
        entries=(*account.close(), *entries),
        todo=tuple(dict.fromkeys(found.todo)),
        breaches=(*found.breaches, *_name_breaches(account, name, deployments)),
    )


def _versions(data: Mapping[str, Json], inner: str) -> tuple[tuple[Keys, Mapping[str, Json]], ...]:
    """The versions of an AksEndpoint with their places: by name (SDK), or in a list (Azure's resource)."""
    body = data.get(inner) if inner else data
    if not isinstance(body, Mapping):
        return ()
    root: Keys = (inner,) if inner else ()
    for key in VERSIONS:
        given = body.get(key)
        items = (
            [*given.items()] if isinstance(given, Mapping) else [*enumerate(given)] if isinstance(given, list) else []
        )
        if items and all(isinstance(item, Mapping) and item for _, item in items):
            return tuple(((*root, key, at), item) for at, item in items if isinstance(item, Mapping))
    return ()


def _without_versions(data: Mapping[str, Json], inner: str) -> dict[str, Json]:
    """Each version has an account of its own."""
    key = _versions(data, inner)[0][0][-2]
    body = data[inner] if inner else data
    assert isinstance(body, Mapping)  # the versions were found in it
    rest = {name: item for name, item in body.items() if name != key}
    return {**data, inner: rest} if inner else rest


def _endpoint(account: Account, name: str, wishes: Wishes, found: Found) -> dict[str, Json]:
    access(account, found)
    compute = _compute(account, wishes, found)
    renamed = name != account.get("name")
    account.claim(("name",), Outcome.CHANGED if renamed else Outcome.WRITTEN, f"endpoint: name: {name}")
    endpoint: dict[str, Json] = {
        "name": name,
        "compute": f"azureml:{compute}",
        "auth_mode": found.fields.pop("auth_mode"),
    }
    description = account.get("description")
    if description:
        endpoint["description"] = str(description)
    account.claim(("description",), Outcome.WRITTEN, "endpoint: description")
    tags = {str(key): str(item) for key, item in _labels(account).items()}
    if tags:
        endpoint["tags"] = dict(tags)
    for key in ("kvTags", "tags"):
        account.claim((key,), Outcome.WRITTEN, "endpoint: tags")
    note = "the address changes: it belongs to the router of the extension, and the path to the endpoint"
    account.claim(("scoringUri",), Outcome.CHANGED, "scoring_uri of the endpoint", note)
    note = "belongs to the compute in v2: it must exist, and on the same cluster be another one than v1's"
    claim(account, "namespace", Outcome.CHANGED, "compute: namespace", note)
    account.claim(("overwrite",), Outcome.NO_TWIN, note="`az ml … create` makes, `update` changes")
    for key in _SAID_BY_SERVICE:
        account.claim((key,), Outcome.REPORTED)
    return endpoint


def _compute(account: Account, wishes: Wishes, found: Found) -> str:
    """v2's compute needs a name of its own while v1's is attached."""
    old = str(value(account, "compute_target_name") or "")
    new = wishes.compute or new_compute_name(old)
    if not old and not wishes.compute:
        found.todo.append(f"No file says which compute the service runs on: the endpoint names azureml:{new}.")
    note = "a compute of type Kubernetes with another name: v1's stays attached until the end"
    claim(account, "compute_target_name", Outcome.CHANGED, f"endpoint: compute: azureml:{new}", note)
    return new


def new_compute_name(old: str) -> str:
    """3 to 24 letters, digits and dashes, with a letter in front: v1's name with `-k8s` behind it."""
    return f"{old[:20].rstrip('-')}-k8s" if old else "kubernetes"


def _labels(account: Account) -> Mapping[str, Json]:
    """The service's own tags; those of a resource of Azure come with them."""
    found: dict[str, Json] = {}
    for key in ("tags", "kvTags"):
        given = account.get(key)
        found |= given if isinstance(given, dict) else {}
    return found


def _deployment(account: Account, endpoint: str, name: str) -> DeploymentDraft:
    found = Found()
    settings(account, found)
    scale(account, found)
    limits = resources(account, found)
    collection(account, found)
    properties = _properties(account)
    draft, code = environment(account, found)
    source(account, found, draft.is_there)
    fields = nested({**found.fields, **({"properties": properties} if properties else {})})
    for key in ("isDefault", "versionType", "type"):
        account.claim((key,), Outcome.NO_TWIN, note="traffic decides: v2 knows no control and treatment")
    shares = value(account, "traffic_percentile")
    claim(account, "traffic_percentile", Outcome.WRITTEN, "traffic of the endpoint, by a command")
    claim(account, "version_name", Outcome.WRITTEN, "deployment: name")
    return DeploymentDraft(
        name=name,
        fields={"name": name, "endpoint_name": endpoint, **fields},
        models=models(account),
        code=code,
        environment=draft,
        instance_type=limits,
        traffic_percent=round(shares) if isinstance(shares, int | float) else None,
        defaults=tuple(found.defaults),
        todo=tuple(dict.fromkeys(found.todo)),
        breaches=tuple(found.breaches),
    )


def _properties(account: Account) -> dict[str, Json]:
    """What the user said of the service; what the service adds by itself is not carried."""
    given = account.get("properties")
    found = {str(key): str(item) for key, item in given.items()} if isinstance(given, dict) else {}
    for key in found:
        if key in _MADE_BY_SERVICE or key.startswith("azureml."):
            account.claim(("properties", key), Outcome.REPORTED)
    account.claim(("properties",), Outcome.WRITTEN, "properties")
    return {key: item for key, item in found.items() if key not in _MADE_BY_SERVICE and not key.startswith("azureml.")}


def _of_versions_alone(account: Account, endpoint: dict[str, Json]) -> None:
    """What an AksEndpoint says above its versions."""
    note = "each deployment has its own app_insights_enabled"
    claim(account, "enable_app_insights", Outcome.NO_TWIN, note=note)
    properties = _properties(account)
    if properties:
        endpoint["properties"] = properties


def _version(place: Keys, body: dict[str, Json], endpoint: str) -> tuple[DeploymentDraft, tuple[Entry, ...]]:
    """One version of an AksEndpoint; its entries stand where the version stands."""
    account = Account(body)
    name = str(account.get("name") or place[-1])
    account.claim(("name",), Outcome.WRITTEN, "deployment: name")
    for key in ("description", "kvTags", "tags"):
        account.claim((key,), Outcome.NO_TWIN, note="the endpoint's are carried")
    for key in (
        "auth_enabled",
        "token_auth_enabled",
        "primary_key",
        "secondary_key",
        "compute_target_name",
        "namespace",
    ):
        claim(account, key, Outcome.REPORTED, note="the endpoint decides")
    for key in (*_SAID_BY_SERVICE, "scoringUri"):
        if key != "type":
            account.claim((key,), Outcome.REPORTED)
    draft = _deployment(account, endpoint, name)
    entries = tuple(replace(entry, keys=(*place, *entry.keys)) for entry in account.close())
    breaches = tuple(replace(item, keys=(*place, *item.keys)) for item in draft.breaches)
    return replace(draft, breaches=breaches), entries


def _with_traffic(deployments: tuple[DeploymentDraft, ...]) -> tuple[DeploymentDraft, ...]:
    """Whole percents that sum up to 100; one deployment alone gets all."""
    if len(deployments) == 1:
        return (replace(deployments[0], traffic_percent=100),)
    shares = whole_percents({draft.name: float(draft.traffic_percent or 0) for draft in deployments})
    return tuple(replace(draft, traffic_percent=shares[draft.name]) for draft in deployments)


def _name_breaches(account: Account, name: str, deployments: tuple[DeploymentDraft, ...]) -> Iterator[Breach]:
    keys = account.keys("name")
    if not name:
        yield Breach((), "The file names no service.", "Name the endpoint with --name.")
    elif not is_legal_endpoint(name):
        yield Breach(
            keys, f"{name!r} is no legal name of an endpoint.", "Name another one with --name: 3 to 32 characters."
        )
    else:
        for draft in deployments:
            if not is_legal_deployment(draft.name):
                yield Breach(
                    draft_place(draft, account), f"{draft.name!r} is no legal name of a deployment.", "Rename it."
                )
            elif not is_legal_pair(name, draft.name):
                message = f"{name!r} and {draft.name!r} have more than 62 characters together."
                yield Breach(keys, message, "Name a shorter endpoint with --name.")


def draft_place(draft: DeploymentDraft, account: Account) -> Keys:
    """Where a version stands in the file."""
    return (*account.keys("versions"), draft.name)
