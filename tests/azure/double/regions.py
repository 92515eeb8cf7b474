"""What Azure tells of a subscription and its regions: machine sizes, addresses of services, providers; and Trusted Access.

No document of Azure's is here for these providers: their shapes are from the public reference of each.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.azure.double.clusters import AKS
from tests.azure.double.ml_workspace import SIZES
from tests.azure.double.wire import Handlers, part
from tests.azure.double.world import World

ROLE = "Microsoft.MachineLearningServices/workspaces/mlworkload"
PAIRS = {"westeurope": "northeurope", "northeurope": "westeurope"}


class Regions:
    """A test changes what is here: `ranges` by region, `registered`, `trusting` clusters (identifiers)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ranges = {
            "westeurope": ["20.1.0.0/24", "2603:1020::/48"],
            "northeurope": ["20.2.0.0/24"],
            "eastus": ["20.3.0.0/24"],
        }
        self.registered = "Registered"
        self.trusting: set[str] = set()

    def routes(self) -> Mapping[str, Handlers]:
        subscription = "/subscriptions/{subscription}"
        cluster = f"{subscription}/resourceGroups/{{group}}/providers/{AKS}/{{cluster}}"
        return {
            f"{subscription}/locations": {"GET": self._locations},
            f"{subscription}/providers/Microsoft.Compute/locations/{{location}}/vmSizes": {"GET": self._sizes},
            f"{subscription}/providers/Microsoft.Network/locations/{{location}}/serviceTags": {"GET": self._tags},
            f"{subscription}/providers/Microsoft.KubernetesConfiguration": {"GET": self._provider},
            f"{cluster}/trustedAccessRoleBindings": {"GET": self._bindings},
        }

    async def _locations(self, request: Request) -> Response:
        value = [
            {"name": name, "metadata": {"pairedRegion": [{"name": PAIRS[name]}] if name in PAIRS else []}}
            for name in self.ranges
        ]
        return JSONResponse({"value": value})

    async def _sizes(self, request: Request) -> Response:
        value = [
            {"name": name, "numberOfCores": cpus, "memoryInMB": memory * 1024}
            for name, (cpus, memory, _) in SIZES.items()
        ]
        return JSONResponse({"value": value})

    async def _tags(self, request: Request) -> Response:
        values = [
            {"name": f"AzureMachineLearning.{name.title()}", "properties": {"region": name, "addressPrefixes": ranges}}
            for name, ranges in self.ranges.items()
        ]
        return JSONResponse({"name": "Public", "values": values})

    async def _provider(self, request: Request) -> Response:
        return JSONResponse({"namespace": "Microsoft.KubernetesConfiguration", "registrationState": self.registered})

    async def _bindings(self, request: Request) -> Response:
        cluster = request.scope["path"].rpartition("/")[0]
        self._world.resources.get(cluster)
        if cluster.lower() not in {one.lower() for one in self.trusting}:
            return JSONResponse({"value": []})
        name = f"{part(request, 'cluster')}-ml"
        properties = {
            "sourceResourceId": self._world.places.workspace_id,
            "roles": [ROLE],
            "provisioningState": "Succeeded",
        }
        return JSONResponse({"value": [{"name": name, "properties": properties}]})
