"""What a migration makes: drafts of v2 files, and all that must be told beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from landbridge.domain.azure.v1.account import Breach, Entry
from landbridge.domain.azure.v1.twins import Default
from landbridge.domain.values import Json, Resources


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A registered model. `version` is "" where v1 said none."""

    name: str
    version: str = ""

    @property
    def reference(self) -> str:
        return f"azureml:{self.name}:{self.version}" if self.version else f"azureml:{self.name}@latest"


@dataclass(frozen=True, slots=True)
class Code:
    """The scoring code.

    Attributes:
        script: v1's entry script, relative to the source folder; "" = not said.
        folder: name that v1 gave the source folder, below its working directory; "" = none.
        source: local folder as the inference configuration names it; "" = not said.
    """

    script: str = ""
    folder: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class EnvironmentDraft:
    """v2's `environment`: a reference, or inline.

    Attributes:
        conda: content of the conda file; None = none.
        dockerfile: text of a Dockerfile; "" = none.
    """

    reference: str = ""
    image: str = ""
    conda: Mapping[str, Json] | None = None
    dockerfile: str = ""

    @property
    def is_there(self) -> bool:
        return bool(self.reference or self.image or self.dockerfile)


@dataclass(frozen=True, slots=True)
class DeploymentDraft:
    """One deployment and what was said of it.

    Attributes:
        fields: of the YAML, without model, code and environment; dotted names are nested already.
        instance_type: resources of an instance type that must be made; None = the default type holds it.
        traffic_percent: of the endpoint's traffic; None = not said.
        todo: what a person must still do, one sentence each.
    """

    name: str
    fields: Mapping[str, Json]
    models: tuple[ModelRef, ...] = ()
    code: Code = Code()
    environment: EnvironmentDraft = EnvironmentDraft()
    instance_type: Resources | None = None
    traffic_percent: int | None = None
    defaults: tuple[Default, ...] = ()
    todo: tuple[str, ...] = ()
    breaches: tuple[Breach, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceDraft:
    """One v1 service: an endpoint with its deployments.

    Attributes:
        compute: v1's compute; "" = not said.
        namespace: v1's; "" = not said.
    """

    name: str
    endpoint: Mapping[str, Json]
    deployments: tuple[DeploymentDraft, ...]
    compute: str = ""
    namespace: str = ""
    entries: tuple[Entry, ...] = ()
    todo: tuple[str, ...] = ()
    breaches: tuple[Breach, ...] = ()


@dataclass(frozen=True, slots=True)
class ComputeDraft:
    """One AksCompute: v2's compute, and the file that orders the extension for its cluster."""

    old_name: str
    compute: Mapping[str, Json]
    extension: Mapping[str, Json]
    entries: tuple[Entry, ...] = ()
    todo: tuple[str, ...] = ()
    breaches: tuple[Breach, ...] = ()
    defaults: tuple[Default, ...] = field(default=())


def nested(fields: Mapping[str, Json]) -> dict[str, Json]:
    """`{"a.b": 1}` → `{"a": {"b": 1}}`."""
    found: dict[str, Json] = {}
    for name, value in fields.items():
        *parents, last = name.split(".")
        place = found
        for parent in parents:
            inner = place.setdefault(parent, {})
            assert isinstance(inner, dict)  # our own field names
            place = inner
        place[last] = value
    return found
