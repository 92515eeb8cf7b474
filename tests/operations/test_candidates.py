"""What becomes a version: judged, registered once, and never more across a border than was approved."""

import json
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.errors import FencedError, GateError, InputError, JobFailedError
from landbridge.domain.ledger import Kind
from landbridge.domain.rollout import Phase
from landbridge.domain.values import ModelVersion
from landbridge.drivers.fsspec.models import SiteModels
from landbridge.operations import candidates, connections, releasing, shipping
from landbridge.operations.story import Story
from tests.operations.world import GOOD, World, job_plan, lease, train_and_register, trained


def registry(story: Story, site: str = "cloud") -> Any:
    return connections.registry(story.inventory, site)


def leave(world: World, **files: str) -> None:
    world.plan_jobs(outputs={"model": files})


class TestEvaluate:
    def test_a_job_without_a_model_failed(self, world: World) -> None:
        leave(world)
        with pytest.raises(JobFailedError, match="left no model in its output 'model'"):
            world.run()

    def test_a_model_without_mlmodel_is_refused(self, world: World) -> None:
        leave(world, **{"model.pkl": "weights"})
        with pytest.raises(JobFailedError, match="no MLmodel file"):
            world.run()

    def test_a_scoring_script_needs_no_mlmodel(self, world: World) -> None:
        leave(world, **{"model.pkl": "weights"})
        (world.folder / "src" / "score.py").write_text("def init(): ...\ndef run(data): ...\n")
        world.scenario["endpoint"]["scoring"] = {"code": "src", "script": "score.py"}
        assert world.run().outcome == "Promoted"


class TestGate:
    def test_a_bad_model_is_refused_with_its_reason_and_leaves_no_version(self, world: World) -> None:
        world.plan_jobs(metrics={**GOOD, "mae": 25.0})
        with pytest.raises(GateError, match="mae is 25, above the maximum of 18"):
            world.run()
        verdict = world.entries(Kind.VERDICT)[0]
        assert verdict.payload["outcome"] == "Fail"
        assert registry(world.story()).versions("delay") == ()
        assert world.releases() == ()

    def test_a_refused_run_is_judged_again_but_not_trained_again(self, world: World) -> None:
        world.plan_jobs(metrics={**GOOD, "mae": 25.0})
        for _ in range(2):
            with pytest.raises(GateError):
                world.run()
        assert len(world.jobs()) == 1
        world.scenario["gate"] = {"thresholds": {"mae": {"max": 30}}}
        assert world.run().outcome == "Promoted"
        assert len(world.jobs()) == 1

    def test_a_metric_that_the_job_does_not_log_is_named(self, world: World) -> None:
        world.scenario["gate"] = {"thresholds": {"maee": {"max": 18}}}
        with pytest.raises(InputError, match="needs metric 'maee'"):
            world.run()
        assert registry(world.story()).versions("delay") == ()

    def test_a_model_worse_than_the_champion_is_refused(self, world: World) -> None:
        world.scenario["gate"] = {"better_than_champion": {"metric": "mae", "goal": "minimize", "tolerance": 0.1}}
        world.run()
        world.data("delay,distance\n9,9\n", "2013-02.csv")
        world.plan_jobs(metrics={**GOOD, "mae": 14.0})
        with pytest.raises(GateError, match="the champion has 12"):
            world.run()

    def test_a_resumed_run_is_not_compared_with_its_own_version(self, world: World) -> None:
        world.scenario["gate"] = {"better_than_champion": {"metric": "mae", "goal": "minimize"}}
        world.run()
        assert world.run().outcome == "Unchanged"


class TestRegister:
    def test_a_second_register_finds_the_first_version(self, world: World) -> None:
        story = world.story()
        held = lease(story)
        first, second = train_and_register(story, held), train_and_register(story, held)
        assert (first.version, first.digest, first.tags) == (second.version, second.digest, second.tags)
        assert len(registry(story).versions("delay")) == 1

    def test_a_new_version_is_the_challenger_until_it_is_the_champion(self, world: World) -> None:
        story = world.story()
        held = lease(story)
        train_and_register(story, held)
        assert registry(story).versions("delay")[0].aliases == ("challenger",)
        world.run()
        world.run()  # nothing new: the champion does not become a challenger again
        assert registry(story).versions("delay")[0].aliases == ("champion",)

    def test_two_forced_runs_are_two_versions(self, world: World) -> None:
        world.run()
        assert world.run("retrain", force="again").version == "2"

    def test_a_zombie_whose_lease_was_taken_over_registers_nothing(self, world: World) -> None:
        story = world.story()
        old = lease(story, "here/1/1.00", ttl_seconds=0.0)
        judged = candidates.judge_candidate(story, candidates.evaluate(story, trained(story)))
        lease(story, "elsewhere/2/2.00")
        with pytest.raises(FencedError):
            candidates.register(story, judged, old)
        assert registry(story).versions("delay") == ()

    def test_lineage_is_kept_with_the_version(self, world: World) -> None:
        story = world.story("new-data:flights")
        version = train_and_register(story, lease(story))
        assert version.tags["landbridge.run_key"] == story.run_key
        assert version.tags["landbridge.target"] == "rack"
        assert version.tags["landbridge.trigger"] == "new-data:flights"
        assert version.tags["landbridge.data.flights"] == story.parts.data["flights"]


class TestBorder:
    """Pattern 3: resident data on-premises, the registry in the cloud."""

    @pytest.fixture
    def crossed(self, world: World) -> tuple[World, Story, ModelVersion]:
        story = world.pattern("onprem_train_cloud_deploy").story()
        return world, story, train_and_register(story, lease(story))

    def test_only_approved_metrics_reach_the_registry_across_the_border(
        self, crossed: tuple[World, Story, ModelVersion]
    ) -> None:
        world, _, version = crossed
        assert version.metrics == {"mae": 12.0, "rows": 5000.0}
        assert json.loads(version.tags["landbridge.exported_metrics"]) == ["mae", "rows"]
        assert b"rmse" not in _all_files(world.home / "sites" / "cloud")

    def test_training_is_tracked_on_its_side_of_the_border(self, crossed: tuple[World, Story, ModelVersion]) -> None:
        world, _, _ = crossed
        assert b"rmse" in _all_files(world.home / "sites" / "onprem" / "registry")

    def test_the_model_leaves_without_its_samples(
        self, crossed: tuple[World, Story, ModelVersion], tmp_path: Path
    ) -> None:
        _, story, version = crossed
        registry(story).fetch(version, str(tmp_path / "model"))
        assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["MLmodel", "model.txt"]
        assert "example" not in (tmp_path / "model" / "MLmodel").read_text()

    def test_what_serves_across_the_border_has_no_samples_either(
        self, crossed: tuple[World, Story, ModelVersion]
    ) -> None:
        world, story, version = crossed
        shipping.ship(story, version)
        assert b"dataframe_split" not in _all_files(world.home / "sites" / "cloud" / "models")

    def test_nothing_is_left_of_the_stripped_copy(
        self, crossed: tuple[World, Story, ModelVersion], tmp_path: Path
    ) -> None:
        import tempfile

        assert not list(Path(tempfile.gettempdir()).glob("landbridge-strip-*/model/MLmodel"))

    def test_an_export_that_the_job_did_not_log_is_named(self, world: World) -> None:
        world.pattern("onprem_train_cloud_deploy").scenario["exports"]["metrics"] = ["mae", "row"]
        with pytest.raises(InputError, match=r"exports\.metrics names 'row'.*'rows'"):
            world.run()
        assert registry(world.story()).versions("delay") == ()
        world.scenario["exports"]["metrics"] = ["mae", "rows"]
        assert world.run().outcome == "Promoted"
        assert len(world.jobs()) == 1


def test_shipping_puts_one_verified_copy_at_each_site_and_none_twice(world: World) -> None:
    story = world.story()
    version = train_and_register(story, lease(story))
    shipped = shipping.ship(story, version)
    assert set(shipped.copies) == {"cloud", "onprem"}
    for site, copy in shipped.copies.items():
        store = SiteModels(story.inventory.sites[site], story.inventory)
        store.verify(copy)
        assert store.copies() == (copy,) or len(store.copies()) == 1
    assert shipping.ship(story, version).copies.keys() == shipped.copies.keys()


def test_a_zombie_whose_lease_was_taken_over_releases_nothing(world: World) -> None:
    story = world.story()
    old = lease(story, "here/1/1.00", ttl_seconds=0.0)
    version = train_and_register(story, old)
    rolling = releasing.begin(story, shipping.ship(story, version), old)
    lease(story, "elsewhere/2/2.00")
    with pytest.raises(FencedError):
        releasing.drive(story, rolling, old, Phase.RETIRE)
    assert registry(story).find("delay", alias="champion") is None
    assert all(not releasing.observe(story, site).colours for site in ("cloud", "onprem"))


def test_the_planned_model_is_an_mlflow_model() -> None:
    assert set(job_plan()["outputs"]["model"]) >= {"MLmodel", "serving_input_example.json"}


def _all_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
