"""Level-triggered: what is due follows from data, registry and ledger alone; it is said once, and not again when it was done."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from landbridge.domain.errors import GateError, ReleaseError, ResidencyError
from landbridge.domain.ledger import Outcome
from landbridge.domain.requests import Candidate
from landbridge.operations import adopting, connections, planning, replicating, versions, watch
from landbridge.operations.watch import Wake
from tests.operations.test_releasing import BROKEN, new_data, roll_back_by_hand, serve, serving
from tests.operations.world import GOOD, World, job_plan, lease, release


def wakes(world: World) -> list[Wake]:
    world.write()
    found = watch.due(str(world.home))
    assert found.problems == ()
    return list(found.wakes)


def register_foreign(world: World, metrics: Mapping[str, float] = GOOD) -> str:
    """A version that something else registered: no run key, and its own files."""
    folder = world.folder / "foreign"
    folder.mkdir(exist_ok=True)
    for name, text in job_plan()["outputs"]["model"].items():
        (folder / name).write_text(text)
    (folder / "model.txt").write_text(f"weights by somebody else {metrics}")
    registry = connections.registry(world.story().inventory, "cloud")
    version = registry.register(Candidate("delay", "", str(folder), "", {}, dict(metrics))).version
    record = world.home / f"sites/cloud/registry/models/delay/{version}/record.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"tags": {}, "digest": ""}))
    return version


def redeploy(world: World, version: str) -> str:
    """The steps of the redeploy flow for a version that something else registered."""
    story = world.story("model-version")
    found = versions.judge_version(story, versions.named(story, version))
    return release(story, found, lease(story)).outcome


class TestNewData:
    def test_nothing_is_due_before_a_scenario_was_run_here(self, world: World) -> None:
        world.story()
        assert wakes(world) == []

    def test_new_data_wakes_the_patterns_flow_once(self, world: World) -> None:
        world.run()
        assert wakes(world) == []
        new_data(world)
        (wake,) = wakes(world)
        assert (wake.flow, wake.trigger) == ("hybrid_train_deploy", "new-data:flights")
        assert wake.parameters["scenario"] == str(world.scenario_file)
        assert world.run(wake.trigger).outcome == "Promoted"
        assert wakes(world) == []

    def test_a_wake_that_nobody_took_up_comes_again(self, world: World) -> None:
        world.run()
        new_data(world)
        assert wakes(world) == wakes(world) != []

    def test_a_run_that_the_gate_refused_has_seen_its_data(self, world: World) -> None:
        world.run()
        new_data(world)
        world.plan_jobs(metrics={**GOOD, "mae": 30})
        with pytest.raises(GateError):
            world.run()
        assert wakes(world) == []

    def test_data_that_comes_back_wakes_again_and_rests(self, world: World) -> None:
        for _ in range(3):  # as often as it likes
            world.data("delay,distance\n1,1\n")
            world.run()
            assert wakes(world) == []
            world.data("delay,distance\n2,2\n")
            assert [wake.trigger for wake in wakes(world)] == ["new-data:flights"]
            world.run("new-data:flights")
            assert wakes(world) == []

    def test_data_that_is_no_trigger_wakes_nobody(self, world: World) -> None:
        world.scenario["triggers"] = {}
        world.run()
        new_data(world)
        assert wakes(world) == []

    def test_a_scenario_that_cannot_be_read_stops_no_other(self, world: World, tmp_path: Path) -> None:
        world.run()
        gone = tmp_path / "gone.yaml"
        story = world.story()
        from dataclasses import replace

        adopting.adopt(
            replace(
                story,
                request=replace(story.request, scenario=str(gone)),
                scenario=replace(story.scenario, name="gone"),
            )
        )
        new_data(world)
        world.write()
        found = watch.due(str(world.home))
        assert [wake.scenario for wake in found.wakes] == ["flights"]
        assert len(found.problems) == 1
        assert found.problems[0].startswith("gone: ")


class TestProactiveCopies:
    def test_a_copy_that_is_missing_is_asked_for_until_it_is_there(self, world: World) -> None:
        world.scenario["data"]["flights"]["replication"] = "proactive"
        adopting.adopt(world.story())
        (wake,) = wakes(world)
        assert (wake.flow, wake.trigger) == ("replicate_data", "proactive")
        story = world.story("replicate")
        assert replicating.wanted(story) == (("flights", "onprem"),)
        assert replicating.replicate(story, "flights", "onprem").moved_bytes > 0
        assert replicating.replicate(story, "flights", "onprem").moved_bytes == 0
        assert wakes(world) == []

    def test_lazy_data_stays_at_home_until_it_is_used(self, world: World) -> None:
        adopting.adopt(world.story())
        assert wakes(world) == []
        assert replicating.wanted(world.story(), ("onprem",)) == (("flights", "onprem"),)

    def test_data_that_may_not_leave_is_not_copied_ahead_and_not_by_hand(self, world: World) -> None:
        world.scenario["data"]["flights"].update(replication="proactive", residency="cloud")
        story = world.story()
        assert replicating.wanted(story) == ()
        with pytest.raises(ResidencyError):
            replicating.replicate(story, "flights", "onprem")

    def test_an_unknown_site_is_refused(self, world: World) -> None:
        with pytest.raises(ResidencyError, match="moon"):
            replicating.replicate(world.story(), "flights", "moon")


class TestForeignVersions:
    def test_a_version_of_somebody_else_wakes_redeploy_once(self, world: World) -> None:
        world.run()
        version = register_foreign(world)
        (wake,) = wakes(world)
        assert (wake.flow, wake.trigger, wake.parameters["version"]) == ("redeploy", "model-version", version)
        assert redeploy(world, version) == "Promoted"
        assert serving(world.story()) == {"cloud": version, "onprem": version}
        assert wakes(world) == []

    def test_it_is_asked_for_once_also_when_the_gate_refuses_it(self, world: World) -> None:
        world.run()
        version = register_foreign(world, {"mae": 99.0})
        with pytest.raises(GateError, match="mae is 99"):
            redeploy(world, version)
        assert wakes(world) == []

    def test_a_version_without_the_gates_metrics_is_inconclusive_and_asked_for_once(self, world: World) -> None:
        world.run()
        version = register_foreign(world, {"accuracy": 0.9})
        with pytest.raises(GateError, match=r"Inconclusive.*mae"):
            redeploy(world, version)
        assert wakes(world) == []

    def test_it_is_asked_for_once_also_when_it_is_rolled_back(self, world: World) -> None:
        world.run()
        version = register_foreign(world)
        serve(world, "cloud-serving", version, **BROKEN)
        with pytest.raises(ReleaseError):
            redeploy(world, version)
        assert wakes(world) == []
        assert serving(world.story()) == {"cloud": "1", "onprem": "1"}

    def test_our_own_versions_wake_nobody(self, world: World) -> None:
        world.run()
        new_data(world)
        world.run()
        assert wakes(world) == []

    def test_a_scenario_may_do_without(self, world: World) -> None:
        world.scenario["triggers"] = {"model_versions": False}
        world.run()
        register_foreign(world)
        assert wakes(world) == []

    def test_new_data_after_a_foreign_champion_trains_again(self, world: World) -> None:
        world.run()
        redeploy(world, register_foreign(world))
        new_data(world)
        assert world.run().outcome == "Promoted"
        assert serving(world.story()) == {"cloud": "3", "onprem": "3"}

    def test_a_rollback_by_hand_goes_back_from_it(self, world: World) -> None:
        world.run()
        redeploy(world, register_foreign(world))
        assert roll_back_by_hand(world).version == "1"
        assert [item.outcome for item in world.releases()] == [Outcome.PROMOTED] * 3


def test_every_scenario_lives_here_as_it_was_last_run(world: World) -> None:
    world.run()
    world.scenario["triggers"] = {"cron": "0 3 * * Mon"}
    adopting.adopt(world.story())
    (found,) = adopting.adopted(str(world.home))
    assert (found.name, found.pattern, found.cron) == ("flights", "hybrid_train_deploy", "0 3 * * Mon")
    assert found.request("watch").scenario == str(world.scenario_file)


def test_a_plan_alone_is_no_sign_that_data_was_seen(world: World) -> None:
    world.run()
    new_data(world)
    planning.make_plan(world.story())
    assert len(wakes(world)) == 1
