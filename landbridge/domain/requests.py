"""What landbridge asks of drivers, and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from landbridge.domain.job import CommandJob
from landbridge.domain.scenario import ScoringCode, ServingSettings
from landbridge.domain.values import ColourPhase, Resources


@dataclass(frozen=True, slots=True)
class FileEntry:
    path: str  # relative, with "/"
    size_bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The content of a path at one moment; `digest` names all of it."""

    path: str
    digest: str
    files: tuple[FileEntry, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class ResolvedEnvironment:
    """What the job's environment became on the chosen target: one of `python` ("current" or a path) and `image`."""

    name: str
    python: str = ""
    image: str = ""


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One job, ready for one target.

    Attributes:
        name: deterministic, a legal DNS-1123 label ≤ 63: the idempotency key.
        code: local folder with the job's code, or "".
        inputs: input name → local path or URL at the target's site, or the literal as text; unused optional inputs are absent.
        environment_variables: the job's own and the tracking run's; values that are secrets never stand here.
        timeout_seconds: enforced by the target.
    """

    name: str
    job: CommandJob
    code: str
    inputs: Mapping[str, str]
    environment: ResolvedEnvironment
    environment_variables: Mapping[str, str]
    timeout_seconds: float
    resources: Resources = Resources()
    instance_type: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """One scoring by a batch endpoint, ready for one target.

    Attributes:
        name: deterministic, a legal DNS-1123 label ≤ 63: the idempotency key.
        endpoint: made when it is not there; the model version becomes a deployment of it.
        model_url: folder with the files of an MLflow model, digest-checked before anything is made of it.
        data: the folder to score, or the one file (`is_file`), as a path or an fsspec URL.
        files: all files of it, relative, with "/".
        error_threshold: files that may fail; -1 = any number.
        instance_type: "" = the target's own.
        timeout_seconds: for one file.
    """

    name: str
    endpoint: str
    model: str
    version: str
    model_url: str
    model_digest: str
    data: str
    files: tuple[str, ...]
    is_file: bool = False
    error_threshold: int = 0
    instance_type: str = ""
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrackingRun:
    """A run of the tracking server; `environment` are the variables that let a job log to it (no secrets)."""

    run_id: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trained model that asks to be registered.

    Attributes:
        run_key: the idempotency key.
        folder: local folder with the model's files.
        tags: lineage.
        metrics: only those that may be in this registry.
    """

    model: str
    run_key: str
    folder: str
    run_id: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ColourSpec:
    """One coloured deployment of an endpoint.

    Attributes:
        model_url: folder with the model's files at the site, digest-checked by the driver before it serves.
        flavour: "mlflow" (a folder with an MLmodel file) or "score" (a score.py given by `scoring`).
    """

    endpoint: str
    colour: str
    model: str
    version: str
    model_url: str
    model_digest: str
    environment: ResolvedEnvironment
    settings: ServingSettings = ServingSettings()
    scoring: ScoringCode | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ColourStatus:
    """One colour, read once.

    Attributes:
        reason: why it is not Ready, in the target's own word, or "".
        restarts: since it was applied.
    """

    colour: str
    phase: ColourPhase
    model: str
    version: str
    model_digest: str
    reason: str = ""
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """An endpoint, read once. `traffic` sums to 0 or 100; `url` takes POST requests, or "" when absent."""

    endpoint: str
    url: str
    colours: Mapping[str, ColourStatus] = field(default_factory=dict)
    traffic: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer: HTTP status, body, time to the last byte in ms, and the colour that answered ("" if unknown)."""

    status: int
    body: str
    milliseconds: float
    colour: str = ""


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """Answers of one colour. `failed` = status ≥ 500 or no answer."""

    answered: int
    failed: int
    mean_milliseconds: float = 0.0
