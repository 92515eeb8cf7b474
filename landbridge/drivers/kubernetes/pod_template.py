"""What every pod of ours has. Pure: values in, a pod template as Kubernetes spells it out.

It passes the *restricted* Pod Security Standard
(https://kubernetes.io/docs/concepts/security/pod-security-standards/). Images often name no user, so one is named here; a
cluster that assigns users itself (OpenShift) takes it away with `overrides: {spec: {securityContext: {runAsUser: null}}}`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from landbridge.domain.errors import InputError
from landbridge.domain.inventory import InstanceType, Target
from landbridge.domain.nearest import nearest
from landbridge.domain.values import Json, Resources
from landbridge.drivers.kubernetes.options import KubernetesOptions

PREFIX = "landbridge.io/"
MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = "landbridge"
TARGET, SITE = f"{PREFIX}target", f"{PREFIX}site"
USER = 1000
GPU = "nvidia.com/gpu"
DEFAULT_TYPE = "defaultinstancetype"  # Azure ML's name for what a workload without an instance type gets
DEFAULT = InstanceType(DEFAULT_TYPE, Resources(100, 2 << 30), Resources(2000, 2 << 30))
LEAST_MEMORY = 256 << 20  # below this not even an interpreter starts; what is asked for is still what counts
WORKLOAD_TAINTS = ("ml.azure.com/amlarc", "ml.azure.com/amlarc-workload")
COMPUTE_TAINT = "ml.azure.com/compute"
LOST_NODE_SECONDS = 60  # a node that does not answer keeps its pods this long (Kubernetes: 300)
ALWAYS_DIRECT = ("localhost", "127.0.0.1", ".svc", ".cluster.local", "kubernetes.default")
CA_FOLDER = "/etc/landbridge/ca"
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
# Lists of objects that a strategic patch merges, by the key that tells their items apart; all others are replaced.
# https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
MERGE_KEYS = {
    "containers": "name", "initContainers": "name", "volumes": "name", "env": "name", "imagePullSecrets": "name",
    "volumeMounts": "mountPath", "ports": "containerPort", "hostAliases": "ip",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Container:
    """One container; `command` and `variables` arrive as they are written.

    `more` holds further fields as Kubernetes spells them (ports, probes, lifecycle, volumeMounts, envFrom).
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod, as far as its kind decides it; the target's options add the rest.

    Attributes:
        instance_type: its requests and limits go to every container; "" = `resources`, else the default type.
        resources: requests, when there is no instance type.
        more: further fields of the pod's spec.
    """

    containers: tuple[Container, ...]
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Json, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    instance_type: str = ""
    resources: Resources = Resources()
    more: Mapping[str, Json] = field(default_factory=dict)


def pod_template(pod: Pod, target: Target, options: KubernetesOptions) -> dict[str, Json]:
    """The pod template: `{metadata, spec}`.

    Raises:
        InputError: the instance type is unknown, or its node selector contradicts the target's.
    """
    kind = instance_type(pod.instance_type, pod.resources, target)
    resources = resources_of(kind)
    spec: dict[str, Json] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # a variable for each Service of the namespace is in nobody's interest
        "securityContext": pod_security(),
        "containers": [_container(item, resources, options) for item in pod.containers],
        "tolerations": _tolerations(target, options),
        "volumes": [*pod.volumes, *_ca_volumes(options)],
        **_given(
            nodeSelector=_node_selector(kind, options, target),
            initContainers=[_container(item, resources, options) for item in pod.init_containers],
            serviceAccountName=options.service_account,
            priorityClassName=options.priority_class,
            imagePullSecrets=[{"name": name} for name in options.image_pull_secrets],
        ),
        **pod.more,
    }
    metadata = _given(labels={**common_labels(target), **pod.labels}, annotations=dict(pod.annotations))
    merged = merge({"metadata": metadata, "spec": spec}, dict(options.overrides))
    assert isinstance(merged, dict)
    return merged


def common_labels(target: Target) -> dict[str, str]:
    """What every object of ours carries."""
    return {MANAGED_BY: OURS, TARGET: target.name, SITE: target.site}


def split_labels(values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations for `values` ("landbridge.scenario" → "landbridge.io/scenario"): a label takes 63 plain
    characters, the rest goes into annotations."""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    for key, value in values.items():
        name = f"{PREFIX}{key.removeprefix('landbridge.')}" if "/" not in key else key
        (labels if _LABEL_VALUE.fullmatch(value) else annotations)[name] = value
    return labels, annotations


def instance_type(name: str, resources: Resources, target: Target) -> InstanceType:
    """The named instance type of the target; without a name what `resources` asks for, the rest as the default type.

    Raises:
        InputError: the target has no such type.
    """
    known = {item.name: item for item in target.instance_types}
    default = known.get(DEFAULT_TYPE, DEFAULT)
    if name and name not in {*known, DEFAULT_TYPE}:
        message = f"Target {target.name!r} has no instance type {name!r}{nearest(name, known)}."
        raise InputError(message, f"Declare it under targets.{target.name}.instance_types, or name one that is there.")
    if name or resources == Resources():
        return known.get(name, default)
    requests = Resources(
        resources.cpu_millicores or default.requests.cpu_millicores,
        resources.memory_bytes or default.requests.memory_bytes,
        resources.gpus,
    )
    # No limit of CPU: idle cores of the node may be used. Memory and GPUs cannot be shared like that.
    return InstanceType(
        "", requests, Resources(0, max(requests.memory_bytes, LEAST_MEMORY), requests.gpus), default.node_selector
    )


def resources_of(kind: InstanceType) -> dict[str, Json]:
    """`resources` of a container; GPUs stand in the limits only, as Kubernetes wants it."""
    requests = _amounts(Resources(kind.requests.cpu_millicores, kind.requests.memory_bytes))
    return _given(requests=requests, limits=_amounts(kind.limits))


def pod_security() -> dict[str, Json]:
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, Json]:
    return {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}


def literal(text: str) -> str:
    """`text` as Kubernetes leaves it alone: in commands and variables it would replace $(NAME) and read $$ as $."""
    return text.replace("$", "$$")


def mirrored(image: str, mirrors: Mapping[str, str]) -> str:
    """The image as this site pulls it."""
    fits = [prefix for prefix in mirrors if image.startswith(prefix)]
    if not fits:
        return image
    prefix = max(fits, key=len)
    return mirrors[prefix] + image[len(prefix) :]


def proxy_variables(options: KubernetesOptions) -> dict[str, str]:
    """Proxy variables, in both spellings; what lies in the cluster is always reached directly."""
    proxy = options.proxy
    if not proxy:
        return {}
    hosts = [*(host for host in proxy.get("no_proxy", "").split(",") if host), *ALWAYS_DIRECT]
    values = _given(http_proxy=proxy.get("http", ""), https_proxy=proxy.get("https", ""))
    values["no_proxy"] = ",".join(dict.fromkeys(hosts))
    return {name: str(value) for key, value in values.items() for name in (key, key.upper())}


def merge(base: Json, patch: Json, key: str = "") -> Json:
    """Kubernetes' strategic merge, as far as pods need it: mappings merge, null removes, known lists merge by their key."""
    if isinstance(base, dict) and isinstance(patch, dict):
        merged = dict(base)
        for name, value in patch.items():
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = merge(merged.get(name), value, name)
        return merged
    by = MERGE_KEYS.get(key)
    if by and isinstance(base, list) and isinstance(patch, list):
        return _merge_lists(base, patch, by)
    return merge({}, patch) if isinstance(patch, dict) else patch


def _merge_lists(base: list[Json], patch: list[Json], by: str) -> list[Json]:
    found: dict[Json, Json] = {item[by]: item for item in base if isinstance(item, dict)}
    for item in patch:
        if isinstance(item, dict):
            name = item.get(by)
            found[name] = merge(found.get(name, {}), item)
    return list(found.values())


def _container(item: Container, resources: dict[str, Json], options: KubernetesOptions) -> Json:
    variables = {**proxy_variables(options), **_ca_variables(options), **item.variables}
    mounts = item.more.get("volumeMounts", [])
    container: dict[str, Json] = {
        "name": item.name,
        "image": mirrored(item.image, options.image_mirror),
        "securityContext": container_security(),
        "resources": resources,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **_given(
            command=[literal(word) for word in item.command],
            imagePullPolicy=options.image_pull_policy,
            env=[{"name": name, "value": literal(value)} for name, value in variables.items()],
        ),
        **item.more,
        **_given(volumeMounts=[*(mounts if isinstance(mounts, list) else []), *_ca_mounts(options)]),
    }
    return container


def _tolerations(target: Target, options: KubernetesOptions) -> list[Json]:
    """Azure ML's taints for workloads, a short patience with nodes that are gone, and what the inventory adds."""
    taints = [(name, "true") for name in WORKLOAD_TAINTS] + [(COMPUTE_TAINT, target.name)]
    found: list[Json] = [{"key": key, "operator": "Equal", "value": value} for key, value in taints]
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        found.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": LOST_NODE_SECONDS})
    return [*found, *map(dict, options.tolerations)]


def _node_selector(kind: InstanceType, options: KubernetesOptions, target: Target) -> dict[str, Json]:
    """Both must match, so one label with two values matches no node."""
    for key, value in kind.node_selector.items():
        other = options.node_selector.get(key, value)
        if other != value:
            message = (
                f"Instance type {kind.name!r} wants nodes with {key}={value}, its target {key}={other}: none is both."
            )
            raise InputError(message, f"Correct `node_selector` of one of the two under targets.{target.name}.")
    return {**options.node_selector, **kind.node_selector}


def _amounts(resources: Resources) -> dict[str, Json]:
    return _given(
        cpu=f"{resources.cpu_millicores}m" if resources.cpu_millicores else "",
        memory=str(resources.memory_bytes) if resources.memory_bytes else "",
        **{GPU: str(resources.gpus) if resources.gpus else ""},
    )


def _ca_volumes(options: KubernetesOptions) -> list[Json]:
    return [{"name": "ca-bundle", "configMap": {"name": options.ca_bundle}}] if options.ca_bundle else []


def _ca_mounts(options: KubernetesOptions) -> list[Json]:
    return [{"name": "ca-bundle", "mountPath": CA_FOLDER, "readOnly": True}] if options.ca_bundle else []


def _ca_variables(options: KubernetesOptions) -> dict[str, str]:
    return {name: f"{CA_FOLDER}/ca.crt" for name in CA_VARIABLES} if options.ca_bundle else {}


def _given(**values: Json) -> dict[str, Json]:
    """Without what is empty: Kubernetes drops empty fields too, so a manifest stays as it was sent."""
    return {key: value for key, value in values.items() if value not in ("", [], {}, None)}
