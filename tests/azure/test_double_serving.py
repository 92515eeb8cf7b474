"""Assets, endpoints and deployments: the unmodified Azure ML SDK against the double."""

import json
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.azure.double.double import Double
from tests.azure.sdk import ask, wait
from tests.services import tiny_models

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


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


def test_a_deployment_that_takes_too_long_fails(azure: Double, ml: "MLClient", tmp_path: Path) -> None:
    """Azure's limit is 20 minutes; the double's may be shorter."""
    from azure.core.exceptions import HttpResponseError

    azure.deployments.limit_seconds = 0.5
    with pytest.raises(HttpResponseError, match="limit of 20 minutes"):
        deploy(azure, ml, tmp_path, "import time\ndef init():\n    time.sleep(60)\ndef run(data): ...\n")


def test_an_update_serves_the_old_code_until_the_new_one_answers(azure: Double, ml: "MLClient", tmp_path: Path) -> None:
    url = deploy(azure, ml, tmp_path, "def init(): ...\ndef run(data):\n    return 1\n")
    key = ml.online_endpoints.get_keys("ep9").primary_key
    slow = tmp_path / "go"
    waiting = f"while not os.path.exists({str(slow)!r}): time.sleep(.01)"
    script = f"import os, time\ndef init():\n    {waiting}\ndef run(data):\n    return 2\n"
    poller = deploy(azure, ml, tmp_path, script, is_awaited=False)
    assert ask(url, key, {}, "blue").json() == 1
    slow.touch()
    poller.result()
    assert ask(url, key, {}, "blue").json() == 2


def deploy(azure: Double, ml: "MLClient", folder: Path, script: str, is_awaited: bool = True) -> Any:
    """Serve a script as `blue` of endpoint `ep9`; returns the endpoint's address, or what is to be waited for."""
    from azure.ai.ml.entities import (
        CodeConfiguration,
        Environment,
        KubernetesOnlineDeployment,
        KubernetesOnlineEndpoint,
    )

    code = folder / uuid.uuid4().hex
    code.mkdir()
    (code / "score.py").write_text(script)
    if azure.world.resources.find(azure.world.ml("onlineEndpoints", "ep9")) is None:
        azure.seeds.kubernetes_compute("k8s")
        endpoint = KubernetesOnlineEndpoint(name="ep9", compute="k8s", auth_mode="key")
        ml.online_endpoints.begin_create_or_update(endpoint).result()
    blue = KubernetesOnlineDeployment(
        name="blue",
        endpoint_name="ep9",
        environment=Environment(image="x"),
        code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
    )
    poller = ml.online_deployments.begin_create_or_update(blue)
    if not is_awaited:
        return poller
    poller.result()
    return ml.online_endpoints.get("ep9").scoring_uri
