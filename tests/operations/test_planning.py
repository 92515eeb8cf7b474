"""A plan changes nothing, tells every movement beforehand, and refuses before a byte moves."""

from collections.abc import Callable
from typing import Any

import pytest

from landbridge.domain.errors import CapabilityMissingError, NetworkError, NowhereToGoError, ResidencyError
from landbridge.domain.ledger import Kind
from landbridge.domain.plan import MovementKind
from landbridge.operations import planning, staging
from tests.operations.world import PATTERNS, World, crossings, lease, train_and_register, trained


class TestMakePlan:
    @pytest.mark.parametrize("pattern", PATTERNS)
    def test_it_changes_nothing(self, world: World, pattern: str) -> None:
        story = world.pattern(pattern).story()
        before = world.files()
        plan = planning.make_plan(story)
        assert plan.refusals == ()
        assert world.files() == before
        assert world.book.entries() == ()

    @pytest.mark.parametrize("pattern", PATTERNS)
    def test_its_movements_are_those_of_the_run(self, world: World, pattern: str) -> None:
        plan = planning.make_plan(world.pattern(pattern).story())
        assert world.run().outcome == "Promoted"
        assert crossings(entry.payload for entry in world.entries(Kind.MOVEMENT)) == crossings(plan.movements)

    def test_its_movements_are_those_of_the_run_when_training_spills_to_the_cloud(self, world: World) -> None:
        world.say("rack", "drained")
        plan = planning.make_plan(world.story())
        world.run()
        assert {move.to_site for move in plan.movements} == {"onprem"}
        assert crossings(entry.payload for entry in world.entries(Kind.MOVEMENT)) == crossings(plan.movements)

    def test_a_run_of_unchanged_data_moves_nothing_new(self, world: World) -> None:
        world.run()
        before = world.entries(Kind.MOVEMENT)
        world.run()
        assert world.entries(Kind.MOVEMENT) == before

    def test_data_comes_from_home_once(self, world: World) -> None:
        story = world.story()
        assert staging.stage(story, "onprem").moved_bytes > 0
        assert staging.stage(story, "onprem").moved_bytes == 0
        assert len(world.entries(Kind.MOVEMENT)) == 1

    def test_it_tells_whether_a_job_is_due_and_why(self, world: World) -> None:
        first = planning.make_plan(world.story()).decision
        assert (first.due, first.changes) == (True, ("first run",))
        world.run()
        again = planning.make_plan(world.story()).decision
        assert not again.due
        world.data("delay,distance\n9,9\n", "2013-02.csv")
        assert planning.make_plan(world.story()).decision.changes == ("data flights changed: 1 file → 2 files",)
        assert planning.make_plan(world.story(force="now")).decision.due

    def test_a_serving_target_without_the_environment_is_refused(self, world: World) -> None:
        world.inventory["environments"] = [{"name": "azureml:flights:*", "python": "current", "targets": ["rack"]}]
        with pytest.raises(CapabilityMissingError, match="means nothing on"):
            planning.require_plan(world.story())

    def test_what_stands_in_for_the_jobs_environment_is_named(self, world: World) -> None:
        world.job["environment"] = {"image": "example.test/a:1", "conda_file": {"dependencies": ["x"]}, "name": "a"}
        world.inventory["environments"] = [{"name": "*", "image": "example.test/b:1"}]
        said = {item.field: item.detail for item in planning.make_plan(world.story()).findings}
        assert "is the image example.test/b:1 on rack" in said["environment"]
        assert said["environment.conda_file"] == said["environment.name"]
        world.inventory["environments"] = [{"name": "*", "image": "example.test/a:1"}]
        fields = [item for item in planning.make_plan(world.story()).findings if item.field == "environment"]
        assert not any("is the image" in item.detail for item in fields)

    def test_what_a_serving_target_foresees_is_named(self, world: World) -> None:
        world.inventory["targets"]["cloud-serving"]["options"] = {"foresees": {"environment.image": "must be fetched"}}
        said = {item.field: item.detail for item in planning.require_plan(world.story()).findings}
        assert said["environment.image"] == "must be fetched"

    def test_a_field_that_the_serving_target_refuses_is_named(self, world: World) -> None:
        world.inventory["targets"]["cloud-serving"]["options"] = {"refuses": {"instance_count": "one is all it has"}}
        world.scenario["endpoint"]["deployment"] = {"instance_count": 2}
        with pytest.raises(CapabilityMissingError, match="instance_count: one is all it has"):
            planning.require_plan(world.story())

    @pytest.mark.parametrize(("steps", "fine"), [([100], True), ([10, 100], False), ([50, 90, 100], False)])
    def test_steps_that_the_router_cannot_give_are_refused(self, world: World, steps: list[int], fine: bool) -> None:
        world.inventory["targets"]["cloud-serving"]["options"] = {"percents": [0, 100]}
        world.scenario["rollout"] = {"steps": steps}
        if fine:
            assert planning.require_plan(world.story()).refusals == ()
            return
        with pytest.raises(CapabilityMissingError, match=r"rollout.steps: .*only 0 and 100 percent") as caught:
            planning.require_plan(world.story())
        assert "gateway" in caught.value.hint

    def test_a_model_that_loses_its_example_at_the_border_needs_smoke_requests(self, world: World) -> None:
        world.pattern("onprem_train_cloud_deploy").scenario["endpoint"]["smoke"] = {}
        with pytest.raises(CapabilityMissingError, match="smoke") as caught:
            planning.require_plan(world.story())
        assert "endpoint.smoke.requests" in caught.value.hint


class TestResidency:
    def test_a_model_that_may_not_leave_is_refused_before_a_byte_moves(self, world: World) -> None:
        world.pattern("onprem_train_cloud_deploy").scenario["exports"] = {}
        with pytest.raises(ResidencyError, match=r"exports\.model is off"):
            world.run()
        assert world.jobs() == []
        assert world.entries(Kind.MOVEMENT) == ()
        assert not list(world.home.glob("sites/*/cache/objects/*"))

    def test_it_also_let_no_data_out_for_it_operations(self, world: World) -> None:
        world.inventory["sites"]["cloud"]["exports"] = ["metrics", "logs", "code", "model"]
        placement = planning.find_place(world.story(), {})
        rack = next(ruling for ruling in placement.rulings if ruling.target == "rack")
        assert (placement.chosen, str(rack.rule)) == ("cloud-cpu", "residency")

    def test_metrics_that_it_operations_keep_are_refused(self, world: World) -> None:
        world.inventory["sites"]["onprem"]["exports"] = ["model", "data", "logs", "code"]
        with pytest.raises(ResidencyError, match="does not let metrics"):
            world.run()

    def test_data_that_is_not_where_it_may_be_is_refused(self, world: World) -> None:
        world.scenario["data"]["flights"]["residency"] = "onprem"
        with pytest.raises(ResidencyError, match="its datastore is at cloud"):
            planning.require_plan(world.story())

    def test_staging_resident_data_elsewhere_is_refused_before_a_byte_moves(self, world: World) -> None:
        story = world.pattern("cloud_train_onprem_deploy").story()
        with pytest.raises(ResidencyError):
            staging.stage(story, "onprem")
        assert world.entries(Kind.MOVEMENT) == ()
        assert not (world.home / "sites" / "onprem" / "cache").exists()

    def test_only_the_cloud_side_of_a_private_network_may_hold_its_data(self, world: World) -> None:
        world.pattern("private_aks").scenario["data"]["flights"]["residency"] = "cloud"
        assert planning.find_place(world.story(), {}).chosen == "aks"


class TestNowhereToGo:
    def test_it_names_every_target_with_its_reason(self, world: World) -> None:
        world.scenario["requires"]["gpu"] = 1
        with pytest.raises(NowhereToGoError) as caught:
            planning.require_place(world.story(), {})
        for target in world.inventory["targets"]:
            assert f"{target}: " in caught.value.message
        assert "What serves now keeps serving" in caught.value.message

    def test_the_decision_is_written_down_all_the_same(self, world: World) -> None:
        world.scenario["requires"]["gpu"] = 1
        with pytest.raises(NowhereToGoError):
            world.run()
        decision: Any = world.entries(Kind.DECISION)[0].payload
        assert decision["chosen"] is None
        assert {ruling["target"] for ruling in decision["rulings"]} == set(world.inventory["targets"])
        assert world.jobs() == []

    def test_why_not_tells_all_that_stands_in_the_way(self, world: World) -> None:
        world.say("rack", "drained", reason="firmware")
        world.scenario["requires"]["gpu"] = 1
        assert len(planning.explain_refusal(world.story(), "rack")) == 2


def drained(world: World, cleared: bool) -> None:
    world.say("rack", "drained", reason="firmware", cleared=cleared)


def maintained(world: World, cleared: bool) -> None:
    world.say("rack", "maintenance", reason="patching", cleared=cleared)


def full(world: World, cleared: bool) -> None:
    world.say("rack", "busy", reason="batch jobs", cleared=cleared)


def without_gpu(world: World, cleared: bool) -> None:
    for target in ("rack", "cloud-cpu"):
        world.inventory["targets"][target]["capacity"]["gpu"] = 1
    world.scenario["requires"]["gpu"] = 1
    world.say("rack", "gpu", value="0", cleared=cleared)


def silent(world: World, cleared: bool) -> None:
    world.say("rack", "unreachable", reason="the line is cut", cleared=cleared)


SPILLS = [
    pytest.param(drained, "maintenance", "firmware", id="drained"),
    pytest.param(maintained, "maintenance", "patching", id="maintenance"),
    pytest.param(full, "busy", "batch jobs", id="busy"),
    pytest.param(without_gpu, "hardware", "1 GPU", id="gpu"),
    pytest.param(silent, "unreachable", "the line is cut", id="unreachable"),
]
Say = Callable[[World, bool], None]


class TestFailover:
    @pytest.mark.parametrize(("say", "reason", "words"), SPILLS)
    def test_training_spills_to_the_cloud_says_why_and_comes_back(
        self, world: World, say: Say, reason: str, words: str
    ) -> None:
        say(world, False)
        spilled = planning.require_place(world.story(), {})
        assert (spilled.chosen, str(spilled.spilled)) == ("cloud-cpu", reason)
        rack = next(ruling for ruling in spilled.rulings if ruling.target == "rack")
        assert words in rack.reason
        say(world, True)
        assert planning.require_place(world.story(), {}).chosen == "rack"

    @pytest.mark.parametrize(("say", "reason", "words"), SPILLS)
    def test_a_reason_that_is_switched_off_keeps_training_at_home(
        self, world: World, say: Say, reason: str, words: str
    ) -> None:
        world.scenario["placement"] = {"failover": {reason: False}}
        say(world, False)
        with pytest.raises(NowhereToGoError, match=f"failover for {reason} is switched off"):
            planning.require_place(world.story(), {})

    def test_a_target_that_an_operator_calls_busy_takes_not_even_a_job_that_asks_for_nothing(
        self, world: World
    ) -> None:
        del world.scenario["requires"]
        full(world, False)
        assert planning.find_place(world.story(), {}).chosen == "cloud-cpu"

    def test_a_measured_silence_is_as_good_as_a_told_one(self, world: World) -> None:
        world.inventory["targets"]["rack"]["options"]["unreachable"] = "no route"
        found = planning.find_place(world.story(), {})
        assert (found.chosen, str(found.spilled)) == ("cloud-cpu", "unreachable")

    def test_an_avoided_target_is_left_only_if_unreachable_ones_may_be(self, world: World) -> None:
        assert planning.find_place(world.story(), {"rack": "lost the job"}).chosen == "cloud-cpu"
        world.scenario["placement"] = {"failover": {"unreachable": False}}
        assert planning.find_place(world.story(), {"rack": "lost the job"}).chosen is None

    def test_a_job_that_was_begun_stays_where_it_is(self, world: World) -> None:
        story = world.story()
        trained(story)
        drained(world, False)
        again = planning.find_place(story, {})
        assert again.chosen == "rack"
        assert [ruling.target for ruling in again.rulings if ruling.chosen] == ["rack"]


class TestNetwork:
    def test_a_public_endpoint_of_a_private_site_is_refused_before_a_byte_moves(self, world: World) -> None:
        world.pattern("private_aks").inventory["sites"]["vnet"]["network"]["endpoints"] = {"storage": "203.0.113.7"}
        with pytest.raises(NetworkError, match=r"203\.0\.113\.7"):
            world.run()
        assert world.jobs() == []

    def test_a_refused_plan_has_the_class_of_its_first_refusal(self, world: World) -> None:
        world.pattern("private_aks").inventory["sites"]["vnet"]["network"]["endpoints"] = {"storage": "203.0.113.7"}
        with pytest.raises(NetworkError):
            planning.require_plan(world.story())


def test_a_refused_plan_is_written_down(world: World) -> None:
    world.pattern("onprem_train_cloud_deploy").scenario["exports"] = {}
    with pytest.raises(ResidencyError):
        planning.require_plan(world.story())
    payload: Any = world.entries(Kind.PLAN)[0].payload
    assert payload["refusals"]


def test_metrics_cross_by_name_where_data_is_bound_and_all_at_once_elsewhere(world: World) -> None:
    def named(pattern: str) -> list[str]:
        plan = planning.make_plan(world.pattern(pattern).story())
        return [move.name for move in plan.movements if move.kind is MovementKind.METRICS]

    assert named("onprem_train_cloud_deploy") == ["mae", "rows"]
    assert named("hybrid_train_deploy") == ["all"]
    assert named("onprem_lifecycle") == []


def test_a_run_registers_once_whatever_is_repeated(world: World) -> None:
    story = world.story()
    held = lease(story)
    first, second = train_and_register(story, held), train_and_register(story, held)
    assert first.version == second.version == "1"
    assert len(world.jobs()) == 1
    assert len(world.entries(Kind.VERSION)) == 1
