"""What the YAML of online and of batch endpoints and deployments has in common."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from landbridge.files.document import Problem
from landbridge.files.job_keys import EnvironmentKeys
from landbridge.files.job_paths import absolute, is_local, resolve
from landbridge.files.job_rules import environment_faults, given_keys
from landbridge.files.online_keys import DeploymentKeys

NAME_HINT = "Use 3 to 32 letters, digits and dashes; start with a letter, end with a letter or digit."
_REGISTRY = "azureml://registries/"


def labels_of(labels: Mapping[str, Any]) -> dict[str, str]:
    return {name: value or "" for name, value in labels.items()}


def text_of(value: object) -> str:
    """A variable's value as a process gets it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def model_of(keys: DeploymentKeys, folder: Path) -> str | dict[str, Any]:
    """A reference, or the inline model's keys with an absolute local path."""
    if isinstance(keys.model, str):
        return keys.model
    given = given_keys(keys.model)
    return {**given, "path": absolute(folder, keys.model.path)} if keys.model.path else given


def code_of(keys: DeploymentKeys, folder: Path) -> dict[str, str]:
    """The fields `code`, an absolute local folder or a reference, and `scoring_script`; "" for what is not given."""
    code = keys.code_configuration
    return {
        "code": absolute(folder, code.code) if code and code.code else "",
        "scoring_script": code.scoring_script if code else "",
    }


def registry_faults(keys: DeploymentKeys, who: str) -> Iterator[Problem]:
    for name, value in (("model", keys.model), ("environment", keys.environment)):
        if isinstance(value, str) and value.startswith(_REGISTRY):
            message = f"`{name}`: {who} take nothing from a registry."
            yield Problem((name,), message, "Register it in the workspace and write `azureml:NAME:VERSION`.")


def file_faults(keys: DeploymentKeys, folder: Path) -> Iterator[Problem]:
    """Local files that the deployment names and that are not there."""
    code = keys.code_configuration
    if code and is_local(code.code):
        script = resolve(folder, code.code) / code.scoring_script
        if not script.is_file():
            message = f"`code_configuration`: there is no {script}."
            yield Problem(("code_configuration", "scoring_script"), message, "Name a file in the folder `code`.")
    if isinstance(keys.environment, EnvironmentKeys):
        yield from environment_faults(keys.environment, folder, ("environment",))
