"""Batch endpoint and model deployment YAML, as `az ml batch-endpoint` and `az ml batch-deployment` take it, unchanged."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from landbridge.domain.azure.batch import BatchDeployment, BatchEndpoint, BatchSettings
from landbridge.domain.names import is_legal_endpoint
from landbridge.domain.scoring import SUMMARY
from landbridge.files.batch_keys import BatchDeploymentKeys, BatchEndpointKeys, BatchSettingsKeys
from landbridge.files.document import Document, Problem, check, read, refuse
from landbridge.files.endpoint_parts import (
    NAME_HINT,
    code_of,
    file_faults,
    labels_of,
    model_of,
    registry_faults,
    text_of,
)
from landbridge.files.job_environment import load_environment
from landbridge.files.job_rules import given_keys

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
        raise refuse(document, (Problem(("name",), message, NAME_HINT),))
    return BatchEndpoint(
        name=keys.name,
        default_deployment=keys.defaults.deployment_name or "",
        description=keys.description,
        tags=labels_of(keys.tags),
        options={name: value for name, value in given_keys(keys).items() if name not in _ENDPOINT_FIELDS},
    )


def load_batch_deployment(path: Path) -> BatchDeployment:
    """Read a deployment of a model; its settings stand at the root or below `settings`.

    Raises:
        InputError: every fault of the file, with file and line; one that deploys a pipeline.
    """
    return _deployment(read(path), path)


def _deployment(document: Document, path: Path) -> BatchDeployment:
    _refuse_pipelines(document)
    keys = check(BatchDeploymentKeys, document)
    folder = path.absolute().parent
    if problems := tuple(_faults(keys, folder)):
        raise refuse(document, problems)
    resources, settings = keys.resources, keys.settings or keys
    return BatchDeployment(
        name=keys.name,
        endpoint=keys.endpoint_name,
        model=model_of(keys, folder),
        compute=keys.compute,
        environment=load_environment(keys.environment, folder) if keys.environment else None,
        **code_of(keys, folder),
        instance_count=settings.instance_count or (resources.instance_count if resources else 1),
        instance_type="".join(resources.instance_type) if resources else "",
        settings=_settings(settings),
        description=keys.description,
        tags=labels_of(keys.tags),
        options=_options(keys),
        said=frozenset(given_keys(settings)) & _SETTINGS,
    )


def load_for_scoring(path: Path) -> BatchDeployment:
    """Read a deployment that scorings take their settings from.

    Raises:
        InputError: as `load_batch_deployment`; or a scoring as a job cannot have what it says.
    """
    document = read(path)
    deployment = _deployment(document, path)
    if problems := tuple(_job_faults(deployment, "settings" in document.data)):
        raise refuse(document, problems)
    return deployment


def _job_faults(deployment: BatchDeployment, is_below: bool) -> Iterator[Problem]:
    if (script := deployment.scoring_script) and not (deployment.code and Path(deployment.code).is_dir()):
        message = f"`code_configuration.code`: {deployment.code or 'nothing'} is no folder on this machine."
        yield Problem(("code_configuration", "code"), message, "Check the code out and name its folder.")
    if script and not script.endswith(".py"):
        message = f"`code_configuration.scoring_script`: {script} is no Python file."
        yield Problem(("code_configuration", "scoring_script"), message, "Name a file that ends with .py.")
    name = deployment.settings.output_file_name
    if not name or name.startswith(".") or "/" in name or name == SUMMARY:
        where = ("settings", "output_file_name") if is_below else ("output_file_name",)
        message = f"`output_file_name`: {name!r} is no name that a scoring can give to its predictions."
        yield Problem(where, message, f"Write a plain file name other than {SUMMARY}, such as predictions.csv.")


def _refuse_pipelines(document: Document) -> None:
    """Before the keys are checked: its settings are others, and no remedy for one of them would help."""
    given = document.data
    found = [name for name in ("component", "job_definition") if given.get(name)]
    found += ["type"] if str(given.get("type")).lower() == "pipeline" else []
    if found:
        message = "A deployment of a pipeline scores nothing here."
        raise refuse(document, (Problem((found[0],), message, "Name a deployment of a model."),))


def _settings(keys: BatchSettingsKeys) -> BatchSettings:
    given = {name: value for name, value in given_keys(keys).items() if name in _SETTINGS}
    given.pop("instance_count", None)
    retry = given.pop("retry_settings", None) or {}
    names = {"max_retries": "max_retries", "timeout": "retry_timeout"}
    said = (given.pop("environment_variables", None) or {}).items()
    variables = {name: "" if value is None else text_of(value) for name, value in said}
    return BatchSettings(
        **given, **{names[key]: value for key, value in retry.items()}, environment_variables=variables
    )


def _options(keys: BatchDeploymentKeys) -> dict[str, Any]:
    given = {name: value for name, value in given_keys(keys).items() if name not in _DEPLOYMENT_FIELDS}
    resources = {name: value for name, value in (given.pop("resources", None) or {}).items() if name not in _TAKEN}
    return {**given, **({"resources": resources} if resources else {})}


def _faults(keys: BatchDeploymentKeys, folder: Path) -> Iterator[Problem]:
    for name in ("name", "endpoint_name"):
        if not is_legal_endpoint(getattr(keys, name)):
            yield Problem((name,), f"`{name}`: {getattr(keys, name)!r} is no legal name.", NAME_HINT)
    for name in ("model", "compute"):
        if not getattr(keys, name):
            yield Problem((), f"A batch deployment needs `{name}`.", f"Add `{name}: azureml:NAME`.")
    yield from _settings_faults(keys)
    yield from registry_faults(keys, "batch deployments")
    yield from file_faults(keys, folder)


def _settings_faults(keys: BatchDeploymentKeys) -> Iterator[Problem]:
    if keys.settings is not None and keys.type is None:
        yield Problem(("settings",), "`settings` needs `type: model`.", "Add it, or write the settings at the root.")
    if keys.settings is not None and (double := sorted(_SETTINGS & set(given_keys(keys)))):
        message = f"`{double[0]}` stands beside `settings`."
        yield Problem((double[0],), message, "Move it below `settings`.")
    if keys.resources and not isinstance(keys.resources.instance_type, str) and len(keys.resources.instance_type) > 1:
        message = "`resources.instance_type` names several; a batch deployment has one."
        yield Problem(("resources", "instance_type"), message, "Keep one of them.")
