"""The manifests of one colour: pure functions, one per kind. Golden files under tests/golden/kubernetes show them whole.

Probes follow the online-deployment YAML (its defaults: facts of Azure ML's kubernetesOnlineDeployment). Starting is a
startup probe's matter, every second, up to Azure ML's limit of 20 minutes: a model that loads in 2 s is Ready in about 2 s
instead of after an initial delay; the other two probes begin when it has passed.
"""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

from landbridge.domain.digests import digest_value, short
from landbridge.domain.inventory import Target
from landbridge.domain.names import object_name
from landbridge.domain.scenario import Probe
from landbridge.domain.values import Json
from landbridge.drivers.kubernetes.colours import (
    GENERATION,
    Order,
    instances,
    is_scaled,
    metadata,
    timeout_seconds,
)
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.kubernetes.pod_template import Container, Pod, common_labels, pod_template
from landbridge.drivers.kubernetes.routes import COLOUR, ENDPOINT, PORT

Object = dict[str, Any]

START_SECONDS = 20 * 60  # Azure ML's limit on creating a deployment
MIN_READY_SECONDS = 5  # a pod that dies within this time after its first good probe has not replaced anybody
DRAIN_SECONDS = 5  # see `_pre_stop`
POD_PORT, PORT_NAME = 8080, "http"
ORDER_FOLDER, DATA_FOLDER = "/landbridge/order", "/landbridge/data"
ORDER_FILE, ARCHIVE = "order.json", "scoring.tar.gz"
MESSAGE_FILE = "/dev/termination-log"
FETCH, SERVE = "fetch", "serve"
# A user without a name or a home breaks libraries that ask for them; /tmp is writable in every image.
VARIABLES = {"HOME": "/tmp", "USER": "landbridge", "LOGNAME": "landbridge", "PYTHONUNBUFFERED": "1"}  # noqa: S108


def order_config(order: Order, target: Target) -> Object:
    """The ConfigMap with the order, the programs and, when small, the scoring code. Its name is that of its content."""
    data = {ORDER_FILE: json.dumps(_order_json(order), indent=1, sort_keys=True), **order.programs}
    binary = {ARCHIVE: base64.b64encode(order.archive).decode()} if order.archive else {}
    name = object_name(order.spec.endpoint, order.spec.colour, short(digest_value({**data, **binary}), 16))
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": _labels(order, target)},
        "immutable": True,
        "data": data,
        **({"binaryData": binary} if binary else {}),
    }


def deployment(order: Order, target: Target, options: KubernetesOptions) -> Object:
    """The Deployment. Never fewer Ready pods than there are; a pod that is on its way out still answers."""
    labels, annotations = metadata(order.spec)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": order.name, "labels": {**common_labels(target), **labels}, "annotations": annotations},
        "spec": {
            # Where an autoscaler rules, the number is its own: stating it here would undo its work at each apply.
            **({} if is_scaled(order.spec) else {"replicas": instances(order.spec)}),
            "selector": {"matchLabels": {ENDPOINT: order.spec.endpoint, COLOUR: order.spec.colour}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "minReadySeconds": MIN_READY_SECONDS,
            "progressDeadlineSeconds": START_SECONDS,
            "revisionHistoryLimit": 1,
            "template": pod_template(_pod(order, target, options), target, options),
        },
    }


def service(order: Order, target: Target) -> Object:
    """The Service of the colour: pods of this generation only, so that nobody is sent to what is being replaced."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": order.name, "labels": _labels(order, target)},
        "spec": {
            "selector": _pod_labels(order),
            "ports": [{"name": PORT_NAME, "port": PORT, "targetPort": PORT_NAME}],
        },
    }


def disruption_budget(order: Order, target: Target) -> Object | None:
    """A drained node takes one pod at a time. One pod alone gets none: it would only forbid every drain."""
    if instances(order.spec) < 2:
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": order.name, "labels": _labels(order, target)},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _pod_labels(order)}},
    }


def autoscaler(order: Order, target: Target) -> Object | None:
    """By CPU utilisation; None when the scale settings ask for a fixed number."""
    settings = order.spec.settings
    if not is_scaled(order.spec):
        return None
    load = {"type": "Utilization", "averageUtilization": settings.target_utilization_percentage}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": order.name, "labels": _labels(order, target)},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": order.name},
            "minReplicas": instances(order.spec),
            "maxReplicas": max(instances(order.spec), settings.max_instances),
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": load}}],
        },
    }


def _order_json(order: Order) -> Object:
    """What the pod reads (`landbridge.runner.pod_serve`)."""
    spec, settings = order.spec, order.spec.settings
    scoring = {"folder": f"{DATA_FOLDER}/code", "script": spec.scoring.script, "digest": ""} if spec.scoring else None
    return {
        "model": {"url": order.model_url, "digest": spec.model_digest},
        "storage": dict(order.storage),
        "scoring": dict(order.scoring) if order.scoring else None,
        "data": DATA_FOLDER,
        "serve": {
            "flavour": "score" if spec.scoring else "mlflow",
            "model": f"{DATA_FOLDER}/model",
            "digest": "",  # checked by the init container; the server's mount of it cannot be written
            "scoring": scoring,
            "port": POD_PORT,
            "reason": MESSAGE_FILE,
            "colour": spec.colour,
            "environment": dict(settings.environment_variables),
            "request_timeout_ms": settings.request_timeout_ms,
            "max_queue_wait_ms": settings.max_queue_wait_ms,
            "max_concurrent": settings.max_concurrent_requests_per_instance,
            "grace_seconds": _grace_seconds(order),
        },
    }


def _pod(order: Order, target: Target, options: KubernetesOptions) -> Pod:
    spread: dict[str, Json] = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict[str, Json](_pod_labels(order))},
    }
    more: dict[str, Json] = {"terminationGracePeriodSeconds": DRAIN_SECONDS + _grace_seconds(order) + 5}
    if instances(order.spec) > 1 or is_scaled(order.spec):
        more["topologySpreadConstraints"] = [spread]
    return Pod(
        containers=(_server(order),),
        init_containers=(_fetcher(order, options),),
        volumes=(
            {"name": "order", "configMap": {"name": str(order_config(order, target)["metadata"]["name"])}},
            {"name": "data", "emptyDir": {}},
        ),
        labels=_pod_labels(order),
        instance_type=order.spec.settings.instance_type,
        more=more,
    )


def _fetcher(order: Order, options: KubernetesOptions) -> Container:
    """Brings model and code, and checks them. The only container that is given the store's credentials."""
    mounts: Json = [_mount("order", ORDER_FOLDER, read_only=True), _mount("data", DATA_FOLDER)]
    secret: Json = [{"secretRef": {"name": options.storage_secret}}] if options.storage_secret else []
    more = {"volumeMounts": mounts, **({"envFrom": secret} if secret else {})}
    return Container(FETCH, order.image, _command(FETCH), VARIABLES, more)


def _server(order: Order) -> Container:
    settings = order.spec.settings
    mounts = [
        _mount("order", ORDER_FOLDER, read_only=True),
        {**_mount("data", f"{DATA_FOLDER}/model", read_only=True), "subPath": "model"},
        *([{**_mount("data", f"{DATA_FOLDER}/code"), "subPath": "code"}] if order.spec.scoring else []),
    ]
    start = Probe(1, 0, settings.readiness_probe.timeout, 1, START_SECONDS)
    more: Object = {
        "ports": [{"name": PORT_NAME, "containerPort": POD_PORT}],
        "startupProbe": _probe(start),
        "livenessProbe": {**_probe(settings.liveness_probe), "successThreshold": 1},
        "readinessProbe": _probe(settings.readiness_probe),
        "lifecycle": {"preStop": _pre_stop()},
        "volumeMounts": mounts,
    }
    return Container(SERVE, order.image, _command(SERVE), VARIABLES, more)


def _command(step: str) -> tuple[str, ...]:
    """Images call it `python3`, `python`, or both."""
    python = 'exec "$(command -v python3 || command -v python)"'
    return ("/bin/sh", "-c", f"{python} {ORDER_FOLDER}/pod_serve.py {step} {ORDER_FOLDER}/{ORDER_FILE}")


def _pre_stop() -> Object:
    """Answer on for a while before the signal to end comes.

    Routers and nodes hear of a pod's end from the API server, when it begins and not before it does; until all have
    heard, new requests still arrive. Nothing tells when they have, hence a time. A command and not the `sleep` action,
    which older clusters drop without a word (it is on by default from Kubernetes 1.30 on).
    """
    return {"exec": {"command": ["/bin/sh", "-c", f"sleep {DRAIN_SECONDS}"]}}


def _probe(probe: Probe) -> Object:
    return {
        "httpGet": {"path": "/ping", "port": PORT_NAME},
        "periodSeconds": probe.period,
        "timeoutSeconds": probe.timeout,
        "successThreshold": probe.success_threshold,
        "failureThreshold": probe.failure_threshold,
    }


def _grace_seconds(order: Order) -> int:
    """An open request may take its whole time, and a little more."""
    return math.ceil(timeout_seconds(order.spec))


def _mount(name: str, path: str, read_only: bool = False) -> Object:
    return {"name": name, "mountPath": path, **({"readOnly": True} if read_only else {})}


def _pod_labels(order: Order) -> dict[str, str]:
    return {ENDPOINT: order.spec.endpoint, COLOUR: order.spec.colour, GENERATION: order.generation}


def _labels(order: Order, target: Target) -> Mapping[str, str]:
    return {**common_labels(target), ENDPOINT: order.spec.endpoint, COLOUR: order.spec.colour}
