"""The keys of an Azure ML command-job YAML: its whole published schema, as `az ml job create` takes it.

Source: the schema classes of azure-ai-ml 1.35 (`azure/ai/ml/_schema/job`), the published reference of the command job's
YAML and, for literal inputs that declare a type, that of components.

Which keys go together is in `landbridge.files.job_rules`.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from landbridge.domain.job import LITERAL_TYPES
from landbridge.files.fields import Keys
from landbridge.files.problems import unknown_word

MODEL_TYPES = ("mlflow_model", "custom_model", "triton_model")
DATA_TYPES = ("uri_folder", "uri_file", "mltable", *MODEL_TYPES)
INPUT_MODES = ("ro_mount", "download", "direct", "eval_mount", "eval_download")
OUTPUT_MODES = ("rw_mount", "upload", "direct", "mount")
IDENTITY_TYPES = ("managed", "managed_identity", "aml_token", "user_identity")


class _OneOf:
    """Text that is one of `words`; capital letters do not matter, as in Azure ML. The JSON Schema has the words."""

    def __init__(self, *words: str) -> None:
        self._words = words

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "enum": list(self._words)}

    def _check(self, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.lower() not in self._words:
            hint = unknown_word(value, self._words, "")
            raise ValueError(f"{value!r} is not one of: {', '.join(self._words)}", hint)
        return value.lower()


def _whole(value: object) -> object:
    """Azure ML takes `2`, `2.0` and `"2"` where a whole number stands."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _label(value: object) -> object:
    return str(value) if isinstance(value, int | float) else value


def _snake(value: object) -> object:
    """`UserIdentity` and `user_identity`, `AMLToken` and `aml_token` are the same word to Azure ML."""
    if not isinstance(value, str):
        return value
    words = {word.replace("_", ""): word for word in IDENTITY_TYPES}
    return words.get(value.lower().replace("_", ""), value)


def _launcher(value: object) -> object:
    return "pytorch" if value == "torch.distributed" else value  # a newer word for the same thing


Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[int, BeforeValidator(_whole), Field(ge=0)]
Positive = Annotated[int, BeforeValidator(_whole), Field(ge=1)]
Version = Annotated[str, BeforeValidator(_text)]
Labels = dict[str, str | None]
AnyLabels = dict[str, Annotated[str, BeforeValidator(_label)] | None]
"""Azure ML takes numbers and truth values as the labels of everything but of a job."""
Scalar = bool | int | float | str
Words = str | list[str]
Anything = Any  # not Json: pydantic cannot build a recursive alias


class BuildKeys(Keys):
    path: str
    dockerfile_path: str = "Dockerfile"
    args: dict[str, Scalar] = Field(default_factory=dict)


class RouteKeys(Keys):
    port: Whole
    path: str


class InferenceKeys(Keys):
    liveness_route: RouteKeys
    scoring_route: RouteKeys
    readiness_route: RouteKeys


class EnvironmentKeys(Keys):
    schema_: str = Field(default="", alias="$schema")
    id: str | None = None
    name: str | None = None
    version: Version | None = None
    latest_version: Version | None = None
    description: str | None = None
    tags: AnyLabels = Field(default_factory=dict)
    properties: Labels = Field(default_factory=dict)
    image: str = ""
    build: BuildKeys | None = None
    conda_file: str | dict[str, Anything] | None = None
    inference_config: InferenceKeys | None = None
    os_type: Annotated[str, _OneOf("linux", "windows")] | None = None
    datastore: str | None = None
    auto_delete_setting: dict[str, Anything] | None = None
    creation_context: dict[str, Anything] | None = None
    intellectual_property: dict[str, Anything] | None = None


class InputKeys(Keys):
    type: Annotated[str, _OneOf(*DATA_TYPES, *sorted(LITERAL_TYPES))] | None = None
    path: str = ""
    mode: Annotated[str, _OneOf(*INPUT_MODES, "rw_mount", "upload")] | None = None
    value: Scalar | None = None
    default: Scalar | None = None
    optional: bool = False
    min: float | int | None = None
    max: float | int | None = None
    enum: list[Scalar] | None = None
    description: str | None = None
    path_on_compute: str | None = None
    datastore: str | None = None


class OutputKeys(Keys):
    type: Annotated[str, _OneOf(*DATA_TYPES)] = "uri_folder"
    path: str = ""
    mode: Annotated[str, _OneOf(*OUTPUT_MODES)] | None = None
    name: str | None = None
    version: Version | None = None
    early_available: bool | None = None
    is_control: bool | None = None
    description: str | None = None
    path_on_compute: str | None = None


class ResourcesKeys(Keys):
    instance_count: Positive = 1
    instance_type: Words = ""
    shm_size: Annotated[str, Field(pattern=r"^(?i:\d+(\.\d+)?[bkmg]?)$")] = ""
    docker_args: Words = ""
    locations: list[str] = Field(default_factory=list)
    max_instance_count: Positive | None = None
    properties: dict[str, Anything] = Field(default_factory=dict)


class DistributionKeys(Keys):
    type: Annotated[str, _OneOf("pytorch", "mpi", "tensorflow", "ray"), BeforeValidator(_launcher)]
    process_count_per_instance: Positive | None = None
    worker_count: Count | None = None
    parameter_server_count: Count | None = None
    address: str | None = None
    port: Whole | None = None
    include_dashboard: bool | None = None
    dashboard_port: Whole | None = None
    head_node_additional_args: str | None = None
    worker_node_additional_args: str | None = None


class LimitsKeys(Keys):
    timeout: Positive | None = None


class ServiceKeys(Keys):
    type: str | None = None
    port: Whole | None = None
    nodes: str | None = None
    properties: dict[str, Anything] | None = None
    log_dir: str | None = None
    ssh_public_keys: str | None = None
    endpoint: str | None = None
    status: str | None = None
    error_message: str | None = None


class IdentityKeys(Keys):
    type: Annotated[str, _OneOf(*IDENTITY_TYPES), BeforeValidator(_snake)]
    client_id: str | None = None
    object_id: str | None = None
    msi_resource_id: str | None = None


class QueueKeys(Keys):
    job_tier: Annotated[str, _OneOf("spot", "basic", "standard", "premium", "null")] | None = None
    priority: Annotated[str, _OneOf("low", "medium", "high")] | None = None


class CommandJobKeys(Keys):
    schema_: str = Field(default="", alias="$schema")
    type: str = "command"
    name: str = ""
    display_name: str = ""
    experiment_name: str = ""
    description: str = ""
    tags: Labels = Field(default_factory=dict)
    properties: Labels = Field(default_factory=dict)
    command: Annotated[str, Field(min_length=1)]
    code: Annotated[str, Field(min_length=1)] | None = None
    environment: str | EnvironmentKeys
    environment_variables: dict[str, Scalar | None] = Field(default_factory=dict)
    inputs: dict[str, Scalar | InputKeys] = Field(default_factory=dict)
    outputs: dict[str, OutputKeys | None] = Field(default_factory=dict)
    compute: str = ""
    resources: ResourcesKeys | None = None
    distribution: DistributionKeys | None = None
    limits: LimitsKeys | None = None
    services: dict[str, ServiceKeys] = Field(default_factory=dict)
    identity: IdentityKeys | None = None
    queue_settings: QueueKeys | None = None
    parent_job_name: str | None = None
    id: str | None = None
    status: str | None = None
    creation_context: dict[str, Anything] | None = None
    log_files: dict[str, str] | None = None
    parameters: dict[str, Anything] | None = None
