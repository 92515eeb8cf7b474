"""A scoring that a run left without an end is brought to one; what scorings leave behind is cleaned up."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from landbridge.domain.errors import JobFailedError, TargetUnavailableError
from landbridge.domain.ledger import Kind
from landbridge.domain.values import JobPhase
from landbridge.drivers.fsspec.models import SiteModels
from landbridge.operations import connections, reconciling, scoring, scoring_resuming
from landbridge.operations.scoring import Scored
from landbridge.operations.scoring_resuming import Begun
from landbridge.operations.story import Story
from landbridge.operations.training import Attempt
from tests.operations.test_scoring import ORDER, carried_out, plan_scoring, scored, scoring_jobs, served
from tests.operations.world import World

__all__ = ["served"]
ON_RACK = replace(ORDER, target="rack")


def begin(story: Story, order: scoring.ScoringOrder = ORDER) -> Attempt:
    """A scoring up to its submit."""
    prepared = scoring.prepare(story, order)
    return scoring.submit(prepared, scoring.ship_model(prepared), scoring.stage_data(prepared))


def refused_by_its_target(world: World) -> None:
    """The intent is in the ledger, and the target never heard of the job."""
    world.faults("cloud-cpu").plan(submit=["TargetUnavailableError"])
    with pytest.raises(TargetUnavailableError):
        begin(world.story())


def found(world: World) -> list[Begun]:
    return list(scoring_resuming.all_begun(world.story()).scorings)


def copies(world: World, site: str) -> list[str]:
    story = world.story()
    return [copy.version.version for copy in SiteModels(story.inventory.sites[site], story.inventory).copies()]


@pytest.fixture
def elsewhere(world: World) -> World:
    """A champion that serves in the cloud only: the rack's site serves nothing of it."""
    plan_scoring(world)
    world.scenario["endpoint"]["sites"] = ["cloud"]
    world.run()
    return world


class TestFollowed:
    def test_a_job_that_nobody_waits_for_is_followed_to_its_end_and_written_down(self, served: World) -> None:
        plan_scoring(served, running_seconds=0.2)
        attempt = begin(served.story())
        [begun] = found(served)
        assert scoring_resuming.prepare_again(served.story(), begun) is None
        assert scoring_resuming.settle(served.story(), begun).job == attempt.name
        assert found(served) == []
        assert scored(served.story()) == _told(served)
        assert len(scoring_jobs(served)) == 1

    def test_it_is_followed_though_its_data_is_other_data_by_now(self, served: World) -> None:
        attempt = begin(served.story())
        digest = served.story().data["flights"].snapshot.digest
        served.data("delay,distance\n9,9\n", "2013-02.csv")
        [begun] = found(served)
        assert scoring_resuming.settle(served.story(), begun).job == attempt.name
        assert served.entries(Kind.SCORING)[0].payload["data_digest"] == digest

    def test_a_job_that_failed_meanwhile_is_written_down_once(self, served: World) -> None:
        plan_scoring(served, exit_code=1)
        begin(served.story())
        [begun] = found(served)
        with pytest.raises(JobFailedError):
            scoring_resuming.settle(served.story(), begun)
        assert found(served) == []

    def test_what_has_an_end_is_let_be(self, served: World) -> None:
        scored(served.story())
        assert found(served) == []

    def test_what_was_ordered_elsewhere_meanwhile_is_one_scoring_not_two(self, served: World) -> None:
        plan_scoring(served, running_seconds=30)
        begin(served.story())
        plan_scoring(served)
        second = begin(served.story(), ON_RACK)
        assert [begun.attempt.name for begun in found(served)] == [second.name]

    def test_a_target_that_does_not_answer_is_asked_again_later(self, served: World) -> None:
        begin(served.story())
        [begun] = found(served)
        served.faults("cloud-cpu").plan(observe=["TargetUnavailableError"])
        with pytest.raises(TargetUnavailableError):
            scoring_resuming.prepare_again(served.story(), begun)
        assert found(served) == [begun]


class TestOrderedAgain:
    def test_a_job_that_never_came_to_its_target_is_that_very_job(self, served: World) -> None:
        refused_by_its_target(served)
        [begun] = found(served)
        again = scoring_resuming.prepare_again(served.story(), begun)
        assert again is not None
        assert again.order == replace(ORDER, version="1", error_threshold=0)
        assert carried_out(again).job == begun.attempt.name
        assert found(served) == []

    def test_of_data_of_the_past_it_is_lost_and_said_so(self, served: World) -> None:
        refused_by_its_target(served)
        served.data("delay,distance\n9,9\n", "2013-02.csv")
        decisions = len(served.entries(Kind.DECISION))
        [begun] = found(served)
        assert scoring_resuming.prepare_again(served.story(), begun) is None
        with pytest.raises(JobFailedError, match="never came to cloud-cpu"):
            scoring_resuming.settle(served.story(), begun)
        assert (served.entries(Kind.SCORING)[0].payload["reason"], found(served)) == ("Lost", [])
        assert len(served.entries(Kind.DECISION)) == decisions

    def test_where_its_data_may_not_be_any_more_it_is_not_given(self, served: World) -> None:
        served.faults("rack").plan(submit=["TargetUnavailableError"])
        with pytest.raises(TargetUnavailableError):
            begin(served.story(), ON_RACK)
        served.scenario["data"]["flights"]["residency"] = "cloud"
        [begun] = found(served)
        assert scoring_resuming.prepare_again(served.story(), begun) is None


class TestClean:
    def test_a_job_that_was_given_up_is_ended_once_its_target_answers_again(self, served: World) -> None:
        plan_scoring(served, running_seconds=60)
        first = begin(served.story())
        plan_scoring(served)
        served.faults("cloud-cpu").plan(cancel=["TargetUnavailableError"])
        scored(served.story(), ON_RACK)
        target = connections.training(served.story().inventory, "cloud-cpu")
        assert not target.observe(first.ref).phase.is_final
        assert f"scoring job {first.name} on cloud-cpu was given up" in reconciling.clean(served.story()).ended
        assert (target.observe(first.ref).phase, reconciling.clean(served.story()).ended) == (JobPhase.FAILED, ())

    def test_a_copy_at_a_site_that_serves_nothing_of_the_model_goes_when_its_scoring_ended(
        self, elsewhere: World
    ) -> None:
        scored(elsewhere.story(), ON_RACK)
        assert copies(elsewhere, "onprem") == ["1"]
        ended = reconciling.clean(elsewhere.story()).ended
        assert ended == ("the copy of delay version 1 at onprem was for scorings that ended",)
        assert (copies(elsewhere, "onprem"), copies(elsewhere, "cloud")) == ([], ["1"])
        assert reconciling.clean(elsewhere.story()).ended == ()

    def test_a_copy_of_a_run_that_died_before_its_intent_was_written_goes_too(self, elsewhere: World) -> None:
        scoring.ship_model(scoring.prepare(elsewhere.story(), ON_RACK))
        assert "at onprem" in reconciling.clean(elsewhere.story()).summary
        assert copies(elsewhere, "onprem") == []

    def test_the_copy_of_a_scoring_that_goes_on_stays(self, elsewhere: World) -> None:
        plan_scoring(elsewhere, running_seconds=60)
        begin(elsewhere.story(), ON_RACK)
        assert reconciling.clean(elsewhere.story()).ended == ()
        assert copies(elsewhere, "onprem") == ["1"]

    def test_the_copy_stays_where_another_scenario_serves_the_model(self, elsewhere: World) -> None:
        elsewhere.scenario |= {"name": "others", "endpoint": {**elsewhere.scenario["endpoint"], "name": "other"}}
        elsewhere.scenario["endpoint"]["sites"] = ["onprem"]
        elsewhere.run(force="others")
        elsewhere.scenario["endpoint"] |= {"name": "delay", "sites": ["cloud"]}
        elsewhere.scenario["name"] = "flights"
        scored(elsewhere.story(), ON_RACK)
        before = copies(elsewhere, "onprem")
        assert reconciling.clean(elsewhere.story()).ended == ()
        assert copies(elsewhere, "onprem") == before != []

    def test_a_copy_of_another_registrys_model_of_that_name_stays(self, elsewhere: World) -> None:
        scored(elsewhere.story(), ON_RACK)
        [marker] = Path(elsewhere.home / "sites/onprem/models/delay").glob("*.json")
        marker.write_text(json.dumps({**json.loads(marker.read_text()), "version_digest": "sha256:" + "0" * 64}))
        assert reconciling.clean(elsewhere.story()).ended == ()

    def test_the_next_scoring_there_brings_the_copy_again(self, elsewhere: World) -> None:
        first = scored(elsewhere.story(), ON_RACK)
        reconciling.clean(elsewhere.story())
        assert scored(elsewhere.story(), ON_RACK) == first
        assert copies(elsewhere, "onprem") == ["1"]


def _told(world: World) -> Scored:
    """What the ledger says of the newest scoring."""
    said = world.entries(Kind.SCORING)[0].payload
    name, target, site, output = (str(said[key]) for key in ("name", "target", "site", "output"))
    counts = said["counts"]
    assert isinstance(counts, dict)
    return Scored(name, target, site, output, scoring.ScoringCounts(**counts))  # type: ignore[arg-type]
