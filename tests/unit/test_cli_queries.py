"""The commands that ask, with the host down: the same answers, computed here, on a world of memory drivers."""

from pathlib import Path
from typing import Any

import pytest

from landbridge.cli.reference import JSON_KEYS
from landbridge.domain.ledger import Kind
from landbridge.operations.plain import as_json
from landbridge.operations.queries import QUERIES
from landbridge.settings import DATABASE_VARIABLE, HOME_VARIABLE, INVENTORY_VARIABLE
from tests.operations.world import World, make_world
from tests.unit.cli import landbridge


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    found = make_world(tmp_path)
    monkeypatch.setenv(HOME_VARIABLE, str(found.home))
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    monkeypatch.delenv(INVENTORY_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    found.write()
    return found


@pytest.fixture
def served(world: World) -> World:
    """A world whose scenario was run: version 1 serves at both sites."""
    assert world.run().outcome == "Promoted"
    return world


def asked(*arguments: str) -> Any:
    """The JSON answer of a command that must succeed, with the keys that its page promises."""
    said = landbridge(*arguments, "--output", "json")
    assert said.code == 0, said.err
    name = " ".join(arguments[:2]) if " ".join(arguments[:2]) in JSON_KEYS else arguments[0]
    assert set(JSON_KEYS[name]) <= set(said.json)
    return said.json


class TestPlan:
    def test_it_tells_target_steps_and_movements_and_changes_nothing(self, world: World) -> None:
        before = world.files()
        plan = asked("plan", str(world.scenario_file))
        assert plan["placement"]["chosen"] == "rack"
        assert not plan["refused"]
        assert {step["name"] for step in plan["steps"]} >= {"place", "train", "register", "promote"}
        assert world.files() == before

    def test_the_table_says_all_of_it(self, world: World) -> None:
        said = landbridge("plan", str(world.scenario_file))
        assert said.code == 0
        for word in ("Placement", "✔", "rack", "Steps", "Movements", "smallest change", "Nothing stands in the way"):
            assert word in said.out

    def test_a_refused_plan_is_3_and_still_printed(self, world: World) -> None:
        world.scenario["requires"] = {"gpu": 1}
        world.write()
        said = landbridge("plan", str(world.scenario_file), "-o", "json")
        assert said.code == 3
        assert said.json["refused"]
        assert said.json["placement"]["chosen"] is None
        assert "Refused" in landbridge("plan", str(world.scenario_file)).out

    def test_missing_data_is_7_and_names_the_store(self, world: World) -> None:
        world.scenario["data"]["flights"]["uri"] = "azureml://datastores/lake/paths/nowhere"
        world.write()
        said = landbridge("plan", str(world.scenario_file))
        assert said.code == 7
        assert "nowhere" in said.err


class TestWhyNot:
    def test_a_chosen_target_is_eligible(self, world: World) -> None:
        assert asked("why-not", str(world.scenario_file), "rack")["eligible"]

    def test_a_refused_one_names_the_change(self, world: World) -> None:
        found = asked("why-not", str(world.scenario_file), "onprem-serving")
        assert not found["eligible"]
        assert found["changes"][0]["rule"] == "role"
        assert "train" in landbridge("why-not", str(world.scenario_file), "onprem-serving").out

    def test_an_unknown_target_is_2(self, world: World) -> None:
        said = landbridge("why-not", str(world.scenario_file), "rak")
        assert said.code == 2
        assert "rack" in said.err


class TestTargets:
    def test_each_has_its_site_capacity_and_state(self, world: World) -> None:
        rows = {row["name"]: row for row in asked("targets", "-i", str(world.inventory_file))["targets"]}
        assert set(rows) == set(world.inventory["targets"])
        assert rows["rack"]["state"] == "ready"
        assert rows["rack"]["free"]["cpu_millicores"] > 0
        assert rows["onprem-serving"]["roles"] == ["serve"]

    @pytest.mark.parametrize(
        ("options", "back", "state"),
        [
            (["--drain", "firmware"], "--undrain", "drained"),
            (["--maintenance", "patching"], "--no-maintenance", "maintenance"),
            (["--busy"], "--not-busy", "busy"),
            (["--unreachable"], "--reachable", "unreachable"),
        ],
    )
    def test_what_an_operator_says_holds_until_it_is_taken_back(
        self, world: World, options: list[str], back: str, state: str
    ) -> None:
        asked("targets", "set", "rack", *options)
        assert row_of("rack")["state"] == state
        plan = asked("plan", str(world.scenario_file))
        assert plan["placement"]["chosen"] != "rack"
        asked("targets", "set", "rack", back)
        assert row_of("rack")["state"] == "ready"
        assert asked("plan", str(world.scenario_file))["placement"]["chosen"] == "rack"

    def test_a_reason_comes_back_in_the_plan_and_in_status(self, world: World) -> None:
        asked("targets", "set", "rack", "--drain", "firmware update")
        assert "firmware update" in landbridge("plan", str(world.scenario_file)).out
        assert "firmware update" in landbridge("status").out

    def test_gpus_can_be_said_and_reset(self, world: World) -> None:
        asked("targets", "set", "rack", "--gpu", "0")
        assert row_of("rack")["said"]["gpu"]["value"] == 0
        asked("targets", "set", "rack", "--gpu-reset")
        assert row_of("rack")["said"] == {}

    def test_an_unknown_target_is_2_with_the_nearest_and_nothing_is_written(self, world: World) -> None:
        said = landbridge("targets", "set", "rak", "--drain")
        assert said.code == 2
        assert "did you mean 'rack'?" in said.err
        assert world.entries(Kind.TARGET_STATE) == ()

    @pytest.mark.parametrize("options", [[], ["--gpu", "1", "--gpu-reset"]])
    def test_nothing_or_a_contradiction_is_2(self, world: World, options: list[str]) -> None:
        del world
        assert landbridge("targets", "set", "rack", *options).code == 2


class TestStatus:
    def test_before_anything_ran_it_says_so(self, world: World) -> None:
        del world
        assert asked("status")["host"]["state"] == "down"
        assert "No scenario was run here yet" in landbridge("status").out

    def test_it_tells_what_serves_where(self, served: World) -> None:
        del served
        row = asked("status")["scenarios"][0]
        assert {item["site"]: (item["version"], item["traffic"]) for item in row["serving"]} == {
            "cloud": ("1", 100),
            "onprem": ("1", 100),
        }
        assert row["last_release"]["outcome"] == "Promoted"
        assert "100 %" in landbridge("status").out

    def test_one_scenario_by_file_name_or_endpoint(self, served: World) -> None:
        scenario = served.scenario
        for word in (str(served.scenario_file), scenario["name"], scenario["endpoint"]["name"]):
            assert [row["name"] for row in asked("status", word)["scenarios"]] == [scenario["name"]]

    def test_a_scenario_whose_file_is_gone_is_a_problem_of_its_own(self, served: World) -> None:
        served.scenario_file.unlink()
        row = asked("status")["scenarios"][0]
        assert "flights.yaml" in row["problem"]


class TestReleases:
    def test_the_newest_first_with_what_started_them(self, served: World) -> None:
        served.data("delay,distance\n5,6\n", "2013-02.csv")
        served.run("new-data:flights")
        found = asked("releases", served.scenario["endpoint"]["name"])["releases"]
        assert [(row["version"], row["trigger"]) for row in found] == [("2", "new-data:flights"), ("1", "run")]
        assert len(asked("releases", "--limit", "1")["releases"]) == 1

    def test_an_unknown_name_is_7(self, served: World) -> None:
        del served
        assert landbridge("releases", "nix").code == 7


class TestWhy:
    def test_it_leads_from_the_endpoint_to_data_code_decision_and_verdict(self, served: World) -> None:
        found = asked("why", served.scenario["endpoint"]["name"])
        origin = found["versions"]["1"]
        story = served.story()
        assert origin["lineage"]["parts"]["data"] == {"flights": story.parts.data["flights"]}
        assert origin["lineage"]["parts"]["code"] == story.parts.code
        assert origin["lineage"]["target"] == "rack"
        assert origin["lineage"]["run_key"] == story.run_key
        assert origin["placement"]["chosen"] == "rack"
        assert origin["decision"]["due"]
        assert origin["verdict"]["outcome"] == "Pass"
        assert origin["jobs"][-1]["outcome"] == "Succeeded"
        assert origin["releases"][0]["outcome"] == "Promoted"
        assert {(row["kind"], row["to_site"]) for row in origin["movements"]} >= {
            ("data", "onprem"),
            ("model", "cloud"),
        }

    def test_a_later_run_of_unchanged_data_does_not_change_the_reason(self, served: World) -> None:
        served.run()
        assert asked("why", served.scenario["endpoint"]["name"])["versions"]["1"]["decision"]["due"]

    def test_the_table_says_it_too(self, served: World) -> None:
        said = landbridge("why", served.scenario["endpoint"]["name"])
        for word in (
            "data flights",
            "code",
            "environment",
            "The gate said Pass",
            "What crossed",
            "trained on",
            "metrics",
        ):
            assert word in said.out

    def test_one_site_only(self, served: World) -> None:
        name = served.scenario["endpoint"]["name"]
        assert {row["site"] for row in asked("why", name, "--site", "cloud")["serving"]} == {"cloud"}
        assert landbridge("why", name, "--site", "clod").code == 2

    def test_an_unknown_endpoint_is_7_with_the_nearest(self, served: World) -> None:
        name = served.scenario["endpoint"]["name"]
        said = landbridge("why", f"{name}x")
        assert said.code == 7
        assert f"did you mean '{name}'?" in said.err


class TestLogs:
    def test_a_job_that_was_never_run_is_7(self, world: World) -> None:
        assert landbridge("logs", str(world.scenario_file)).code == 7

    def test_the_last_job_s_log_is_all_of_standard_output(self, served: World) -> None:
        said = landbridge("logs", str(served.scenario_file))
        assert said.code == 0, said.err
        assert served.jobs()[0] in said.err

    def test_an_attempt_that_was_not_is_7(self, served: World) -> None:
        assert landbridge("logs", str(served.scenario_file), "--attempt", "9").code == 7

    def test_a_scoring_that_was_never_ordered_is_7(self, served: World) -> None:
        said = landbridge("logs", str(served.scenario_file), "--scoring")
        assert said.code == 7
        assert "landbridge score" in said.err

    @pytest.mark.parametrize("arguments", [[], ["x", "--service", "up"], ["x", "--scoring", "--run"]])
    def test_a_scenario_or_a_service_and_not_both(self, world: World, arguments: list[str]) -> None:
        del world
        assert landbridge("logs", *arguments).code == 2


class TestHostDown:
    def test_down_is_silent_about_what_is_not_up(self, world: World) -> None:
        del world
        assert asked("down") == {"was_up": False, "ended": []}

    def test_stop_has_nothing_to_stop(self, world: World) -> None:
        assert asked("stop", str(world.scenario_file)) == {"stopped": []}

    def test_doctor_tells_pass_or_fail_of_everything_named(self, world: World) -> None:
        said = landbridge("doctor", "-i", str(world.inventory_file), "-o", "json")
        names = {check["name"] for check in said.json["checks"]}
        assert {"Python", "disk", "ledger", "Envoy", "inventory", "driver memory", "target rack"} <= names
        assert said.code == (0 if said.json["healthy"] else 1)

    def test_doctor_is_1_when_the_inventory_is_wrong_and_says_where(self, world: World) -> None:
        world.inventory["targets"]["rack"]["site"] = "onprm"
        world.write()
        said = landbridge("doctor", "-i", str(world.inventory_file))
        assert said.code == 1
        assert "FAIL" in said.out
        assert "onprm" in said.out


class TestQueries:
    def test_the_host_can_ask_each_with_home_and_inventory(self, served: World) -> None:
        more: dict[str, dict[str, Any]] = {
            "scenario": {"scenario": str(served.scenario_file)},
            "plan": {"scenario": str(served.scenario_file)},
            "why_not": {"scenario": str(served.scenario_file), "target": "rack"},
            "why": {"endpoint": served.scenario["endpoint"]["name"]},
        }
        for name, query in QUERIES.items():
            answer = query(home=str(served.home), inventory=str(served.inventory_file), **more.get(name, {}))
            assert as_json(answer) == answer

    def test_json_has_no_word_that_json_does_not_know(self) -> None:
        assert as_json({"mae": float("nan"), "sites": frozenset({"b", "a"})}) == {"mae": "nan", "sites": ["a", "b"]}
        with pytest.raises(TypeError):
            as_json(object())


def row_of(target: str) -> dict[str, Any]:
    return next(row for row in asked("targets")["targets"] if row["name"] == target)
