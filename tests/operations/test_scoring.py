"""Scoring: one job per model and data, whoever asks and however often; data and model only where they may be."""

import io
import json
import tarfile
from dataclasses import replace
from typing import Any

import pytest

from landbridge.domain.errors import (
    CapabilityMissingError,
    InputError,
    JobFailedError,
    NotFoundError,
    NowhereToGoError,
    ResidencyError,
    TargetUnavailableError,
)
from landbridge.domain.inventory import Inventory, Role, Target
from landbridge.domain.ledger import Kind
from landbridge.domain.plan import FindingKind
from landbridge.domain.scoring import ScoringCounts, ScoringOrder
from landbridge.domain.values import JobPhase
from landbridge.drivers.azureml.options import AzureOptions
from landbridge.drivers.azureml.training_findings import findings as azure_findings
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.kubernetes.training_findings import findings as kubernetes_findings
from landbridge.drivers.kubernetes.training_submit import pack_code
from landbridge.operations import connections, scoring, scoring_job
from landbridge.operations.scoring import Scored
from landbridge.operations.story import Story
from tests.operations.world import World, job_plan

SUMMARY = {"files": 1, "failed_files": 0, "rows": 2, "failed_rows": 0, "skipped_files": [], "errors": []}
ORDER = ScoringOrder("flights")
JOBS = "flights-score-*"
KUBERNETES = Target("arc", "onprem", "kubernetes", frozenset({Role.TRAIN}), "arc")
AZURE = Target("aml", "cloud", "azureml", frozenset({Role.TRAIN}), "aml")


def plan_scoring(world: World, **plan: Any) -> None:
    """What becomes of scoring jobs from now on; training goes well."""
    left = {"outputs": {"predictions": {"summary.json": json.dumps(SUMMARY)}}, **plan}
    for entry in world.inventory["targets"].values():
        if "train" in entry["roles"]:
            entry["options"] = {"jobs": {JOBS: left, "*": job_plan()}}


@pytest.fixture
def served(world: World) -> World:
    """A world whose champion serves."""
    plan_scoring(world)
    world.run()
    return world


def scored(story: Story, order: ScoringOrder = ORDER) -> Scored:
    """Every step of the flow, in its order, without Prefect."""
    return carried_out(scoring.prepare(story, order))


def carried_out(prepared: scoring.Scoring) -> Scored:
    """The same without the first step."""
    shipped, staged = scoring.ship_model(prepared), scoring.stage_data(prepared)
    return scoring.wait(prepared, scoring.submit(prepared, shipped, staged))


def scoring_jobs(world: World) -> list[str]:
    return [name for name in world.jobs() if name.startswith("flights-score-")]


class TestScore:
    def test_the_champion_scores_where_the_data_is_and_the_predictions_stay_there(self, served: World) -> None:
        found = scored(served.story())
        assert (found.target, found.site) == ("cloud-cpu", "cloud")
        assert found.output.startswith(str(served.home / "sites" / "cloud"))
        assert found.counts == ScoringCounts(1, 0, 2, 0, 0)
        newest = served.entries(Kind.SCORING)[0].payload
        assert (newest["version"], newest["target"], newest["output"]) == ("1", "cloud-cpu", found.output)
        assert newest["data_digest"] == served.story().data["flights"].snapshot.digest
        assert newest["counts"] == {"files": 1, "failed_files": 0, "rows": 2, "failed_rows": 0, "skipped_files": 0}

    def test_the_same_order_again_is_the_same_job(self, served: World) -> None:
        assert scored(served.story()) == scored(served.story())
        assert len(scoring_jobs(served)) == 1

    def test_a_run_killed_after_its_submit_is_taken_up_by_the_next(self, served: World) -> None:
        plan_scoring(served, running_seconds=0.2)
        prepared = scoring.prepare(served.story(), ORDER)
        first = scoring.submit(prepared, scoring.ship_model(prepared), scoring.stage_data(prepared))
        assert scored(served.story()).job == first.name
        assert len(scoring_jobs(served)) == 1

    def test_a_run_killed_before_its_target_knew_the_job_submits_that_very_job(self, served: World) -> None:
        served.faults("cloud-cpu").plan(submit=["TargetUnavailableError"])
        with pytest.raises(TargetUnavailableError):
            scored(served.story())
        assert scoring_jobs(served) == []
        scored(served.story())
        assert [name[-2:] for name in scoring_jobs(served)] == ["-1"]

    def test_new_data_and_another_threshold_are_other_jobs(self, served: World) -> None:
        scored(served.story())
        scored(served.story(), replace(ORDER, error_threshold=3))
        served.data("delay,distance\n9,9\n", "2013-02.csv")
        scored(served.story())
        assert len(scoring_jobs(served)) == 3

    def test_data_by_its_uri_is_scored_at_home_under_its_data_sets_rule(self, served: World) -> None:
        uri = "azureml://datastores/lake/paths/flights/2013-01.csv"
        prepared = scoring.prepare(served.story(), ScoringOrder(uri))
        assert prepared.data.asset.residency == {"cloud", "onprem"}
        assert prepared.story.job.inputs["data"].type == "uri_file"
        assert scored(served.story(), ScoringOrder(uri)).site == "cloud"

    def test_the_model_crosses_to_the_wanted_site_and_the_movement_is_recorded(self, served: World) -> None:
        found = scored(served.story(), replace(ORDER, target="rack"))
        assert found.site == "onprem"
        key = served.entries(Kind.SCORING)[0].run_key
        moved = {
            (str(item.payload["kind"]), item.payload["to_site"])
            for item in served.book.entries(Kind.MOVEMENT, run_key=key)
        }
        assert moved == {("model", "onprem"), ("data", "onprem")}

    def test_a_pattern_that_trains_in_the_cloud_scores_on_premises_where_the_data_is(self, world: World) -> None:
        plan_scoring(world)
        world.pattern("cloud_train_onprem_deploy").run()
        found = scored(world.story(), ScoringOrder("azureml://datastores/plant/paths/flights"))
        assert (found.target, found.site) == ("rack", "onprem")

    def test_clusters_and_workspaces_take_the_job_as_it_is(self, served: World) -> None:
        job = scoring.prepare(served.story(), ORDER).story.job
        assert kubernetes_findings(job, KUBERNETES, KubernetesOptions("ml", artifacts="s3://a/b")) == ()
        inventory = Inventory("test", "inventory.yaml", "/nowhere", {}, {"aml": AZURE}, {})
        said = azure_findings(job, AZURE, inventory, AzureOptions("s", "g", "w", compute="c", kind="amlcompute"))
        assert [finding for finding in said if finding.kind is FindingKind.REFUSED] == []

    def test_the_code_of_the_job_is_the_script(self) -> None:
        with tarfile.open(fileobj=io.BytesIO(pack_code(scoring_job.CODE))) as package:
            assert set(package.getnames()) == {"__init__.py", "score_files.py"}


class TestRefusals:
    def test_data_does_not_leave_its_residency(self, served: World) -> None:
        served.scenario["data"]["flights"]["residency"] = "cloud"
        before = served.files()
        with pytest.raises(ResidencyError, match="data flights may be at cloud only"):
            scored(served.story(), replace(ORDER, target="rack"))
        assert served.files() == before

    def test_undeclared_data_does_not_leave_its_site(self, served: World) -> None:
        order = ScoringOrder("azureml://datastores/plant/paths/flights", target="cloud-cpu")
        before = served.files()
        with pytest.raises(ResidencyError, match="may be at onprem only"):
            scored(served.story(), order)
        assert served.files() == before

    def test_the_innermost_data_set_has_the_rule_of_a_path(self, served: World) -> None:
        (served.home / "sites/cloud/lake/flights/secret").mkdir()
        (served.home / "sites/cloud/lake/flights/secret/a.csv").write_text("delay,distance\n1,2\n")
        uri = "azureml://datastores/lake/paths/flights/secret"
        served.job["inputs"]["secret"] = {"type": "uri_folder"}
        served.scenario["data"]["secret"] = {"uri": uri, "residency": "cloud"}
        with pytest.raises(ResidencyError, match="data secret may be at cloud only"):
            scored(served.story(), ScoringOrder(f"{uri}/a.csv", target="rack"))

    @pytest.mark.parametrize("path", ["flights/../flights", "flights/./2013-01.csv", "flights//2013-01.csv", ""])
    def test_a_path_has_one_spelling_so_that_its_rule_is_found(self, served: World, path: str) -> None:
        with pytest.raises(InputError, match="is not plain"):
            scored(served.story(), ScoringOrder(f"azureml://datastores/lake/paths/{path}"))

    def test_a_model_that_may_not_leave_is_not_used_elsewhere(self, served: World) -> None:
        served.scenario["data"]["flights"]["residency"] = "cloud"
        served.scenario["exports"] = {}
        before = served.files()
        with pytest.raises(NowhereToGoError, match=r"rack: .*the model may not be there.*exports.model is off"):
            scored(served.story(), ScoringOrder("azureml://datastores/plant/paths/flights"))
        assert served.files() == before

    def test_a_version_that_is_not_there_is_named_with_those_that_are(self, served: World) -> None:
        with pytest.raises(NotFoundError, match="no version '7'; there are: 1"):
            scored(served.story(), replace(ORDER, version="7"))

    def test_without_a_champion_there_is_nothing_to_score_with(self, world: World) -> None:
        with pytest.raises(NotFoundError, match="has no champion"):
            scored(world.story())

    def test_an_unknown_data_set_is_answered_with_the_nearest(self, served: World) -> None:
        with pytest.raises(InputError, match="'flight' is no data set") as caught:
            scored(served.story(), ScoringOrder("flight"))
        assert "azureml://datastores/" in caught.value.hint

    def test_a_model_of_the_scenarios_own_code_is_refused(self, served: World) -> None:
        story = served.story()
        code: Any = object()
        endpoint = replace(story.scenario.endpoint, scoring=code)
        with pytest.raises(CapabilityMissingError, match=r"endpoint\.scoring"):
            scored(replace(story, scenario=replace(story.scenario, endpoint=endpoint)))


class TestFailures:
    def test_a_failed_job_is_made_anew_by_the_next_order(self, served: World) -> None:
        plan_scoring(served, exit_code=1)
        with pytest.raises(JobFailedError):
            scored(served.story())
        plan_scoring(served)
        assert scored(served.story()).job.endswith("-2")

    def test_a_job_without_a_summary_did_not_score(self, served: World) -> None:
        plan_scoring(served, outputs={"predictions": {"else.txt": "x"}})
        with pytest.raises(JobFailedError, match=r"no readable summary\.json"):
            scored(served.story())
        plan_scoring(served)
        assert scored(served.story()).job.endswith("-2")

    def test_an_order_for_another_target_ends_what_was_begun_elsewhere(self, served: World) -> None:
        plan_scoring(served, running_seconds=30)
        prepared = scoring.prepare(served.story(), ORDER)
        first = scoring.submit(prepared, scoring.ship_model(prepared), scoring.stage_data(prepared))
        plan_scoring(served)
        second = scored(served.story(), replace(ORDER, target="rack"))
        status = connections.training(served.story().inventory, first.target).observe(first.ref)
        assert (status.phase, status.reason) == (JobPhase.FAILED, "Cancelled")
        assert (second.target, scored(served.story())) == ("rack", second)

    def test_predictions_made_elsewhere_are_made_again_on_the_wanted_target(self, served: World) -> None:
        first, second = scored(served.story()), scored(served.story(), replace(ORDER, target="rack"))
        assert (first.target, second.target) == ("cloud-cpu", "rack")
        assert scored(served.story(), replace(ORDER, target="cloud-cpu")) == first
        assert len(scoring_jobs(served)) == 2
