"""The workspace, its datastores, and the machine sizes of its region."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.places import PROVIDER
from tests.azure.double.wire import Handlers, Json, bad_request, body, part
from tests.azure.double.world import ARTIFACTS, BLOBSTORE, World

SIZES = {
    "Standard_DS2_v2": (2, 7, 0),
    "Standard_DS3_v2": (4, 14, 0),
    "Standard_DS4_v2": (8, 28, 0),
    "Standard_NC6s_v3": (6, 112, 1),
}
"""Virtual CPUs, memory (GB) and GPUs."""


class Workspace:
    """Reads of the workspace, and its datastores."""

    def __init__(self, world: World) -> None:
        self._world = world
        places = world.places
        make_workspace(world)
        for name, container in ((BLOBSTORE, f"azureml-blobstore-{places.workspace_guid}"), (ARTIFACTS, "azureml")):
            world.blobs.make(container)
            self._keep_store(
                name, {"datastoreType": "AzureBlob", "containerName": container, "accountName": places.account}
            )

    def routes(self) -> Mapping[str, Handlers]:
        subscription = "/subscriptions/{subscription}"
        group = f"{subscription}/resourceGroups/{{group}}"
        workspaces = f"{group}/providers/{PROVIDER}/workspaces"
        base = f"{workspaces}/{{workspace}}"
        return {
            f"{subscription}/providers/{PROVIDER}/workspaces": {"GET": self._list},
            workspaces: {"GET": self._list},
            base: {"GET": self._get},
            f"{base}/datastores": {"GET": self._stores},
            f"{base}/datastores/{{name}}": {"GET": self._get, "PUT": self._put_store, "DELETE": self._delete_store},
            f"{base}/datastores/{{name}}/listSecrets": {"POST": self._secrets},
            f"{subscription}/providers/{PROVIDER}/locations/{{location}}/vmSizes": {"GET": self._sizes},
            f"{subscription}/providers/{PROVIDER}/locations/{{location}}/usages": {"GET": self._usages},
        }

    async def _list(self, request: Request) -> Response:
        scope = request.scope["path"].lower().partition("/providers/")[0]
        found = self._world.resources.under(scope, f"{PROVIDER}/workspaces")
        return JSONResponse({"value": found})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._world.resources.get(request.scope["path"]))

    async def _stores(self, request: Request) -> Response:
        found = self._world.resources.children(self._world.ml("datastores"))
        if request.query_params.get("isDefault", "").lower() == "true":
            found = [one for one in found if one["properties"]["isDefault"]]
        return JSONResponse({"value": found})

    async def _put_store(self, request: Request) -> Response:
        name = part(request, "name")
        properties = (await body(request)).get("properties", {})
        if properties.get("datastoreType") != "AzureBlob":
            raise bad_request("The double plays blob datastores only.")
        self._world.blobs.make(properties["containerName"])
        is_new = self._world.resources.find(request.scope["path"]) is None
        return JSONResponse(self._keep_store(name, properties), 201 if is_new else 200)

    async def _delete_store(self, request: Request) -> Response:
        self._world.resources.remove(request.scope["path"])
        return Response(status_code=200)

    async def _secrets(self, request: Request) -> Response:
        """The account key, never a SAS: of a SAS, azure-ai-ml 1.35's `jobs.stream` decodes the text as a key and fails."""
        self._world.resources.get(self._world.ml("datastores", part(request, "name")))
        return JSONResponse({"secretsType": "AccountKey", "key": self._world.account_key})

    async def _sizes(self, request: Request) -> Response:
        value = [
            {
                "name": name,
                "family": "standardFamily",
                "vCPUs": cpus,
                "gpus": gpus,
                "memoryGB": memory,
                "osVhdSizeMB": 1047552,
                "maxResourceVolumeMB": 14336,
                "lowPriorityCapable": True,
                "premiumIO": True,
                "estimatedVMPrices": {"billingCurrency": "USD", "unitOfMeasure": "OneHour", "values": []},
                "supportedComputeTypes": ["AmlCompute", "ComputeInstance"],
            }
            for name, (cpus, memory, gpus) in SIZES.items()
        ]
        return JSONResponse({"value": value})

    async def _usages(self, request: Request) -> Response:
        value = [
            {
                "id": f"{request.scope['path']}/{name}",
                "type": f"{PROVIDER}/usages",
                "unit": "Count",
                "currentValue": used,
                "limit": limit,
                "name": {"value": name, "localizedValue": name},
            }
            for name, (used, limit) in self._world.quota.items()
        ]
        return JSONResponse({"value": value})

    def _keep_store(self, name: str, given: dict[str, Json]) -> dict[str, Json]:
        storage = self._world.places.cloud.storage
        fixed = {
            "isDefault": name == BLOBSTORE,
            "protocol": "https",
            "endpoint": storage,
            "serviceDataAccessAuthIdentity": "None",
            "credentials": {"credentialsType": "AccountKey", "secrets": {"secretsType": "AccountKey"}},
            "tags": {},
            "properties": {},
        }
        kept = {**fixed, **{key: value for key, value in given.items() if key != "credentials" and value is not None}}
        return self._world.add("datastores", (name,), kept)


def make_workspace(world: World) -> None:
    """The workspace as it is after creation, with public access; a test may change its properties."""
    places = world.places
    neighbour = f"{places.group_id}/providers"
    properties = {
        "friendlyName": places.workspace,
        "description": "",
        "workspaceId": places.workspace_guid,
        "provisioningState": "Succeeded",
        "discoveryUrl": f"https://{places.api_host}/discovery",
        "mlFlowTrackingUri": f"azureml://{places.api_host}/mlflow/v1.0{places.workspace_id}",
        "storageAccount": places.account_id,
        "keyVault": f"{neighbour}/Microsoft.KeyVault/vaults/{places.workspace}kv",
        "applicationInsights": f"{neighbour}/Microsoft.Insights/components/{places.workspace}ai",
        "containerRegistry": f"{neighbour}/Microsoft.ContainerRegistry/registries/{places.workspace}cr",
        "hbiWorkspace": False,
        "publicNetworkAccess": "Enabled",
        "privateEndpointConnections": [],
        "v1LegacyMode": False,
        "tenantId": places.tenant,
    }
    identity = {"type": "SystemAssigned", "principalId": places.workspace_guid, "tenantId": places.tenant}
    world.resources.put(
        {
            "id": places.workspace_id,
            "name": places.workspace,
            "type": f"{PROVIDER}/workspaces",
            "location": places.region,
            "kind": "Default",
            "sku": {"name": "Basic", "tier": "Basic"},
            "identity": identity,
            "tags": {},
            "properties": properties,
        }
    )
