"""Orders of a scenario that go to a batch endpoint: taken up after a kill by the way they came, and ended when left."""

from typing import Any

import pytest

from landbridge.domain.errors import JobFailedError, LandbridgeError, NowhereToGoError
from landbridge.domain.ledger import Kind
from landbridge.domain.scoring import ScoringOrder
from landbridge.operations import connections, scoring, scoring_resuming
from landbridge.operations.scoring import Scoring
from landbridge.operations.training import Attempt
from tests.azure.batch import scorings
from tests.azure.double.double import Double
from tests.operations.conftest import world  # noqa: F401 - a fixture
from tests.operations.world import World

pytestmark = pytest.mark.timeout(120, func_only=True)
ORDER = ScoringOrder("flights", target="aml")


@pytest.fixture
def served(world: World, azure: Double) -> World:  # noqa: F811 - the fixture above
    """A world whose champion serves, and a workspace whose compute has no room."""
    azure.seeds.kubernetes_compute("k8s")
    azure.full.add("k8s")
    world.run()
    options = azure.places.options(compute="k8s", batch_scoring="endpoint")
    world.inventory["targets"]["aml"] = {"site": "cloud", "driver": "azureml", "roles": ["train"], "options": options}
    return world


def begun(world: World, order: ScoringOrder = ORDER) -> tuple[Scoring, Attempt]:  # noqa: F811
    """Every step up to the waiting."""
    prepared = scoring.prepare(world.story(), order)
    return prepared, scoring.submit(prepared, scoring.ship_model(prepared), scoring.stage_data(prepared))


def test_an_order_that_was_killed_is_taken_up_by_the_next(azure: Double, served: World) -> None:
    _, first = begun(served)
    _, again = begun(served)
    assert again == first
    assert first.way == "endpoint"
    assert scorings(azure) == [first.name]


def test_an_order_that_was_killed_before_azure_knew_it_makes_that_very_job(azure: Double, served: World) -> None:
    azure.faults.add("PUT", "/batchEndpoints/", status=503, times=None)
    with pytest.raises(LandbridgeError):
        begun(served)
    assert scorings(azure) == []
    azure.faults.clear()
    _, again = begun(served)
    assert scorings(azure) == [again.name]
    assert again.name.endswith("-1")


def test_a_job_that_was_begun_is_followed_by_its_way_whatever_the_options_say_now(azure: Double, served: World) -> None:
    _, first = begun(served)
    served.inventory["targets"]["aml"]["options"].pop("batch_scoring")
    _, again = begun(served)
    assert again == first
    assert scorings(azure) == [first.name]
    assert not [*azure.record.asked("PUT", "/jobs/")]


def test_an_order_for_another_target_ends_the_job(azure: Double, served: World) -> None:
    plan: dict[str, Any] = {"outputs": {"predictions": {"summary.json": "{}"}}}
    served.plan_jobs("cloud-cpu", **plan)
    _, first = begun(served)
    _, second = begun(served, ScoringOrder("flights", target="cloud-cpu"))
    assert (second.target, second.way) == ("cloud-cpu", "")
    assert azure.jobs.run(first.name).status == "Canceled"


def test_reconcile_follows_an_order_by_its_way_though_the_data_is_other_by_now(azure: Double, served: World) -> None:
    _, first = begun(served)
    served.data("a,b\n3,4\n", "more.csv")
    story = served.story()
    [left] = scoring_resuming.all_begun(story).scorings
    assert left.attempt == first
    assert left.what["files"] == ["2013-01.csv"]  # those that the job was given
    assert scoring_resuming.prepare_again(story, left) is None  # Azure has the job
    connections.runner(story.inventory, "aml", first.way).cancel(first.ref)
    with pytest.raises(JobFailedError, match=first.name):
        scoring_resuming.settle(story, left)
    assert served.entries(Kind.SCORING)[0].payload["reason"] == "Cancelled"
    assert scoring_resuming.all_begun(story).scorings == ()


def test_a_job_that_was_given_up_is_ended_by_its_way(azure: Double, served: World) -> None:
    served.plan_jobs("cloud-cpu", outputs={"predictions": {"summary.json": "{}"}})
    _, first = begun(served)
    azure.faults.add("POST", "/cancel", status=503, times=None)
    begun(served, ScoringOrder("flights", target="cloud-cpu"))
    assert azure.jobs.run(first.name).status != "Canceled"
    azure.faults.clear()
    assert scoring_resuming.end_given_up(served.story()) == [f"scoring job {first.name} on aml was given up"]
    assert azure.jobs.run(first.name).status == "Canceled"


def test_what_it_cannot_read_is_refused_before_anything_moves(azure: Double, served: World) -> None:
    served.data("{}", "more.jsonl")
    before = served.entries(Kind.MOVEMENT)
    with pytest.raises(NowhereToGoError, match=r"aml: the azureml driver refuses data: more\.jsonl: a batch endpoint"):
        begun(served)
    assert served.entries(Kind.MOVEMENT) == before
    assert served.entries(Kind.SCORING) == ()
    assert scorings(azure) == []


def test_settings_of_a_file_are_refused_before_anything_moves(azure: Double, served: World) -> None:
    text = "name: scores\nendpoint_name: scores\nmodel: azureml:m:1\ncompute: azureml:c\nmini_batch_size: 2\n"
    (served.folder / "batch.yml").write_text(text)
    served.scenario["endpoint"]["batch"] = "batch.yml"
    before = served.files()
    with pytest.raises(NowhereToGoError, match=r"endpoint\.batch: a batch endpoint of this target takes nothing"):
        begun(served)
    assert (served.files(), scorings(azure)) == (before, [])
    served.inventory["targets"]["aml"]["options"].pop("batch_scoring")
    served.inventory["environments"].insert(0, {"name": "*", "image": "registry.example/any:1", "targets": ["aml"]})
    azure.full.clear()
    assert scoring.prepare(served.story(), ORDER).way == ""
