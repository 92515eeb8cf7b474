"""The names under which Azure is reached: hosts by cloud, and the identifiers of one workspace and what belongs to it."""

import uuid
from dataclasses import dataclass, field

from landbridge.domain.values import Json

PROVIDER = "Microsoft.MachineLearningServices"


@dataclass(frozen=True, slots=True)
class Cloud:
    """Hosts of one Azure cloud, as azure-ai-ml's own table has them (`_azure_environments._environments`)."""

    name: str
    management: str
    login: tuple[str, ...]
    ml: str
    """What a token for the data plane is asked for: `https://{ml}`."""
    storage: str
    api: str
    """Of the services of a region: `{region}.{api}`."""
    inference: str
    portal: str


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            "AzureCloud",
            "management.azure.com",
            ("login.microsoftonline.com", "login.microsoft.com"),
            "ml.azure.com",
            "core.windows.net",
            "api.azureml.ms",
            "inference.ml.azure.com",
            "portal.azure.com",
        ),
        Cloud(
            "AzureUSGovernment",
            "management.usgovcloudapi.net",
            ("login.microsoftonline.us",),
            "ml.azure.us",
            "core.usgovcloudapi.net",
            "api.ml.azure.us",
            "inference.ml.azure.us",
            "portal.azure.us",
        ),
        Cloud(
            "AzureChinaCloud",
            "management.chinacloudapi.cn",
            ("login.chinacloudapi.cn", "login.partner.microsoftonline.cn"),
            "ml.azure.cn",
            "core.chinacloudapi.cn",
            "api.ml.azure.cn",
            "inference.ml.azure.cn",
            "portal.azure.cn",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Places:
    """One subscription with one workspace: every identifier that a test or a service needs."""

    cloud: Cloud = CLOUDS["AzureCloud"]
    region: str = "westeurope"
    tenant: str = "11111111-1111-1111-1111-111111111111"
    client: str = "22222222-2222-2222-2222-222222222222"
    subscription: str = "33333333-3333-3333-3333-333333333333"
    resource_group: str = "ml"
    workspace: str = "lab"
    workspace_guid: str = field(default_factory=lambda: str(uuid.uuid4()))
    account: str = "landbridgelab"

    @property
    def group_id(self) -> str:
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"

    @property
    def workspace_id(self) -> str:
        return f"{self.group_id}/providers/{PROVIDER}/workspaces/{self.workspace}"

    def options(self, **more: Json) -> dict[str, Json]:
        """Of a target in the workspace, as an inventory has them."""
        names = {"subscription_id": self.subscription, "resource_group": self.resource_group}
        return {**names, "workspace": self.workspace, **more}

    @property
    def account_id(self) -> str:
        return f"{self.group_id}/providers/Microsoft.Storage/storageAccounts/{self.account}"

    @property
    def management(self) -> str:
        return f"https://{self.cloud.management}"

    @property
    def api_host(self) -> str:
        return f"{self.region}.{self.cloud.api}"

    @property
    def blob_host(self) -> str:
        return f"{self.account}.blob.{self.cloud.storage}"

    @property
    def inference_suffix(self) -> str:
        return f".{self.region}.{self.cloud.inference}"

    @property
    def certified(self) -> list[str]:
        """Every name that the server's certificate is for."""
        workspace = f"*.workspace.{self.region}.{self.cloud.api}"
        wild = [f"*.blob.{self.cloud.storage}", f"*.{self.cloud.api}", f"*{self.inference_suffix}", workspace]
        return [self.cloud.management, *self.cloud.login, *wild, "localhost"]

    def service(self, host: str) -> str:
        """Which service `host` is: management, login, api, blob, scoring, router, or "" when it is none of ours."""
        host = host.lower()
        if host == self.cloud.management:
            return "management"
        if host in self.cloud.login:
            return "login"
        if host.endswith(self.cloud.api):
            return "api"
        if host == self.blob_host:
            return "blob"
        if host.endswith(self.inference_suffix):
            return "scoring"
        return "router" if host.partition(":")[0] in {"127.0.0.1", "localhost"} else ""
