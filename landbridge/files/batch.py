"""Batch endpoint and model deployment YAML, as `az ml batch-endpoint` and `az ml batch-deployment` take it, unchanged."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from landbridge.domain.azure.batch import BatchDeployment, BatchEndpoint, BatchSettings
from landbridge.domain.names import is_legal_endpoint
from landbridge.files.batch_keys import BatchDeploymentKeys, BatchEndpointKeys, BatchSettingsKeys
from landbridge.files.document import Problem, check, read, refuse
from landbridge.files.job_environment import load_environment
from landbridge.files.job_keys import EnvironmentKeys
from landbridge.files.job_paths import absolute, is_local, resolve
from landbridge.files.job_rules import environment_faults, given_keys

REGISTRY = "azureml://registries/"
_NAME_HINT = "Use 3 to 32 letters, digits and dashes; start with a letter, end with a letter or digit."
_ENDPOINT_FIELDS = frozenset({"$schema", "name", "auth_mode", "description", "tags", "defaults"})
_SETTINGS = frozenset(BatchSettingsKeys.model_fields)
_DEPLOYMENT_FIELDS = _SETTINGS | {
    *("$schema", "name", "endpoint_name", "type", "description", "tags", "model", "code_configuration"),
    *("environment", "compute", "settings"),
}
_TAKEN = frozenset({"instance_count", "instance_type"})  # of `resources`


def load_batch_endpoint(path: Path) -> BatchEndpoint:
    """Read an endpoint.

    Raises:
        InputError: every fault of the file, with file and line.
    """
    document = read(path)
    keys = check(BatchEndpointKeys, document)
    if not is_legal_endpoint(keys.name):
        message = f"`name`: {keys.name!r} is no legal name of an endpoint."
        raise refuse(document, (Problem(("name",), message, _NAME_HINT),))
    return BatchEndpoint(
        name=keys.name,
        default_deployment=keys.defaults.deployment_name or "",
        description=keys.description,
        tags=_labels(keys.tags),
        options={name: value for name, value in given_keys(keys).items() if name not in _ENDPOINT_FIELDS},
    )


def load_batch_deployment(path: Path) -> BatchDeployment:
    """Read a deployment of a model; its settings stand at the root or below `settings`.

    Raises:
        InputError: every fault of the file, with file and line; one that deploys a pipeline.
    """
    document = read(path)
    keys = check(BatchDeploymentKeys, document)
    folder = path.absolute().parent
    if problems := tuple(_faults(keys, folder)):
        raise refuse(document, problems)
    code, resources, settings = keys.code_configuration, keys.resources, keys.settings or keys
    return BatchDeployment(
        name=keys.name,
        endpoint=keys.endpoint_name,
        model=_model(keys, folder),
        compute=keys.compute,
        environment=load_environment(keys.environment, folder) if keys.environment else None,
        code=absolute(folder, code.code) if code and code.code else "",
        scoring_script=code.scoring_script if code else "",
        instance_count=settings.instance_count or (resources.instance_count if resources else 1),
        instance_type="".join(resources.instance_type) if resources else "",
        settings=_settings(settings),
        description=keys.description,
        tags=_labels(keys.tags),
        options=_options(keys),
    )


def _settings(keys: BatchSettingsKeys) -> BatchSettings:
    given = {name: value for name, value in given_keys(keys).items() if name in _SETTINGS}
    given.pop("instance_count", None)
    retry = given.pop("retry_settings", None) or {}
    names = {"max_retries": "max_retries", "timeout": "retry_timeout"}
    variables = {name: _text(value) for name, value in (given.pop("environment_variables", None) or {}).items()}
    return BatchSettings(
        **given, **{names[key]: value for key, value in retry.items()}, environment_variables=variables
    )


def _options(keys: BatchDeploymentKeys) -> dict[str, Any]:
    given = {name: value for name, value in given_keys(keys).items() if name not in _DEPLOYMENT_FIELDS}
    resources = {name: value for name, value in (given.pop("resources", None) or {}).items() if name not in _TAKEN}
    return {**given, **({"resources": resources} if resources else {})}


def _model(keys: BatchDeploymentKeys, folder: Path) -> str | dict[str, Any]:
    if isinstance(keys.model, str):
        return keys.model
    given = given_keys(keys.model)
    return {**given, "path": absolute(folder, keys.model.path)} if keys.model.path else given


def _labels(labels: Any) -> dict[str, str]:
    return {name: value or "" for name, value in labels.items()}


def _text(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _faults(keys: BatchDeploymentKeys, folder: Path) -> Iterator[Problem]:
    for name in ("name", "endpoint_name"):
        if not is_legal_endpoint(getattr(keys, name)):
            yield Problem((name,), f"`{name}`: {getattr(keys, name)!r} is no legal name.", _NAME_HINT)
    if keys.type == "pipeline" or keys.component or keys.job_definition:
        where = next(name for name in ("component", "job_definition", "type") if getattr(keys, name))
        yield Problem((where,), "A deployment of a pipeline scores nothing here.", "Name a deployment of a model.")
        return
    for name in ("model", "compute"):
        if not getattr(keys, name):
            yield Problem((), f"A batch deployment needs `{name}`.", f"Add `{name}: azureml:NAME`.")
    yield from _settings_faults(keys)
    yield from _file_faults(keys, folder)


def _settings_faults(keys: BatchDeploymentKeys) -> Iterator[Problem]:
    if keys.settings is not None and keys.type is None:
        yield Problem(("settings",), "`settings` needs `type: model`.", "Add it, or write the settings at the root.")
    if keys.settings is not None and (double := sorted(_SETTINGS & set(given_keys(keys)))):
        message = f"`{double[0]}` stands beside `settings`."
        yield Problem((double[0],), message, "Move it below `settings`.")
    if keys.resources and not isinstance(keys.resources.instance_type, str) and len(keys.resources.instance_type) > 1:
        message = "`resources.instance_type` names several; a batch deployment has one."
        yield Problem(("resources", "instance_type"), message, "Keep one of them.")


def _file_faults(keys: BatchDeploymentKeys, folder: Path) -> Iterator[Problem]:
    for name, value in (("model", keys.model), ("environment", keys.environment)):
        if isinstance(value, str) and value.startswith(REGISTRY):
            message = f"`{name}`: batch deployments take nothing from a registry."
            yield Problem((name,), message, "Register it in the workspace and write `azureml:NAME:VERSION`.")
    code = keys.code_configuration
    if code and is_local(code.code) and not (resolve(folder, code.code) / code.scoring_script).is_file():
        message = f"`code_configuration`: there is no {resolve(folder, code.code) / code.scoring_script}."
        yield Problem(("code_configuration", "scoring_script"), message, "Name a file in the folder `code`.")
    if isinstance(keys.environment, EnvironmentKeys):
        yield from environment_faults(keys.environment, folder, ("environment",))
