"""Computes and jobs: the unmodified Azure ML SDK against the double."""

import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.azure.double.double import Double
from tests.azure.sdk import wait

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def test_a_cluster_is_attached_listed_and_detached(azure: Double, ml: "MLClient") -> None:
    from azure.ai.ml.entities import KubernetesCompute
    from azure.core.exceptions import ResourceNotFoundError

    cluster = azure.seeds.cluster("aks1", "aks")
    azure.seeds.managed_compute("cpu", "Standard_DS3_v2")
    compute = ml.compute.begin_create_or_update(
        KubernetesCompute(name="k8s", resource_id=cluster, namespace="team")
    ).result()
    assert compute.provisioning_state == "Succeeded"
    assert compute.namespace == "team"
    assert {one.name: one.type for one in ml.compute.list()} == {"k8s": "kubernetes", "cpu": "amlcompute"}
    assert set(ml.compute.get("k8s").properties["instanceTypes"]) == {"defaultinstancetype", "big"}
    ml.compute.begin_delete("k8s", action="Detach").result()
    with pytest.raises(ResourceNotFoundError):
        ml.compute.get("k8s")


def test_attaching_fails_without_the_extension(azure: Double, ml: "MLClient") -> None:
    from azure.ai.ml.entities import KubernetesCompute
    from azure.core.exceptions import HttpResponseError

    cluster = azure.seeds.cluster("bare", settings={})
    with pytest.raises(HttpResponseError, match="extension is not installed"):
        ml.compute.begin_create_or_update(KubernetesCompute(name="k8s", resource_id=cluster)).result()
    assert ml.compute.get("k8s").provisioning_state == "Failed"


def test_a_second_attach_does_not_change_the_namespace(azure: Double, ml: "MLClient") -> None:
    """As Azure does: SDK v2 cannot update an attached cluster."""
    from azure.ai.ml.entities import KubernetesCompute

    azure.seeds.kubernetes_compute("k8s", namespace="first")
    cluster = ml.compute.get("k8s").resource_id
    ml.compute.begin_create_or_update(KubernetesCompute(name="k8s", resource_id=cluster, namespace="second")).result()
    assert ml.compute.get("k8s").namespace == "first"


def test_a_managed_cluster_is_made(azure: Double, ml: "MLClient") -> None:
    from azure.ai.ml.entities import AmlCompute

    made = ml.compute.begin_create_or_update(AmlCompute(name="cpu", size="Standard_DS3_v2", max_instances=2)).result()
    assert (made.provisioning_state, made.max_instances, made.min_instances) == ("Succeeded", 2, 0)
    assert "Standard_NC6s_v3" in {one.name for one in ml.compute.list_sizes()}
    ml.compute.begin_delete("cpu").result()
    assert not list(ml.compute.list())


def test_a_job_really_runs_the_uploaded_code(
    azure: Double, ml: "MLClient", submit: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from azure.ai.ml import Input, Output

    azure.seeds.kubernetes_compute("k8s")
    data = azure.seeds.blob("data/train.csv", b" of data")
    going = tmp_path / "going"  # a job that ended before it is streamed shows nothing
    azure.faults.add("GET", "/runs/first/details", then=going.touch)
    job = submit(
        f"until test -e {going}; do sleep 0.02; done; "
        "python train.py --lr ${{inputs.lr}} --data ${{inputs.data}} --model ${{outputs.model}}",
        name="first",
        inputs={"lr": 0.5, "data": Input(type="uri_file", path=data)},
        outputs={"model": Output(type="uri_folder")},
        environment_variables={"DEPTH": "3"},
        instance_type="big",
    )
    assert job.name == "first"
    ml.jobs.stream("first")
    assert "trained with 3 in run first" in capsys.readouterr().out
    assert ml.jobs.get("first").status == "Completed"
    assert [one.name for one in ml.jobs.list()] == ["first"]
    ml.jobs.download("first", download_path=tmp_path / "got", all=True)
    assert (tmp_path / "got/named-outputs/model/weights.txt").read_text() == "0.5 of data"
    assert (tmp_path / "got/artifacts/outputs/metrics.txt").read_text() == "0.9"
    assert "trained with 3" in (tmp_path / "got/artifacts/user_logs/std_log.txt").read_text()


def test_a_job_that_fails_says_why(azure: Double, ml: "MLClient", submit: Callable[..., Any]) -> None:
    from azure.ai.ml.exceptions import JobException

    azure.seeds.kubernetes_compute("k8s")
    submit("echo out of luck >&2; exit 7", name="bad")
    with pytest.raises(JobException, match=r"(?s)status code 7.*out of luck"):
        ml.jobs.stream("bad")
    assert ml.jobs.get("bad").status == "Failed"


def test_a_running_job_is_cancelled_with_its_processes(
    azure: Double, ml: "MLClient", submit: Callable[..., Any], tmp_path: Path
) -> None:
    azure.seeds.kubernetes_compute("k8s")
    mark = tmp_path / "beats"
    submit(f"trap '' TERM; while true; do echo x >> {mark}; sleep 0.05; done", name="long")
    wait(ml, "long", "Running")
    ml.jobs.begin_cancel("long").result()
    assert ml.jobs.get("long").status == "Canceled"
    size = mark.stat().st_size
    time.sleep(0.2)
    assert mark.stat().st_size == size


def test_a_job_past_its_limit_is_cancelled(azure: Double, ml: "MLClient", submit: Callable[..., Any]) -> None:
    from azure.ai.ml import command
    from azure.ai.ml.entities import Environment

    azure.seeds.kubernetes_compute("k8s")
    job = command(command="sleep 60", environment=Environment(image="x"), compute="k8s", name="slow")
    job.set_limits(timeout=1)
    ml.jobs.create_or_update(job)
    assert wait(ml, "slow").status == "Canceled"


def test_a_job_waits_while_its_compute_is_full(azure: Double, ml: "MLClient", submit: Callable[..., Any]) -> None:
    azure.seeds.managed_compute("cpu")
    azure.full.add("cpu")
    submit("true", name="waits", compute="cpu")
    assert wait(ml, "waits", "Queued").status == "Queued"
    azure.full.clear()
    assert wait(ml, "waits").status == "Completed"


def test_a_waiting_job_can_be_cancelled(azure: Double, ml: "MLClient", submit: Callable[..., Any]) -> None:
    azure.seeds.managed_compute("cpu")
    azure.full.add("cpu")
    submit("true", name="waits", compute="cpu")
    ml.jobs.begin_cancel("waits").result()
    assert ml.jobs.get("waits").status == "Canceled"


def test_a_job_without_compute_is_serverless(ml: "MLClient", submit: Callable[..., Any]) -> None:
    submit("true", name="free", compute=None, instance_type="Standard_DS3_v2")
    assert wait(ml, "free").status == "Completed"


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda inside: inside.namespaces.discard("team"), "namespace team is not found"),
        (lambda inside: setattr(inside, "is_reachable", False), "not reachable"),
    ],
)
def test_a_broken_cluster_fails_the_job_not_the_attach(
    azure: Double, ml: "MLClient", submit: Callable[..., Any], break_it: Callable[[Any], Any], words: str
) -> None:
    azure.seeds.kubernetes_compute("k8s", namespace="team")
    inside = azure.seeds.inside(ml.compute.get("k8s").resource_id)
    inside.namespaces.add("team")
    break_it(inside)
    submit("true", name="lost")
    assert wait(ml, "lost").status == "Failed"
    assert words in str(azure.jobs.run("lost").error)


def test_a_name_runs_once(azure: Double, ml: "MLClient", submit: Callable[..., Any], tmp_path: Path) -> None:
    from azure.core.exceptions import HttpResponseError

    azure.seeds.kubernetes_compute("k8s")
    submit(f"echo once >> {tmp_path}/runs", name="one")
    wait(ml, "one")
    with pytest.raises(HttpResponseError, match="already exists"):
        submit(f"echo twice >> {tmp_path}/runs", name="one")
    assert (tmp_path / "runs").read_text() == "once\n"


def test_a_job_names_what_is_there(azure: Double, submit: Callable[..., Any]) -> None:
    from azure.core.exceptions import HttpResponseError

    azure.seeds.kubernetes_compute("k8s")
    with pytest.raises(HttpResponseError, match="instance type huge is not found"):
        submit("true", instance_type="huge")
    with pytest.raises(HttpResponseError, match=r"compute .*elsewhere was not found"):
        submit("true", compute="elsewhere")


def test_the_double_uses_the_python_of_the_test(azure: Double, ml: "MLClient", submit: Callable[..., Any]) -> None:
    azure.seeds.kubernetes_compute("k8s")
    submit("python -c 'import sys; print(sys.executable)'", name="which")
    wait(ml, "which")
    assert Path(log(azure, "which")).parent == Path(sys.executable).parent


def test_a_lost_answer_makes_no_second_job(
    azure: Double, ml: "MLClient", submit: Callable[..., Any], tmp_path: Path
) -> None:
    """azure-core sends the PUT again; it is the same job."""
    azure.seeds.kubernetes_compute("k8s")
    azure.faults.add("PUT", "/jobs/one", lose=True)
    submit(f"echo once >> {tmp_path}/runs", name="one")
    assert wait(ml, "one").status == "Completed"
    assert (tmp_path / "runs").read_text() == "once\n"
    assert [one.status for one in azure.record.asked("PUT", "/jobs/one")] == [201, 200]


def test_a_distributed_job_has_a_process_for_each_rank(
    azure: Double, ml: "MLClient", submit: Callable[..., Any]
) -> None:
    from azure.ai.ml import PyTorchDistribution, TensorFlowDistribution

    azure.seeds.kubernetes_compute("k8s")
    torch = PyTorchDistribution(process_count_per_instance=2)
    submit("echo $RANK $LOCAL_RANK $NODE_RANK of $WORLD_SIZE", name="torch", distribution=torch, instance_count=2)
    assert wait(ml, "torch").status == "Completed"
    logs = [log(azure, "torch", f"std_log_process_{rank}.txt") for rank in range(4)]
    assert logs == ["0 0 0 of 4", "1 1 0 of 4", "2 0 1 of 4", "3 1 1 of 4"]
    submit("echo $TF_CONFIG", name="tf", distribution=TensorFlowDistribution(worker_count=1, parameter_server_count=1))
    wait(ml, "tf")
    assert json.loads(log(azure, "tf", "std_log_ps_0.txt"))["task"] == {"type": "ps", "index": 0}


def test_a_rank_that_fails_ends_the_others(azure: Double, ml: "MLClient", submit: Callable[..., Any]) -> None:
    from azure.ai.ml import MpiDistribution

    azure.seeds.kubernetes_compute("k8s")
    line = "test $OMPI_COMM_WORLD_RANK = 0 && exit 3; sleep 60"
    submit(line, name="mpi", distribution=MpiDistribution(process_count_per_instance=2))
    assert wait(ml, "mpi").status == "Failed"
    assert "status code 3" in str(azure.jobs.run("mpi").error)


def test_a_named_output_becomes_an_asset(azure: Double, ml: "MLClient", submit: Callable[..., Any]) -> None:
    from azure.ai.ml import Output

    azure.seeds.kubernetes_compute("k8s")
    outputs = {"model": Output(type="mlflow_model", name="m"), "data": Output(type="uri_folder", name="d", version="7")}
    submit("echo x > ${{outputs.model}}/MLmodel; echo y > ${{outputs.data}}/1.txt", name="j", outputs=outputs)
    wait(ml, "j")
    assert (ml.models.get("m", label="latest").type, ml.models.get("m", version="1").job_name) == ("mlflow_model", "j")
    assert ml.data.get("d", version="7").path == "azureml://jobs/j/outputs/data"


def test_the_sdk_cannot_download_an_output_that_is_a_model(
    azure: Double, ml: "MLClient", submit: Callable[..., Any], tmp_path: Path
) -> None:
    """A fault of azure-ai-ml 1.35: drivers read such an output from the datastore. When this fails, it is mended."""
    from azure.ai.ml import Output

    azure.seeds.kubernetes_compute("k8s")
    submit("echo x > ${{outputs.model}}/MLmodel", name="j", outputs={"model": Output(type="mlflow_model")})
    wait(ml, "j")
    with pytest.raises(TypeError, match="values"):
        ml.jobs.download("j", download_path=tmp_path, output_name="model")
    assert azure.seeds.read("azureml/j/model/MLmodel") == b"x\n"


def test_an_optional_part_goes_with_its_input(azure: Double, ml: "MLClient", submit: Callable[..., Any]) -> None:
    from azure.ai.ml import Input

    azure.seeds.kubernetes_compute("k8s")
    line = "echo a$[[ --lr ${{inputs.lr}}]]$[[ --depth ${{inputs.depth}}]]"
    submit(line, name="j", inputs={"lr": 0.5, "depth": Input(type="integer", optional=True)})
    wait(ml, "j")
    assert log(azure, "j") == "a --lr 0.5"


@pytest.mark.parametrize(
    ("environment", "is_there"),
    [
        ("AzureML-sklearn:1", True),
        ("AzureML-sklearn@latest", True),
        ("azureml://registries/azureml/environments/sklearn-1.5/labels/latest", True),
        ("AzureML-sklearn:2", False),
    ],
)
def test_a_curated_environment_is_known_by_name(
    azure: Double, submit: Callable[..., Any], environment: str, is_there: bool
) -> None:
    from azure.core.exceptions import HttpResponseError

    azure.seeds.environment("AzureML-sklearn")
    azure.seeds.kubernetes_compute("k8s")
    with contextlib.nullcontext() if is_there else pytest.raises(HttpResponseError, match="was not found"):
        submit("true", environment=environment)


def test_an_archived_job_is_not_listed(azure: Double, ml: "MLClient", submit: Callable[..., Any]) -> None:
    azure.seeds.kubernetes_compute("k8s")
    submit("true", name="old", tags={"run": "1"})
    wait(ml, "old")
    ml.jobs.archive("old")
    assert not list(ml.jobs.list())
    ml.jobs.restore("old")
    assert [(one.name, one.tags) for one in ml.jobs.list()] == [("old", {"run": "1"})]


def log(azure: Double, job: str, name: str = "std_log.txt") -> str:
    return azure.seeds.read(f"ExperimentRun/dcid.{job}/user_logs/{name}", "workspaceartifactstore").decode().strip()
