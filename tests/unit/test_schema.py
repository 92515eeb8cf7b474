"""The committed schemas and reference pages follow from the keys, and the committed files from the schemas."""

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from landbridge.domain.values import Pattern
from landbridge.files import schema
from landbridge.files.document import read
from landbridge.files.inventory_keys import InventoryKeys
from landbridge.files.problems import known_keys
from landbridge.files.scenario_keys import ScenarioKeys
from landbridge.files.templates import new_scenario

ROOT = Path(__file__).parents[2]
SCENARIO_FILES = sorted((ROOT / "scenarios").glob("*.yaml"))
INVENTORY_FILES = sorted((ROOT / "scenarios" / "inventories").glob("*.yaml"))


def validator(name: str) -> jsonschema.Draft202012Validator:
    body = json.loads((ROOT / "scenarios" / "schema" / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(body)
    return jsonschema.Draft202012Validator(body)


@pytest.mark.parametrize("name", list(schema.MODELS))
def test_the_committed_schema_is_what_the_keys_say(name):
    committed = ROOT / "scenarios" / "schema" / f"{name}.schema.json"
    assert committed.read_text() == schema.schema_text(name), f"Run: {schema.REGENERATE}"


@pytest.mark.parametrize("name", list(schema.MODELS))
def test_the_committed_reference_is_what_the_keys_say(name):
    committed = ROOT / "docs" / "reference" / f"{name}.md"
    assert committed.read_text() == schema.reference(name), f"Run: {schema.REGENERATE} --docs docs/reference"


def test_writing_again_gives_the_same_files(tmp_path):
    schema.main(["--out", str(tmp_path)])
    schema.main(["--docs", str(tmp_path)])
    for name in schema.MODELS:
        assert (tmp_path / f"{name}.schema.json").read_text() == schema.schema_text(name)
        assert (tmp_path / f"{name}.md").read_text() == schema.reference(name)


@pytest.mark.parametrize("file", SCENARIO_FILES, ids=lambda file: file.name)
def test_committed_scenarios_meet_the_schema(file):
    validator("scenario").validate(read(file).data)


@pytest.mark.parametrize("file", INVENTORY_FILES, ids=lambda file: file.name)
def test_committed_inventories_meet_the_schema(file):
    validator("inventory").validate(read(file).data)


@pytest.mark.parametrize("pattern", list(Pattern))
def test_new_scenarios_meet_the_schema(pattern):
    files = new_scenario(pattern, "glucose")
    for name in schema.MODELS:
        validator(name).validate(YAML(typ="safe", pure=True).load(files[f"{name}.yaml"]))


@pytest.mark.parametrize("file", [*SCENARIO_FILES, *INVENTORY_FILES], ids=lambda file: file.name)
def test_each_committed_file_points_to_its_schema(file):
    assert (file.parent / str(read(file).data["$schema"])).resolve().is_file()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"nmae": "x"}, []),
        ({"name": "Not Legal"}, ["name"]),
        ({"pattern": "other"}, ["pattern"]),
        ({"data": {}}, ["data"]),
        ({"data": {"a-b": {"residency": "cloud"}}}, ["data"]),
        ({"gate": {"min_rows": "ten"}}, ["gate", "min_rows"]),
        ({"requires": {"memory": "2GB"}}, ["requires", "memory"]),
        ({"rollout": {"steps": [0]}}, ["rollout", "steps", 0]),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(change, path):
    data = read(SCENARIO_FILES[0]).data | change
    faults = list(validator("scenario").iter_errors(data))
    assert [list(fault.absolute_path) for fault in faults] == [path]


@pytest.mark.parametrize("name", list(schema.MODELS))
def test_every_key_has_a_meaning(name):
    for path, body in schema.groups(schema.schema(name)):
        for key, inner in body["properties"].items():
            assert inner.get("description", "").endswith("."), f"{path}.{key}"


def test_the_reference_shows_every_group_of_keys():
    page = schema.reference("scenario")
    for heading in [
        "data.<name>",
        "gate.thresholds.<name>",
        "endpoint.deployment.liveness_probe",
        "rollout",
        "exports",
    ]:
        assert f"## `{heading}`" in page
    assert "## `targets.<name>.instance_types[].resources.limits`" in schema.reference("inventory")


def test_known_keys_are_found_through_lists_mappings_and_choices():
    assert known_keys(ScenarioKeys, ("job",)) == ("file", "inputs")
    assert "replication" in known_keys(ScenarioKeys, ("data", "flights"))
    assert "nvidia.com/gpu" in known_keys(InventoryKeys, ("targets", "x", "instance_types", 0, "resources", "limits"))
    assert "from" in known_keys(InventoryKeys, ("targets", "x", "maintenance", 0))
    assert known_keys(ScenarioKeys, ("name", "deeper")) == ()
