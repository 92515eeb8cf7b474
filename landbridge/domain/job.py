"""A command job as Azure ML's CLI v2 publishes it. Built from YAML by `landbridge.files.job`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from landbridge.domain.values import NO_OPTIONS, Json


@dataclass(frozen=True, slots=True)
class JobInput:
    """A literal (`value`, type number/integer/boolean/string) or data (`path`; uri_file, uri_folder, mltable, models…)."""

    name: str
    type: str
    value: str | int | float | bool | None = None
    path: str = ""
    mode: str = ""
    optional: bool = False
    options: Mapping[str, Json] = NO_OPTIONS  # further published keys, as written

    @property
    def is_data(self) -> bool:
        return self.type not in {"number", "integer", "boolean", "string"}


@dataclass(frozen=True, slots=True)
class JobOutput:
    name: str
    type: str = "uri_folder"
    path: str = ""
    mode: str = "rw_mount"
    options: Mapping[str, Json] = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class JobEnvironment:
    """By reference (`reference`, e.g. `azureml:name:1` or an image name), or inline."""

    reference: str = ""
    image: str = ""
    build: Mapping[str, Json] = NO_OPTIONS
    conda: Mapping[str, Json] = NO_OPTIONS  # the file's content or the inline mapping
    options: Mapping[str, Json] = NO_OPTIONS

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
    properties: Mapping[str, Json] = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class CommandJob:
    """One command job, complete: whatever the file said stands in some field.

    Attributes:
        path: the file; `code` and local input paths are absolute already.
        code: absolute local folder or file, a URL, or "".
        distribution: as published (`type`: pytorch, mpi, tensorflow, ray …), or empty.
        timeout_seconds: `limits.timeout`, or 0 = none given.
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
    distribution: Mapping[str, Json] = NO_OPTIONS
    timeout_seconds: int = 0
    services: Mapping[str, Json] = NO_OPTIONS
    identity: Mapping[str, Json] = NO_OPTIONS
    queue_settings: Mapping[str, Json] = NO_OPTIONS
    extra: Mapping[str, Json] = NO_OPTIONS  # published keys that no driver here gives a meaning, named in the plan
