"""Which keys of a command job go together. Each rule yields every fault it finds, with the keys of its place."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from landbridge.domain.job import LITERAL_TYPES
from landbridge.domain.job_inputs import check_range, literal_type, literal_value
from landbridge.files.job_keys import (
    MODEL_TYPES,
    CommandJobKeys,
    EnvironmentKeys,
    InputKeys,
    ServiceKeys,
)
from landbridge.files.job_paths import is_local, resolve
from landbridge.files.problems import Problem

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_REFERENCE = re.compile(r"azureml:.+", re.DOTALL)
_SERVER_EXPRESSIONS = re.compile(r"\$\{\{\s*(default_datastore|name|output_name)\s*\}\}")
_DISTRIBUTION_KEYS = {
    "pytorch": {"process_count_per_instance"},
    "mpi": {"process_count_per_instance"},
    "tensorflow": {"worker_count", "parameter_server_count"},
    "ray": {
        "address",
        "port",
        "include_dashboard",
        "dashboard_port",
        "head_node_additional_args",
        "worker_node_additional_args",
    },
}
_OF_LITERALS = ("value", "default", "min", "max", "enum")
_OF_DATA = ("path", "mode", "path_on_compute", "datastore")


def input_type(keys: InputKeys) -> str:
    """The type as written, else what the other keys say: a value makes a literal, anything else a folder of data."""
    if keys.type:
        return keys.type
    given = keys.value if keys.value is not None else keys.default
    return literal_type(given) if given is not None and not keys.path else "uri_folder"


def given_keys(keys: BaseModel) -> dict[str, Any]:
    """What the file says of `keys`, under the file's names; what is absent or null stays out."""
    written = keys.model_dump(by_alias=True, exclude_unset=True)
    return {name: value for name, value in written.items() if value is not None}


def faults_of(keys: CommandJobKeys, folder: Path) -> tuple[Problem, ...]:
    """Everything that is wrong beyond single keys; the command's expressions are judged elsewhere."""
    rules = (
        _names(keys),
        _code(keys, folder),
        _environment(keys.environment, folder),
        _inputs(keys),
        _foreign_expressions(keys),
        _resources(keys),
        _distribution(keys),
        _services(keys.services),
        _identity(keys),
    )
    return tuple(problem for rule in rules for problem in rule)


def _names(keys: CommandJobKeys) -> Iterator[Problem]:
    hint = "Use letters, digits and underscores, not starting with a digit."
    for section, names in (("inputs", keys.inputs), ("outputs", keys.outputs)):
        for name in names:
            if not _NAME.fullmatch(name):
                yield Problem((section, name), f"`{section}.{name}`: {name!r} is not a legal name.", hint)
    for name in keys.environment_variables:
        if not name or "=" in name or "\0" in name:
            where = ("environment_variables", name)
            yield Problem(where, f"{name!r} is no name of an environment variable.", hint)


def _code(keys: CommandJobKeys, folder: Path) -> Iterator[Problem]:
    if keys.code is not None and is_local(keys.code) and not resolve(folder, keys.code).exists():
        message = f"`code`: there is no {resolve(folder, keys.code)}."
        yield Problem(("code",), message, f"Name a folder or file; a relative path starts at {folder}.")


def _environment(environment: str | EnvironmentKeys, folder: Path) -> Iterator[Problem]:
    if isinstance(environment, str):
        if not environment.startswith("file:") and not _REFERENCE.fullmatch(environment):
            message = f"`environment`: {environment!r} is no reference to an environment."
            hint = "Write `azureml:NAME:VERSION`, or the image below `environment:` as `image: NAME`."
            yield Problem(("environment",), message, hint)
        return
    yield from environment_faults(environment, folder, ("environment",))


def environment_faults(keys: EnvironmentKeys, folder: Path, where: tuple[str, ...]) -> Iterator[Problem]:
    """The faults of an environment that stands below `where`, or at the top of its own file."""
    if bool(keys.image) == (keys.build is not None):
        message = "An environment needs one of `image` and `build`" + (", not both." if keys.image else ".")
        yield Problem((*where, "build") if keys.image else where, message, "Write either `image:` or `build:`.")
    conda = keys.conda_file
    if isinstance(conda, str) and not resolve(folder, conda).is_file():
        message = f"`conda_file`: there is no file {resolve(folder, conda)}."
        yield Problem((*where, "conda_file"), message, f"Name a file; a relative path starts at {folder}.")
    if keys.build and is_local(keys.build.path):
        dockerfile = resolve(folder, keys.build.path) / keys.build.dockerfile_path
        if not dockerfile.is_file():
            message = f"`build`: there is no {dockerfile}."
            yield Problem((*where, "build", "path"), message, "Name a folder that holds the Dockerfile.")


def _inputs(keys: CommandJobKeys) -> Iterator[Problem]:
    for name, item in keys.inputs.items():
        if isinstance(item, InputKeys):
            rule = _literal if input_type(item) in LITERAL_TYPES else _data
            yield from rule(name, item)


def _literal(name: str, item: InputKeys) -> Iterator[Problem]:
    kind = input_type(item)
    yield from _misplaced(name, item, _OF_DATA, f"belongs to data, not to a literal of type {kind}")
    if item.value is None and item.default is None and not item.optional:
        message = f"`inputs.{name}`: the {kind} has no value."
        yield Problem(("inputs", name), message, "Add `default:`, or `optional: true`.")
    for key in ("value", "default"):
        try:
            if (value := getattr(item, key)) is not None:
                check_range(literal_value(kind, value), given_keys(item))
        except ValueError as error:
            yield Problem(("inputs", name, key), f"`inputs.{name}.{key}`: {error.args[0]}.", str(error.args[1]))


def _data(name: str, item: InputKeys) -> Iterator[Problem]:
    kind = input_type(item)
    yield from _misplaced(name, item, _OF_LITERALS, f"belongs to a literal, not to data of type {kind}")
    allowed = {"ro_mount", "download", "direct"} | ({"eval_mount", "eval_download"} if kind == "mltable" else set())
    if item.mode and item.mode not in allowed:
        message = f"`inputs.{name}.mode`: an input of type {kind} cannot be given by {item.mode}."
        yield Problem(("inputs", name, "mode"), message, f"Use one of: {', '.join(sorted(allowed))}.")
    if item.path_on_compute and kind in MODEL_TYPES:
        message = f"`inputs.{name}.path_on_compute` does not exist for models."
        yield Problem(("inputs", name, "path_on_compute"), message, "Remove it.")


def _misplaced(name: str, item: InputKeys, keys: tuple[str, ...], why: str) -> Iterator[Problem]:
    for key in given_keys(item).keys() & set(keys):
        yield Problem(("inputs", name, key), f"`inputs.{name}.{key}` {why}.", f"Remove `{key}`, or change the type.")


def _foreign_expressions(keys: CommandJobKeys) -> Iterator[Problem]:
    """Only the command is filled in. Elsewhere Azure ML knows three names, in an output's path; pipelines know more."""
    hint = "Put the expression into `command`, for instance `export NAME=${{inputs.x}} && …`."
    for where, text in _texts(keys):
        if "${{" in text:
            yield Problem(where, f"`{'.'.join(where)}` holds an expression, which has no meaning there.", hint)
    for name, output in keys.outputs.items():
        if output and "${{" in _SERVER_EXPRESSIONS.sub("", output.path):
            message = f"`outputs.{name}.path` holds an expression that is not known there."
            hint = "Use `${{name}}`, `${{output_name}}` or `${{default_datastore}}`."
            yield Problem(("outputs", name, "path"), message, hint)


def _texts(keys: CommandJobKeys) -> Iterator[tuple[tuple[str, ...], str]]:
    for name, value in keys.environment_variables.items():
        yield ("environment_variables", name), str(value)
    for name, item in keys.inputs.items():
        if isinstance(item, InputKeys):
            yield ("inputs", name, "path"), item.path
            yield ("inputs", name, "default"), str(item.default)
        else:
            yield ("inputs", name), str(item)
    yield ("code",), keys.code or ""
    yield ("compute",), keys.compute


def _resources(keys: CommandJobKeys) -> Iterator[Problem]:
    resources = keys.resources
    if resources is None:
        return
    if resources.max_instance_count is not None and resources.max_instance_count < resources.instance_count:
        message = f"`resources.max_instance_count` is less than instance_count ({resources.instance_count})."
        yield Problem(("resources", "max_instance_count"), message, "Raise it, or remove it.")
    if isinstance(resources.instance_type, list) and len(resources.instance_type) != 1:
        message = "`resources.instance_type`: a command job has one instance type."
        yield Problem(
            ("resources", "instance_type"), message, "Name one; where the job may run is the scenario's affair."
        )


def _distribution(keys: CommandJobKeys) -> Iterator[Problem]:
    if keys.distribution is None:
        return
    kind = keys.distribution.type
    for key in given_keys(keys.distribution).keys() - _DISTRIBUTION_KEYS[kind] - {"type"}:
        owners = ", ".join(name for name, known in _DISTRIBUTION_KEYS.items() if key in known)
        message = f"`distribution.{key}` belongs to {owners}, not to {kind}."
        hint = f"Remove it; {kind} has: {', '.join(sorted(_DISTRIBUTION_KEYS[kind]))}."
        yield Problem(("distribution", key), message, hint)


def _services(services: Mapping[str, ServiceKeys]) -> Iterator[Problem]:
    for name, service in services.items():
        kind = (service.type or "").lower()
        for key, owner in (("log_dir", "tensor_board"), ("ssh_public_keys", "ssh")):
            if getattr(service, key) is not None and kind not in {owner, ""}:
                message = f"`services.{name}.{key}` belongs to a service of type {owner}."
                yield Problem(("services", name, key), message, f"Remove it, or write `type: {owner}`.")


def _identity(keys: CommandJobKeys) -> Iterator[Problem]:
    if keys.identity is None or keys.identity.type.startswith("managed"):
        return
    for key in given_keys(keys.identity).keys() - {"type"}:
        message = f"`identity.{key}` belongs to a managed identity, not to {keys.identity.type}."
        yield Problem(("identity", key), message, "Remove it, or write `type: managed`.")
