"""What stands beside a workspace: its storage account, key vault and registry, and their private endpoints. Read only.

No document of Azure's is here for these providers: their shapes are from the public reference of each.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.arm import last
from tests.azure.double.wire import Handlers, Json
from tests.azure.double.world import World

STORAGE, VAULT = "Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults"
REGISTRY = "Microsoft.ContainerRegistry/registries"
ENDPOINT = "Microsoft.Network/privateEndpoints"
KINDS = (STORAGE, VAULT, REGISTRY, ENDPOINT)


class Neighbours:
    """Made with public access; `close` makes a resource private."""

    def __init__(self, world: World) -> None:
        self._world = world
        workspace = world.resources.get(world.places.workspace_id)["properties"]
        accounts = {"networkAcls": {"defaultAction": "Allow", "bypass": "AzureServices"}, "allowSharedKeyAccess": True}
        self._keep(workspace["storageAccount"], STORAGE, {**accounts, "supportsHttpsTrafficOnly": True}, "Standard_LRS")
        self._keep(
            workspace["keyVault"],
            VAULT,
            {"vaultUri": "https://labkv.vault.azure.net/", "enableRbacAuthorization": True},
        )
        registry = {
            "loginServer": "labcr.azurecr.io",
            "adminUserEnabled": False,
            "networkRuleBypassOptions": "AzureServices",
        }
        self._keep(workspace["containerRegistry"], REGISTRY, registry, "Premium")

    def routes(self) -> Mapping[str, Handlers]:
        base = "/subscriptions/{subscription}/resourceGroups/{group}/providers"
        return {f"{base}/{kind}/{{name}}": {"GET": self._get} for kind in KINDS}

    def close(self, resource_id: str, status: str = "Approved") -> None:
        """No public access, and one private endpoint, whose connection is `status` (Approved, Pending, Rejected)."""
        resource = self._world.resources.get(resource_id)
        name = f"{last(resource_id)}-pe"
        endpoint_id = f"{self._world.places.group_id}/providers/{ENDPOINT}/{name}"
        state = {"status": status, "description": "", "actionsRequired": "None"}
        subnet = f"{self._world.places.group_id}/providers/Microsoft.Network/virtualNetworks/vnet/subnets/ml"
        link = {
            "name": name,
            "properties": {"privateLinkServiceId": resource_id, "privateLinkServiceConnectionState": state},
        }
        self._keep(endpoint_id, ENDPOINT, {"subnet": {"id": subnet}, "privateLinkServiceConnections": [link]})
        connection = {
            "id": f"{resource_id}/privateEndpointConnections/{name}",
            "name": name,
            "type": f"{resource['type']}/privateEndpointConnections",
            "properties": {
                "privateEndpoint": {"id": endpoint_id},
                "privateLinkServiceConnectionState": {"status": status, "description": "", "actionsRequired": "None"},
                "provisioningState": "Succeeded",
            },
        }
        resource["properties"] |= {"publicNetworkAccess": "Disabled", "privateEndpointConnections": [connection]}
        if "networkAcls" in resource["properties"]:
            resource["properties"]["networkAcls"]["defaultAction"] = "Deny"

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._world.resources.get(request.scope["path"]))

    def _keep(self, resource_id: str, kind: str, properties: dict[str, Json], sku: str = "") -> None:
        fixed = {"provisioningState": "Succeeded", "publicNetworkAccess": "Enabled", "privateEndpointConnections": []}
        made: dict[str, Json] = {"id": resource_id, "name": last(resource_id), "type": kind, "tags": {}}
        if sku:
            made["sku"] = {"name": sku}
        made |= {"location": self._world.places.region, "properties": {**fixed, **properties}}
        self._world.resources.put(made)
