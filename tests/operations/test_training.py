"""One job per run key and attempt, whoever asks and however often; a target that fails is told from a job that fails."""

import json
import time
from typing import Any

import pytest

from landbridge.domain.errors import JobFailedError, JobLostError, TargetUnavailableError
from landbridge.domain.ledger import Kind
from landbridge.domain.values import Avoid, JobPhase, JobRef, JobStatus
from landbridge.operations import connections, planning, staging, training
from landbridge.operations.story import Story
from tests.operations.world import World, trained


def submitted(story: Story) -> training.Attempt:
    placement = planning.require_place(story, {})
    return training.submit(story, placement, staging.stage(story, "onprem").values)


class TestSubmit:
    def test_a_second_submit_finds_the_first_job(self, world: World) -> None:
        story = world.story()
        assert submitted(story) == submitted(story)
        assert len(world.jobs()) == 1

    def test_the_job_of_a_killed_run_is_adopted(self, world: World) -> None:
        world.plan_jobs(running_seconds=0.2)
        first = submitted(world.story())
        again = world.story()  # what the next process sees
        assert training.open_attempt(again) == first
        assert trained(again).attempt.name == first.name
        assert len(world.jobs()) == 1

    def test_a_run_killed_before_its_target_knew_the_job_submits_the_same_job(self, world: World) -> None:
        world.write()
        world.faults("rack").plan(submit=["TargetUnavailableError"])
        story = world.story()
        with pytest.raises(TargetUnavailableError):
            submitted(story)
        assert world.jobs() == []
        assert trained(story).attempt.number == 1
        assert len(world.jobs()) == 1

    def test_a_failed_job_is_tried_again_under_a_new_name(self, world: World) -> None:
        world.plan_jobs(exit_code=1)
        with pytest.raises(JobFailedError, match="Exit"):
            trained(world.story())
        world.plan_jobs()
        second = trained(world.story())
        assert second.attempt.number == 2
        assert len(world.jobs()) == 2

    def test_a_job_that_succeeded_is_not_run_again(self, world: World) -> None:
        first, second = trained(world.story()), trained(world.story())
        assert first.attempt.ref == second.attempt.ref
        assert len(world.jobs()) == 1

    def test_the_job_is_told_its_inputs_and_how_many_threads_it_may_use(self, world: World) -> None:
        story = world.story()
        values = staging.stage(story, "onprem").values
        assert values["max_iter"] == "60"
        assert values["flights"].startswith(str(world.home / "sites" / "onprem" / "cache"))
        assert staging.stage(story, "cloud").values["flights"] == str(world.home / "sites/cloud/lake/flights")


class TestWait:
    def test_a_failed_job_says_why_and_its_tracking_run_is_closed(self, world: World) -> None:
        world.plan_jobs(exit_code=3, reason="OutOfMemory", detail="It used 9 GiB of 8.")
        with pytest.raises(JobFailedError, match="OutOfMemory: It used 9 GiB of 8") as caught:
            trained(world.story())
        assert not isinstance(caught.value, JobLostError)
        assert "requires.memory" in caught.value.hint
        entry = world.entries(Kind.JOB)[0]
        assert (entry.payload["outcome"], entry.payload["reason"]) == ("Failed", "OutOfMemory")
        run = world.home / "sites" / "cloud" / "registry" / "runs" / f"{entry.payload['tracking_run']}.json"
        assert json.loads(run.read_text())["status"] == "FAILED"

    @pytest.mark.parametrize("avoid", [avoid for avoid in Avoid if avoid is not Avoid.EVERYTHING])
    def test_what_a_target_did_to_a_job_is_a_lost_job(self, world: World, avoid: Avoid) -> None:
        world.plan_jobs(reason="Unschedulable", avoid=avoid)
        with pytest.raises(JobLostError):
            trained(world.story())

    @pytest.mark.parametrize("refusal", ["QuotaExceededError", "RefusedError"])
    def test_a_job_that_the_target_refuses_is_lost_there(self, world: World, refusal: str) -> None:
        world.faults("rack").plan(submit=[refusal])
        with pytest.raises(JobLostError, match="rack refused job"):
            trained(world.story())

    def test_waiting_for_a_place_is_not_held_against_the_job(self) -> None:
        queued = JobStatus(JobPhase.PENDING, "Suspended", "The job waits in its queue.")
        assert training._overdue(queued, waited=100_000.0, limit=60.0) is None

    def test_a_job_past_its_limit_fails_with_timeout(self, world: World) -> None:
        world.job["limits"] = {"timeout": 1}
        world.plan_jobs(running_seconds=60)
        with pytest.raises(JobFailedError, match="Timeout"):
            trained(world.story())

    def test_a_target_that_does_not_enforce_its_limit_is_not_believed(self, world: World) -> None:
        status = training._overdue(_running(), waited=100.0, limit=60.0)
        assert status is not None
        assert (status.phase, status.reason) == (JobPhase.FAILED, "Timeout")
        assert training._overdue(_running(), waited=80.0, limit=60.0) is None

    def test_a_long_job_is_read_less_often(self) -> None:
        def asked(seconds: float) -> int:
            now, pause, count = 0.0, 0.02, 0
            while now < seconds:
                now, count = now + pause, count + 1
                pause = training.next_pause(pause, now)
            return count

        assert 10 < asked(2.0) < 20
        assert asked(3600.0) < 1000

    def test_a_silent_target_is_transient_and_its_job_is_kept(self, world: World) -> None:
        story = world.story()
        attempt = submitted(story)
        world.faults("rack").plan(observe=["TargetUnavailableError"])
        with pytest.raises(TargetUnavailableError):
            training.wait(story, attempt)
        assert training.wait(story, attempt).attempt == attempt


class TestLeave:
    """What the hybrid flow does with a target that lost the job or stopped to answer."""

    def test_a_job_on_an_avoided_target_is_given_up_and_another_begins_elsewhere(self, world: World) -> None:
        world.plan_jobs("rack", running_seconds=60)
        story = world.story()
        first = submitted(story)
        second = trained(story, {"rack": "no answer"})
        assert (first.target, second.attempt.target, second.attempt.number) == ("rack", "cloud-cpu", 2)
        given_up = connections.training(story.inventory, "rack").observe(first.ref)
        assert given_up.reason == "Cancelled"

    def test_a_run_that_resumes_goes_on_with_the_new_job(self, world: World) -> None:
        world.plan_jobs("rack", running_seconds=60)
        story = world.story()
        submitted(story)
        second = trained(story, {"rack": "no answer"})
        assert trained(world.story()).attempt.ref == second.attempt.ref
        assert len(world.jobs()) == 2

    def test_a_target_that_is_gone_for_good_is_left_all_the_same(self, world: World) -> None:
        world.plan_jobs("rack", running_seconds=60)
        story = world.story()
        submitted(story)
        world.faults("rack").plan(cancel=["TargetUnavailableError"])
        assert trained(story, {"rack": "no answer"}).attempt.target == "cloud-cpu"

    def test_a_job_is_kept_when_there_is_nowhere_else_to_go(self, world: World) -> None:
        world.plan_jobs("rack", running_seconds=60)
        world.scenario["placement"] = {"failover": {"unreachable": False}}
        story = world.story()
        first = submitted(story)
        with pytest.raises(Exception, match="No target can train"):
            planning.require_place(story, {"rack": "no answer"})
        assert training.open_attempt(story) == first
        assert not connections.training(story.inventory, "rack").observe(first.ref).phase.is_final


def test_a_dead_target_costs_the_plan_its_deadline_at_most(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from landbridge.drivers.memory.training import MemoryTraining
    from landbridge.operations import probing

    measure = MemoryTraining.capacity

    def slow(target: Any) -> Any:
        if target._target.name == "rack":
            time.sleep(3.0)
        return measure(target)

    monkeypatch.setattr(MemoryTraining, "capacity", slow)
    monkeypatch.setattr(probing, "DEADLINE_SECONDS", 0.2)
    started = time.monotonic()
    found = probing.capacities(world.story())
    assert time.monotonic() - started < 1.0
    assert not found["rack"].reachable
    assert found["cloud-cpu"].reachable


def test_an_unknown_job_is_not_invented(world: World) -> None:
    story = world.story()
    with pytest.raises(Exception, match="There is no job"):
        training.wait(story, training.Attempt(1, "rack", "nobody", ""))
    assert JobRef("rack", "nobody") not in connections.training(story.inventory, "rack").jobs()  # type: ignore[attr-defined]


def _running() -> Any:
    from landbridge.domain.values import JobStatus

    return JobStatus(JobPhase.RUNNING)


def test_nobody_asks_a_target_that_is_refused_whatever_it_has_free(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from landbridge.drivers.memory.training import MemoryTraining

    measure, asked = MemoryTraining.capacity, set[str]()

    def noted(target: Any) -> Any:
        asked.add(target._target.name)
        return measure(target)

    monkeypatch.setattr(MemoryTraining, "capacity", noted)
    story = world.pattern("onprem_lifecycle").story()
    assert planning.find_place(story, {}).chosen == "rack"
    assert asked == {"rack"}
    planning.explain_refusal(story, "cloud-cpu")  # it tells all that stands in the way, so all are asked
    assert asked == {"rack", "cloud-cpu", "aks"}
