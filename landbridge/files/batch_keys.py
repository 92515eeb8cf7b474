"""The keys of Azure ML's batch endpoint and model deployment YAML: their whole published schema.

The settings stand at the root, or below `settings` where there is a `type`: both are published.

Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-batch and the schema classes of
azure-ai-ml 1.35 (`azure/ai/ml/_schema/_endpoint/batch`, `_deployment/batch`).
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from landbridge.files.fields import Keys
from landbridge.files.job_keys import ResourcesKeys, Scalar
from landbridge.files.online_keys import Count, DeploymentKeys, EndpointKeys, Snake

NotNegative = Annotated[int, Field(ge=0)]


class DefaultsKeys(Keys):
    deployment_name: str | None = None


class BatchEndpointKeys(EndpointKeys):
    auth_mode: Annotated[Literal["aad_token"], Snake] = "aad_token"
    defaults: DefaultsKeys = DefaultsKeys()


class RetryKeys(Keys):
    max_retries: NotNegative = 3
    timeout: Count = 30


class BatchSettingsKeys(Keys):
    error_threshold: Annotated[int, Field(ge=-1)] | None = None
    instance_count: Count | None = None
    mini_batch_size: Count | None = None
    max_concurrency_per_instance: Count | None = None
    retry_settings: RetryKeys | None = None
    logging_level: Annotated[Literal["warning", "info", "debug"], Snake] | None = None
    output_action: Annotated[Literal["append_row", "summary_only"], Snake] | None = None
    output_file_name: str | None = None
    environment_variables: dict[str, Scalar | None] | None = None


class BatchDeploymentKeys(DeploymentKeys, BatchSettingsKeys):
    type: Annotated[Literal["model", "pipeline"], Snake] | None = None
    compute: str = ""
    resources: ResourcesKeys | None = None
    settings: BatchSettingsKeys | None = None
    component: str | dict[str, Any] | None = None
    job_definition: str | dict[str, Any] | None = None
