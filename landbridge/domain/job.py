"""A command job as Azure ML's CLI v2 publishes it. Built from YAML by `landbridge.files.job`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from landbridge.domain.digests import digest_value
from landbridge.domain.expressions import Declared
from landbridge.domain.values import Json

LITERAL_TYPES = frozenset({"number", "integer", "boolean", "string"})


NOT_CODE = (
    "__pycache__",
    ".git",
    ".venv",
    ".ipynb_checkpoints",
)  # stays behind wherever a code folder is copied or named


@dataclass(frozen=True, slots=True)
class JobInput:
    """A literal (`value`; number, integer, boolean, string) or data (`path`; uri_file, uri_folder, mltable, models)."""

    name: str
    type: str
    value: str | int | float | bool | None = None
    path: str = ""
    mode: str = ""
    optional: bool = False
    options: Mapping[str, Json] = field(default_factory=dict)  # further published keys, as written
    shorthand: bool = False  # written as a bare value: `type` is only what the value looks like

    @property
    def is_data(self) -> bool:
        return self.type not in LITERAL_TYPES

    @property
    def is_set(self) -> bool:
        """Whether it has something to give; a data input without a path may get one from the scenario."""
        return self.value is not None or bool(self.path) or (self.is_data and not self.optional)


@dataclass(frozen=True, slots=True)
class JobOutput:
    """`mode`: "" = the file says nothing, which Azure ML reads as rw_mount."""

    name: str
    type: str = "uri_folder"
    path: str = ""
    mode: str = ""
    options: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobEnvironment:
    """By reference (`reference`, e.g. `azureml:name:1`), or inline.

    Attributes:
        build: `path` (an absolute local folder or a URL), `dockerfile_path`, `args`.
        build_digest: of the local build folder's files, or "".
    """

    reference: str = ""
    image: str = ""
    build: Mapping[str, Json] = field(default_factory=dict)
    conda: Mapping[str, Json] = field(default_factory=dict)  # the file's content or the inline mapping
    options: Mapping[str, Json] = field(default_factory=dict)
    build_digest: str = ""

    @property
    def label(self) -> str:
        """How it is named in tables and looked up in the inventory's `environments`."""
        return self.reference or self.image or "inline"


@dataclass(frozen=True, slots=True)
class JobResources:
    instance_count: int = 1
    instance_type: str = ""
    shm_size: str = ""
    docker_args: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    max_instance_count: int | None = None
    properties: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommandJob:
    """One command job, complete: whatever the file said stands in some field.

    Attributes:
        path: the file; `code` and local input paths are absolute already.
        code: absolute local folder or file, a URL, or "".
        distribution: as published (`type`: pytorch, mpi, tensorflow, ray …), or empty.
        timeout_seconds: `limits.timeout`, or 0 = none given.
        schema: the file's `$schema`, or "".
    """

    path: str
    command: str
    code: str
    environment: JobEnvironment
    inputs: Mapping[str, JobInput] = field(default_factory=dict)
    outputs: Mapping[str, JobOutput] = field(default_factory=dict)
    name: str = ""
    display_name: str = ""
    experiment_name: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    compute: str = ""
    resources: JobResources = JobResources()
    distribution: Mapping[str, Json] = field(default_factory=dict)
    timeout_seconds: int = 0
    services: Mapping[str, Json] = field(default_factory=dict)
    identity: Mapping[str, Json] = field(default_factory=dict)
    queue_settings: Mapping[str, Json] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)  # published keys without a meaning here, named in the plan
    schema: str = ""

    @property
    def literals(self) -> frozenset[str]:
        """The inputs that go into the command as they are; the others are paths."""
        return frozenset(name for name, item in self.inputs.items() if not item.is_data)

    @property
    def declared(self) -> Declared:
        """What the command may refer to."""
        return Declared(
            inputs=tuple(self.inputs),
            outputs=tuple(self.outputs),
            optional=frozenset(name for name, item in self.inputs.items() if item.optional),
            unset=frozenset(name for name, item in self.inputs.items() if not item.is_set),
        )


def job_digest(job: CommandJob) -> str:
    """Name everything in the file that decides what training does.

    Left out: names, tags, where it runs and for how long, and every path (data and code have digests of their own),
    so the same job has the same digest in every checkout.
    """
    return digest_value(
        {
            "command": job.command,
            "inputs": {name: _input_identity(item) for name, item in job.inputs.items()},
            "outputs": {name: output.type for name, output in job.outputs.items()},
            "environment": environment_identity(job.environment),
            "environment_variables": dict(job.environment_variables),
            "distribution": dict(job.distribution),
            "instance_count": job.resources.instance_count,
            "max_instance_count": job.resources.max_instance_count,
            "docker_args": list(job.resources.docker_args),
        }
    )


def _input_identity(item: JobInput) -> Json:
    return {"type": item.type, "value": item.value, "mode": item.mode, "optional": item.optional}


def environment_identity(environment: JobEnvironment) -> Json:
    """Everything of it that decides what runs in it."""
    build = {key: value for key, value in environment.build.items() if key != "path" or not environment.build_digest}
    return {
        "reference": environment.reference,
        "image": environment.image,
        "build": build,
        "files": environment.build_digest,
        "conda": dict(environment.conda),
    }
