"""Versioned assets of the workspace: codes, environments, models, data."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.arm import last
from tests.azure.double.places import PROVIDER
from tests.azure.double.wire import Handler, Handlers, Json, bad_request, body, not_found, part, said
from tests.azure.double.world import World


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of asset.

    Attributes:
        path: as in the resource's address.
        address: the property that says where its files lie.
        fixed: properties that no later PUT changes.
        defaults: what the service adds. Without some of them azure-ai-ml fails on its own answer.
    """

    path: str
    address: str
    fixed: tuple[str, ...]
    defaults: Mapping[str, Json]


CODES = Kind("codes", "codeUri", ("codeUri",), {"provisioningState": "Succeeded"})
ENVIRONMENTS = Kind(
    "environments", "", ("image", "condaFile", "build"), {"osType": "Linux", "provisioningState": "Succeeded"}
)
MODELS = Kind(
    "models",
    "modelUri",
    ("modelUri", "modelType"),
    {"flavors": {}, "modelType": "custom_model", "provisioningState": "Succeeded"},
)
DATA = Kind("data", "dataUri", ("dataUri", "dataType"), {"dataType": "uri_folder"})
KINDS = (CODES, ENVIRONMENTS, MODELS, DATA)
MODEL_TYPES = frozenset({"mlflow_model", "custom_model", "triton_model"})
_SHORT = re.compile(r"azureml:(?P<name>[^/:@]+)(?::(?P<version>[^/]+)|@(?P<label>[^/]+))")
COMMON = {"description": None, "tags": {}, "properties": {}, "isAnonymous": False, "isArchived": False}
SHOWN = {"activeonly": (False,), "archivedonly": (True,), "all": (False, True)}


class Assets:
    """Reads and writes of all four kinds."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Mapping[str, Handlers]:
        base = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{PROVIDER}/workspaces/{{workspace}}"
        table: dict[str, Handlers] = {}
        for kind in KINDS:
            one = f"{base}/{kind.path}/{{name}}"
            table[f"{base}/{kind.path}"] = {"GET": self._containers}
            table[one] = {"GET": self._container, "PUT": self._put_container}
            table[f"{one}/versions"] = {"GET": self._versions}
            table[f"{one}/versions/{{version}}"] = {"GET": self._get, "PUT": self._putter(kind), "DELETE": self._delete}
            table[f"{one}/versions/{{version}}/startPendingUpload"] = {"POST": self._upload}
        return table

    def _putter(self, kind: Kind) -> Handler:
        async def put(request: Request) -> Response:
            given = (await body(request)).get("properties", {})
            return self.keep(kind, (part(request, "name"), part(request, "version")), given)

        return put

    def keep(self, kind: Kind, names: tuple[str, str], given: Mapping[str, Json]) -> Response:
        """A version is made once; later only its words change: description, tags, properties, archived."""
        given = said(given)
        old = self._world.resources.find(self._world.ml(f"{kind.path}/versions", *names))
        if old is not None:
            changed = [key for key in kind.fixed if key in given and given[key] != old["properties"].get(key)]
            if changed:
                text = f"Asset {names[0]} version {names[1]} exists, and {', '.join(changed)} cannot be changed."
                raise bad_request(text)
        before = (old or {}).get("properties", {})
        # An update names all of the words that shall stay.
        properties = {**kind.defaults, **before, **COMMON, **given}
        properties["properties"] = {key: str(value) for key, value in properties["properties"].items()}
        if kind.path == "models" and str(properties.get("modelUri", "")).startswith("azureml://jobs/"):
            properties["jobName"] = properties["modelUri"].split("/")[3]
        if kind.path == "environments":
            properties["environmentType"] = "UserCreated"
        made = self._world.add(f"{kind.path}/versions", names, properties)
        return JSONResponse(made, 200 if old else 201)

    def knows(self, asset: str) -> bool:
        """Whether a job may name it: by identifier, as `azureml:name:version` or `@latest`, or in Azure's own registry."""
        if match := _SHORT.fullmatch(asset):
            versions = self._world.resources.children(self._world.ml("environments/versions", match["name"]))
            return any(match["label"] == "latest" or one["name"] == match["version"] for one in versions)
        return asset.startswith("azureml://registries/azureml/") or self._world.resources.find(asset) is not None

    def next_version(self, kind: Kind, name: str) -> str:
        versions = self._world.resources.children(self._world.ml(f"{kind.path}/versions", name))
        return str(max((int(one["name"]) for one in versions if one["name"].isdigit()), default=0) + 1)

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._world.resources.get(request.scope["path"]))

    async def _delete(self, request: Request) -> Response:
        known = self._world.resources.find(request.scope["path"]) is not None
        self._world.resources.remove(request.scope["path"])
        return Response(status_code=200 if known else 204)

    async def _versions(self, request: Request) -> Response:
        query = request.query_params
        found = list(reversed(self._world.resources.children(request.scope["path"])))  # the newest first, as Azure does
        if "hash" in query:
            found = [one for one in found if one["properties"]["properties"].get("hash_sha256") == query["hash"]]
        shown = SHOWN[query.get("listViewType", "ActiveOnly").lower()]
        found = [one for one in found if one["properties"]["isArchived"] in shown]
        if "$top" in query:
            found = found[: int(query["$top"])]
        return JSONResponse({"value": found})

    async def _containers(self, request: Request) -> Response:
        shown = SHOWN[request.query_params.get("listViewType", "ActiveOnly").lower()]
        names: dict[str, None] = {}
        prefix = request.scope["path"].rstrip("/")
        kind = f"{PROVIDER}/workspaces/{last(prefix)}/versions"
        for version in self._world.resources.under(prefix, kind):
            if not version["properties"]["isAnonymous"]:
                names[version["id"].split("/")[-3]] = None
        found = [self._contained(f"{prefix}/{name}") for name in names]
        return JSONResponse({"value": [one for one in found if one["properties"]["isArchived"] in shown]})

    async def _container(self, request: Request) -> Response:
        return JSONResponse(self._contained(request.scope["path"]))

    async def _put_container(self, request: Request) -> Response:
        """Archives or restores all versions of a name, and sets its words."""
        container = self._contained(request.scope["path"])
        given = (await body(request)).get("properties", {})
        kept = {key: value for key, value in given.items() if key in COMMON and value is not None}
        for version in self._world.resources.children(f"{container['id']}/versions"):
            version["properties"]["isArchived"] = bool(given.get("isArchived"))
        container["properties"] |= kept
        return JSONResponse(container, 200)

    def _contained(self, path: str) -> dict[str, Json]:
        versions = self._world.resources.children(f"{path}/versions")
        if not versions:
            raise not_found(f"Asset {path}")
        numbers = [int(one["name"]) for one in versions if one["name"].isdigit()]
        newest = versions[-1]
        counted = {"latestVersion": newest["name"], "nextVersion": str(max(numbers, default=0) + 1)}
        properties = {"description": None, "tags": {}, "properties": {}, **counted}
        properties["isArchived"] = all(one["properties"]["isArchived"] for one in versions)
        if "dataType" in newest["properties"]:
            properties["dataType"] = newest["properties"]["dataType"]
        made = {"id": path, "name": last(path), "type": newest["type"].removesuffix("/versions")}
        return {**made, "systemData": newest["systemData"], "properties": properties}

    async def _upload(self, request: Request) -> Response:
        """A container of its own for the files of one version, and a SAS for it."""
        places = self._world.places
        upload = str(uuid.uuid4())
        container = f"{places.workspace_guid[:8]}-{upload}"
        self._world.blobs.make(container)
        base = f"https://{places.blob_host}/{container}"
        sas = self._world.sas(container)
        credential = {"credentialType": "SAS", "sasUri": f"{base}?{sas}"}
        reference = {"blobUri": base, "storageAccountArmId": places.account_id, "credential": credential}
        kind = {"pendingUploadId": upload, "pendingUploadType": "TemporaryBlobReference"}
        return JSONResponse({**kind, "blobReferenceForConsumption": reference})
