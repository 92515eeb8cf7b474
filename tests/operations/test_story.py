"""A story names a run for ever by what decides its result, and refuses files that leave something open."""

import re
from collections.abc import Callable

import pytest

from landbridge.domain.errors import InputError, NotFoundError
from tests.operations.world import World

Change = Callable[[World], None]


def more_data(world: World) -> None:
    world.data("delay,distance\n5,6\n", "2013-02.csv")


def other_content(world: World) -> None:
    world.data("delay,distance\n1,2\n3,5\n")


def other_code(world: World) -> None:
    world.code("print('train better')\n")


def more_code(world: World) -> None:
    (world.folder / "src" / "more.py").write_text("")


def other_command(world: World) -> None:
    world.job["command"] += " --more"


def other_literal(world: World) -> None:
    world.job["inputs"]["max_iter"] = 61


def literal_of_the_scenario(world: World) -> None:
    world.scenario["job"] = {"file": "job.yaml", "inputs": {"max_iter": 61}}


def other_environment(world: World) -> None:
    world.job["environment"] = "azureml:flights:2"


def other_variables(world: World) -> None:
    world.job["environment_variables"] = {"SEED": "2"}


def other_name(world: World) -> None:
    world.scenario["name"] = "flights-2"


def no_change(_: World) -> None:
    return


def other_gate(world: World) -> None:
    world.scenario["gate"] = {"thresholds": {"mae": {"max": 3}}}


def other_endpoint(world: World) -> None:
    world.scenario["endpoint"]["sites"] = ["cloud"]
    world.scenario["rollout"] = {"steps": [10, 100]}


def other_place(world: World) -> None:
    world.inventory["targets"]["rack"]["drained"] = "firmware"
    world.job["compute"] = "azureml:gpu"
    world.job["limits"] = {"timeout": 61}


def other_words(world: World) -> None:
    world.job["display_name"] = world.job["description"] = "another name"


def bytecode(world: World) -> None:
    (world.folder / "src" / "__pycache__").mkdir()
    (world.folder / "src" / "__pycache__" / "train.pyc").write_bytes(b"1")


def moved_checkout(world: World) -> None:
    world.data("delay,distance\n1,2\n3,4\n")


@pytest.mark.parametrize(
    "change",
    [
        more_data,
        other_content,
        other_code,
        more_code,
        other_command,
        other_literal,
        literal_of_the_scenario,
        other_environment,
        other_variables,
        other_name,
    ],
)
def test_the_run_key_changes_with_what_decides_the_result(world: World, change: Change) -> None:
    before = world.story().run_key
    change(world)
    assert world.story().run_key != before


@pytest.mark.parametrize(
    "change", [no_change, other_gate, other_endpoint, other_place, other_words, bytecode, moved_checkout]
)
def test_the_run_key_changes_with_nothing_else(world: World, change: Change) -> None:
    before = world.story().run_key
    change(world)
    assert world.story().run_key == before


def test_the_trigger_is_no_part_of_the_run_key_and_a_forced_run_has_its_own(world: World) -> None:
    plain = world.story().run_key
    assert world.story("new-data:flights").run_key == plain
    forced = world.story("retrain", force="now").run_key
    assert forced != plain
    assert world.story("retrain", force="now").run_key == forced
    assert world.story("run", inputs={"max_iter": 61}).run_key not in {plain, forced}


def _line_of(world: World, key: str) -> str:
    """`file:line` of the only line of the scenario's file that holds the key."""
    [line] = [
        number for number, text in enumerate(world.scenario_file.read_text().splitlines(), 1) if f'"{key}":' in text
    ]
    return f"{world.scenario_file}:{line}"


def test_undeclared_data_is_refused_with_file_and_line(world: World) -> None:
    world.job["inputs"]["weather"] = {"type": "uri_folder", "path": "azureml://datastores/lake/paths/weather"}
    world.job["command"] += " ${{inputs.weather}}"
    with pytest.raises(InputError, match="'weather' reads data that the scenario does not declare") as caught:
        world.story()
    assert caught.value.where == _line_of(world, "data")


def test_data_that_no_input_takes_is_refused(world: World) -> None:
    world.scenario["data"]["fligths"] = dict(world.scenario["data"]["flights"])
    with pytest.raises(InputError, match="'fligths' is no data input of the job"):
        world.story()


def test_a_job_that_reads_no_data_is_refused_by_its_file(world: World) -> None:
    world.job["inputs"].pop("flights")
    world.job["command"] = "echo model > ${{outputs.model}}/MLmodel"
    with pytest.raises(InputError, match="has no input of data") as caught:
        world.story()
    assert "Give the job an input of data" in caught.value.hint


def test_a_job_that_writes_nothing_is_told_how_to_write_a_model(world: World) -> None:
    world.job["outputs"].clear()
    world.job["command"] = "cat ${{inputs.flights}}/*"
    with pytest.raises(InputError, match="has no output; a scenario gates and serves") as caught:
        world.story()
    assert "`${{outputs.model}}`" in caught.value.hint


def test_data_without_a_home_is_refused_with_file_and_line(world: World) -> None:
    world.scenario["data"]["flights"]["uri"] = "https://example.org/flights"
    with pytest.raises(InputError, match="names no datastore") as caught:
        world.story()
    assert caught.value.where == _line_of(world, "flights")


def test_an_unknown_datastore_is_refused_with_the_nearest(world: World) -> None:
    world.scenario["data"]["flights"]["uri"] = "azureml://datastores/lakes/paths/flights"
    with pytest.raises(InputError, match="'lakes', which the inventory lacks") as caught:
        world.story()
    assert "lake" in caught.value.hint


def test_missing_data_is_not_found(world: World) -> None:
    world.scenario["data"]["flights"]["uri"] = "azureml://datastores/lake/paths/nowhere"
    with pytest.raises(NotFoundError, match="nowhere"):
        world.story()


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("endpoint.sites", lambda world: world.scenario["endpoint"].update(sites=["onprme"])),
        ("model.registry", lambda world: world.scenario["model"].update(registry="moon")),
        ("data.flights.residency", lambda world: world.scenario["data"]["flights"].update(residency="moon")),
    ],
)
def test_an_unknown_site_is_refused_with_its_key_and_line(world: World, key: str, change: Change) -> None:
    change(world)
    with pytest.raises(InputError, match=re.escape(key)) as caught:
        world.story()
    assert caught.value.where == _line_of(world, key.rsplit(".", maxsplit=1)[-1])


def test_a_wrong_output_name_is_refused_with_the_nearest(world: World) -> None:
    world.scenario["model"]["output"] = "modle"
    with pytest.raises(InputError, match=r"no output 'modle'.*model"):
        world.story()
