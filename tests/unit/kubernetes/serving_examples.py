"""Colours and targets that the tests of serving share."""

from dataclasses import replace

from landbridge.domain.inventory import InstanceType, Inventory, Role, Site, Target
from landbridge.domain.requests import ColourSpec, ResolvedEnvironment
from landbridge.domain.scenario import Probe, ScoringCode, ServingSettings
from landbridge.domain.values import Json, Resources, SiteKind
from landbridge.drivers.kubernetes.colours import Order
from landbridge.drivers.kubernetes.options import KubernetesOptions, read_options

OPTIONS: dict[str, Json] = {
    "namespace": "team",
    "gateway": "edges/edge",
    "artifacts": "s3://models/landbridge",
    "storage": {"key": "secret:STORE_KEY", "endpoint_url": "http://store.test"},
    "storage_secret": "store",
    "storage_endpoint": "http://store.pods.test",
    "serving_image": "example.test/serve:1",
}
GPU = InstanceType("gpu", Resources(2000, 8 << 30), Resources(4000, 16 << 30, 1), {"pool": "gpu"})
TARGET = Target("kube", "onprem", "kubernetes", frozenset({Role.SERVE}), "kube", OPTIONS, (GPU,))
INVENTORY = Inventory(
    "test", "/x/inventory.yaml", "/x/home", {"onprem": Site("onprem", SiteKind.ONPREM, "s3://m", "s3://c", 0)}, {}, {}
)
SPEC = ColourSpec(
    "flight-delay", "blue", "flights", "3", "/models/3", "sha256:" + "a" * 64,
    ResolvedEnvironment("azureml:flights:1", image="example.test/flights:1"),
    labels={"landbridge.scenario": "flights", "landbridge.run-key": "0f3a"},
)  # fmt: skip
BUSY = ServingSettings(
    instance_type="gpu", instance_count=3, request_timeout_ms=60_000, max_queue_wait_ms=3000,
    max_concurrent_requests_per_instance=4, environment_variables={"MODE": "fast"},
    liveness_probe=Probe(5, 5, 10, 1, 3), readiness_probe=Probe(5, 5, 10, 2, 3),
)  # fmt: skip
SCALED = ServingSettings(
    scale_type="target_utilization", min_instances=2, max_instances=6, target_utilization_percentage=60
)
SCRIPT = replace(SPEC, colour="green", scoring=ScoringCode("/code", "score.py", "sha256:" + "b" * 64))


def options(**changes: Json) -> KubernetesOptions:
    return read_options(target(**changes), INVENTORY)


def target(**changes: Json) -> Target:
    return replace(TARGET, options={**OPTIONS, **changes})


def order(spec: ColourSpec = SPEC, **changes: object) -> Order:
    made = Order(
        spec, "18f0", "example.test/flights:1", "s3://models/landbridge/trees/aa/files",
        {"endpoint_url": "http://store.pods.test"}, {"pod_serve.py": "# the program", "model_server.py": "# the server"},
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]
