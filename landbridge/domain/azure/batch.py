"""Batch endpoints and their model deployments as Azure ML's YAML says them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from landbridge.domain.digests import digest_value
from landbridge.domain.job import JobEnvironment, environment_identity
from landbridge.domain.values import Json


@dataclass(frozen=True, slots=True)
class BatchEndpoint:
    """An endpoint. `options`: what else the file says, by its own names."""

    name: str
    default_deployment: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How the files are scored; the defaults are Azure's.

    Attributes:
        error_threshold: files that may fail; -1 = any number.
        mini_batch_size: files that one call of the script or model gets.
        retry_timeout: of one try at a mini batch, s.
        output_action: append_row or summary_only.
    """

    error_threshold: int = -1
    mini_batch_size: int = 10
    max_concurrency_per_instance: int = 1
    max_retries: int = 3
    retry_timeout: int = 30
    logging_level: str = "info"
    output_action: str = "append_row"
    output_file_name: str = "predictions.csv"
    environment_variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchDeployment:
    """One model deployment.

    Attributes:
        model: a reference, or the inline model's keys with an absolute local `path`.
        code: absolute local folder, a reference, or ""; its `scoring_script` has `init()` and `run(mini_batch)`.
        compute: `azureml:NAME`.
        options: what else the file says, by its own names.
        said: the settings that the file gives, by its own names; the others have Azure's defaults.
    """

    name: str
    endpoint: str
    model: str | Mapping[str, Json]
    compute: str
    environment: JobEnvironment | None = None
    code: str = ""
    scoring_script: str = ""
    instance_count: int = 1
    instance_type: str = ""
    settings: BatchSettings = BatchSettings()
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Json] = field(default_factory=dict)
    said: frozenset[str] = frozenset()

    @property
    def model_folder(self) -> str:
        """The name that the model's folder, or its one file, has in AZUREML_MODEL_DIR; "" = the file does not say it."""
        path = "" if isinstance(self.model, str) else str(self.model.get("path") or "")
        return path.rstrip("/").rsplit("/", 1)[-1]


def predictions_digest(deployment: BatchDeployment, code_digest: str, model_folder: str) -> str:
    """Name all of it that decides what a scoring leaves. Left out: where it runs, how many at a time, what it logs."""
    given: dict[str, Json] = {
        "environment": environment_identity(deployment.environment) if deployment.environment else None,
        "environment_variables": dict(deployment.settings.environment_variables),
    }
    if deployment.scoring_script:
        settings = deployment.settings
        given |= {
            "code": code_digest,
            "scoring_script": deployment.scoring_script,
            "model_folder": model_folder,
            "mini_batch_size": settings.mini_batch_size,
            "max_retries": settings.max_retries,
            "timeout": settings.retry_timeout,
            "output": [settings.output_action, settings.output_file_name],
        }
    return digest_value(given)
