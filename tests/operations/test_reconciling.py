"""Reconcile finds what was begun and not ended, and what nobody owns; it undoes nothing that somebody decided."""

import pytest

from landbridge.domain.ledger import Outcome
from landbridge.domain.requests import ColourSpec
from landbridge.domain.rollout import Phase
from landbridge.domain.values import ModelCopy
from landbridge.operations import (
    adopting,
    candidates,
    connections,
    planning,
    reconciling,
    releasing,
    shipping,
    staging,
    training,
    versions,
)
from landbridge.operations.reconciling import Todo
from landbridge.operations.story import Story
from tests.operations.test_releasing import champion, colours, new_data, roll_back_by_hand, serving
from tests.operations.world import GOOD, World, lease, release, train_and_register, trained


def todo(world: World) -> Todo | None:
    story = world.story("reconcile")
    (scenario,) = adopting.adopted(str(world.home))
    return reconciling.todo(story, scenario)


def begun(world: World) -> Story:
    """A run up to its plan."""
    story = world.story()
    adopting.adopt(story)
    planning.require_plan(story)
    return story


def put_right(world: World, found: Todo | None) -> None:
    """What the reconcile flow does with a todo."""
    assert found is not None
    trigger, version = str(found.parameters["trigger"]), str(found.parameters.get("version", ""))
    if found.flow != "redeploy":
        world.run(trigger)
        return
    story = world.story(trigger)
    release(story, versions.named(story, version), lease(story))


class TestTodo:
    def test_nothing_is_to_be_done_when_all_is_well(self, world: World) -> None:
        world.run()
        assert todo(world) is None

    def test_a_run_that_was_planned_and_never_trained_goes_on(self, world: World) -> None:
        begun(world)
        found = todo(world)
        assert found is not None
        assert (found.flow, "was planned" in found.why) == ("hybrid_train_deploy", True)
        put_right(world, found)
        assert todo(world) is None

    def test_a_run_that_was_refused_is_left_alone(self, world: World) -> None:
        world.scenario["requires"]["gpu"] = 1
        begun(world)
        assert todo(world) is None

    def test_a_job_that_nobody_waits_for_goes_on(self, world: World) -> None:
        world.plan_jobs(running_seconds=0.2)
        story = begun(world)
        placement = planning.require_place(story, {})
        training.submit(story, placement, staging.stage(story, "onprem").values)
        found = todo(world)
        assert found is not None
        assert "was begun and not ended" in found.why
        put_right(world, found)
        assert len(world.jobs()) == 1
        assert todo(world) is None

    def test_a_model_that_was_not_judged_goes_on(self, world: World) -> None:
        trained(begun(world))
        found = todo(world)
        assert found is not None
        assert "was not registered" in found.why

    def test_a_model_that_the_gate_refused_is_left_alone(self, world: World) -> None:
        world.plan_jobs(metrics={**GOOD, "mae": 30})
        with pytest.raises(Exception, match="above the maximum"):
            world.run()
        assert todo(world) is None

    def test_a_verdict_on_another_version_is_no_verdict_on_this_run(self, world: World) -> None:
        from tests.operations.test_watch import redeploy, register_foreign

        world.run()
        new_data(world)
        world.plan_jobs(metrics={**GOOD, "mae": 30})
        with pytest.raises(Exception, match="above the maximum"):
            world.run()
        redeploy(world, register_foreign(world))
        assert todo(world) is None

    def test_a_version_that_was_never_released_goes_on(self, world: World) -> None:
        story = begun(world)
        train_and_register(story, lease(story))
        found = todo(world)
        assert found is not None
        assert "never released" in found.why
        put_right(world, found)
        assert champion(world.story()) == "1"

    @pytest.mark.parametrize("reached", [Phase.BESIDE, Phase.SMOKE, Phase.SOAK, Phase.PROMOTE])
    def test_a_release_that_was_not_ended_goes_on(self, world: World, reached: Phase) -> None:
        story = begun(world)
        held = lease(story)
        rolling = releasing.begin(story, shipping.ship(story, train_and_register(story, held)), held)
        releasing.drive(story, rolling, held, reached)
        put_right(world, todo(world))
        assert (champion(world.story()), len(world.releases())) == ("1", 1)
        assert todo(world) is None

    def test_a_forced_run_that_was_killed_in_its_release_is_ended_not_undone(self, world: World) -> None:
        world.run()
        world.plan_jobs(outputs={"model": {"MLmodel": "flavors: {}", "model.txt": "other weights"}})
        story = world.story("retrain", force="now")
        held = lease(story)
        rolling = releasing.begin(story, shipping.ship(story, train_and_register(story, held)), held)
        releasing.drive(story, rolling, held, Phase.SMOKE)
        found = todo(world)
        assert found is not None
        assert (found.flow, found.parameters["version"]) == ("redeploy", "2")
        put_right(world, found)
        assert serving(world.story()) == {"cloud": "2", "onprem": "2"}
        assert [item.outcome for item in world.releases()] == [Outcome.PROMOTED, Outcome.PROMOTED]
        assert todo(world) is None

    def test_a_rollback_by_hand_that_was_killed_is_ended_not_undone(self, world: World) -> None:
        world.run()
        new_data(world)
        world.run()
        story = world.story("rollback")
        held = lease(story)
        rolling = releasing.begin(story, shipping.ship(story, versions.previous(story)), held)
        releasing.drive(story, rolling, held, Phase.SMOKE)
        found = todo(world)
        assert found is not None
        assert (found.flow, found.parameters["trigger"], found.parameters["version"]) == ("redeploy", "rollback", "1")
        put_right(world, found)
        assert serving(world.story()) == {"cloud": "1", "onprem": "1"}
        assert todo(world) is None

    def test_a_rollback_by_hand_is_not_undone(self, world: World) -> None:
        world.run()
        new_data(world)
        world.run()
        roll_back_by_hand(world)
        assert todo(world) is None

    def test_a_champion_that_does_not_serve_is_deployed(self, world: World) -> None:
        world.run()
        (world.home / "sites/cloud/serving/cloud-serving/endpoints/delay.json").unlink()
        found = todo(world)
        assert found is not None
        assert (found.flow, found.parameters["version"]) == ("redeploy", "1")
        put_right(world, found)
        assert serving(world.story()) == {"cloud": "1", "onprem": "1"}
        assert todo(world) is None


class TestClean:
    def test_nothing_of_a_healthy_scenario_is_ended(self, world: World) -> None:
        world.run()
        assert reconciling.clean(world.story()).ended == ()
        assert serving(world.story()) == {"cloud": "1", "onprem": "1"}

    def test_a_job_for_data_of_the_past_is_ended(self, world: World) -> None:
        world.plan_jobs(running_seconds=60)
        old = world.story()
        attempt = training.submit(old, planning.require_place(old, {}), staging.stage(old, "onprem").values)
        new_data(world)
        assert f"job {attempt.name}" in reconciling.clean(world.story()).summary
        assert connections.training(old.inventory, "rack").observe(attempt.ref).reason == "Cancelled"

    def test_the_job_of_todays_data_goes_on(self, world: World) -> None:
        world.plan_jobs(running_seconds=60)
        story = world.story()
        attempt = training.submit(story, planning.require_place(story, {}), staging.stage(story, "onprem").values)
        assert reconciling.clean(world.story()).ended == ()
        assert not connections.training(story.inventory, "rack").observe(attempt.ref).phase.is_final

    def test_a_job_that_was_given_up_is_ended_once_its_target_answers_again(self, world: World) -> None:
        world.plan_jobs("rack", running_seconds=60)
        story = world.story()
        first = training.submit(story, planning.require_place(story, {}), staging.stage(story, "onprem").values)
        world.faults("rack").plan(cancel=["TargetUnavailableError"])
        trained(story, {"rack": "no answer"})
        assert not connections.training(story.inventory, "rack").observe(first.ref).phase.is_final
        assert first.name in reconciling.clean(story).summary
        assert connections.training(story.inventory, "rack").observe(first.ref).phase.is_final

    def test_a_colour_without_traffic_and_release_is_ended(self, world: World) -> None:
        world.run()
        story = world.story()
        _apply(story, "onprem", "green")
        assert reconciling.clean(story).ended == ("colour green at onprem had no traffic and no release",)
        assert colours(story) == {"cloud": 1, "onprem": 1}

    def test_the_colour_of_a_release_under_way_stays(self, world: World) -> None:
        world.run()
        new_data(world)
        story = world.story()
        held = lease(story)
        rolling = releasing.begin(story, shipping.ship(story, train_and_register(story, held)), held)
        releasing.drive(story, rolling, held, Phase.BESIDE)
        assert reconciling.clean(story).ended == ()
        assert colours(story) == {"cloud": 2, "onprem": 2}


def test_a_clean_world_has_no_candidates_of_its_own(world: World) -> None:
    assert candidates.CHAMPION != candidates.CHALLENGER
    assert adopting.adopted(str(world.home)) == ()


def _apply(story: Story, site: str, colour: str) -> None:
    version = versions.champion(story)
    assert version is not None
    copy: ModelCopy = shipping.ship(story, version).copies[site]
    spec: ColourSpec = releasing.colour_spec(story, shipping.Shipped(version, {site: copy}), site, colour)
    connections.serving_at(story.inventory, site).apply(spec)
