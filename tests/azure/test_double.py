"""The unmodified Azure ML SDK through the operations that a driver needs, against the double, in the order of a user's day."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.azure.double.double import Double
from tests.services import tiny_models

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

TRAIN = """
import argparse, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--lr"); parser.add_argument("--data"); parser.add_argument("--model")
args = parser.parse_args()
pathlib.Path(args.model).mkdir(exist_ok=True)
pathlib.Path(args.model, "weights.txt").write_text(args.lr + pathlib.Path(args.data).read_text())
pathlib.Path("outputs").mkdir(); pathlib.Path("outputs/metrics.txt").write_text("0.9")
print("trained with", os.environ["DEPTH"], "in run", os.environ["AZUREML_RUN_ID"], flush=True)
"""
SCORE = """
import json, os
def init():
    global weights
    weights = open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "weights.txt")).read()
def run(data):
    return {"weights": weights, "asked": json.loads(data)["ask"]}
"""
ENDED = ("Completed", "Failed", "Canceled")
DEADLINE_SECONDS = 60.0


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "score.py").write_text(SCORE)
    return folder


@pytest.fixture
def submit(ml: "MLClient", code: Path) -> Callable[..., Any]:
    """Submit a command job with the code, on compute `k8s` unless told otherwise."""
    from azure.ai.ml import command
    from azure.ai.ml.entities import Environment

    def make(line: str, **more: Any) -> Any:
        image = Environment(image="mcr.microsoft.com/azureml/minimal:latest")
        job = command(command=line, code=str(code), environment=image, **{"compute": "k8s", **more})
        return ml.jobs.create_or_update(job)

    return make


def wait(ml: "MLClient", name: str, *wanted: str) -> Any:
    """The job, once its status is one of `wanted` (or it ended)."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        job = ml.jobs.get(name)
        if job.status in (*wanted, *ENDED):
            return job
        time.sleep(0.05)
    raise AssertionError(f"{name} is still {job.status}")


def ask(url: str, key: str, body: object, colour: str = "") -> httpx.Response:
    header = {"azureml-model-deployment": colour} if colour else {}
    return httpx.post(url, json=body, headers={"Authorization": f"Bearer {key}", **header})


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


def test_assets_are_versioned(azure: Double, ml: "MLClient", tmp_path: Path) -> None:
    from azure.ai.ml.entities import Data, Environment, Model

    (tmp_path / "one").mkdir()
    (tmp_path / "one/w.txt").write_text("1")
    (tmp_path / "two").mkdir()
    (tmp_path / "two/w.txt").write_text("2")
    first = ml.models.create_or_update(Model(name="m", path=str(tmp_path / "one"), tags={"run": "a"}))
    second = ml.models.create_or_update(Model(name="m", path=str(tmp_path / "two")))
    assert (first.version, second.version, first.tags) == ("1", "2", {"run": "a"})
    assert ml.models.get("m", label="latest").version == "2"
    assert [one.version for one in ml.models.list(name="m")] == ["2", "1"]
    assert [one.latest_version for one in ml.models.list()] == ["2"]
    ml.models.archive("m", version="1")
    assert [one.version for one in ml.models.list(name="m")] == ["2"]
    ml.models.download("m", version="1", download_path=str(tmp_path / "got"))
    assert (tmp_path / "got/m/one/w.txt").read_text() == "1"
    environment = ml.environments.create_or_update(Environment(name="e", image="x/y:1"))
    assert environment.id.endswith("/environments/e/versions/1")
    data = ml.data.create_or_update(Data(name="d", path=str(tmp_path / "one/w.txt"), type="uri_file"))
    assert (data.version, ml.data.get("d", label="latest").path) == ("1", data.path)


def test_a_version_is_not_changed(azure: Double, ml: "MLClient", tmp_path: Path) -> None:
    from azure.ai.ml.entities import Model
    from azure.core.exceptions import HttpResponseError

    places = [azure.seeds.blob(f"{name}/w.txt", name.encode()).removesuffix("w.txt") for name in ("one", "two")]
    ml.models.create_or_update(Model(name="m", version="1", path=places[0]))
    with pytest.raises(HttpResponseError, match="modelUri cannot be changed"):
        ml.models.create_or_update(Model(name="m", version="1", path=places[1]))


def test_a_model_is_registered_from_a_jobs_output_and_serves(
    azure: Double, ml: "MLClient", submit: Callable[..., Any], code: Path
) -> None:
    """From the job's output to a prediction on a cluster: code, environment, model, endpoint, deployment, key."""
    from azure.ai.ml import Output
    from azure.ai.ml.entities import (
        CodeConfiguration,
        Environment,
        KubernetesOnlineDeployment,
        KubernetesOnlineEndpoint,
        Model,
    )

    azure.seeds.kubernetes_compute("k8s")
    submit(
        "mkdir -p ${{outputs.model}}; printf w7 > ${{outputs.model}}/weights.txt", name="j", outputs={"model": Output()}
    )
    wait(ml, "j")
    model = ml.models.create_or_update(Model(name="m", path="azureml://jobs/j/outputs/model"))
    assert (model.version, model.job_name) == ("1", "j")
    endpoint = KubernetesOnlineEndpoint(name="ep-one", compute="k8s", auth_mode="key")
    ml.online_endpoints.begin_create_or_update(endpoint).result()
    blue = KubernetesOnlineDeployment(
        name="blue",
        endpoint_name="ep-one",
        model=model.id,
        environment=Environment(image="x"),
        code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
    )
    assert ml.online_deployments.begin_create_or_update(blue).result().provisioning_state == "Succeeded"
    url, key = ml.online_endpoints.get("ep-one").scoring_uri, ml.online_endpoints.get_keys("ep-one").primary_key
    assert ask(url, key, {"ask": 1}).status_code == 404  # no deployment has traffic
    assert ask(url, key, {"ask": 1}, "blue").json() == {"weights": "w7", "asked": 1}
    assert "POST /score 200" in ml.online_deployments.get_logs(name="blue", endpoint_name="ep-one", lines=20)


def test_blue_and_green_share_the_traffic_by_weight(azure: Double, ml: "MLClient") -> None:
    from azure.ai.ml.entities import Environment, KubernetesOnlineDeployment, KubernetesOnlineEndpoint, Model
    from azure.core.exceptions import HttpResponseError

    azure.seeds.kubernetes_compute("k8s")
    ml.online_endpoints.begin_create_or_update(
        KubernetesOnlineEndpoint(name="ep1", compute="k8s", auth_mode="key")
    ).result()
    for colour, slope in (("blue", 1.0), ("green", 2.0)):
        model = ml.models.create_or_update(Model(name="line", path=tiny_models.line(slope)[0], type="mlflow_model"))
        deployment = KubernetesOnlineDeployment(
            name=colour, endpoint_name="ep1", model=model.id, environment=Environment(image="x"), instance_type="big"
        )
        ml.online_deployments.begin_create_or_update(deployment).result()
    endpoint = ml.online_endpoints.get("ep1")
    endpoint.traffic = {"blue": 90, "green": 10}
    ml.online_endpoints.begin_create_or_update(endpoint).result()
    url, key = endpoint.scoring_uri, ml.online_endpoints.get_keys("ep1").primary_key
    body = json.loads(tiny_models.BODY)
    answers = [ask(url, key, body) for _ in range(100)]
    assert Counter(one.headers["azureml-model-deployment"] for one in answers) == {"blue": 90, "green": 10}
    assert {one.headers["azureml-model-deployment"]: one.json()["predictions"][0] for one in answers} == {
        "blue": 2.0,
        "green": 4.0,
    }
    assert ask(url, key, body, "green").json()["predictions"] == pytest.approx([4.0, 6.0])
    assert ask(url, key, body, "red").status_code == 404
    assert ask(url, "wrong", body).status_code == 401

    with pytest.raises(HttpResponseError, match="live traffic"):
        ml.online_deployments.begin_delete(name="blue", endpoint_name="ep1").result()
    endpoint.traffic = {"green": 100}
    ml.online_endpoints.begin_create_or_update(endpoint).result()
    ml.online_deployments.begin_delete(name="blue", endpoint_name="ep1").result()
    assert [one.name for one in ml.online_deployments.list("ep1")] == ["green"]
    assert ask(url, key, body).json()["predictions"] == pytest.approx([4.0, 6.0])
    ml.online_endpoints.begin_delete(name="ep1").result()
    assert not list(ml.online_endpoints.list())
    assert ask(url, key, body).status_code == 404


def test_a_managed_endpoint_has_a_host_of_its_own(azure: Double, ml: "MLClient") -> None:
    from azure.ai.ml.entities import ManagedOnlineDeployment, ManagedOnlineEndpoint, Model

    ml.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="ep2", auth_mode="aml_token")).result()
    model = ml.models.create_or_update(Model(name="line", path=tiny_models.line(3.0)[0], type="mlflow_model"))
    blue = ManagedOnlineDeployment(
        name="blue", endpoint_name="ep2", model=model.id, instance_type="Standard_DS3_v2", instance_count=1
    )
    ml.online_deployments.begin_create_or_update(blue).result()
    endpoint = ml.online_endpoints.get("ep2")
    endpoint.traffic = {"blue": 100}
    ml.online_endpoints.begin_create_or_update(endpoint).result()
    assert endpoint.scoring_uri == "https://ep2.westeurope.inference.ml.azure.com/score"
    token = ml.online_endpoints.get_keys("ep2").access_token
    assert ask(endpoint.scoring_uri, token, json.loads(tiny_models.BODY)).json()["predictions"] == pytest.approx(
        [6.0, 9.0]
    )
    assert ask(endpoint.scoring_uri, azure.login.issue("https://ml.azure.com"), {}).status_code == 401


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("def init():\n    raise ValueError('no weights')\ndef run(data): ...\n", "UserScriptInitFailed"),
        ("import no_such_package\ndef init(): ...\ndef run(data): ...\n", "UserScriptInitFailed"),
    ],
)
def test_a_deployment_that_cannot_serve_fails_with_azures_code(
    azure: Double, ml: "MLClient", tmp_path: Path, script: str, words: str
) -> None:
    from azure.ai.ml.entities import (
        CodeConfiguration,
        Environment,
        KubernetesOnlineDeployment,
        KubernetesOnlineEndpoint,
    )
    from azure.core.exceptions import HttpResponseError

    azure.seeds.kubernetes_compute("k8s")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/score.py").write_text(script)
    ml.online_endpoints.begin_create_or_update(KubernetesOnlineEndpoint(name="ep3", compute="k8s")).result()
    blue = KubernetesOnlineDeployment(
        name="blue",
        endpoint_name="ep3",
        environment=Environment(image="x"),
        code_configuration=CodeConfiguration(code=str(tmp_path / "bad"), scoring_script="score.py"),
    )
    with pytest.raises(HttpResponseError, match=words):
        ml.online_deployments.begin_create_or_update(blue).result()
    assert ml.online_deployments.get("blue", "ep3").provisioning_state == "Failed"
    assert "Traceback" in ml.online_deployments.get_logs(name="blue", endpoint_name="ep3", lines=200)


def test_an_mlflow_model_needs_an_instance_that_is_big_enough(azure: Double, ml: "MLClient") -> None:
    from azure.ai.ml.entities import Environment, KubernetesOnlineDeployment, KubernetesOnlineEndpoint, Model
    from azure.core.exceptions import HttpResponseError

    azure.seeds.kubernetes_compute("k8s")
    ml.online_endpoints.begin_create_or_update(KubernetesOnlineEndpoint(name="ep4", compute="k8s")).result()
    model = ml.models.create_or_update(Model(name="line", path=tiny_models.line(1.0)[0], type="mlflow_model"))
    small = KubernetesOnlineDeployment(
        name="blue", endpoint_name="ep4", model=model.id, environment=Environment(image="x")
    )
    with pytest.raises(HttpResponseError, match="needs 2 CPU cores and 4 GB"):
        ml.online_deployments.begin_create_or_update(small).result()


@pytest.mark.parametrize("traffic", [{"blue": 50}, {"red": 100}])
def test_a_traffic_rule_sums_to_100_and_names_what_is_there(
    azure: Double, ml: "MLClient", traffic: dict[str, int]
) -> None:
    from azure.ai.ml.entities import KubernetesOnlineEndpoint
    from azure.core.exceptions import HttpResponseError

    azure.seeds.kubernetes_compute("k8s")
    endpoint = KubernetesOnlineEndpoint(name="ep5", compute="k8s")
    endpoint.traffic = traffic
    with pytest.raises(HttpResponseError, match="traffic rule"):
        ml.online_endpoints.begin_create_or_update(endpoint).result()


def test_keys_are_regenerated(azure: Double, ml: "MLClient") -> None:
    from azure.ai.ml.entities import KubernetesOnlineEndpoint

    azure.seeds.kubernetes_compute("k8s")
    ml.online_endpoints.begin_create_or_update(
        KubernetesOnlineEndpoint(name="ep6", compute="k8s", auth_mode="key")
    ).result()
    old = ml.online_endpoints.get_keys("ep6")
    ml.online_endpoints.begin_regenerate_keys("ep6", key_type="primary").result()
    new = ml.online_endpoints.get_keys("ep6")
    assert (new.primary_key != old.primary_key, new.secondary_key == old.secondary_key) == (True, True)


def test_a_batch_endpoint_scores_files(azure: Double, ml: "MLClient", tmp_path: Path) -> None:
    from azure.ai.ml import Input
    from azure.ai.ml.entities import (
        BatchEndpoint,
        CodeConfiguration,
        Environment,
        Model,
        ModelBatchDeployment,
        ModelBatchDeploymentSettings,
    )

    azure.seeds.kubernetes_compute("k8s")
    (tmp_path / "code").mkdir(exist_ok=True)
    (tmp_path / "code/batch.py").write_text(
        "import os\ndef init():\n    global w\n    w = open(os.environ['AZUREML_MODEL_DIR'] + '/w.txt').read()\n"
        "def run(files):\n    return [w + open(one).read() for one in files]\n"
    )
    (tmp_path / "w.txt").write_text("w")
    model = ml.models.create_or_update(Model(name="m", path=str(tmp_path / "w.txt")))
    for number in range(5):
        azure.seeds.blob(f"in/{number}.txt", str(number).encode())
    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="batch1")).result()
    deployment = ModelBatchDeployment(
        name="one",
        endpoint_name="batch1",
        model=model.id,
        environment=Environment(image="x"),
        compute="k8s",
        code_configuration=CodeConfiguration(code=str(tmp_path / "code"), scoring_script="batch.py"),
        settings=ModelBatchDeploymentSettings(mini_batch_size=2, output_file_name="scores.csv"),
    )
    ml.batch_deployments.begin_create_or_update(deployment).result()
    endpoint = ml.batch_endpoints.get("batch1")
    endpoint.defaults.deployment_name = "one"
    ml.batch_endpoints.begin_create_or_update(endpoint).result()
    folder = Input(type="uri_folder", path="azureml://datastores/workspaceblobstore/paths/in/")
    job = ml.batch_endpoints.invoke("batch1", inputs={"data": folder})
    assert wait(ml, job.name).status == "Completed"
    assert [one.name for one in ml.batch_endpoints.list_jobs("batch1")] == [job.name]
    ml.jobs.download(job.name, download_path=tmp_path / "got")
    assert (tmp_path / "got/scores.csv").read_text() == "w0\nw1\nw2\nw3\nw4\n"
    ml.batch_endpoints.begin_delete("batch1").result()
    assert not list(ml.batch_endpoints.list())


def test_the_double_uses_the_python_of_the_test(azure: Double, ml: "MLClient", submit: Callable[..., Any]) -> None:
    azure.seeds.kubernetes_compute("k8s")
    submit("python -c 'import sys; print(sys.executable)'", name="which")
    wait(ml, "which")
    log = azure.seeds.read("ExperimentRun/dcid.which/user_logs/std_log.txt", "workspaceartifactstore").decode()
    assert Path(log.strip()).parent == Path(sys.executable).parent
