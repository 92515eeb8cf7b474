"""The keys of Azure ML's online endpoint and deployment YAML: their whole published schema.

Source: the schema classes of azure-ai-ml 1.35 (`azure/ai/ml/_schema/_endpoint`, `_deployment`).
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from landbridge.files.fields import Cpu, Gpus, Keys
from landbridge.files.job_keys import AnyLabels, EnvironmentKeys, Scalar, Version
from landbridge.files.scenario_keys import ProbeKeys, RequestSettingsKeys
from landbridge.files.units import memory_bytes_up

Percent = Annotated[int, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=1)]


def _snake(value: object) -> object:
    """`Key`, `AMLToken` and `aml_token` are one way of writing to Azure ML."""
    if not isinstance(value, str):
        return value
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", value).lower()


def _switch(value: object) -> object:
    """The schema has the words `true` and `false` where YAML has truth values, which the SDK does not take."""
    return value.lower() if isinstance(value, str) else value


Snake = BeforeValidator(_snake)


class IdentityKeys(Keys):
    type: Annotated[Literal["system_assigned", "user_assigned", "none", "system_assigned,user_assigned"], Snake]
    user_assigned_identities: list[dict[str, Any]] = Field(default_factory=list)
    principal_id: str | None = None
    tenant_id: str | None = None


class EndpointKeys(Keys):
    """Of an endpoint of either kind."""

    schema_: str = Field(default="", alias="$schema")
    id: str | None = None
    name: str
    description: str = ""
    tags: AnyLabels = Field(default_factory=dict)
    properties: AnyLabels = Field(default_factory=dict)
    identity: IdentityKeys | None = None
    location: str | None = None
    scoring_uri: str | None = None
    openapi_uri: str | None = None
    provisioning_state: str | None = None


class OnlineEndpointKeys(EndpointKeys):
    auth_mode: Annotated[Literal["key", "aml_token", "aad_token"], Snake] = "key"
    compute: str = ""
    traffic: dict[str, Percent] = Field(default_factory=dict)
    mirror_traffic: dict[str, Percent] = Field(default_factory=dict)
    public_network_access: Annotated[Literal["enabled", "disabled"], Snake] | None = None
    kind: str | None = None


class ModelKeys(Keys):
    name: str | None = None
    version: Version | None = None
    path: str = ""
    type: Annotated[Literal["custom_model", "mlflow_model", "triton_model"], Snake] | None = None
    description: str | None = None
    tags: AnyLabels = Field(default_factory=dict)
    properties: AnyLabels = Field(default_factory=dict)
    stage: str | None = None
    flavors: dict[str, Any] | None = None
    datastore: str | None = None


class CodeKeys(Keys):
    code: str = ""
    scoring_script: str


class DeploymentKeys(Keys):
    """Of a deployment of either kind."""

    schema_: str = Field(default="", alias="$schema")
    id: str | None = None
    name: str
    endpoint_name: str
    description: str = ""
    tags: AnyLabels = Field(default_factory=dict)
    properties: AnyLabels = Field(default_factory=dict)
    model: str | ModelKeys = ""
    code_configuration: CodeKeys | None = None
    environment: str | EnvironmentKeys | None = None
    provisioning_state: str | None = None


class OnlineScaleKeys(Keys):
    type: Annotated[Literal["default", "target_utilization"], Snake]
    min_instances: Annotated[int, Field(ge=0)] | None = None
    max_instances: Count | None = None
    target_utilization_percentage: Annotated[int, Field(ge=1, le=100)] | None = None
    polling_interval: Count | None = None


class AmountKeys(Keys):
    cpu: Cpu | None = None
    memory: Annotated[int, BeforeValidator(memory_bytes_up)] | None = None
    gpu: Gpus | None = Field(default=None, alias="nvidia.com/gpu")


class ContainerKeys(Keys):
    requests: AmountKeys = AmountKeys()
    limits: AmountKeys = AmountKeys()


class CollectionKeys(Keys):
    enabled: Annotated[Literal["true", "false"], BeforeValidator(_switch)]
    data: str | dict[str, Any] | None = None
    client_id: str | None = None


class CollectorKeys(Keys):
    collections: dict[str, CollectionKeys] = Field(default_factory=dict)
    rolling_rate: Annotated[Literal["minute", "hour", "day"], Snake] | None = None
    sampling_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    request_logging: dict[str, Any] | None = None


class OnlineDeploymentKeys(DeploymentKeys):
    type: Annotated[Literal["kubernetes", "managed"], Snake] = "managed"
    model_mount_path: str | None = None
    environment_variables: dict[str, Scalar | None] = Field(default_factory=dict)
    instance_type: str = ""
    instance_count: Count | None = None
    app_insights_enabled: bool = False
    scale_settings: OnlineScaleKeys | None = None
    request_settings: RequestSettingsKeys = RequestSettingsKeys()
    liveness_probe: ProbeKeys = ProbeKeys()
    readiness_probe: ProbeKeys = ProbeKeys()
    resources: ContainerKeys | None = None
    data_collector: CollectorKeys | None = None
    egress_public_network_access: Annotated[Literal["enabled", "disabled"], Snake] | None = None
    private_network_connection: bool | None = None
