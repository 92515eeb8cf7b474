"""`landbridge ops migrate akscompute`: every shape of v1 that is known, what it becomes, and what is refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.azure.v1.account import HIDDEN, Outcome
from landbridge.files.document import read
from landbridge.files.extension import load_extension
from landbridge.files.instance_types import load_instance_types
from landbridge.files.online import load_online_deployment, load_online_endpoint
from tests.unit.azure.golden import same
from tests.unit.cli import Said, landbridge

HERE = Path(__file__).parent / "v1"
CASES: Mapping[str, tuple[str, ...]] = {
    "service": ("service.json", "compute.json"),
    "list": ("list.json",),
    "page": ("page.json",),
    "endpoint": ("endpoint.json",),
    "configurations": ("deploymentconfig.json", "inferenceconfig.json", "--name", "scoring", "--compute", "edge"),
    "arguments": ("arguments.yaml", "--name", "plain"),
}
SECRETS = ("hunter2", "hunter3", "hunter4", "hunter5", "hunter6")


def migrate(folder: Path, *arguments: str) -> Said:
    return landbridge("ops", "migrate", "akscompute", *arguments, "--to", str(folder))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "out"


def migrated(tmp_path: Path, data: Any, *arguments: str) -> dict[str, Any]:
    """The JSON answer for one made-up file."""
    (tmp_path / "v1.json").write_text(json.dumps(data, indent=1))
    said = migrate(tmp_path / "out", str(tmp_path / "v1.json"), *arguments, "-o", "json")
    assert said.code == 0, said.err
    return said.json


def refused(tmp_path: Path, data: Any, *arguments: str) -> str:
    (tmp_path / "v1.json").write_text(json.dumps(data, indent=1))
    said = migrate(tmp_path / "out", str(tmp_path / "v1.json"), *arguments)
    assert said.code == 2
    assert not (tmp_path / "out").exists()
    return said.err


def values(found: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {row["name"]: (row["outcome"], row["target"]) for row in found["values"]}


CONFIG = {"computeType": "AKS", "name": "svc", "computeName": "aks", "numReplicas": 1}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("case", CASES)
class TestWritten:
    def test_the_files_are_as_reviewed(self, case: str, written: Path) -> None:
        assert migrate(written, *CASES[case]).code == 0
        files = sorted(path.relative_to(written).as_posix() for path in written.rglob("*") if path.is_file())
        same(f"migrate/{case}/FILES", "\n".join(files) + "\n")
        for name in files:
            same(f"migrate/{case}/{name}.golden", (written / name).read_text())

    def test_our_own_readers_take_them(self, case: str, written: Path) -> None:
        assert migrate(written, *CASES[case]).code == 0
        endpoints = [*written.rglob("endpoint.yml")]
        assert endpoints
        for path in endpoints:
            endpoint = load_online_endpoint(path)
            assert endpoint.on_kubernetes
            deployments = [
                load_online_deployment(other)
                for other in path.parent.glob("*.yml")
                if other.name != "endpoint.yml" and not other.name.startswith("conda")
            ]
            assert deployments
            assert {(item.endpoint, item.kubernetes) for item in deployments} == {(endpoint.name, True)}
            names = {item.settings.instance_type for item in deployments} - {""}
            if names:
                made = load_instance_types(written / "instance-types.yaml")
                assert names == {item.name for item in made}
                for deployment in deployments:
                    assert deployment.limits.fits_into(made[0].limits)

    def test_no_secret_is_written_or_said(self, case: str, written: Path) -> None:
        said = migrate(written, *CASES[case])
        everything = said.out + said.err + "".join(path.read_text() for path in written.rglob("*") if path.is_file())
        assert [secret for secret in SECRETS if secret in everything] == []

    def test_nothing_is_overwritten_unless_told(self, case: str, written: Path) -> None:
        assert migrate(written, *CASES[case]).code == 0
        [report] = written.glob("MIGRATION.md")
        report.write_text("mine")
        again = migrate(written, *CASES[case])
        assert again.code == 2
        assert "nothing was written" in again.err
        assert report.read_text() == "mine"
        assert migrate(written, *CASES[case], "--overwrite").code == 0
        assert report.read_text() != "mine"


@pytest.mark.usefixtures("here")
class TestMeaning:
    def test_the_order_of_the_extension_can_be_planned(self, written: Path) -> None:
        migrate(written, "compute.json")
        wanted, _ = load_extension(written / "computes/aks-prod/extension.yaml")
        assert (wanted.cluster.name, wanted.cluster.resource_group, wanted.cluster.nodes) == ("aks1", "aks-rg", 3)
        assert wanted.settings["sslCname"] == "ml.contoso.com"
        assert set(wanted.protected) == {"sslCertPemFile", "sslKeyPemFile"}

    def test_v1_s_defaults_are_written_where_v2_s_differ(self, tmp_path: Path) -> None:
        """Left out, v2 would answer within 5 s, run one instance at most, and give up on a slow start."""
        migrated(tmp_path, {"computeType": "AKS", "name": "svc", "computeName": "aks"})
        settings = load_online_deployment(tmp_path / "out/svc/blue.yml").settings
        assert settings.request_timeout_ms == 60_000
        assert (settings.scale_type, settings.min_instances, settings.max_instances) == ("target_utilization", 1, 10)
        assert (settings.liveness_probe.initial_delay, settings.liveness_probe.failure_threshold) == (310, 3)

    def test_the_report_names_every_default_that_differs(self, tmp_path: Path) -> None:
        migrated(tmp_path, {**CONFIG, "scoringTimeoutMs": 1000})
        report = (tmp_path / "out/MIGRATION.md").read_text()
        assert "| `request_settings.request_timeout_ms` | 60000 | 5000 | written: 1000, as the file says |" in report
        assert "| `liveness_probe.initial_delay` | 310 | 10 | written: 310, v1's default |" in report

    def test_the_report_has_capabilities_plan_and_dates(self, written: Path) -> None:
        migrate(written, "service.json", "compute.json")
        report = (written / "MIGRATION.md").read_text()
        for words in (
            "| batch inference | no | yes |",
            "az ml online-deployment create --file churn/blue.yml",
            'az ml online-endpoint update --name churn --traffic "blue=100"',
            "az ml compute detach --name aks-prod",
            "| 2026-06-30 | support of SDK v1 ends |",
        ):
            assert words in report

    def test_versions_become_deployments_with_whole_percents(self, written: Path) -> None:
        said = migrate(written, "endpoint.json", "-o", "json").json
        assert {path.name for path in (written / "shop").glob("*.yml")} >= {"endpoint.yml", "control.yml", "treat.yml"}
        commands = [command for step in said["steps"] for command in step["commands"]]
        assert 'az ml online-endpoint update --name shop --traffic "control=33 treat=67"' in commands

    def test_several_models_are_bundled(self, written: Path) -> None:
        said = migrate(written, "list.json", "-o", "json").json
        assert load_online_deployment(written / "pair/blue.yml").model == "azureml:pair-models:1"
        commands = [command for step in said["steps"] for command in step["commands"]]
        assert "az ml model create --name pair-models --version 1 --type custom_model --path pair/models" in commands

    def test_a_configuration_brings_its_code(self, written: Path) -> None:
        migrate(written, *CASES["configurations"])
        assert (written / "scoring/code/score.py").read_text() == (HERE / "src/score.py").read_text()
        assert load_online_endpoint(written / "scoring/endpoint.yml").compute == "azureml:edge"
        conda = read(written / "scoring/conda.yml").data
        assert conda["dependencies"] == ["python=3.9", "pip", {"pip": ["numpy", "azureml-inference-server-http"]}]

    def test_the_endpoint_of_all_who_may_call_needs_a_key(self, written: Path) -> None:
        said = migrate(written, *CASES["configurations"], "-o", "json").json
        assert values(said)["authEnabled"] == ("changed", "endpoint: auth_mode: key")
        assert any("Give the clients a key" in sentence for sentence in said["todo"])

    def test_tags_of_resource_and_service_are_both_written(self, written: Path) -> None:
        migrate(written, "page.json")
        assert load_online_endpoint(written / "arm/endpoint.yml").tags == {"cost": "9"}

    def test_what_is_still_missing_is_said(self, tmp_path: Path) -> None:
        todo = " ".join(migrated(tmp_path, CONFIG)["todo"])
        for words in ("Name the model", "Name the scoring code", "Name the environment"):
            assert words in todo

    def test_a_page_that_goes_on_says_so(self, tmp_path: Path) -> None:
        found = migrated(tmp_path, {"value": [CONFIG], "nextLink": "https://x?page=2"})
        assert any("export the next ones" in sentence for sentence in found["todo"])
        assert values(found)["nextLink"][0] == "reported"

    def test_a_value_that_stands_twice_is_told(self, tmp_path: Path) -> None:
        found = migrated(tmp_path, {**CONFIG, "aadAuthEnabled": False, "tokenAuthEnabled": True})
        assert values(found)["aadAuthEnabled"][0] == "written"
        assert values(found)["tokenAuthEnabled"][0] == "without twin"
        assert load_online_endpoint(tmp_path / "out/svc/endpoint.yml").auth_mode == "key"

    def test_the_same_value_twice_is_one(self, tmp_path: Path) -> None:
        found = migrated(tmp_path, {**CONFIG, "aadAuthEnabled": True, "tokenAuthEnabled": True})
        assert {values(found)[name][0] for name in ("aadAuthEnabled", "tokenAuthEnabled")} == {"written"}

    def test_another_name_is_a_change(self, tmp_path: Path) -> None:
        assert values(migrated(tmp_path, CONFIG, "--name", "other"))["name"] == ("changed", "endpoint: name: other")

    def test_a_timeout_beyond_v2_s_limit_is_cut_and_told(self, tmp_path: Path) -> None:
        found = migrated(tmp_path, {**CONFIG, "scoringTimeoutMs": 600_000})
        assert values(found)["scoringTimeoutMs"][0] == "changed"
        assert load_online_deployment(tmp_path / "out/svc/blue.yml").settings.request_timeout_ms == 300_000

    def test_gpus_come_with_an_instance_type(self, tmp_path: Path) -> None:
        migrated(tmp_path, {**CONFIG, "containerResourceRequirements": {"cpu": 1, "memoryInGB": 2, "gpu": 2}})
        [made] = load_instance_types(tmp_path / "out/instance-types.yaml")
        assert (made.name, made.limits.gpus) == ("cpu-1000m-2048mi-gpu-2", 2)

    def test_what_the_default_type_holds_needs_none(self, tmp_path: Path) -> None:
        migrated(tmp_path, {**CONFIG, "containerResourceRequirements": {"cpu": 1, "cpuLimit": 2, "memoryInGB": 2}})
        assert not (tmp_path / "out/instance-types.yaml").exists()

    def test_a_dockerfile_becomes_a_build(self, tmp_path: Path) -> None:
        environment = {"docker": {"baseDockerfile": "FROM x\n"}, "python": {"userManagedDependencies": True}}
        migrated(tmp_path, {**CONFIG, "environmentImageRequest": {"environment": environment}})
        assert (tmp_path / "out/svc/environment/Dockerfile").read_text() == "FROM x\n"
        deployment = load_online_deployment(tmp_path / "out/svc/blue.yml")
        assert deployment.environment
        assert deployment.environment.build

    @pytest.mark.parametrize("purpose", ["DevTest", "FastProd"])
    @pytest.mark.parametrize("status", ["Enabled", "Auto", "Disabled", None])
    def test_the_router_keeps_its_ways(self, purpose: str, status: str | None, tmp_path: Path) -> None:
        data = json.loads((HERE / "compute.json").read_text())
        own = data["properties"]["properties"]
        own |= {"clusterPurpose": purpose, "loadBalancerType": "InternalLoadBalancer", "loadBalancerSubnet": "s"}
        own["sslConfiguration"] |= {"status": status, "leafDomainLabel": "contoso" if status == "Auto" else None}
        found = migrated(tmp_path, data)
        settings: Any = read(tmp_path / "out/computes/aks-prod/extension.yaml").data["settings"]
        assert settings["inferenceRouterHA"] is (purpose != "DevTest")
        assert settings["internalLoadBalancerProvider"] == "azure"
        assert settings.get("allowInsecureConnections") is (True if status in ("Disabled", None) else None)
        assert values(found)["properties.properties.loadBalancerSubnet"][0] == "without twin"
        if status == "Auto":
            assert any("`sslCname`" in sentence for sentence in found["todo"])


class TestRefused:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"numReplicas": 0}, "`num_replicas`: expected a whole number of at least 1"),
            ({"numReplicas": "3"}, "expected a whole number"),
            ({"numReplicas": True}, "expected a whole number"),
            ({"scoringTimeoutMs": 1.5}, "expected a whole number"),
            ({"containerResourceRequirements": {"cpu": 0}}, "greater than 0"),
            ({"containerResourceRequirements": {"cpu": 2, "cpuLimit": 1}}, "`cpu_cores_limit` is less"),
            ({"containerResourceRequirements": {"memoryInGB": 2, "memoryInGBLimit": 1}}, "`memory_gb_limit` is less"),
            ({"containerResourceRequirements": {"gpu": -1}}, "at least 0"),
            ({"livenessProbeRequirements": {"periodSeconds": 0}}, "`period_seconds`"),
            ({"autoScaler": {"autoscaleEnabled": False}, "numReplicas": None}, "numReplicas is missing"),
            ({"autoScaler": {"autoscaleEnabled": True, "minReplicas": 5, "maxReplicas": 2}}, "more than maxReplicas"),
            ({"authEnabled": True, "aadAuthEnabled": True}, "both on"),
            ({"authEnabled": "yes"}, "expected true or false"),
            ({"appInsightsEnabled": 1}, "expected true or false"),
            ({"name": "Sv"}, "no legal name of an endpoint"),
            ({"name": None}, "names no service"),
            ({"computeType": "ACI"}, "only AKS goes to Kubernetes"),
        ],
        ids=str,
    )
    def test_what_v1_or_v2_would_refuse_is_refused_with_its_line(
        self, change: dict[str, Any], words: str, tmp_path: Path
    ) -> None:
        said = refused(tmp_path, {**CONFIG, **change})
        assert words in said
        assert "v1.json:" in said

    def test_names_too_long_together_are_refused(self, tmp_path: Path) -> None:
        versions = {"b" * 32: {**CONFIG, "name": "b" * 32}}
        said = refused(tmp_path, {"computeType": "AKSENDPOINT", "name": "a" * 32, "versions": versions})
        assert "more than 62 characters together" in said

    def test_a_compute_of_another_kind_is_refused(self, tmp_path: Path) -> None:
        data = json.loads((HERE / "compute.json").read_text())
        data["properties"]["computeType"] = "AmlCompute"
        assert "only AKS" in refused(tmp_path, data)

    def test_a_compute_without_its_cluster_is_refused(self, tmp_path: Path) -> None:
        data = json.loads((HERE / "compute.json").read_text())
        data["properties"]["resourceId"] = "/subscriptions/s"
        assert "no id of an AKS cluster" in refused(tmp_path, data)

    @pytest.mark.parametrize("name", ["../../tmp/x", "", None, "a b", "-a"])
    def test_a_compute_s_name_is_no_path(self, name: str | None, tmp_path: Path) -> None:
        data = json.loads((HERE / "compute.json").read_text())
        assert "no name of a compute" in refused(tmp_path, {**data, "name": name})

    @pytest.mark.parametrize("data", [{"hello": 1}, [], [1], {"value": []}, 7], ids=str)
    def test_what_describes_nothing_is_refused(self, data: Any, tmp_path: Path) -> None:
        refused(tmp_path, data)

    def test_two_of_one_name_are_refused(self, tmp_path: Path) -> None:
        assert "described twice" in refused(tmp_path, [CONFIG, CONFIG])

    def test_a_configuration_without_its_deployment_is_refused(self, tmp_path: Path) -> None:
        assert "describe no web service" in refused(tmp_path, {"entryScript": "score.py"})
        assert "belongs to one deployment" in refused(
            tmp_path, [{"entryScript": "score.py"}, CONFIG, {**CONFIG, "name": "other"}]
        )

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("pattern: private_aks\n", "data science (scenario)"),
            ("command: python train.py\n", "data science (job)"),
            ("sites: {}\n", "IT operations (inventory)"),
        ],
    )
    def test_other_people_s_files_are_refused(self, text: str, words: str, tmp_path: Path) -> None:
        (tmp_path / "theirs.yaml").write_text(text)
        said = migrate(tmp_path / "out", str(tmp_path / "theirs.yaml"))
        assert said.code == 2
        assert words in said.err

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        said = migrate(tmp_path / "out", str(tmp_path / "nowhere.json"))
        assert said.code == 2
        assert "nowhere.json" in said.err


def test_unknown_keys_that_sound_like_secrets_are_hidden(tmp_path: Path) -> None:
    found = migrated(tmp_path, {**CONFIG, "extra": {"adminPassword": "hunter2", "size": 3}})
    rows = {row["name"]: row for row in found["values"]}
    assert (rows["extra.adminPassword"]["outcome"], rows["extra.adminPassword"]["value"]) == (Outcome.UNKNOWN, HIDDEN)
    assert rows["extra.size"]["value"] == "3"
    assert rows["extra.size"]["where"].endswith(":8")
