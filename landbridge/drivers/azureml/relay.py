"""The Azure Relay of an Arc cluster: how jobs and deployments reach it without a way in. One for each cluster, found by its name.

Azure's own CLI makes the same one, of the same name, when it installs the extension.
"""

from landbridge.domain.azure.clusters import Arc
from landbridge.domain.azure.extension_wire import relay_namespace
from landbridge.domain.errors import NotFoundError
from landbridge.domain.operating import Waiting
from landbridge.domain.values import Json
from landbridge.drivers.azureml.client import Request, Workspace
from landbridge.drivers.azureml.waiting import until

VERSION = "2021-11-01"
RULE = "azureml_rw"
RIGHTS: list[Json] = ["Manage", "Send", "Listen"]
SKU: dict[str, Json] = {"name": "Standard", "tier": "Standard"}


def ensure(workspace: Workspace, cluster: Arc, waiting: Waiting) -> tuple[str, str]:
    """The hybrid connection of a cluster, made where it is missing: its identifier and its connection string, a secret."""
    at = cluster.at
    group = f"/subscriptions/{at.subscription_id}/resourceGroups/{at.resource_group}"
    namespace = f"{group}/providers/Microsoft.Relay/namespaces/{relay_namespace(at)}"
    connection = f"{namespace}/hybridConnections/{at.name}"
    doing = f"making the Azure Relay of {at.label}"
    if workspace.find(connection, VERSION, doing) is None:
        workspace.put(namespace, VERSION, {"location": cluster.region, "sku": SKU}, doing)
        until(
            lambda: workspace.get(namespace, VERSION, doing),
            lambda found: str((found or {}).get("properties", {}).get("provisioningState")) == "Succeeded",
            waiting,
            doing,
        )
        workspace.put(connection, VERSION, {"properties": {"requiresClientAuthorization": True}}, doing)
    try:
        return connection, connection_string(workspace, connection)
    except NotFoundError:
        rule = f"{connection}/authorizationRules/{RULE}"
        workspace.put(rule, VERSION, {"properties": {"rights": RIGHTS}}, doing)
        return connection, connection_string(workspace, connection)


def connection_string(workspace: Workspace, connection: str) -> str:
    """A secret.

    Raises:
        NotFoundError: the connection, or the rule that Azure ML uses, is not there.
    """
    path = f"{connection}/authorizationRules/{RULE}/listKeys"
    answer = workspace.ask(Request("POST", path, "reading the key of the Azure Relay", VERSION))
    return str(answer.body["primaryConnectionString"])
