"""Every setting of the cluster extension `Microsoft.AzureML.Kubernetes`: type, default, when it is needed, what it is for.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension; what is `rare` stands only in
the pages on troubleshooting and in https://github.com/Azure/AML-Kubernetes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ClusterKind(StrEnum):
    AKS = "aks"
    ARC = "arc"


class Feature(StrEnum):
    """What the extension is installed for."""

    TRAINING = "training"  # jobs and batch scoring
    INFERENCE = "inference"  # online endpoints


class Type(StrEnum):
    """What may stand as a value."""

    BOOLEAN = "True or False"
    CHOICE = "one of its words"
    TEXT = "text"


BOTH = frozenset(Feature)
TRAINING = frozenset({Feature.TRAINING})
INFERENCE = frozenset({Feature.INFERENCE})
ANY_CLUSTER = frozenset(ClusterKind)
NOBODY: frozenset[Feature] = frozenset()

TRUE, FALSE = "True", "False"
ENABLE: Mapping[Feature, str] = MappingProxyType(
    {Feature.TRAINING: "enableTraining", Feature.INFERENCE: "enableInference"}
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        default: as Azure spells it; "" = none.
        choices: of Type.CHOICE, as Azure spells them; capital letters do not matter.
        features: it has a meaning when one of these is installed.
        needed: must be given when one of these is installed.
        clusters: where it has a meaning.
        protected: goes into `--config-protected`: Azure encrypts it and never shows it again.
        family: a prefix; the real names are `<name>.<key>`.
        rare: told of in troubleshooting pages only.
    """

    name: str
    meaning: str
    type: Type = Type.TEXT
    default: str = ""
    choices: tuple[str, ...] = ()
    features: frozenset[Feature] = BOTH
    needed: frozenset[Feature] = NOBODY
    clusters: frozenset[ClusterKind] = ANY_CLUSTER
    protected: bool = False
    family: bool = False
    rare: bool = False


def _switch(name: str, default: str, meaning: str, features: frozenset[Feature] = BOTH) -> Setting:
    return Setting(name, meaning, Type.BOOLEAN, default, (TRUE, FALSE), features)


_ARC = frozenset({ClusterKind.ARC})
_AKS = frozenset({ClusterKind.AKS})

SETTINGS: tuple[Setting, ...] = (
    Setting("enableTraining", "Jobs and batch scoring.", Type.BOOLEAN, FALSE, (TRUE, FALSE), TRAINING, TRAINING),
    Setting("enableInference", "Online endpoints.", Type.BOOLEAN, FALSE, (TRUE, FALSE), INFERENCE, INFERENCE),
    _switch(
        "allowInsecureConnections", FALSE, "Scoring over plain HTTP; for development and test alone.", INFERENCE
    ),
    Setting(
        "inferenceRouterServiceType",
        "How the router `azureml-fe` is reached: a cloud's load balancer, a port of each node, or from inside alone.",
        Type.CHOICE,
        choices=("LoadBalancer", "NodePort", "ClusterIP"),
        features=INFERENCE,
        needed=INFERENCE,
    ),
    Setting(
        "internalLoadBalancerProvider",
        "Gives the router's load balancer a private address.",
        Type.CHOICE,
        choices=("azure",),
        features=INFERENCE,
        clusters=_AKS,
    ),
    Setting(
        "sslSecret", "Secret in namespace `azureml` with `cert.pem` and `key.pem`, for HTTPS.", features=INFERENCE
    ),
    Setting("sslCname", "DNS name of the router, which its certificate must bear.", features=INFERENCE),
    _switch("inferenceRouterHA", TRUE, "Three replicas of the router; needs three worker nodes.", INFERENCE),
    Setting("nodeSelector", "Label of the nodes for the extension and all workloads.", family=True),
    _switch("installNvidiaDevicePlugin", FALSE, "Exposes NVIDIA GPUs; nodes need the driver."),
    _switch("installPromOp", TRUE, "Installs the Prometheus operator; False uses the cluster's own."),
    _switch("installVolcano", TRUE, "Installs the scheduler Volcano; False uses the cluster's own.", TRAINING),
    _switch("installDcgmExporter", FALSE, "GPU metrics."),
    Setting(
        "sslCertPemFile", "Path of the certificate, PEM, the whole chain.", features=INFERENCE, protected=True
    ),
    Setting(
        "sslKeyPemFile", "Path of its key, PEM, without pass phrase.", features=INFERENCE, protected=True
    ),
    Setting(
        "relayServerConnectionString",
        "Connection string of an Azure Relay of one's own.",
        clusters=_ARC,
        protected=True,
        rare=True,
    ),
    Setting(
        "relayserver.hybridConnectionResourceID",
        "Resource id of the hybrid connection of an Azure Relay of one's own.",
        clusters=_ARC,
        rare=True,
    ),
    Setting(
        "volcanoScheduler.schedulerConfigMap",
        "ConfigMap in `azureml` with another configuration of Volcano, such as one without the gang plugin.",
        features=TRAINING,
        rare=True,
    ),
    Setting(
        "volcanoScheduler.enable",
        "Old name of installVolcano.",
        Type.BOOLEAN,
        TRUE,
        (TRUE, FALSE),
        TRAINING,
        rare=True,
    ),
    Setting(
        "amloperator.skipResourceValidation",
        "The operator does not compare a job's resources with the nodes.",
        Type.BOOLEAN,
        FALSE,
        (TRUE, FALSE),
        TRAINING,
        rare=True,
    ),
    Setting(
        "amloperator.custom_ip_interface_enabled",
        "MPI jobs use the network interface that the next setting names.",
        Type.BOOLEAN,
        FALSE,
        (TRUE, FALSE),
        TRAINING,
        rare=True,
    ),
    Setting("amloperator.custom_ip_interface", "Network interface of MPI jobs.", features=TRAINING, rare=True),
    Setting(
        "nginxIngress.controller",
        "Class of the extension's ingress controller; its own one ends a conflict with another of the same class.",
        default="k8s.io/ingress-nginx",
        features=INFERENCE,
        rare=True,
    ),
    Setting(
        "nginxIngress.controllerConfig",
        "Configuration of the ingress controller; `worker-processes` ends an out-of-memory on nodes with many CPUs.",
        features=INFERENCE,
        family=True,
        rare=True,
    ),
    Setting(
        "nginxIngress.resources",
        "Requests and limits of the ingress controller, such as `controller.limits.memory`.",
        features=INFERENCE,
        family=True,
        rare=True,
    ),
    Setting(
        "scoringFe.enableUpgrade",
        "Side by side with AksCompute on one cluster (preview).",
        Type.BOOLEAN,
        FALSE,
        (TRUE, FALSE),
        INFERENCE,
        clusters=_AKS,
        rare=True,
    ),
    Setting(
        "enable_https",
        "False: plain HTTP inside the cluster, where the controller manager has no cluster-signing certificate.",
        Type.BOOLEAN,
        TRUE,
        (TRUE, FALSE),
        rare=True,
    ),
    Setting(
        "logAnalyticsWS",
        "Old: sends logs to a Log Analytics workspace, which costs.",
        Type.BOOLEAN,
        FALSE,
        (TRUE, FALSE),
        rare=True,
    ),
)  # fmt: skip
OLD_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "inferenceLoadBalancerHA": "inferenceRouterHA",
        "privateEndpointNodeport": "inferenceRouterServiceType: NodePort",
        "privateEndpointILB": "internalLoadBalancerProvider: azure",
        "sslCertKeyFile": "sslKeyPemFile",
    }
)
"""Names of the preview, and a slip of an old page → what stands there today."""

_BY_NAME: Mapping[str, Setting] = MappingProxyType({item.name: item for item in SETTINGS if not item.family})
_FAMILIES = tuple(item for item in SETTINGS if item.family)


def find_setting(name: str) -> Setting | None:
    """The setting of that name, or the family that it belongs to; None when there is none."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    return next(
        (item for item in _FAMILIES if name.startswith(f"{item.name}.") and len(name) > len(item.name) + 1), None
    )


def known_names() -> tuple[str, ...]:
    """All names as a person would write them."""
    return tuple(f"{item.name}.KEY" if item.family else item.name for item in SETTINGS)


def spelt(setting: Setting, value: str) -> str:
    """`value` as Azure spells it; "" when it may not stand there."""
    if not setting.choices:
        return value
    return next((word for word in setting.choices if word.lower() == value.strip().lower()), "")


def canonical(name: str, value: str) -> str:
    """As Azure spells it; what may not stand there stays for the rules to name."""
    setting = find_setting(name)
    return (spelt(setting, value) if setting else "") or value


def in_effect(given: Mapping[str, str], name: str) -> str:
    """What counts for a setting: what was given, else its default."""
    return given.get(name) or _BY_NAME[name].default


def is_on(given: Mapping[str, str], name: str) -> bool:
    return in_effect(given, name) == TRUE


def in_words(features: Iterable[Feature]) -> str:
    """`training and inference`, always in that order."""
    chosen = set(features)
    return " and ".join(item.value for item in Feature if item in chosen)
