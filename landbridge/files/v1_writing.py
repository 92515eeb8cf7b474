"""Drafts of a migration as files: YAML of Azure ML's v2, conda files, Dockerfiles and the score adapter. Nothing is written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from landbridge.domain.azure.v1.cutover import bundle_name
from landbridge.domain.azure.v1.draft import Code, DeploymentDraft, EnvironmentDraft, ServiceDraft
from landbridge.domain.azure.v1.serving import instance_type, instance_type_name
from landbridge.domain.values import Json, Resources
from landbridge.files.v1 import Drafts
from landbridge.files.yaml_text import dump

SCHEMAS = "https://azuremlschemas.azureedge.net/latest"
ADAPTER = "landbridge_score.py"
_TEMPLATE = Path(__file__).parent / "template" / "score_v1.py.txt"
_ORDER = (
    *(
        "$schema",
        "name",
        "endpoint_name",
        "type",
        "model",
        "code_configuration",
        "environment",
        "environment_variables",
    ),
    *("instance_type", "instance_count", "scale_settings", "request_settings", "liveness_probe", "resources"),
    *("app_insights_enabled", "data_collector", "properties"),
)


@dataclass(slots=True)
class Made:
    """What is to be written.

    Attributes:
        texts: path below the folder → content.
        copies: folder below it → the local source folder or script that goes there.
        todo: of each service.
    """

    texts: dict[str, str] = field(default_factory=dict)
    copies: dict[str, Path] = field(default_factory=dict)
    todo: list[str] = field(default_factory=list)


def make(drafts: Drafts) -> Made:
    """All files but the report."""
    made = Made(todo=[*drafts.todo])
    for draft in drafts.services:
        _service(draft, drafts.code, made)
    for item in drafts.computes:
        folder = f"computes/{item.old_name}"
        schema = f"{SCHEMAS}/kubernetesCompute.schema.json"
        made.texts[f"{folder}/compute.yml"] = dump({"$schema": schema, **item.compute})
        made.texts[f"{folder}/extension.yaml"] = dump(item.extension)
        made.todo += [f"{item.old_name}: {sentence}" for sentence in item.todo]
    types = {draft.instance_type for one in drafts.services for draft in one.deployments if draft.instance_type}
    if types:
        made.texts["instance-types.yaml"] = dump(_instance_types(types))
    return made


def _service(draft: ServiceDraft, source: Path | None, made: Made) -> None:
    schema = f"{SCHEMAS}/kubernetesOnlineEndpoint.schema.json"
    made.texts[f"{draft.name}/endpoint.yml"] = dump({"$schema": schema, **draft.endpoint})
    made.todo += [f"{draft.name}: {sentence}" for sentence in draft.todo]
    several = len(draft.deployments) > 1
    for deployment in draft.deployments:
        suffix = f"-{deployment.name}" if several else ""
        _deployment(draft.name, deployment, suffix, made)
        if source and deployment.code.script:
            made.copies[f"{draft.name}/code{suffix}"] = source
        sentences = (*deployment.todo, *_missing(deployment, suffix, source is not None))
        made.todo += [f"{draft.name}/{deployment.name}: {sentence}" for sentence in dict.fromkeys(sentences)]


def _deployment(endpoint: str, draft: DeploymentDraft, suffix: str, made: Made) -> None:
    fields: dict[str, Json] = {
        "$schema": f"{SCHEMAS}/kubernetesOnlineDeployment.schema.json",
        "type": "kubernetes",
        **draft.fields,
    }
    if draft.models:
        one = draft.models[0].reference
        fields["model"] = one if len(draft.models) == 1 else f"azureml:{bundle_name(endpoint)}:1"
    if draft.code.script:
        fields["code_configuration"] = {"code": f"./code{suffix}", "scoring_script": ADAPTER}
        made.texts[f"{endpoint}/code{suffix}/{ADAPTER}"] = adapter(draft)
    environment = _environment(endpoint, draft.environment, suffix, made)
    if environment:
        fields["environment"] = environment
    if draft.instance_type:
        fields["instance_type"] = instance_type_name(draft.instance_type)
    ordered = {key: fields[key] for key in _ORDER if key in fields}
    made.texts[f"{endpoint}/{draft.name}.yml"] = dump(ordered | fields)


def _environment(endpoint: str, draft: EnvironmentDraft, suffix: str, made: Made) -> Json:
    if draft.reference:
        return draft.reference
    if draft.dockerfile:
        folder = f"environment{suffix}"
        made.texts[f"{endpoint}/{folder}/Dockerfile"] = draft.dockerfile.rstrip("\n") + "\n"
        if draft.conda is not None:
            made.texts[f"{endpoint}/{folder}/conda.yml"] = dump(draft.conda)
        return {"build": {"path": f"./{folder}"}}
    if not draft.image:
        return None
    if draft.conda is None:
        return {"image": draft.image}
    made.texts[f"{endpoint}/conda{suffix}.yml"] = dump(draft.conda)
    return {"image": draft.image, "conda_file": f"./conda{suffix}.yml"}


def adapter(draft: DeploymentDraft) -> str:
    """The file that lets v1's entry script run unchanged."""
    values: Mapping[str, str] = {
        "ENTRY_SCRIPT": repr(_script(draft.code)),
        "SOURCE_FOLDER": repr(draft.code.folder),
        "MODELS": repr([(model.name, model.version or "latest") for model in draft.models]),
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def _script(code: Code) -> str:
    """Relative to the code folder, and inside it: a script without a source folder lies at its top."""
    path = code.script.replace("\\", "/")
    inside = path.removeprefix("./") if code.folder or code.source else path.rsplit("/", 1)[-1]
    return inside.lstrip("/")


def _missing(draft: DeploymentDraft, suffix: str, has_source: bool) -> Iterator[str]:
    if not draft.models:
        yield "Name the model (`model: azureml:NAME:VERSION`): no file says it."
    if len(draft.models) > 1:
        yield "Bundle the models into one, as the plan below says."
    if not draft.code.script:
        yield "Name the scoring code (`code_configuration`), unless it is an MLflow model: no file says it."
    elif not has_source:
        yield f"Copy v1's source folder into code{suffix}/, so that {_script(draft.code)} is there beside {ADAPTER}."
    if not draft.environment.is_there:
        yield "Name the environment (`environment`), unless it is an MLflow model: no file says it."
    if draft.environment.dockerfile and draft.environment.conda is not None:
        yield "v2 takes a Dockerfile or a conda file: let the Dockerfile install the conda.yml beside it."


def _instance_types(types: set[Resources]) -> dict[str, Json]:
    ordered = sorted(types, key=lambda item: (item.gpus, item.cpu_millicores, item.memory_bytes))
    items: list[Json] = [instance_type(item) for item in ordered]
    return {"apiVersion": "amlarc.azureml.com/v1alpha1", "kind": "InstanceTypeList", "items": items}
