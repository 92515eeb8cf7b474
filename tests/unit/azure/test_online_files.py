"""Online endpoint and deployment YAML, as a user of `az ml` has it."""

from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.errors import InputError
from landbridge.domain.scenario import Probe, ServingSettings
from landbridge.domain.values import Resources
from landbridge.files.online import load_online_deployment, load_online_endpoint

ENDPOINT = """$schema: https://azuremlschemas.azureedge.net/latest/kubernetesOnlineEndpoint.schema.json
name: prices
compute: azureml:edge
auth_mode: Key
tags: {team: crm}
"""
DEPLOYMENT = """$schema: https://azuremlschemas.azureedge.net/latest/kubernetesOnlineDeployment.schema.json
name: blue
type: kubernetes
endpoint_name: prices
model:
  path: ./model/
code_configuration:
  code: ./code/
  scoring_script: score.py
environment:
  conda_file: ./conda.yml
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest
request_settings: {request_timeout_ms: 3000, max_concurrent_requests_per_instance: 1, max_queue_wait_ms: 3000}
resources:
  requests: {cpu: "0.1", memory: "0.1Gi"}
  limits: {cpu: "0.2", memory: "200Mi", nvidia.com/gpu: "1"}
liveness_probe: {initial_delay: 5, period: 5, timeout: 10, success_threshold: 1, failure_threshold: 1}
instance_count: 2
scale_settings: {type: Default}
app_insights_enabled: true
data_collector: {collections: {request: {enabled: 'true'}, response: {enabled: 'False'}}, sampling_rate: 0.5}
environment_variables: {LEVEL: info, DEBUG: true, PORT: 80}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/score.py").write_text("")
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.10]\n")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    (folder / "file.yml").write_text(text)
    return folder / "file.yml"


def test_numbers_and_truth_values_are_labels_as_azure_ml_takes_them(folder: Path) -> None:
    label = "tags: {cores: 4, gpu: false}\n"
    said = load_online_endpoint(write(folder, ENDPOINT.replace("tags: {team: crm}\n", label)))
    assert said.tags == {"cores": "4", "gpu": "False"}
    assert load_online_deployment(write(folder, DEPLOYMENT + label)).tags == {"cores": "4", "gpu": "False"}


class TestEndpoint:
    def test_an_endpoint_on_kubernetes(self, folder: Path) -> None:
        found = load_online_endpoint(write(folder, ENDPOINT))
        assert (found.name, found.compute, found.auth_mode, found.on_kubernetes) == (
            "prices",
            "azureml:edge",
            "key",
            True,
        )
        assert found.tags == {"team": "crm"}

    @pytest.mark.parametrize(
        ("written", "mode"),
        [("AMLToken", "aml_token"), ("aad_token", "aad_token"), ("Key", "key"), ("AADToken", "aad_token")],
    )
    def test_modes_are_one_word_in_each_spelling(self, written: str, mode: str, folder: Path) -> None:
        assert load_online_endpoint(write(folder, ENDPOINT.replace("Key", written))).auth_mode == mode

    def test_without_a_compute_it_is_managed(self, folder: Path) -> None:
        text = ENDPOINT.replace("compute: azureml:edge\n", "public_network_access: disabled\n")
        found = load_online_endpoint(write(folder, text))
        assert not found.on_kubernetes
        assert found.options == {"public_network_access": "disabled"}

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ("traffic: {blue: 90}\n", "sums up to 90"),
            ("mirror_traffic: {blue: 10}\n", "endpoints on Kubernetes have none"),
            ("public_network_access: disabled\n", "belongs to managed endpoints"),
            ("trafic: {}\n", "Write `traffic`"),
        ],
    )
    def test_faults_are_named_at_their_line(self, change: str, words: str, folder: Path) -> None:
        with pytest.raises(InputError, match=words) as caught:
            load_online_endpoint(write(folder, ENDPOINT + change))
        assert caught.value.where.endswith(":6")

    @pytest.mark.parametrize("name", ["ab", "1abc", "a_b", "abc-", "a" * 33])
    def test_names_are_azure_s(self, name: str, folder: Path) -> None:
        with pytest.raises(InputError, match="no legal name"):
            load_online_endpoint(write(folder, ENDPOINT.replace("prices", name)))


class TestDeployment:
    def test_all_that_it_says_is_there(self, folder: Path) -> None:
        found = load_online_deployment(write(folder, DEPLOYMENT))
        assert (found.name, found.endpoint, found.kubernetes) == ("blue", "prices", True)
        assert found.model == {"path": str(folder / "model")}
        assert (found.code, found.scoring_script) == (str(folder / "code"), "score.py")
        assert found.environment
        assert found.environment.conda == {"dependencies": ["python=3.10"]}
        assert found.requests == Resources(100, 107374183)
        assert found.limits == Resources(200, 200 << 20, 1)
        assert found.settings == ServingSettings(
            instance_count=2,
            request_timeout_ms=3000,
            max_queue_wait_ms=3000,
            environment_variables={"LEVEL": "info", "DEBUG": "true", "PORT": "80"},
            liveness_probe=Probe(5, 5, 10, 1, 1),
        )
        assert set(found.options) == {"app_insights_enabled", "data_collector"}

    def test_autoscaling(self, folder: Path) -> None:
        text = DEPLOYMENT.replace("{type: Default}", "{type: target_utilization, min_instances: 2, max_instances: 5}")
        settings = load_online_deployment(write(folder, text)).settings
        assert (settings.scale_type, settings.min_instances, settings.max_instances) == ("target_utilization", 2, 5)

    def test_without_a_type_it_is_managed_as_azure_s_own_reader_says(self, folder: Path) -> None:
        text = DEPLOYMENT.replace("type: kubernetes\n", "")
        with pytest.raises(InputError, match="managed deployment needs `instance_type`"):
            load_online_deployment(write(folder, text))
        found = load_online_deployment(write(folder, text + "instance_type: Standard_DS3_v2\n"))
        assert not found.kubernetes

    def test_an_mlflow_model_needs_no_code_and_no_environment(self, folder: Path) -> None:
        text = "name: blue\ntype: kubernetes\nendpoint_name: prices\nmodel: azureml:prices:3\n"
        found = load_online_deployment(write(folder, text))
        assert (found.model, found.code, found.environment) == ("azureml:prices:3", "", None)

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("score.py", "scoring.py", "there is no .*scoring.py"),
            ("conda.yml", "env.yml", "there is no file .*env.yml"),
            ('cpu: "0.1"', 'cpu: "0.5"', "more than `resources.limits.cpu`"),
            ("{type: Default}", "{type: default, max_instances: 3}", "has no effect with type default"),
            ("{type: Default}", "{type: target_utilization, min_instances: 3}", "min_instances is more"),
            ("{type: Default}", "{type: manual}", "scale_settings.type"),
            ("request_timeout_ms: 3000", "request_timeout_ms: 300001", "at most 300000"),
            ("name: blue", "name: b", "no legal name of a deployment"),
            ("endpoint_name: prices", f"endpoint_name: {'p' * 32}x", "6 to 62 characters"),
            ('requests: {cpu: "0.1"', 'requests: {nvidia.com/gpu: 1, cpu: "0.1"', "GPUs stand below `limits` alone"),
            ("instance_count: 2", "instance_cout: 2", "Write `instance_count`"),
            ("enabled: 'true'", "enabled: true", "data_collector.collections.request.enabled"),
            (
                "model:\n  path: ./model/\n",
                "model: azureml://registries/azureml/models/x/versions/1\n",
                "take nothing from a registry",
            ),
            ("instance_count: 2", "egress_public_network_access: disabled", "belongs to managed deployments"),
        ],
    )
    def test_faults_are_named(self, old: str, new: str, words: str, folder: Path) -> None:
        assert old in DEPLOYMENT
        with pytest.raises(InputError, match=words) as caught:
            load_online_deployment(write(folder, DEPLOYMENT.replace(old, new)))
        assert "file.yml:" in caught.value.where


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the SDK's warnings of its own libraries
def test_azure_s_own_reader_agrees(folder: Path) -> None:
    """What these tests call right is right for the SDK too."""
    from azure.ai.ml import load_online_deployment as sdk_deployment
    from azure.ai.ml import load_online_endpoint as sdk_endpoint

    (folder / "model").mkdir()
    assert sdk_endpoint(write(folder, ENDPOINT)).name == "prices"
    made: Any = sdk_deployment(write(folder, DEPLOYMENT))
    assert made.resources.limits.gpu == "1"
    assert made.type.lower() == "kubernetes"
