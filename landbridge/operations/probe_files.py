"""A scenario, a job and an inventory that say the least, and for each field of the YAML the same files with that field set.

What a driver says of such a file is what it does with the field. Fields and words come from the schemas of the keys; here
stands only what a field needs beside it to be legal, and values that a schema cannot tell.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from landbridge import drivers
from landbridge.domain.values import Json
from landbridge.files.job import load_job
from landbridge.files.job_keys import DATA_TYPES, INPUT_MODES, CommandJobKeys
from landbridge.files.scenario import load_scenario
from landbridge.files.schema import groups, schema
from landbridge.operations.locating import outline
from landbridge.operations.story import Request, Story

Tree = dict[str, Any]
Context = tuple[str, Tree]

JOB, SCENARIO, INVENTORY = "job.yaml", "scenario.yaml", "inventory.yaml"
FILES = ("src/train.py", "score/score.py", "score/other.py", "other/score.py", "docker/Dockerfile", "docker/other")
IMAGE, OTHER_IMAGE = "registry.example/train:1", "registry.example/other:1"
NOT_FIELDS = frozenset({"$schema", "type", "environment.$schema"})  # they say what the file is

_JOB: Tree = {
    "command": "python train.py ${{inputs.data}} ${{inputs.rate}} ${{outputs.model}}",
    "environment": "azureml:train:1",
    "inputs": {"data": {"type": "uri_folder", "path": "azureml://datastores/lake/paths/data"}, "rate": 1},
    "outputs": {"model": {}},
}
_SCENARIO: Tree = {
    "name": "probe",
    "pattern": "onprem_lifecycle",
    "data": {"data": {"residency": "anywhere"}},
    "job": JOB,
    "gate": {"thresholds": {"mae": {"max": 1}}},
    "model": {"name": "model"},
    "endpoint": {"name": "endpoint"},
}
_TARGET: Tree = {
    "roles": ["train", "serve"],
    "instance_types": [{"name": "small", "resources": {"limits": {"cpu": 1, "memory": "2Gi"}}}],
}
_OPTIONS: Mapping[str, Tree] = {
    "kubernetes": {
        "namespace": "team",
        "artifacts": "s3://artifacts/team",
        "serving_image": "registry.example/serve:1",
    },
    "azureml": {
        "subscription_id": "00000000-0000-0000-0000-000000000000",
        "resource_group": "team",
        "workspace": "team",
        "compute": "cluster",
        "kind": "kubernetes",
    },
}

# Where a field of a named thing is set: these of inputs belong to literals, all others to data.
_NAMES = {"inputs": "data", "outputs": "model", "services": "web"}
_OF_LITERALS = ("", ".value", ".default", ".optional", ".min", ".max", ".enum")

_VALUES: Mapping[str, tuple[Json, ...]] = {
    "code": ("src", "git+https://git.example/train"),
    "environment": ("azureml:train:2",),
    "environment.image": (OTHER_IMAGE,),
    "environment.build.path": ("docker",),
    "environment.build.dockerfile_path": ("other",),
    "environment.conda_file": ({"dependencies": ["python"]},),
    "inputs.<name>": (2,),
    "inputs.<name>.type": DATA_TYPES,
    "inputs.<name>.path": ("azureml://datastores/lake/paths/other",),
    "inputs.<name>.mode": INPUT_MODES,
    "inputs.<name>.value": (2,),
    "inputs.<name>.default": (2,),
    "inputs.<name>.min": (0,),
    "inputs.<name>.max": (2,),
    "inputs.<name>.enum": ([1, 2],),
    "outputs.<name>.path": ("azureml://datastores/lake/paths/out",),
    "resources.instance_type": ("small", "huge"),
    "resources.shm_size": ("2g", "2.5g"),
    "distribution.worker_count": (1, 2),
    "endpoint.deployment.instance_type": ("small", "huge"),
    "endpoint.scoring.code": ("other",),
    "endpoint.scoring.script": ("other.py",),
}


def _kind(kind: str, instances: int = 1) -> Tree:
    return {"distribution": {"type": kind}, "resources": {"instance_count": instances}}


def _deployment(**settings: Json) -> Tree:
    return {"endpoint": {"deployment": settings}}


_LITERAL: Tree = {"inputs": {"rate": {"default": 1}}}
_ROUTE: Tree = {"port": 1, "path": "/"}
_SCRIPT: Tree = {"endpoint": {"scoring": {"code": "score", "script": "score.py"}}}
_RANGE = _deployment(scale_settings={"type": "target_utilization", "max_instances": 9})
_SCALING: tuple[Context, ...] = (
    ("with `type: target_utilization`", _RANGE),
    ("with `type: default`", _deployment(scale_settings={"max_instances": 9})),
)

# Beginning of a field → what stands beside it, and in which words; the longest that fits. Several = the field in each.
_CONTEXTS: Mapping[str, tuple[Context, ...]] = {
    "": (("", {}),),
    "environment.": (("", {"environment": {"image": IMAGE}}),),
    "environment.build": (("", {"environment": {"build": {"path": "docker"}}}),),
    "environment.inference_config": (
        ("", {"environment": {"image": IMAGE, "inference_config": {
            "liveness_route": _ROUTE, "scoring_route": _ROUTE, "readiness_route": _ROUTE,
        }}}),
    ),
    "inputs.<name>.value": (("", _LITERAL),),
    "inputs.<name>.min": (("", _LITERAL),),
    "inputs.<name>.max": (("", _LITERAL),),
    "inputs.<name>.enum": (("", _LITERAL),),
    "inputs.<name>.mode": (("", {"inputs": {"data": {"type": "mltable"}}}),),
    "inputs.<name>.optional": (
        ("", {"command": "python train.py $[[${{inputs.rate}}]]", "inputs": {"rate": {"type": "integer"}}}),
    ),
    "resources.instance_count": (("", {}), ("with `distribution.type: pytorch`", _kind("pytorch"))),
    "distribution.type": (("on one instance", {}), ("on two instances", {"resources": {"instance_count": 2}})),
    "distribution.process_count_per_instance": (("with `pytorch`", _kind("pytorch")), ("with `mpi`", _kind("mpi"))),
    "distribution.worker_count": (("on two instances", _kind("tensorflow", 2)),),
    "distribution.parameter_server_count": (("on two instances", _kind("tensorflow", 2)),),
    "distribution.": (("", _kind("ray")),),
    "identity.": (("", {"identity": {"type": "managed"}}),),
    "endpoint.deployment.instance_count": (("", {}), ("with `scale_settings.type: target_utilization`", _RANGE)),
    "endpoint.deployment.request_settings": (("", {}), ("with a `score.py`", _SCRIPT)),
    "endpoint.deployment.scale_settings.": _SCALING,
    "endpoint.deployment.scale_settings.type": (("", {}),),
    "endpoint.scoring": (("", _SCRIPT),),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Probe:
    """One field with one value.

    Attributes:
        path: the field as the schema has it, such as `inputs.<name>.mode`.
        words: what stands beside it, "" = nothing that matters.
        beside: what the file says beyond the least, without the field; `tree` is with it.
    """

    path: str
    value: Json
    words: str
    beside: Tree
    tree: Tree

    @property
    def field(self) -> str:
        """The field as these files have it, and as findings call it."""
        return _field_of(self.path)


def probes(file: str) -> Iterator[Probe]:
    """All fields of JOB; or of SCENARIO those that are Azure ML's online deployment."""
    whole = CommandJobKeys.model_json_schema(by_alias=True) if file == JOB else schema("scenario")
    fields = ((path, body) for path, body in _fields(whole) if path not in NOT_FIELDS)
    for path, body in fields:
        if file == JOB or path.startswith(("endpoint.deployment.", "endpoint.scoring.")):
            for words, beside in _CONTEXTS[max(filter(path.startswith, _CONTEXTS), key=len)]:
                for value in _VALUES.get(path) or _examples(body):
                    yield Probe(path, value, words, beside, _merged(beside, _nested(_field_of(path), value)))


def least_story(folder: Path) -> Story:
    """Write the files that say the least into `folder`, and read them. Asks no store."""
    for name in FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    for name, least in ((JOB, _JOB), (SCENARIO, _SCENARIO), (INVENTORY, _inventory())):
        (folder / name).write_text(json.dumps(least), encoding="utf-8")
    return outline(Request(str(folder / SCENARIO), str(folder / INVENTORY)))


def story_with(story: Story, tree: Tree, file: str) -> Story:
    """The same story, with `tree` in its job or its scenario.

    Raises:
        InputError: the file is not legal.
    """
    path = Path(story.request.scenario).with_name(file)
    path.write_text(json.dumps(_merged(_JOB if file == JOB else _SCENARIO, tree)), encoding="utf-8")
    if file == JOB:
        return replace(story, job=load_job(path))
    return replace(story, scenario=load_scenario(path))


def drivers_that(role: str) -> tuple[str, ...]:
    """The installed drivers with the part `training` or `serving`; each is a target of that name here."""
    return tuple(name for name in drivers.known_drivers() if getattr(drivers.driver(name), role))


def _inventory() -> Tree:
    """A site and a target for each driver. The images are those that the job asks for, where its environment names one;
    a driver that makes environments itself gets none."""
    names = sorted({*drivers_that("training"), *drivers_that("serving")})
    others = [name for name in names if not drivers.driver(name).own_environments]
    site = {"kind": "onprem", "registry": {"driver": "memory"}}
    return {
        "name": "probe",
        "sites": dict.fromkeys(names, site),
        "datastores": {"lake": {"site": names[0], "url": "${home}/lake"}},
        "targets": {
            name: {**_TARGET, "site": name, "driver": name, "options": _OPTIONS.get(name, {})} for name in names
        },
        "environments": [
            {"name": "*", "python": "current", "targets": ["local"]},
            *({"name": image, "image": image, "targets": others} for image in (IMAGE, OTHER_IMAGE)),
            {"name": "*", "image": IMAGE, "targets": others},
        ],
    }


def _fields(whole: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each field that is no mapping of further fields, with its schema."""
    for path, body in groups(whole):
        for key, inner in body["properties"].items():
            yield from _field(f"{path}.{key}".lstrip("."), inner)


def _field(path: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    plain = (part for part in body.get("anyOf", [body]) if "$ref" not in part and part.get("type") != "null")
    for part in plain:
        below = part.get("additionalProperties")
        if isinstance(below, dict) and "$ref" in json.dumps(below):
            yield from _field(f"{path}.<name>", below)
        else:
            yield path, {**part, "default": body.get("default")}
        return


def _examples(body: Mapping[str, Any]) -> tuple[Json, ...]:
    """Every word of a choice; else one value that is not the default."""
    if "enum" in body:
        return tuple(word for word in body["enum"] if word != body["default"])
    default = body["default"]
    of_types: Mapping[str, Json] = {
        "string": "example",
        "boolean": not default,
        "integer": (default or 1) + 1 if isinstance(default or 1, int) else 2,
        "array": ["example"],
        "object": {"key": "example"},
    }
    return (of_types[body["type"]],)


def _field_of(path: str) -> str:
    first, _, rest = path.partition(".<name>")
    name = "rate" if first == "inputs" and rest in _OF_LITERALS else _NAMES.get(first, "")
    return path.replace("<name>", name)


def _nested(field: str, value: Json) -> Tree:
    key, _, rest = field.partition(".")
    return {key: _nested(rest, value) if rest else value}


def _merged(tree: Tree, more: Tree) -> Tree:
    """`more` over `tree`; null takes away."""
    merged = {**tree}
    for key, value in more.items():
        below = merged.get(key)
        merged[key] = _merged(below if isinstance(below, dict) else {}, value) if isinstance(value, dict) else value
    return {key: value for key, value in merged.items() if value is not None}
