"""Online endpoints and their deployments as Azure ML's YAML says them: a stable name, and the coloured deployments behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from landbridge.domain.job import JobEnvironment
from landbridge.domain.scenario import ServingSettings
from landbridge.domain.values import Json, Resources

# Limits of the service: https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas
DEPLOYMENTS_OF_AN_ENDPOINT = 20
ENDPOINTS_OF_A_REGION, DEPLOYMENTS_OF_A_REGION = 100, 500  # of a subscription, online and batch together
ENDPOINTS_OF_A_CLUSTER = 60
DEPLOYMENTS_OF_A_CLUSTER = 100
LONGEST_PAIR = 62  # characters of both names together, on Kubernetes
MANAGED_INSTANCES = 50
KUBERNETES_TIMEOUT_MS, MANAGED_TIMEOUT_MS = 300_000, 180_000


@dataclass(frozen=True, slots=True)
class OnlineEndpoint:
    """An endpoint. `compute`: `azureml:NAME` on Kubernetes; "" = Azure manages it.

    Attributes:
        traffic: deployment → percent; in sum 0 or 100.
        options: what else the file says, by its own names.
    """

    name: str
    compute: str = ""
    auth_mode: str = "key"
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    traffic: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, Json] = field(default_factory=dict)

    @property
    def on_kubernetes(self) -> bool:
        return bool(self.compute)


@dataclass(frozen=True, slots=True)
class OnlineDeployment:
    """One deployment.

    Attributes:
        model: a reference, or the inline model's keys with an absolute local `path`; empty = none.
        code: absolute local folder, a reference, or "".
        requests, limits: what is 0 comes from the instance type.
        options: what else the file says, by its own names.
    """

    name: str
    endpoint: str
    kubernetes: bool
    environment: JobEnvironment | None
    model: str | Mapping[str, Json] = ""
    code: str = ""
    scoring_script: str = ""
    settings: ServingSettings = ServingSettings()
    requests: Resources = Resources()
    limits: Resources = Resources()
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Json] = field(default_factory=dict)
