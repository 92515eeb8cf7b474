"""A release: make before break, one verdict for all sites, and the same end whoever carries it on."""

from typing import Any

import pytest

from landbridge.domain.errors import NotFoundError, ReleaseError
from landbridge.domain.ledger import Outcome
from landbridge.domain.rollout import Phase
from landbridge.drivers.memory.faults import FaultPlan
from landbridge.operations import connections, releasing, settling, shipping, versions
from landbridge.operations.reports import Report, serving_now
from landbridge.operations.story import Story
from tests.operations.world import World, job_plan, lease, release, train_and_register

ORDER = (Phase.BESIDE, Phase.SMOKE, Phase.SHIFT, Phase.SOAK, Phase.PROMOTE, Phase.RETIRE)
BROKEN = {"answers": [[500, "a column is missing"]]}


def serving(story: Story) -> dict[str, str]:
    """Site → version that has all its traffic."""
    return {row.site: row.version for row in serving_now(story) if row.traffic == 100 and row.phase == "Ready"}


def colours(story: Story) -> dict[str, int]:
    """Site → how many colours are there."""
    return {site: len(releasing.observe(story, site).colours) for site in ("cloud", "onprem")}


def champion(story: Story) -> str:
    found = versions.champion(story)
    return found.version if found else ""


def new_data(world: World, name: str = "2013-02.csv") -> None:
    """New data, and so a model with other weights."""
    world.data(f"delay,distance\n7,{len(name)}\n", name)
    files = {**job_plan()["outputs"]["model"], "model.txt": f"weights of {name}"}
    world.plan_jobs(outputs={"model": files})


def serve(world: World, target: str, version: str, **plan: Any) -> None:
    """What becomes of that version's colour on a serving target."""
    options = world.inventory["targets"][target].setdefault("options", {"colours": {}})
    options["colours"][f"delay/{version}"] = plan


def roll_back_by_hand(world: World, version: str = "") -> Report:
    """The steps of the redeploy flow with trigger `rollback`."""
    story = world.story("rollback")
    found = versions.named(story, version) if version else versions.previous(story)
    return release(story, found, lease(story))


class TestOneVerdict:
    def test_both_sites_move_and_one_colour_is_left_at_each(self, world: World) -> None:
        world.run()
        new_data(world)
        assert world.run().outcome == "Promoted"
        story = world.story()
        assert serving(story) == {"cloud": "2", "onprem": "2"}
        assert colours(story) == {"cloud": 1, "onprem": 1}
        assert champion(story) == "2"

    @pytest.mark.parametrize("bad", ["cloud-serving", "onprem-serving"])
    def test_one_bad_smoke_test_and_neither_site_moves(self, world: World, bad: str) -> None:
        world.run()
        new_data(world)
        serve(world, bad, "2", **BROKEN)
        with pytest.raises(ReleaseError, match=r"smoke test failed.*status 500"):
            world.run()
        story = world.story()
        assert serving(story) == {"cloud": "1", "onprem": "1"}
        assert colours(story) == {"cloud": 1, "onprem": 1}
        assert champion(story) == "1"
        assert world.releases()[0].outcome is Outcome.ROLLED_BACK

    def test_a_colour_that_cannot_start_rolls_back_with_the_targets_reason(self, world: World) -> None:
        world.run()
        new_data(world)
        serve(world, "onprem-serving", "2", reason="ImagePullBackOff")
        with pytest.raises(ReleaseError, match="ImagePullBackOff"):
            world.run()
        assert serving(world.story()) == {"cloud": "1", "onprem": "1"}

    def test_a_colour_that_crashes_under_traffic_gives_it_back(self, world: World) -> None:
        world.scenario["rollout"] = {"steps": [50, 100], "step": "600ms"}
        world.run()
        new_data(world)
        serve(world, "onprem-serving", "2", crash_after_seconds=0.2)
        with pytest.raises(ReleaseError, match="CrashLoop"):
            world.run()
        assert serving(world.story()) == {"cloud": "1", "onprem": "1"}

    def test_a_first_release_that_fails_leaves_nothing(self, world: World) -> None:
        serve(world, "cloud-serving", "1", **BROKEN)
        with pytest.raises(ReleaseError):
            world.run()
        story = world.story()
        assert colours(story) == {"cloud": 0, "onprem": 0}
        assert champion(story) == ""

    def test_a_model_without_any_request_to_ask_is_not_released(self, world: World) -> None:
        world.scenario["endpoint"]["smoke"] = {}
        world.plan_jobs(outputs={"model": {"MLmodel": "flavors: {}"}})
        with pytest.raises(ReleaseError, match="no smoke request"):
            world.run()

    def test_predictions_out_of_bounds_roll_back(self, world: World) -> None:
        world.scenario["endpoint"]["smoke"].update({"min": -60, "max": 600})
        serve(world, "cloud-serving", "1", answers=[[200, '{"predictions": [1e9]}']])
        with pytest.raises(ReleaseError, match="outside"):
            world.run()


class TestResume:
    @pytest.mark.parametrize("reached", ORDER)
    def test_a_release_that_was_killed_after_any_phase_comes_to_the_same_end(
        self, world: World, reached: Phase
    ) -> None:
        world.scenario["rollout"] = {"steps": [50, 100], "step": "20ms", "soak": "20ms"}
        world.run()
        new_data(world)
        self._killed(world, reached)
        assert world.run().version == "2"
        story = world.story()
        assert serving(story) == {"cloud": "2", "onprem": "2"}
        assert colours(story) == {"cloud": 1, "onprem": 1}
        assert champion(story) == "2"
        assert [item.outcome for item in world.releases()] == [Outcome.PROMOTED, Outcome.PROMOTED]
        assert len(world.jobs()) == 2

    @pytest.mark.parametrize("reached", ORDER[:-2])
    def test_newer_data_takes_over_from_a_release_that_was_killed(self, world: World, reached: Phase) -> None:
        world.scenario["rollout"] = {"steps": [50, 100], "step": "20ms", "soak": "20ms"}
        world.run()
        new_data(world)
        self._killed(world, reached)
        new_data(world, "2013-03.csv")
        assert world.run().version == "3"
        story = world.story()
        assert serving(story) == {"cloud": "3", "onprem": "3"}
        assert colours(story) == {"cloud": 1, "onprem": 1}
        assert [item.outcome for item in world.releases()] == [Outcome.PROMOTED, Outcome.ABANDONED, Outcome.PROMOTED]

    def test_a_release_whose_traffic_was_split_is_taken_over(self, world: World) -> None:
        world.run()
        new_data(world)
        world.scenario["rollout"] = {"steps": [50, 100], "step": "10s"}
        story = world.story()
        held = lease(story)
        rolling = releasing.begin(story, shipping.ship(story, train_and_register(story, held)), held)
        while rolling.rollout.phase is not Phase.SHIFT:
            rolling = releasing._take_step(story, rolling, held)
        assert set(releasing.observe(story, "cloud").traffic.values()) == {50}
        world.scenario["rollout"] = {}
        new_data(world, "2013-03.csv")
        assert world.run().version == "3"
        assert serving(world.story()) == {"cloud": "3", "onprem": "3"}

    def test_a_rollback_that_was_killed_is_ended(self, world: World) -> None:
        world.run()
        new_data(world)
        serve(world, "onprem-serving", "2", **BROKEN)
        story = world.story()
        held = lease(story)
        rolling = releasing.begin(story, shipping.ship(story, train_and_register(story, held)), held)
        while rolling.rollout.phase is not Phase.ROLL_BACK:
            rolling = releasing._take_step(story, rolling, held)
        with pytest.raises(ReleaseError):
            world.run()
        assert serving(world.story()) == {"cloud": "1", "onprem": "1"}
        assert colours(world.story()) == {"cloud": 1, "onprem": 1}

    def test_time_spent_dead_judges_no_release(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        story = world.story()
        held = lease(story)
        shipped = shipping.ship(story, train_and_register(story, held))
        begun = releasing.begin(story, shipped, held).release
        from dataclasses import replace

        world.book.save_release(replace(begun, started_at=begun.started_at - 3600.0), held)
        assert world.run().outcome == "Promoted"

    def test_a_new_site_of_the_endpoint_is_served_although_a_release_was_begun_without_it(self, world: World) -> None:
        world.scenario["endpoint"]["sites"] = ["cloud"]
        story = world.story()
        held = lease(story)
        releasing.begin(story, shipping.ship(story, train_and_register(story, held)), held)
        world.scenario["endpoint"]["sites"] = ["cloud", "onprem"]
        world.run()
        assert serving(world.story()) == {"cloud": "1", "onprem": "1"}

    def test_a_site_that_does_not_answer_for_a_moment_is_waited_for(self, world: World) -> None:
        world.write()
        FaultPlan(world.home / "sites/onprem/serving/onprem-serving").plan(
            observe=["", "", "", "TargetUnavailableError", "TargetUnavailableError"]
        )
        assert world.run().outcome == "Promoted"

    @staticmethod
    def _killed(world: World, reached: Phase) -> None:
        """A run that ends without a word once `reached` is behind."""
        story = world.story()
        held = lease(story)
        rolling = releasing.begin(story, shipping.ship(story, train_and_register(story, held)), held)
        releasing.drive(story, rolling, held, reached)


class TestSettled:
    def test_unchanged_data_releases_nothing(self, world: World) -> None:
        world.run()
        again = world.run()
        assert (again.outcome, again.trained) == ("Unchanged", False)
        assert "unchanged" in again.text
        assert len(world.releases()) == 1

    def test_a_version_that_was_rolled_back_is_not_tried_again_by_itself(self, world: World) -> None:
        world.run()
        new_data(world)
        serve(world, "onprem-serving", "2", **BROKEN)
        with pytest.raises(ReleaseError):
            world.run()
        world.inventory["targets"]["onprem-serving"]["options"]["colours"] = {}
        with pytest.raises(ReleaseError, match="was rolled back before"):
            world.run()
        assert len(world.releases()) == 2
        assert roll_back_by_hand(world, "2").outcome == "Promoted"

    def test_an_endpoint_that_lost_its_colours_is_served_again(self, world: World) -> None:
        world.run()
        (world.home / "sites/cloud/serving/cloud-serving/endpoints/delay.json").unlink()
        assert world.run().outcome == "Promoted"
        assert serving(world.story()) == {"cloud": "1", "onprem": "1"}


class TestByHand:
    def test_rollback_goes_to_what_served_before(self, world: World) -> None:
        world.run()
        new_data(world)
        world.run()
        report = roll_back_by_hand(world)
        assert (report.outcome, report.version, report.trained) == ("Promoted", "1", False)
        assert serving(world.story()) == {"cloud": "1", "onprem": "1"}
        assert champion(world.story()) == "1"

    def test_the_newer_version_is_held_back_until_there_is_a_new_one(self, world: World) -> None:
        world.run()
        new_data(world)
        world.run()
        roll_back_by_hand(world)
        held = world.run()
        assert held.outcome == "Unchanged"
        assert "held back" in held.text
        assert serving(world.story()) == {"cloud": "1", "onprem": "1"}
        new_data(world, "2013-03.csv")
        assert world.run().version == "3"
        assert serving(world.story()) == {"cloud": "3", "onprem": "3"}

    def test_a_rollback_that_failed_holds_nothing_back(self, world: World) -> None:
        world.run()
        new_data(world)
        world.run()
        serve(world, "cloud-serving", "1", **BROKEN)
        with pytest.raises(ReleaseError):
            roll_back_by_hand(world)
        assert serving(world.story()) == {"cloud": "2", "onprem": "2"}
        assert "serves already" in world.run().text

    def test_without_a_predecessor_it_says_so(self, world: World) -> None:
        world.run()
        with pytest.raises(NotFoundError, match="Nothing served"):
            roll_back_by_hand(world)

    def test_an_unknown_version_is_not_found_with_those_there_are(self, world: World) -> None:
        world.run()
        with pytest.raises(NotFoundError, match="there are: 1"):
            roll_back_by_hand(world, "9")


def test_a_report_of_a_scenario_that_serves_nowhere_tells_its_error_and_no_other(world: World) -> None:
    world.scenario["endpoint"]["sites"] = ["vnet"]
    del world.inventory["targets"]["aks-serving"]
    assert serving_now(world.story()) == ()


def test_a_site_that_is_silent_is_told_in_the_report(world: World) -> None:
    world.run()
    FaultPlan(world.home / "sites/onprem/serving/onprem-serving").plan(observe=["TargetUnavailableError"])
    rows = {row.site: row.phase for row in serving_now(world.story())}
    assert rows == {"cloud": "Ready", "onprem": "Unreachable"}


def test_the_champion_is_found_by_every_process(world: World) -> None:
    world.run()
    story = world.story()
    registry = connections.registry(story.inventory, "cloud")
    found = registry.find("delay", alias="champion")
    assert found is not None
    assert settling.settled(story, found) is not None
