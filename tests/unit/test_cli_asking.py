"""How what the user typed becomes what is asked: inputs, files, inventories."""

import os
from pathlib import Path

import pytest

from landbridge.cli import asking
from landbridge.domain.errors import InputError
from landbridge.record import write_record
from landbridge.settings import HOME_VARIABLE, INVENTORY_VARIABLE


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.delenv(INVENTORY_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("word", "value"),
    [("5", 5), ("0.1", 0.1), ("true", True), ("null", None), ("fast", "fast"), ("a=b", "a=b"), ("", ""), ('"5"', "5")],
)
def test_a_set_value_is_json_where_it_is_json_and_else_text(word: str, value: object) -> None:
    assert asking.inputs_of([f"inputs.x={word}"]) == {"x": value}


@pytest.mark.parametrize("word", ["x=1", "inputs.x", "inputs.=1", "gate.min_rows=1", ""])
def test_only_inputs_can_be_set(word: str) -> None:
    with pytest.raises(InputError, match="sets no input"):
        asking.inputs_of([word])


def test_a_file_is_sent_by_its_absolute_path_and_a_name_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    assert asking.scenario_word("plain") == str(tmp_path / "plain")
    assert asking.scenario_word("x/../y.yaml") == str(tmp_path / "y.yaml")
    assert asking.scenario_word("flights-hybrid") == "flights-hybrid"


def test_a_linked_scenario_stays_where_its_link_is(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "s.yaml").touch()
    (tmp_path / "s.yaml").symlink_to(tmp_path / "real" / "s.yaml")
    assert asking.scenario_word("s.yaml") == str(tmp_path / "s.yaml")


def test_the_option_beats_the_environment_and_both_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.yaml").touch()
    (tmp_path / "two.yaml").touch()
    monkeypatch.setenv(INVENTORY_VARIABLE, "two.yaml")
    assert asking.given_inventory("one.yaml") == str(tmp_path / "one.yaml")
    assert asking.given_inventory("") == str(tmp_path / "two.yaml")
    monkeypatch.setenv(INVENTORY_VARIABLE, "three.yaml")
    with pytest.raises(InputError, match=INVENTORY_VARIABLE):
        asking.given_inventory("")


class TestHomeInventory:
    def test_the_nearest_is_taken(self, tmp_path: Path) -> None:
        (tmp_path / "inventories").mkdir()
        (tmp_path / "inventories" / "local.yaml").touch()
        assert asking.home_inventory("") == str(tmp_path / "inventories" / "local.yaml")

    def test_else_the_one_last_used(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere.yaml").touch()
        write_record(asking.home(), {"state": "down", "inventory": str(tmp_path / "elsewhere.yaml")})
        assert asking.home_inventory("") == str(tmp_path / "elsewhere.yaml")

    def test_none_at_all_says_where_it_looked(self, tmp_path: Path) -> None:
        with pytest.raises(InputError) as caught:
            asking.home_inventory("")
        assert str(tmp_path / "inventory.yaml") in caught.value.message
        assert "--inventory" in caught.value.hint


def test_pydantic_s_plugins_are_only_kept_out_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(asking.PLUGINS_VARIABLE, raising=False)
    with asking.without_plugins():
        assert os.environ[asking.PLUGINS_VARIABLE] == "1"
    assert asking.PLUGINS_VARIABLE not in os.environ
