"""An Azure ML command-job YAML into the domain's `CommandJob`. Whatever the file says stands in some field of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from landbridge.domain.errors import InputError
from landbridge.domain.expressions import faults
from landbridge.domain.job import LITERAL_TYPES, CommandJob, JobInput, JobOutput, JobResources
from landbridge.domain.job_inputs import Literal, literal_type, literal_value, with_inputs
from landbridge.domain.values import Json
from landbridge.files.document import Document, Problem, check, read, refuse
from landbridge.files.job_environment import load_environment
from landbridge.files.job_keys import CommandJobKeys, InputKeys, OutputKeys, ResourcesKeys
from landbridge.files.job_paths import absolute
from landbridge.files.job_rules import faults_of, given_keys, input_type
from landbridge.files.kinds import refuse_operations
from landbridge.files.yaml_tree import Keys

__all__ = ["load_job", "with_inputs"]

_INPUT_FIELDS = frozenset({"type", "value", "path", "mode", "optional"})
_OUTPUT_FIELDS = frozenset({"type", "path", "mode"})
_WITHOUT_MEANING = ("parent_job_name", "id", "status", "creation_context", "log_files", "parameters")


def load_job(path: str | Path) -> CommandJob:
    """Read a command job. Whether local data is there is not asked: the scenario may name other data.

    Raises:
        InputError: every fault of the file, with file and line.
    """
    refuse_operations(Path(path), "job")
    document = read(Path(path))
    _refuse_other_types(document)
    keys = check(CommandJobKeys, document)
    folder = Path(path).absolute().parent
    if problems := faults_of(keys, folder):
        raise refuse(document, problems)
    job = _job(keys, Path(path).absolute())
    if found := faults(job.command, job.declared):
        places: dict[Keys, int] = {
            ("command", fault.offset): _line(document, job.command, fault.offset) for fault in found
        }
        placed = replace(document, lines={**document.lines, **places})
        raise refuse(placed, [Problem(("command", fault.offset), fault.message, fault.hint) for fault in found])
    return job


def _refuse_other_types(document: Document) -> None:
    kind = document.data.get("type", "command")
    if str(kind).lower() != "command":
        raise InputError(
            f"This is a job of type {kind!r}; landbridge runs command jobs.",
            "Name a file with `type: command`.",
            document.where("type"),
        )


def _job(keys: CommandJobKeys, path: Path) -> CommandJob:
    folder = path.parent
    return CommandJob(
        path=str(path),
        command=keys.command,
        code=absolute(folder, keys.code or ""),
        environment=load_environment(keys.environment, folder),
        inputs={name: _input(name, item, folder) for name, item in keys.inputs.items()},
        outputs={name: _output(name, item or OutputKeys()) for name, item in keys.outputs.items()},
        name=keys.name,
        display_name=keys.display_name,
        experiment_name=keys.experiment_name,
        description=keys.description,
        tags=_labels(keys.tags),
        properties=_labels(keys.properties),
        environment_variables={name: _variable(value) for name, value in keys.environment_variables.items()},
        compute=keys.compute,
        resources=resources_of(keys.resources or ResourcesKeys()),
        distribution=given_keys(keys.distribution) if keys.distribution else {},
        timeout_seconds=(keys.limits.timeout if keys.limits else None) or 0,
        services={name: given_keys(service) for name, service in keys.services.items()},
        identity=given_keys(keys.identity) if keys.identity else {},
        queue_settings=given_keys(keys.queue_settings) if keys.queue_settings else {},
        extra=_chosen(given_keys(keys), _WITHOUT_MEANING),
        schema=keys.schema_,
    )


def _input(name: str, item: Literal | InputKeys, folder: Path) -> JobInput:
    if not isinstance(item, InputKeys):
        return JobInput(name, literal_type(item), value=item, shorthand=True)
    kind = input_type(item)
    options = {key: value for key, value in given_keys(item).items() if key not in _INPUT_FIELDS}
    optional = item.optional or item.default is not None
    if kind not in LITERAL_TYPES:
        return JobInput(name, kind, None, absolute(folder, item.path), item.mode or "", optional, options)
    given = item.value if item.value is not None else item.default
    value = None if given is None else literal_value(kind, given)
    return JobInput(name, kind, value, optional=optional, options=options)


def _output(name: str, item: OutputKeys) -> JobOutput:
    options = {key: value for key, value in given_keys(item).items() if key not in _OUTPUT_FIELDS}
    mode = "rw_mount" if item.mode == "mount" else item.mode or ""  # an older word for the same thing
    return JobOutput(name, item.type, item.path, mode, options)


def resources_of(keys: ResourcesKeys) -> JobResources:
    return JobResources(
        instance_count=keys.instance_count,
        instance_type="".join(keys.instance_type),
        shm_size=keys.shm_size,
        docker_args=(keys.docker_args,)
        if isinstance(keys.docker_args, str) and keys.docker_args
        else tuple(keys.docker_args),
        locations=tuple(keys.locations),
        max_instance_count=keys.max_instance_count,
        properties=keys.properties,
    )


def _labels(written: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value or "" for name, value in written.items()}


def _variable(value: Literal | None) -> str:
    """Numbers and booleans as Azure ML's client turns them into text."""
    return "" if value is None else str(value)


def _chosen(given: Mapping[str, Json], names: tuple[str, ...]) -> dict[str, Json]:
    return {name: given[name] for name in names if name in given}


def _line(document: Document, command: str, offset: int) -> int:
    """The line of the expression or part at `offset`: found by its text, because YAML may fold lines."""
    first = document.line("command")
    wanted = re.split(r"}}|\n", command[offset:])[0] if command.startswith("${{", offset) else "$[["
    before = command.count(wanted, 0, offset)
    for number, text in _lines_from(document, first):
        before -= text.count(wanted)
        if before < 0:
            return number
    return first


def _lines_from(document: Document, first: int) -> Iterator[tuple[int, str]]:
    lines = Path(document.path).read_text(encoding="utf-8-sig").splitlines()
    yield from enumerate(lines[first - 1 :], start=first)
