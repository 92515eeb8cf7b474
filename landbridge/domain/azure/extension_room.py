"""The pods of the extension, and the room that they take.

Source: https://learn.microsoft.com/azure/machine-learning/reference-kubernetes, whose table of requests has the heads of two
columns swapped; the roles of the pods decide here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from landbridge.domain.azure.settings import BOTH, INFERENCE, TRAINING, ClusterKind, Feature, is_on


@dataclass(frozen=True, slots=True)
class Part:
    """One workload in namespace `azureml`. `switch`: the setting that must be on for it; "" = always there."""

    name: str
    kind: str
    role: str
    features: frozenset[Feature] = BOTH
    switch: str = ""
    arc_only: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """What the extension's own pods take of the cluster: CPU in millicores, memory in Mi.

    Attributes:
        nodes: fewest worker nodes.
        smallest: of each node.
    """

    cpu_request: int
    cpu_limit: int
    memory_request: int
    memory_limit: int
    nodes: int
    smallest: str


_PARTS = (
    Part("relayserver", "Deployment", "Azure Relay: receives jobs and deployments", arc_only=True),
    Part("gateway", "Deployment", "talks with Azure; tells it of nodes and resources"),
    Part("aml-operator", "Deployment", "runs training jobs", TRAINING),
    Part("metrics-controller-manager", "Deployment", "configures Prometheus"),
    Part("{name}-kube-state-metrics", "Deployment", "metrics of the cluster"),
    Part("{name}-prometheus-operator", "Deployment", "runs Prometheus", switch="installPromOp"),
    Part("amlarc-identity-controller", "Deployment", "tokens for blob store and registry", INFERENCE),
    Part("amlarc-identity-proxy", "Deployment", "tokens for blob store and registry", INFERENCE),
    Part("azureml-fe-v2", "Deployment", "the inference router", INFERENCE),
    Part("azureml-ingress-nginx-controller", "Deployment", "ingress of the extension", INFERENCE),
    Part("inference-operator-controller-manager", "Deployment", "runs online endpoints", INFERENCE),
    Part("volcano-admission, -controllers, -scheduler", "Deployments", "schedule jobs", TRAINING, "installVolcano"),
    Part("fluent-bit", "DaemonSet", "sends the logs of these pods"),
    Part("{name}-dcgm-exporter", "DaemonSet", "metrics of GPUs", switch="installDcgmExporter"),
    Part("nvidia-device-plugin-daemonset", "DaemonSet", "exposes GPUs", switch="installNvidiaDevicePlugin"),
    Part("prometheus-prom-prometheus", "StatefulSet", "metrics of jobs"),
)
_TEST = {
    INFERENCE: Room(1780, 8300, 2440, 12296, 1, "2 vCPU, 7 GiB"),
    TRAINING: Room(410, 4420, 1492, 10960, 1, "2 vCPU, 7 GiB"),
    BOTH: Room(1910, 10420, 2884, 15744, 1, "4 vCPU, 14 GiB"),
}
_PRODUCTION = {
    INFERENCE: Room(3600, 12700, 4240, 15296, 3, "4 vCPU, 14 GiB"),
    TRAINING: Room(410, 4420, 1492, 10960, 1, "8 vCPU, 28 GiB"),
    BOTH: Room(3730, 14820, 4684, 18744, 3, "4 vCPU, 14 GiB"),
}


def parts(name: str, kind: ClusterKind, features: frozenset[Feature], settings: Mapping[str, str]) -> tuple[Part, ...]:
    """The pods that an extension of that name brings."""
    return tuple(
        Part(item.name.format(name=name), item.kind, item.role)
        for item in _PARTS
        if item.features & features
        and (not item.arc_only or kind is ClusterKind.ARC)
        and (not item.switch or is_on(settings, item.switch))
    )


def room(features: frozenset[Feature], settings: Mapping[str, str]) -> Room:
    """Plan a test cluster by its requests, a production one by its limits. One replica of the router means a test."""
    test = Feature.INFERENCE in features and not is_on(settings, "inferenceRouterHA")
    return (_TEST if test else _PRODUCTION)[features]
