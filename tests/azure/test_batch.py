"""Batch endpoints beyond the contract: what is made, what is refused before anything is, faults on the way, and kills."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from landbridge.domain.azure.online import (
    DEPLOYMENTS_OF_A_REGION,
    DEPLOYMENTS_OF_AN_ENDPOINT,
    ENDPOINTS_OF_A_REGION,
)
from landbridge.domain.errors import (
    CapabilityMissingError,
    InputError,
    LandbridgeError,
    PermanentError,
    QuotaExceededError,
    RefusedError,
    TransientError,
)
from tests.azure.batch import BATCH, Bench, deployments, scorings
from tests.azure.double.double import Double

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

pytestmark = pytest.mark.timeout(120, func_only=True)
INVOCATION = "inference.ml.azure.com/jobs"
REQUESTS_OF_A_SUBMIT = 60  # more than there are


@pytest.fixture
def bench(azure: Double, tmp_path: Path) -> Bench:
    """On a Kubernetes compute that has no room, so that no test waits for a job."""
    azure.seeds.kubernetes_compute("k8s")
    azure.full.add("k8s")
    return Bench(tmp_path, azure.places)


def with_options(bench: Bench, **options: str) -> Bench:
    return Bench(bench.home, bench.places, tuple(options.items()))


def sent(azure: Double) -> list[dict[str, Any]]:
    """What invocations asked for, in their order."""
    asked = [one.sent for one in azure.record.exchanges if one.service == "scoring" and one.path == "/jobs"]
    return [dict(one["properties"]) for one in asked if isinstance(one, dict)]


def nothing_made(azure: Double) -> bool:
    return not {"PUT", "POST"} & {one.method for one in azure.record.exchanges if one.service == "management"}


def test_what_is_ordered_reaches_azure(azure: Double, bench: Bench) -> None:
    order = bench.order(error_threshold=3, environment_variables={"A": "b"}, instance_type="big")
    bench.connect().submit(order)
    [made] = deployments(azure)
    said = made["properties"]
    assert made["name"].startswith("v3-")
    assert made["tags"]["landbridge.digest"] == order.model_digest
    assert said["compute"].endswith("/computes/k8s")
    assert (said["miniBatchSize"], said["environmentVariables"]) == (1, {"A": "b"})
    assert said["resources"] == {"instanceCount": 1, "instanceType": "big"}
    assert said["retrySettings"]["timeout"] == "PT60S"
    [asked] = sent(azure)
    assert (asked["name"], asked["errorThreshold"]) == ("score", 3)
    assert asked["properties"] == {"experimentName": "score"}
    assert asked["outputData"]["score"]["uri"].endswith("/paths/landbridge-scoring/score/predictions.csv")


def test_the_invocation_is_what_the_sdk_sends(azure: Double, bench: Bench, ml: "MLClient") -> None:
    from azure.ai.ml import Input, Output

    bench.connect().submit(bench.order("ours", error_threshold=3))
    [ours] = sent(azure)
    given, taken = ours["inputData"]["data"], ours["outputData"]["score"]
    ml.batch_endpoints.invoke(
        BATCH,
        deployment_name=deployments(azure)[0]["name"],
        inputs={"data": Input(type="uri_folder", path=given["uri"])},
        outputs={"score": Output(type="uri_file", path=taken["uri"])},
        job_name="theirs",
        experiment_name="theirs",
        params_override=[{"error_threshold": 3}],
    )
    [_, theirs] = sent(azure)
    assert {**theirs, "name": "ours", "properties": {"experimentName": "ours"}} == ours
    assert scorings(azure) == ["ours", "theirs"]


def test_the_model_of_the_workspace_is_the_one_that_online_deployments_take(azure: Double, bench: Bench) -> None:
    bench.connect().submit(bench.order())
    [model] = azure.world.resources.children(azure.world.ml("models/versions", "line"))
    assert (model["name"], model["properties"]["modelType"]) == ("3", "mlflow_model")


@pytest.mark.parametrize("change", [{"environment_variables": {"A": "b"}}, {"instance_type": "big"}])
def test_what_decides_how_it_runs_makes_another_deployment(azure: Double, bench: Bench, change: Any) -> None:
    bench.connect().submit(bench.order("one"))
    bench.connect().submit(bench.order("two", **change))
    assert len(deployments(azure)) == 2
    assert len([*azure.record.asked("PUT", f"/batchEndpoints/{BATCH}/deployments/")]) == 2


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.csv": "x", "below/b.csv": "x"}, "below/b.csv: a batch endpoint does not look into folders below"),
        ({"a.jsonl": "{}", "b.csv": "x"}, "a.jsonl: a batch endpoint reads .csv and .parquet"),
        ({f"{one}.txt": "" for one in range(5)}, "2.txt and 2 more: a batch endpoint reads"),
    ],
)
def test_files_that_azure_would_pass_over_are_refused(azure: Double, bench: Bench, files: Any, said: str) -> None:
    order = bench.order(files=files)
    assert [said in finding.detail for finding in bench.connect().foresee(order)] == [True]
    with pytest.raises(CapabilityMissingError, match=said):
        bench.connect().submit(order)
    assert nothing_made(azure)


def test_an_instance_type_that_the_cluster_lacks_is_refused(azure: Double, bench: Bench) -> None:
    with pytest.raises(CapabilityMissingError, match="huge is not an instance type"):
        with_options(bench, instance_type="huge").connect().submit(bench.order())
    assert nothing_made(azure)


def test_a_name_that_azure_does_not_take_is_refused(azure: Double, bench: Bench) -> None:
    with pytest.raises(CapabilityMissingError, match="no name of a batch endpoint"):
        bench.connect().submit(bench.order(endpoint="9-lives"))
    assert nothing_made(azure)


def test_a_compute_that_is_not_there_takes_nothing(azure: Double, bench: Bench) -> None:
    elsewhere = with_options(bench, compute="gone")
    assert [finding.field for finding in elsewhere.connect().foresee(bench.order())] == ["compute"]
    with pytest.raises(RefusedError, match="no compute 'gone'"):
        elsewhere.connect().submit(bench.order())
    assert nothing_made(azure)


def test_serverless_has_no_batch_endpoints(bench: Bench) -> None:
    with pytest.raises(InputError, match="batch_scoring: a batch endpoint needs the name of a compute"):
        with_options(bench, compute="").connect()


def test_an_endpoint_that_somebody_else_made_is_left_alone(azure: Double, bench: Bench) -> None:
    azure.world.add("batchEndpoints", (BATCH,), dict(ENDPOINT), **PLACE)
    assert [finding.field for finding in bench.connect().foresee(bench.order())] == ["endpoint.name"]
    with pytest.raises(CapabilityMissingError, match="did not make it"):
        bench.connect().submit(bench.order())
    assert nothing_made(azure)


def other_endpoints(azure: Double, count: int) -> list[str]:
    """Make as many, without deployments; returns their names."""
    names = [f"other-{number}" for number in range(count)]
    for name in names:
        azure.world.add("batchEndpoints", (name,), dict(ENDPOINT), **PLACE)
    return names


def test_a_full_subscription_is_told_before_anything_is_made(azure: Double, bench: Bench) -> None:
    other_endpoints(azure, ENDPOINTS_OF_A_REGION)
    with pytest.raises(QuotaExceededError, match="has 100 endpoints"):
        bench.connect().submit(bench.order())
    assert nothing_made(azure)


def test_a_region_full_of_deployments_takes_no_further_one(azure: Double, bench: Bench) -> None:
    bench.connect().submit(bench.order("one"))
    for endpoint in other_endpoints(azure, DEPLOYMENTS_OF_A_REGION // DEPLOYMENTS_OF_AN_ENDPOINT):
        for number in range(DEPLOYMENTS_OF_AN_ENDPOINT):
            names = (endpoint, f"d{number}")
            azure.world.add("batchEndpoints/deployments", names, {"provisioningState": "Succeeded"}, **PLACE)
    other = bench.order("two", environment_variables={"A": "b"})
    with pytest.raises(QuotaExceededError, match="has 501 deployments, as many as Azure gives to a subscription"):
        bench.connect().submit(other)
    assert bench.connect().foresee(bench.order("three")) == ()  # its deployment is one of those
    for number in (1, 2):
        azure.world.resources.remove(azure.world.ml("batchEndpoints/deployments", "other-0", f"d{number}"))
    assert bench.connect().foresee(other) == ()


def test_deployments_are_counted_only_while_they_could_be_too_many(azure: Double, bench: Bench) -> None:
    other_endpoints(azure, DEPLOYMENTS_OF_A_REGION // DEPLOYMENTS_OF_AN_ENDPOINT)
    assert bench.connect().foresee(bench.order()) == ()
    assert (
        len([*azure.record.asked("GET", "/deployments")]) == 1
    )  # the first has none, so 480 are the most there can be
    azure.world.resources.remove(azure.world.ml("batchEndpoints", "other-0"))
    assert bench.connect().foresee(bench.order()) == ()
    assert len([*azure.record.asked("GET", "/deployments")]) == 1  # 24 endpoints cannot have as many


def test_a_deployment_that_failed_is_made_anew(azure: Double, bench: Bench) -> None:
    azure.faults.add("PUT", "/deployments/v3", operation_fails=("BadModel", "The model does not load."))
    with pytest.raises(PermanentError, match="The model does not load"):
        bench.connect().submit(bench.order())
    assert scorings(azure) == []
    bench.connect().submit(bench.order())
    assert scorings(azure) == ["score"]
    assert len(deployments(azure)) == 1


@pytest.mark.parametrize("own_names", [False, True])
@pytest.mark.parametrize(
    "fault", [{"lose": True}, {"half": True}, {"status": 500}, {"status": 503}, {"status": 429}, {"status": 409}]
)
def test_one_fault_at_the_invocation_makes_no_second_job(
    azure: Double, bench: Bench, fault: dict[str, Any], own_names: bool
) -> None:
    azure.batch.names_jobs_itself = own_names
    azure.faults.add("POST", INVOCATION, **fault)
    try:
        bench.connect().submit(bench.order())
    except TransientError:
        bench.connect().submit(bench.order())
    assert len(scorings(azure)) == 1


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        (rf"/batchEndpoints/{BATCH}\?", {"lose": True}),
        (rf"/batchEndpoints/{BATCH}\?", {"status": 503}),
        ("/deployments/v3", {"lose": True, "operation_seconds": 1}),
        ("/deployments/v3", {"status": 409}),
    ],
)
def test_one_fault_while_it_is_made_makes_nothing_twice(
    azure: Double, bench: Bench, pattern: str, fault: dict[str, Any]
) -> None:
    azure.faults.add("PUT", pattern, **fault)
    try:
        bench.connect().submit(bench.order())
    except TransientError:
        bench.connect().submit(bench.order())
    assert len(scorings(azure)) == 1
    assert len(deployments(azure)) == 1


def test_of_two_jobs_of_one_name_the_older_counts(azure: Double, bench: Bench) -> None:
    """Two processes looked at the same moment, and Azure named both jobs itself."""
    azure.batch.names_jobs_itself = True
    first = bench.connect().submit(bench.order())
    [older] = scorings(azure)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("landbridge.drivers.azureml.batch.find_job", lambda *_: None)
        bench.connect().submit(bench.order())
    assert len(scorings(azure)) == 2
    bench.connect().cancel(first)
    assert azure.jobs.run(older).status == "Canceled"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_after_any_request_the_next_submit_makes_one_of_each(azure: Double, bench: Bench) -> None:
    """A child is killed once its n-th request was dealt with, before the answer; n counts up until a child survives."""
    azure.batch.names_jobs_itself = True
    whole = bench.order()
    for number in range(REQUESTS_OF_A_SUBMIT):
        name, model = f"n{number}", bench.home / f"model-{number}"
        shutil.copytree(whole.model_url, model)
        (model / "note").write_text(name)
        order = bench.order(
            name, {"a.csv": f"x\n{number}\n"}, model_url=str(model), endpoint=f"{name}-batch", model=name
        )
        child = bench.elsewhere(order)
        fault = azure.faults.add("", "https://(management|.*blob|.*inference)", skip=number, then=child.kill)
        _, err = child.communicate(timeout=100)
        azure.faults.faults.remove(fault)
        assert child.returncode in {0, -9}, err.decode()
        bench.connect().submit(order)
        one = azure.world.resources.children(azure.world.ml("batchEndpoints/deployments", order.endpoint))
        assert (len(scorings(azure)), len(one)) == (number + 1, 1)
        azure.world.resources.remove(azure.world.ml("batchEndpoints", order.endpoint))  # many are counted one by one
        if child.returncode == 0:
            break
    assert 15 < number < REQUESTS_OF_A_SUBMIT - 1


def test_a_refusal_of_azure_has_its_words_and_a_hint(azure: Double, bench: Bench) -> None:
    azure.faults.add("POST", INVOCATION, status=400, code="UserError", message="The input is wrong.")
    with pytest.raises(LandbridgeError, match="The input is wrong") as caught:
        bench.connect().submit(bench.order())
    assert caught.value.hint


PLACE: Any = {"location": "westeurope", "tags": {}}
ENDPOINT: Any = {"authMode": "AADToken", "provisioningState": "Succeeded"}
