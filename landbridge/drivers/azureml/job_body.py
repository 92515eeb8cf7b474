"""A command job as Azure ML's REST has it. Pure; a test holds it against what azure-ai-ml sends for the same YAML.

Everything goes over under its own name. Expressions of the command stay: Azure ML puts in where its inputs and outputs lie.
Optional parts are decided here, since a command job of Azure ML has none.
"""

import math
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from landbridge.domain.errors import InputError
from landbridge.domain.expressions import without_unset_parts
from landbridge.domain.job import CommandJob, JobInput, JobOutput
from landbridge.domain.requests import TrainingJob
from landbridge.domain.values import Json, Resources
from landbridge.drivers.azureml.options import ComputeKind

TARGET_TAG = "landbridge.target"
ASKED_TAG = "landbridge.asked"  # CPU (millicores), memory (bytes) and GPUs of one instance, as capacity counts them
SCENARIO_LABEL = "landbridge.scenario"

INPUT_MODES = {
    "ro_mount": "ReadOnlyMount",
    "download": "Download",
    "direct": "Direct",
    "eval_mount": "EvalMount",
    "eval_download": "EvalDownload",
}
OUTPUT_MODES = {"rw_mount": "ReadWriteMount", "mount": "ReadWriteMount", "upload": "Upload", "direct": "Direct"}
MOUNTED_INSTEAD = {"download": "ro_mount", "eval_download": "eval_mount"}
"""On a Kubernetes compute, which has no download mode."""
DISTRIBUTIONS = {"pytorch": "PyTorch", "mpi": "Mpi", "tensorflow": "TensorFlow", "ray": "Ray"}
IDENTITIES = {
    "managed": "Managed",
    "managed_identity": "Managed",
    "aml_token": "AMLToken",
    "user_identity": "UserIdentity",
}
SERVICES = {"ssh": "SSH", "tensor_board": "TensorBoard", "vs_code": "VSCode", "jupyter_lab": "JupyterLab"}
PRIORITIES = {"low": 1, "medium": 2, "high": 3}
DEFAULT_EXPERIMENT = "Default"


@dataclass(frozen=True, slots=True)
class Parts:
    """What was made ready for a job in the workspace.

    Attributes:
        code, environment, compute: identifiers; "" = none (no code; serverless).
        data: data input → its address for Azure ML.
        kind: of the compute.
    """

    environment: str
    code: str = ""
    compute: str = ""
    data: Mapping[str, str] | None = None
    kind: ComputeKind = ComputeKind.SERVERLESS


def job_body(job: TrainingJob, parts: Parts, target: str, instance_type: str = "") -> dict[str, Json]:
    """The body of the PUT. `instance_type`: of a job that names none."""
    said = job.job
    properties: dict[str, Json] = {
        "jobType": "Command",
        "displayName": said.display_name or job.name,
        "experimentName": said.experiment_name or job.labels.get(SCENARIO_LABEL) or DEFAULT_EXPERIMENT,
        "isArchived": False,
        "command": without_unset_parts(said.command, job.inputs),
        "environmentId": parts.environment,
        "environmentVariables": dict(job.environment_variables),
        "inputs": {name: _input(name, value, job, parts) for name, value in job.inputs.items()},
        "outputs": {name: _output(output) for name, output in said.outputs.items()},
        "resources": _resources(job, instance_type),
        "tags": {**said.tags, **job.labels, TARGET_TAG: target, ASKED_TAG: asked_tag(job.resources)},
        "properties": dict(said.properties),
    }
    more = {
        "description": said.description,
        "codeId": parts.code,
        "computeId": parts.compute,
        "distribution": _distribution(said),
        "identity": _identity(said),
        "limits": _limits(job.timeout_seconds),
        "queueSettings": _queue(said),
        "services": {name: _service(service) for name, service in said.services.items()},
    }
    return {"properties": {**properties, **{key: value for key, value in more.items() if value}}}


def asked_tag(asked: Resources) -> str:
    return f"{asked.cpu_millicores},{asked.memory_bytes},{asked.gpus}"


def read_asked(tag: str) -> Resources:
    """What `asked_tag` wrote; nothing for anything else."""
    try:
        cpu, memory, gpus = map(int, tag.split(","))
    except ValueError:
        return Resources()
    return Resources(cpu, memory, gpus)


def _input(name: str, value: str, job: TrainingJob, parts: Parts) -> Json:
    given = job.job.inputs.get(name, JobInput(name, "string"))
    if not given.is_data:
        return {"jobInputType": "literal", "value": value}
    mode = MOUNTED_INSTEAD.get(given.mode, given.mode) if parts.kind is ComputeKind.KUBERNETES else given.mode
    made: dict[str, Json] = {"jobInputType": given.type, "uri": (parts.data or {})[name]}
    if mode:
        made["mode"] = INPUT_MODES[mode]
    return {**made, **_described(given.options)}


def _output(output: JobOutput) -> Json:
    made: dict[str, Json] = {"jobOutputType": output.type}
    if output.mode:
        made["mode"] = OUTPUT_MODES[output.mode]
    if output.path:
        made["uri"] = output.path
    for key, name in (("name", "assetName"), ("version", "assetVersion")):
        if output.options.get(key):
            made[name] = str(output.options[key])
    return {**made, **_described(output.options)}


def _described(options: Mapping[str, Json]) -> dict[str, Json]:
    return {"description": options["description"]} if options.get("description") else {}


def _resources(job: TrainingJob, instance_type: str) -> Json:
    asked = job.job.resources
    said: dict[str, Json] = {
        "instanceType": job.instance_type or instance_type,
        "shmSize": asked.shm_size,
        "dockerArgs": asked.docker_args[0] if len(asked.docker_args) == 1 else shlex.join(asked.docker_args),
        "locations": list(asked.locations),
        "maxInstanceCount": asked.max_instance_count,
        "properties": dict(asked.properties),
    }
    return {"instanceCount": asked.instance_count, **{key: value for key, value in said.items() if value}}


def _distribution(job: CommandJob) -> Json:
    if not job.distribution:
        return None
    kind = str(job.distribution.get("type", "")).lower()
    if kind not in DISTRIBUTIONS:
        raise InputError(f"There is no distribution {kind!r}.", f"Use one of: {', '.join(DISTRIBUTIONS)}.", job.path)
    counts = {_camel(key): value for key, value in job.distribution.items() if key != "type" and value is not None}
    if kind == "tensorflow":
        counts.setdefault("parameterServerCount", 0)
    return {"distributionType": DISTRIBUTIONS[kind], **counts}


def _identity(job: CommandJob) -> Json:
    if not job.identity:
        return None
    names = {"client_id": "clientId", "object_id": "objectId", "msi_resource_id": "resourceId"}
    given = {names[key]: value for key, value in job.identity.items() if key in names and value}
    return {"identityType": IDENTITIES[str(job.identity["type"])], **given}


def _limits(seconds: float) -> Json:
    """In whole seconds, at least one."""
    return {"jobLimitsType": "Command", "timeout": f"PT{max(1, math.ceil(seconds))}S"} if seconds > 0 else None


def _queue(job: CommandJob) -> Json:
    made: dict[str, Json] = {}
    if tier := job.queue_settings.get("job_tier"):
        made["jobTier"] = str(tier).title()
    if priority := job.queue_settings.get("priority"):
        made["priority"] = PRIORITIES[str(priority)]
    return made


def _service(service: Json) -> Json:
    said = service if isinstance(service, dict) else {}
    properties = dict(_service_properties(said))
    made: dict[str, Json] = {"port": said.get("port"), "endpoint": said.get("endpoint"), "properties": properties}
    kind = str(said.get("type") or "")
    if kind and kind != "custom":
        made["jobServiceType"] = SERVICES.get(kind, kind)
    if said.get("nodes"):
        made["nodes"] = {"nodesValueType": str(said["nodes"]).title()}
    return {key: value for key, value in made.items() if value}


def _service_properties(said: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    given = said.get("properties")
    yield from given.items() if isinstance(given, dict) else ()
    for key, name in (("log_dir", "logDir"), ("ssh_public_keys", "sshPublicKeys")):
        if said.get(key):
            yield name, said[key]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
