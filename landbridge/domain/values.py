"""Small values that everything shares: resources, phases, identifiers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
NO_OPTIONS: Mapping[str, Json] = MappingProxyType({})


class SiteKind(StrEnum):
    CLOUD = "cloud"
    ONPREM = "onprem"


class Pattern(StrEnum):
    """The five hybrid patterns; the value is also the flow's name."""

    CLOUD_TRAIN_ONPREM_DEPLOY = "cloud_train_onprem_deploy"
    HYBRID_TRAIN_DEPLOY = "hybrid_train_deploy"
    ONPREM_TRAIN_CLOUD_DEPLOY = "onprem_train_cloud_deploy"
    PRIVATE_AKS = "private_aks"
    ONPREM_LIFECYCLE = "onprem_lifecycle"


class JobPhase(StrEnum):
    """Kubernetes' words. Succeeded and Failed are final."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    @property
    def is_final(self) -> bool:
        return self in (JobPhase.SUCCEEDED, JobPhase.FAILED)


class Avoid(StrEnum):
    """How much another try keeps away from, after a failure."""

    NOTHING = "nothing"  # it may well succeed where it was
    INSTANCE_TYPE = "instance type"
    TARGET = "target"
    EVERYTHING = "everything"  # the job's own fault: it would fail anywhere


class ColourPhase(StrEnum):
    """Of one coloured deployment behind an endpoint."""

    PENDING = "Pending"  # starting or restarting
    READY = "Ready"  # its process answers; not yet proof of a real prediction
    FAILED = "Failed"  # keeps crashing or cannot start: out of traffic


@dataclass(frozen=True, slots=True)
class Resources:
    """What a job asks for or a node has."""

    cpu_millicores: int = 0
    memory_bytes: int = 0
    gpus: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            self.cpu_millicores + other.cpu_millicores,
            self.memory_bytes + other.memory_bytes,
            self.gpus + other.gpus,
        )

    def __sub__(self, other: "Resources") -> "Resources":
        return Resources(
            self.cpu_millicores - other.cpu_millicores,
            self.memory_bytes - other.memory_bytes,
            self.gpus - other.gpus,
        )

    def fits_into(self, other: "Resources") -> bool:
        return (
            self.cpu_millicores <= other.cpu_millicores
            and self.memory_bytes <= other.memory_bytes
            and self.gpus <= other.gpus
        )


@dataclass(frozen=True, slots=True)
class JobRef:
    """Names one job on one target; any process can hand it to the driver again."""

    target: str
    name: str


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One reading of a job.

    Attributes:
        reason: the target's own word for a failure (`Timeout`, `Exit`, `OutOfMemory`, `Lost`, `Cancelled`…), or "".
        detail: one sentence with the cause, for people.
        outputs: output name → fsspec URL where the job left it, complete once Succeeded.
        avoid: of a failure: where the same job would fail again.
    """

    phase: JobPhase
    reason: str = ""
    detail: str = ""
    exit_code: int | None = None
    started_at: float | None = None  # Unix time, s
    ended_at: float | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    avoid: Avoid = Avoid.EVERYTHING


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One registered model version.

    Attributes:
        digest: sha256 of the model's files (`sha256:…`), see `landbridge.domain.digests`.
        source: fsspec or registry URL of the files.
        tags: lineage, keys `landbridge.*` (see `landbridge.domain.lineage`).
    """

    model: str
    version: str
    digest: str
    source: str
    run_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelCopy:
    """A verified copy of a model version in a site's model store."""

    version: ModelVersion
    site: str
    url: str  # directory that holds the model's files
    digest: str  # of the copy: differs from the version's when samples were stripped
    size_bytes: int
    stripped: tuple[str, ...] = ()  # files left out at the border
