"""The objects of one training job, as Kubernetes spells them. Pure; golden files under tests/golden show them whole."""

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import landbridge
from landbridge.domain.errors import CapabilityMissingError
from landbridge.domain.expressions import render
from landbridge.domain.inventory import Target
from landbridge.domain.job import CommandJob
from landbridge.domain.names import LABEL_LIMIT
from landbridge.domain.requests import TrainingJob
from landbridge.domain.values import Json
from landbridge.drivers.kubernetes.cluster import Object
from landbridge.drivers.kubernetes.distribution import Layout, layout, rendezvous_variables
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.kubernetes.pod_template import PREFIX, Container, Pod, common_labels, pod_template, split_labels

ROOT = "/landbridge"
JOB_LABEL = f"{PREFIX}job"
KEY_ENDED = f"{PREFIX}ended"  # annotation: how we ended it, as JSON; what the API server says later does not change it
KEY_OUTPUTS = f"{PREFIX}outputs"  # annotation: the names of its outputs
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
MAIN, FETCH = "main", "fetch"
CODE_VOLUME = "package"
RUNNER_FILES = ("pod_job.py", "pod_transfer.py", "job.py")
NAME_LIMIT = 58  # pods of an Indexed Job are called <job>-<index>, and that must be a label too
GRACE_SECONDS = 60  # the job's own grace is 5 s; the rest is for sending the log
PVC_LABEL, PVC_PATH = "ml.azure.com/pvc", "ml.azure.com/mountpath"
FILE_TYPES = frozenset({"uri_file"})
# Finds the image's Python without asking for a path, and stays in front of it: process 1 of a container loses a signal that
# it does not handle yet, and Python needs a moment; a job at its limit would then run on for all of the grace.
START = (
    "trap 'T=1; kill -TERM \"$P\" 2>/dev/null' TERM; "
    f'"$(command -v python3 || command -v python)" {ROOT}/runner/pod_job.py "$@" & P=$!; '
    '[ -z "$T" ] || kill -TERM "$P"; '
    'while :; do wait "$P"; S=$?; kill -0 "$P" 2>/dev/null || exit "$S"; done'
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What was made ready for a job: names of ConfigMaps ("" = none), and claim → where to mount it.

    `fetches`: something must come from the store before the command starts.
    """

    runner: str
    code: str = ""
    claims: Mapping[str, str] | None = None
    fetches: bool = True


def kube_name(name: str) -> str:
    """The Job's name: the job's own, or a shorter one that stands for it."""
    if len(name) <= NAME_LIMIT:
        return name
    return f"{name[: NAME_LIMIT - 22].rstrip('-')}-x{hashlib.sha256(name.encode()).hexdigest()[:20]}"


def input_place(job: CommandJob, name: str) -> str:
    """Where an input lies in the pod, below ROOT: what is mounted may only be read, what is downloaded is the job's own."""
    given = job.inputs.get(name)
    folder = "job/downloads" if given is not None and given.mode == "download" else "inputs"
    return f"{folder}/{name}"


def output_place(name: str) -> str:
    return f"{ROOT}/job/outputs/{name}"


def job_manifest(
    job: TrainingJob, places: Mapping[str, str], parts: Parts, target: Target, options: KubernetesOptions
) -> Object:
    """The Job. `places`: input name → path in the pod, or the literal.

    Raises:
        CapabilityMissingError: the environment is no image.
    """
    if not job.environment.image:
        raise CapabilityMissingError(
            f"Environment {job.environment.name!r} is a Python of this machine; target {target.name!r} runs images.",
            "Map it to an `image:` for this target under `environments` in the inventory.",
        )
    made = layout(job.job)
    labels, annotations = split_labels(dict(job.labels))
    labels = {**common_labels(target), **labels, JOB_LABEL: job.name}
    if options.queue:
        labels[QUEUE_LABEL] = options.queue
    spec: Object = {
        "backoffLimit": 0,
        "completions": made.instances,
        "parallelism": made.instances,
        "completionMode": "Indexed" if made.instances > 1 else "NonIndexed",
        "podReplacementPolicy": "Failed",
        "ttlSecondsAfterFinished": options.ttl_seconds,
        "template": pod_template(_pod(job, places, parts, made, labels), target, options),
    }
    if job.timeout_seconds > 0:
        spec["activeDeadlineSeconds"] = math.ceil(job.timeout_seconds)
    annotations[KEY_OUTPUTS] = json.dumps(list(job.job.outputs))
    metadata = {"name": kube_name(job.name), "labels": labels, "annotations": annotations}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def service_manifest(job: TrainingJob, target: Target) -> Object:
    """The headless Service by which the instances of one job find each other, also before they are ready."""
    name = kube_name(job.name)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": {**common_labels(target), JOB_LABEL: job.name}},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {"batch.kubernetes.io/job-name": name},
        },
    }


def plan_secret(job: TrainingJob, plan: Mapping[str, Json], target: Target) -> Object:
    """Signed URLs are rights, so they stand in a Secret and nowhere else."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret_name(job.name), "labels": {**common_labels(target), JOB_LABEL: job.name}},
        "type": "Opaque",
        "data": {"plan.json": base64.b64encode(json.dumps(plan).encode()).decode()},
    }


def secret_name(name: str) -> str:
    return f"{kube_name(name)}-urls"


def code_config_map(package: bytes, target: Target) -> Object:
    """A code folder, under its digest: jobs with the same code share it."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "immutable": True,
        "metadata": {
            "name": f"landbridge-code-{hashlib.sha256(package).hexdigest()[:40]}",
            "labels": common_labels(target),
        },
        "binaryData": {"code.tar.gz": base64.b64encode(package).decode()},
    }


def runner_config_map(target: Target) -> Object:
    """What runs in the pod, under its digest: one for all jobs of a version of landbridge."""
    folder = Path(landbridge.__file__).parent / "runner"
    files: dict[str, Json] = {name: (folder / name).read_text(encoding="utf-8") for name in RUNNER_FILES}
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
    labels = {key: value for key, value in common_labels(target).items() if not key.startswith(PREFIX)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "immutable": True,
        "metadata": {"name": f"landbridge-runner-{digest}", "labels": labels},
        "data": files,
    }


def rendered_command(job: TrainingJob, places: Mapping[str, str]) -> str:
    """The command with paths as they are in the pod."""
    outputs = {name: output_place(name) for name in job.job.outputs}
    return render(job.job.command, places, outputs, job.job.literals)


def _pod(job: TrainingJob, places: Mapping[str, str], parts: Parts, made: Layout, labels: Mapping[str, str]) -> Pod:
    name = kube_name(job.name)
    variables = {
        "HOME": f"{ROOT}/job/home",  # the user of the pod has none in the image
        "USER": "landbridge",
        **job.environment_variables,
        **rendezvous_variables(made, name, name),
    }
    start = ("/bin/sh", "-c", START, "landbridge")
    image = job.environment.image
    command = (*start, "run" if parts.fetches else "go", rendered_command(job, places))
    main = Container(MAIN, image, command, variables, _mounts(job, parts))
    fetch = Container(FETCH, image, (*start, "fetch"), {"HOME": "/tmp"}, _fetch_mounts(parts))  # noqa: S108 - in the pod
    more: dict[str, Json] = {"restartPolicy": "Never", "terminationGracePeriodSeconds": GRACE_SECONDS}
    if made.instances > 1:
        more["subdomain"] = name
    return Pod(
        containers=(main,),
        init_containers=(fetch,) if parts.fetches else (),
        volumes=_volumes(job, parts),
        labels={key: value for key, value in labels.items() if key != QUEUE_LABEL},
        instance_type=job.instance_type,
        resources=job.resources,
        more=more,
    )


def _volumes(job: TrainingJob, parts: Parts) -> tuple[Json, ...]:
    found: list[Json] = [
        {"name": "job", "emptyDir": {}},
        {"name": "inputs", "emptyDir": {}},
        {"name": "runner", "configMap": {"name": parts.runner}},
        {"name": "urls", "secret": {"secretName": secret_name(job.name)}},
    ]
    if parts.code:
        found.append({"name": CODE_VOLUME, "configMap": {"name": parts.code}})
    if job.job.resources.shm_size:
        limit = _shm(job.job.resources.shm_size)
        found.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": limit}})
    found += [
        {"name": f"pvc-{claim}"[:LABEL_LIMIT], "persistentVolumeClaim": {"claimName": claim}}
        for claim in parts.claims or {}
    ]
    return tuple(found)


def _mounts(job: TrainingJob, parts: Parts) -> dict[str, Json]:
    mounts = _common_mounts(inputs_read_only=True)
    if not parts.fetches:
        mounts += _package_mount(parts)
    if job.job.resources.shm_size:
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})  # noqa: S108 - in the pod
    mounts += [
        {"name": f"pvc-{claim}"[:LABEL_LIMIT], "mountPath": path} for claim, path in (parts.claims or {}).items()
    ]
    return {"volumeMounts": mounts, "workingDir": f"{ROOT}/job"}


def _fetch_mounts(parts: Parts) -> dict[str, Json]:
    return {"volumeMounts": [*_common_mounts(inputs_read_only=False), *_package_mount(parts)]}


def _common_mounts(inputs_read_only: bool) -> list[Json]:
    return [
        {"name": "job", "mountPath": f"{ROOT}/job"},
        {"name": "inputs", "mountPath": f"{ROOT}/inputs", **({"readOnly": True} if inputs_read_only else {})},
        {"name": "runner", "mountPath": f"{ROOT}/runner", "readOnly": True},
        {"name": "urls", "mountPath": f"{ROOT}/urls", "readOnly": True},
    ]


def _package_mount(parts: Parts) -> list[Json]:
    return [{"name": CODE_VOLUME, "mountPath": f"{ROOT}/package", "readOnly": True}] if parts.code else []


def _shm(size: str) -> str:
    """Docker's `2g` as Kubernetes' `2Gi`; both count in powers of two."""
    number, unit = size[:-1], size[-1:].lower()
    return {"b": number, "k": f"{number}Ki", "m": f"{number}Mi", "g": f"{number}Gi"}.get(unit, size)
