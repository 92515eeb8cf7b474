"""The flows under a real Prefect server, with drivers that run nothing: states, names, retries and artifacts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from landbridge.domain.ledger import Kind
from landbridge.drivers.memory.faults import FaultPlan
from landbridge.operations import training
from landbridge.settings import DATABASE_VARIABLE, HOME_VARIABLE
from tests.flows.flow_runner import FlowRunner, flow_runner
from tests.operations.test_releasing import BROKEN, champion, colours, new_data, serve, serving
from tests.operations.test_scoring import plan_scoring
from tests.operations.world import GOOD, PATTERNS, World, make_world
from tests.services.hosts import RunningHost, until

pytest_plugins = ["tests.services.running_host"]
pytestmark = pytest.mark.services
ORDER = {"data": "flights", "version": "", "target": "", "error_threshold": 0}
QUICK = ("hybrid_train_deploy", "private_aks")


@dataclass(frozen=True)
class Ended:
    """A flow run as Prefect and the run's own events tell it."""

    host: RunningHost
    world: World
    id: str
    message: str

    @property
    def told(self) -> tuple[str, str]:
        """Type and name of the state, as the server has it."""
        state = self.host.state(self.id)
        return state["type"], state["name"]

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = (self.world.home / "runs" / self.id / "events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def error(self) -> str:
        """The class of the error that ended it, or ""."""
        return str((self.events[-1]["error"] or {}).get("error", ""))

    @property
    def report(self) -> dict[str, Any]:
        return cast(dict[str, Any], self.events[-1]["report"])

    def tasks(self, wanted: int = 1) -> dict[str, int]:
        """Task run's name → how often it was begun. Prefect stores task runs a little later."""
        query = {"flow_runs": {"id": {"any_": [self.id]}}}

        def ask() -> dict[str, int]:
            rows = self.host.prefect("POST", "/task_runs/filter", query)
            final = [row for row in rows if row["state"] and row["state"]["type"] in {"COMPLETED", "FAILED"}]
            return {row["name"]: row["run_count"] for row in final} if len(final) >= wanted else {}

        return cast(dict[str, int], until(ask, 20.0))

    def artifacts(self) -> set[str]:
        query = {"artifacts": {"flow_run_id": {"any_": [self.id]}}}
        return {row["key"] for row in self.host.prefect("POST", "/artifacts/filter", query)}


@dataclass(frozen=True)
class Stage:
    """A world and the server that its flows report to."""

    host: RunningHost
    runner: FlowRunner
    world: World

    def run(self, flow: str = "", trigger: str = "run", **more: Any) -> Ended:
        self.world.write()
        files = {"scenario": str(self.world.scenario_file), "inventory": str(self.world.inventory_file)}
        chosen = flow or self.world.scenario["pattern"]
        ended = self.runner.run(str(self.world.home), chosen, {**files, "trigger": trigger, **more})
        return Ended(self.host, self.world, ended["flow_run_id"], ended["message"] or "")


@pytest.fixture(scope="module")
def runner(host: RunningHost) -> Iterator[FlowRunner]:
    with flow_runner(host.record["prefect"]["url"]) as running:
        yield running


@pytest.fixture
def stage(host: RunningHost, runner: FlowRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The hybrid pattern, data in the cloud, everything well; retries come at once."""
    world = make_world(tmp_path)
    monkeypatch.setenv(HOME_VARIABLE, str(world.home))
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    return Stage(host, runner, world)


class TestPatterns:
    @pytest.mark.parametrize(
        "pattern", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PATTERNS]
    )
    def test_each_pattern_ends_completed_as_promoted(self, stage: Stage, pattern: str) -> None:
        stage.world.pattern(pattern)
        ended = stage.run()
        assert ended.told == ("COMPLETED", "Promoted")
        assert (ended.report["outcome"], ended.report["version"], ended.report["trained"]) == ("Promoted", "1", True)
        assert {row["site"] for row in ended.report["serving"]} == set(PATTERNS[pattern]["sites"])
        assert all(row["traffic"] == 100 for row in ended.report["serving"])

    def test_unchanged_data_ends_completed_as_unchanged(self, stage: Stage) -> None:
        stage.run()
        again = stage.run()
        assert again.told == ("COMPLETED", "Unchanged")
        assert len(stage.world.jobs()) == 1

    def test_new_data_moves_both_sites(self, stage: Stage) -> None:
        stage.run()
        new_data(stage.world)
        assert stage.run(trigger="new-data:flights").told == ("COMPLETED", "Promoted")
        assert serving(stage.world.story()) == {"cloud": "2", "onprem": "2"}

    def test_a_refused_gate_is_an_answer_no_breakdown(self, stage: Stage) -> None:
        stage.world.plan_jobs(metrics={**GOOD, "mae": 30})
        ended = stage.run()
        assert ended.told == ("COMPLETED", "Refused")
        assert ended.error == "GateError"

    def test_a_rolled_back_release_is_an_answer_no_breakdown(self, stage: Stage) -> None:
        serve(stage.world, "cloud-serving", "1", **BROKEN)
        ended = stage.run()
        assert ended.told == ("COMPLETED", "RolledBack")
        assert ended.error == "ReleaseError"
        assert colours(stage.world.story()) == {"cloud": 0, "onprem": 0}

    def test_a_failed_job_fails_the_run_with_the_jobs_reason(self, stage: Stage) -> None:
        stage.world.plan_jobs(exit_code=1, detail="no module named pandas")
        ended = stage.run()
        assert ended.told == ("FAILED", "Failed")
        assert "no module named pandas" in ended.message
        assert ended.error == "JobFailedError"

    def test_a_refused_plan_fails_the_run_before_a_byte_moves(self, stage: Stage) -> None:
        stage.world.pattern("onprem_train_cloud_deploy").scenario["exports"] = {}
        ended = stage.run()
        assert (ended.told[0], ended.error) == ("FAILED", "ResidencyError")
        assert stage.world.entries(Kind.MOVEMENT) == ()

    def test_a_scenario_that_serves_nowhere_ends_with_its_own_error(self, stage: Stage) -> None:
        stage.world.scenario["endpoint"]["sites"] = ["vnet"]
        del stage.world.inventory["targets"]["aks-serving"]
        ended = stage.run()
        assert (ended.told[0], ended.error) == ("FAILED", "InputError")

    def test_a_file_that_cannot_be_read_ends_with_file_and_hint(self, stage: Stage) -> None:
        stage.world.scenario["endpoint"]["sites"] = ["moon"]
        ended = stage.run()
        assert (ended.told[0], ended.error) == ("FAILED", "InputError")
        assert ended.events[-1]["error"]["where"].startswith(str(stage.world.scenario_file))


class TestRetries:
    def test_a_transient_error_is_retried(self, stage: Stage) -> None:
        stage.world.write()
        stage.world.faults("rack").plan(submit=["TargetUnavailableError", "TargetUnavailableError"])
        ended = stage.run()
        assert ended.told == ("COMPLETED", "Promoted")
        assert ended.tasks(15)["submit to rack"] == 3

    def test_a_permanent_error_is_not(self, stage: Stage) -> None:
        stage.world.write()
        stage.world.faults("rack").plan(submit=["AuthError"])
        ended = stage.run()
        assert (ended.told[0], ended.error) == ("FAILED", "AuthError")
        assert ended.tasks(5)["submit to rack"] == 1

    def test_a_run_that_ended_on_a_transient_error_is_carried_on_by_the_next(self, stage: Stage) -> None:
        stage.world.pattern("cloud_train_onprem_deploy").write()
        stage.world.faults("cloud-cpu").plan(observe=["TargetUnavailableError"] * 4)
        assert stage.run().error == "TargetUnavailableError"
        assert stage.run().told == ("COMPLETED", "Promoted")
        assert len(stage.world.jobs()) == 1


class TestHybrid:
    def test_a_lost_job_is_trained_in_the_cloud(self, stage: Stage) -> None:
        stage.world.plan_jobs("rack", reason="Lost", avoid="target")
        ended = stage.run()
        assert ended.told == ("COMPLETED", "Promoted")
        assert [attempt.target for attempt in training.attempts(stage.world.story())] == ["rack", "cloud-cpu"]
        assert any(event["text"].startswith("rack is avoided") for event in ended.events)

    def test_a_target_that_stops_to_answer_is_left(self, stage: Stage) -> None:
        stage.world.plan_jobs("rack", running_seconds=60)
        stage.world.faults("rack").plan(observe=["TargetUnavailableError"] * 4)
        assert stage.run().told == ("COMPLETED", "Promoted")
        assert [attempt.target for attempt in training.attempts(stage.world.story())] == ["rack", "cloud-cpu"]

    def test_a_failed_job_is_nowhere_else_better(self, stage: Stage) -> None:
        stage.world.plan_jobs("rack", exit_code=1)
        assert stage.run().error == "JobFailedError"
        assert len(stage.world.jobs()) == 1

    def test_it_ends_when_every_target_lost_the_job(self, stage: Stage) -> None:
        stage.world.plan_jobs(reason="Lost", avoid="target")
        ended = stage.run()
        assert ended.error == "NowhereToGoError"
        assert len(stage.world.jobs()) == 3  # rack, cloud-cpu and aks

    def test_it_stays_at_home_when_unreachable_targets_may_not_be_left(self, stage: Stage) -> None:
        stage.world.scenario["placement"] = {"failover": {"unreachable": False}}
        stage.world.plan_jobs("rack", reason="Lost", avoid="target")
        assert stage.run().error == "NowhereToGoError"


class TestWhatPrefectShows:
    def test_names_artifacts_and_progress(self, stage: Stage) -> None:
        ended = stage.run()
        run = stage.host.prefect("GET", f"/flow_runs/{ended.id}")
        assert run["name"] == "flights: run"
        key = ended.report["run_key"]
        names = set(ended.tasks(15))
        assert {
            "place flights",
            "stage data for rack",
            "submit to rack",
            f"train flights-{key}-1",
            "judge delay",
            "register delay",
            "ship version 1",
            "deploy version 1 beside",
            "smoke-test version 1",
            "shift traffic to version 1",
            "promote version 1",
            "retire what served before version 1",
        } <= names
        assert {"place", "judge", "serving", "endpoint-cloud", "endpoint-onprem"} <= ended.artifacts()
        steps = [event["step"] for event in ended.events if event["state"] == "done"]
        assert steps.index("place") < steps.index("train") < steps.index("smoke_test") < steps.index("promote")
        assert ended.events[-1]["state"] == "finished"


class TestOtherFlows:
    @pytest.mark.slow
    def test_redeploy_by_hand_goes_back_and_a_run_holds_the_newer_back(self, stage: Stage) -> None:
        stage.run()
        new_data(stage.world)
        stage.run()
        assert stage.run("redeploy", "rollback").told == ("COMPLETED", "Promoted")
        assert champion(stage.world.story()) == "1"
        assert stage.run().told == ("COMPLETED", "Unchanged")

    def test_reconcile_carries_on_what_was_begun(self, stage: Stage) -> None:
        stage.world.pattern("cloud_train_onprem_deploy").write()
        stage.world.faults("cloud-cpu").plan(observe=["TargetUnavailableError"] * 4)
        stage.run()
        ended = stage.run("reconcile", "reconcile")
        assert ended.told == ("COMPLETED", "Reconciled")
        assert "put right" in ended.report["text"]
        assert champion(stage.world.story()) == "1"
        assert "as it should be" in stage.run("reconcile", "reconcile").report["text"]

    def test_reconcile_deploys_a_champion_that_does_not_serve(self, stage: Stage) -> None:
        stage.run()
        (stage.world.home / "sites/cloud/serving/cloud-serving/endpoints/delay.json").unlink()
        assert stage.run("reconcile", "reconcile").told == ("COMPLETED", "Reconciled")
        assert serving(stage.world.story()) == {"cloud": "1", "onprem": "1"}

    def test_replicate_data_brings_it_ahead_of_need(self, stage: Stage) -> None:
        stage.world.scenario["data"]["flights"]["replication"] = "proactive"
        ended = stage.run("replicate_data", "replicate")
        assert ended.told == ("COMPLETED", "Replicated")
        assert stage.world.entries(Kind.MOVEMENT)[0].payload["to_site"] == "onprem"

    def test_score_reports_where_the_predictions_are(self, stage: Stage) -> None:
        plan_scoring(stage.world)
        stage.run()
        ended = stage.run("score", "score", order={"data": "flights"})
        assert ended.told == ("COMPLETED", "Scored")
        assert ended.report["details"]["counts"]["rows"] == 2
        again = stage.run("score", "score", order={"data": "flights"})
        assert again.report["details"] == ended.report["details"]

    def test_reconcile_ends_a_scoring_that_was_begun(self, stage: Stage) -> None:
        plan_scoring(stage.world)
        stage.run()
        stage.world.faults("cloud-cpu").plan(submit=["TargetUnavailableError"] * 4)
        assert stage.run("score", "score", order={"data": "flights"}).told[0] == "FAILED"
        ended = stage.run("reconcile", "reconcile")
        began = [event["step"] for event in ended.events if event["state"] == "started"]
        assert "look_at_scoring" in began
        assert "prepare_scoring" not in began  # the look prepared it
        assert (ended.told, "was begun and not ended, put right" in ended.report["text"]) == (
            ("COMPLETED", "Reconciled"),
            True,
        )
        assert stage.world.entries(Kind.SCORING)[0].payload["outcome"] == "Succeeded"
        plan_scoring(stage.world, running_seconds=0.2)
        stage.world.faults("cloud-cpu").plan(observe=["TargetUnavailableError"] * 4)
        stage.run("score", "score", order={"data": "flights", "error_threshold": 1})
        assert stage.run("reconcile", "reconcile").told == ("COMPLETED", "Reconciled")
        newest = stage.world.entries(Kind.SCORING)[0].payload
        assert (newest["outcome"], newest["order"]) == ("Succeeded", {**ORDER, "error_threshold": 1})
        assert "as it should be" in stage.run("reconcile", "reconcile").report["text"]

    def test_score_refuses_what_may_not_leave(self, stage: Stage) -> None:
        plan_scoring(stage.world)
        stage.run()
        stage.world.scenario["data"]["flights"]["residency"] = "cloud"
        ended = stage.run("score", "score", order={"data": "flights", "target": "rack"})
        assert (ended.told[0], ended.error) == ("FAILED", "ResidencyError")

    def test_a_site_that_is_silent_at_the_end_fails_no_report(self, stage: Stage) -> None:
        stage.run()
        stage.world.plan_jobs(metrics={**GOOD, "mae": 30})
        new_data_only(stage.world)
        FaultPlan(stage.world.home / "sites/cloud/serving/cloud-serving").plan(observe=["TargetUnavailableError"])
        ended = stage.run()
        assert ended.told == ("COMPLETED", "Refused")
        assert {row["phase"] for row in ended.report["serving"]} == {"Ready", "Unreachable"}


def new_data_only(world: World) -> None:
    world.data("delay,distance\n8,8\n", "2013-04.csv")
