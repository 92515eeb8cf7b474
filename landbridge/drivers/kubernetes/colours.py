"""A colour as the cluster keeps it: names, labels and annotations, and how they are read back. Pure.

The Deployment is the record. What may change while the same bytes serve on (the version's name, the run) stands in its
own metadata only: a pod template that differs would restart the pods.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from landbridge.domain.digests import digest_value
from landbridge.domain.names import object_name
from landbridge.domain.requests import ColourSpec
from landbridge.domain.values import Json
from landbridge.drivers.kubernetes.pod_template import PREFIX, split_labels
from landbridge.drivers.kubernetes.routes import COLOUR, ENDPOINT, Backend

Object = dict[str, Any]

GENERATION = f"{PREFIX}generation"  # tells the pods of two orders of one name apart
PROCESS, TIMEOUT, INSTANCES = f"{PREFIX}process", f"{PREFIX}timeout-seconds", f"{PREFIX}instances"
MODEL, VERSION, DIGEST = f"{PREFIX}model", f"{PREFIX}version", f"{PREFIX}digest"
ROUTER_SLACK_SECONDS = 2.0  # the model server answers a timeout itself; the router only when that fails


@dataclass(frozen=True, slots=True)
class Order:
    """All that the manifests of one colour are made from.

    Attributes:
        generation: new whenever the pods must be new ones.
        image: the environment's image, or the target's own for serving.
        model_url: the model's files as the pod finds them (fsspec URL), and `storage`, the options to open it without secrets.
        scoring: what the pod is told of the scoring code: `{"archive" or "url", "digest"}`, or None.
        programs: file name → text of what runs in the pod.
        archive: the packed scoring code, when it is small enough to travel in a ConfigMap.
    """

    spec: ColourSpec
    generation: str
    image: str
    model_url: str
    storage: Mapping[str, Json]
    programs: Mapping[str, str]
    scoring: Mapping[str, Json] | None = None
    archive: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> str:
        return colour_object(self.spec.endpoint, self.spec.colour)


def colour_object(endpoint: str, colour: str) -> str:
    """The name of a colour's Deployment, Service, and all that belongs to it."""
    return object_name(endpoint, colour)


def selector(endpoint: str, colour: str = "") -> str:
    """A label selector for all of an endpoint, or of one of its colours."""
    return f"{ENDPOINT}={endpoint}" + (f",{COLOUR}={colour}" if colour else "")


def process_of(spec: ColourSpec) -> str:
    """Names all that decides what runs. A version's name, place and labels do not, as long as the bytes are the same."""
    url = "" if spec.model_digest else spec.model_url
    return digest_value(asdict(replace(spec, model="", version="", model_url=url, labels={})))


def timeout_seconds(spec: ColourSpec) -> float:
    """How long a request may take in all, waiting included, before the router gives up."""
    return (spec.settings.request_timeout_ms + spec.settings.max_queue_wait_ms) / 1000 + ROUTER_SLACK_SECONDS


def instances(spec: ColourSpec) -> int:
    """How many pods must be Ready; a scale range is served from its lower end on."""
    scaled = spec.settings.scale_type != "default"
    return max(1, spec.settings.min_instances if scaled else spec.settings.instance_count)


def is_scaled(spec: ColourSpec) -> bool:
    return spec.settings.scale_type != "default"


def metadata(spec: ColourSpec) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations of the Deployment."""
    told = {MODEL: spec.model, VERSION: spec.version, DIGEST: spec.model_digest}
    labels, annotations = split_labels({**spec.labels, **told})
    labels |= {ENDPOINT: spec.endpoint, COLOUR: spec.colour}
    annotations |= {
        PROCESS: process_of(spec),
        TIMEOUT: f"{timeout_seconds(spec):g}",
        INSTANCES: str(instances(spec)),
    }
    return labels, annotations


def relabelled(deployment: Object, spec: ColourSpec) -> Object:
    """The merge patch that gives a Deployment the metadata of `spec`, and takes from it what an earlier one left."""
    labels, annotations = metadata(spec)
    kept = deployment["metadata"]
    keep = (f"{PREFIX}target", f"{PREFIX}site")
    return {
        "metadata": {
            "labels": {**_removed(kept.get("labels"), keep), **labels},
            "annotations": {**_removed(kept.get("annotations"), keep), **annotations},
        }
    }


def told(deployment: Object, key: str) -> str:
    """A label or an annotation, wherever it stands; "" = nowhere."""
    meta = deployment["metadata"]
    for place in ("annotations", "labels"):
        if key in (meta.get(place) or {}):
            return str(meta[place][key])
    return ""


def generation_of(deployment: Object) -> str:
    labels = deployment["spec"]["template"]["metadata"].get("labels") or {}
    return str(labels.get(GENERATION, ""))


def backend_of(deployment: Object) -> Backend:
    """The colour as the router sees it."""
    seconds = float(told(deployment, TIMEOUT) or 0)
    return Backend(told(deployment, COLOUR), str(deployment["metadata"]["name"]), seconds)


def _removed(values: Mapping[str, str] | None, keep: tuple[str, ...]) -> dict[str, None]:
    return {key: None for key in values or {} if key.startswith(PREFIX) and key not in keep}
