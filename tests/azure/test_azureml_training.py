"""Jobs of the azureml driver that the contract does not ask for: data, environments, computes, ranks, failures, room."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.errors import InputError, LandbridgeError, NotFoundError, RefusedError
from landbridge.domain.job import JobEnvironment, JobInput, JobResources
from landbridge.domain.values import Avoid, JobPhase, JobStatus, Resources
from landbridge.drivers.azureml import capacity as measuring
from landbridge.drivers.azureml import client
from tests.azure.azure_jobs import OWN, AzureWorld, a_job, data, ground, output
from tests.azure.double.double import Double, running
from tests.azure.double.ground import Ground
from tests.azure.double.places import CLOUDS, Places

READ = "cat ${{inputs.data}}"


@pytest.fixture
def aml(azure: Double, tmp_path: Path) -> AzureWorld:
    azure.seeds.kubernetes_compute("k8s")
    return ground(azure, tmp_path / "home", compute="k8s")


def body_of(azure: Double, name: str = "job") -> dict[str, Any]:
    [sent] = [one.sent for one in azure.record.asked("PUT", f"/jobs/{name}")]
    return dict(sent["properties"])


def log(aml: AzureWorld, name: str = "job") -> list[str]:
    ref = next(ref for ref in aml.connect().jobs() if ref.name == name)
    return list(aml.connect().logs(ref, follow=False))


def test_a_job_with_code_data_and_a_literal_leaves_its_model(
    aml: AzureWorld, azure: Double, code: Path, tmp_path: Path
) -> None:
    (tmp_path / "train.csv").write_text(" of data")
    line = "python train.py --lr ${{inputs.lr}} --data ${{inputs.data}} --model ${{outputs.model}}"
    job = a_job(
        line,
        said={"inputs": {**data("uri_file"), "lr": JobInput("lr", "number", 0.5)}, "outputs": output("mlflow_model")},
        code=str(code),
        inputs={"lr": "0.5", "data": str(tmp_path / "train.csv")},
        environment_variables={"DEPTH": "3"},
        instance_type="big",
    )
    status = aml.settle(aml.connect().submit(job))
    assert status.phase is JobPhase.SUCCEEDED, status
    assert (Path(status.outputs["model"].removeprefix("file://")) / "weights.txt").read_text() == "0.5 of data"
    assert log(aml) == ["trained with 3 in run job"]
    assert body_of(azure)["resources"] == {"instanceCount": 1, "instanceType": "big"}
    assert body_of(azure)["command"] == line


@pytest.mark.parametrize("url", ["lake", "plain"])
def test_data_in_a_store_of_the_workspace_is_read_where_it_is(aml: AzureWorld, azure: Double, url: str) -> None:
    azure.seeds.blob("lake/flights/a.csv", b"here\n")
    value = f"{aml.inventory.datastores[url].url}/flights"
    job = a_job(f"{READ}/a.csv", said={"inputs": data()}, inputs={"data": value})
    assert aml.settle(aml.connect().submit(job)).phase is JobPhase.SUCCEEDED
    assert log(aml) == ["here"]
    assert body_of(azure)["inputs"]["data"]["uri"] == "azureml://datastores/workspaceblobstore/paths/lake/flights"


def test_data_of_another_account_is_named_as_it_is(aml: AzureWorld, azure: Double) -> None:
    url = "abfss://c@elsewhere.dfs.core.windows.net/flights"
    aml.connect().submit(a_job(READ, said={"inputs": data()}, inputs={"data": url}))
    assert body_of(azure)["inputs"]["data"]["uri"] == url


@pytest.mark.parametrize(("url", "kind"), [("s3://bucket/x", InputError), ("/nowhere/at/all", NotFoundError)])
def test_data_that_azure_cannot_read_is_refused(
    aml: AzureWorld, azure: Double, url: str, kind: type[LandbridgeError]
) -> None:
    with pytest.raises(kind):
        aml.connect().submit(a_job(READ, said={"inputs": data()}, inputs={"data": url}))
    assert not [*azure.record.asked("PUT", "/jobs/")]


@pytest.mark.parametrize(
    ("reference", "kind", "asset"),
    [
        ("azureml:rows:1", "uri_file", "/data/rows/versions/1"),
        ("azureml:rows@latest", "uri_file", "/data/rows/versions/2"),
        ("azureml:net:1", "custom_model", "/models/net/versions/1"),
    ],
)
def test_an_asset_of_the_workspace_is_an_input(
    aml: AzureWorld, azure: Double, reference: str, kind: str, asset: str
) -> None:
    path = azure.seeds.blob("assets/a.csv", b"asset\n")
    kept = {"isAnonymous": False, "isArchived": False, "tags": {}, "properties": {}}
    for version in ("1", "2"):
        azure.world.add("data/versions", ("rows", version), {**kept, "dataUri": path, "dataType": "uri_file"})
    azure.world.add(
        "models/versions", ("net", "1"), {**kept, "modelUri": path, "modelType": "custom_model", "flavors": {}}
    )
    job = a_job(READ, said={"inputs": data(kind)}, inputs={"data": reference})
    assert aml.settle(aml.connect().submit(job)).phase is JobPhase.SUCCEEDED
    assert log(aml) == ["asset"]
    assert body_of(azure)["inputs"]["data"]["uri"].endswith(asset)


def test_a_folder_goes_over_once_for_many_jobs(aml: AzureWorld, azure: Double, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("rows\n")
    for name in ("one", "two"):
        job = a_job(f"{READ}/a.csv", name, said={"inputs": data()}, inputs={"data": str(tmp_path / "data")})
        assert aml.settle(aml.connect().submit(job)).phase is JobPhase.SUCCEEDED
    assert len([*azure.record.asked("PUT", "/data/a.csv")]) == 1


def test_the_same_files_in_a_folder_of_another_name_are_found_there(aml: AzureWorld, tmp_path: Path) -> None:
    for name in ("june", "july"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_text("rows\n")
        job = a_job(f"{READ}/a.csv", name, said={"inputs": data()}, inputs={"data": str(tmp_path / name)})
        assert aml.settle(aml.connect().submit(job)).phase is JobPhase.SUCCEEDED


@pytest.mark.parametrize(
    ("environment", "sent"),
    [
        (JobEnvironment("azureml:AzureML-sklearn:1"), "azureml:AzureML-sklearn:1"),
        (JobEnvironment("azureml:mine:1"), "/environments/mine/versions/1"),
        (JobEnvironment("azureml:mine@latest"), "/environments/mine/versions/2"),
        (
            JobEnvironment("azureml://registries/azureml/environments/sklearn-1.5/labels/latest"),
            "azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
        ),
        (JobEnvironment(image="python:3.12"), "/environments/CliV2AnonymousEnvironment/versions/"),
        (
            JobEnvironment(image="python:3.12", conda={"dependencies": ["pip"]}),
            "/environments/CliV2AnonymousEnvironment/versions/",
        ),
    ],
)
def test_an_environment_is_what_the_job_says(
    aml: AzureWorld, azure: Double, environment: JobEnvironment, sent: str
) -> None:
    azure.seeds.environment("AzureML-sklearn")
    for version in ("1", "2"):
        azure.seeds.environment("mine", version)
    aml.connect().submit(a_job("true", said={"environment": environment}, environment=OWN))
    assert sent in body_of(azure)["environmentId"]


def test_an_environment_that_is_not_there_says_so(aml: AzureWorld, azure: Double) -> None:
    job = a_job("true", said={"environment": JobEnvironment("azureml:never:1")}, environment=OWN)
    with pytest.raises(NotFoundError, match="never"):
        aml.connect().submit(job)


def test_download_is_a_mount_on_kubernetes_and_a_download_elsewhere(
    aml: AzureWorld, azure: Double, tmp_path: Path
) -> None:
    (tmp_path / "a").write_text("x")
    azure.seeds.managed_compute("cpu")
    told = {"said": {"inputs": data("uri_file", "download")}, "inputs": {"data": str(tmp_path / "a")}}
    aml.connect().submit(a_job(READ, "mounted", **told))  # type: ignore[arg-type]
    ground(azure, tmp_path / "home", compute="cpu").connect().submit(a_job(READ, "loaded", **told))  # type: ignore[arg-type]
    assert body_of(azure, "mounted")["inputs"]["data"]["mode"] == "ReadOnlyMount"
    assert body_of(azure, "loaded")["inputs"]["data"]["mode"] == "Download"


@pytest.mark.parametrize(
    "options", [{"compute": "cpu"}, {"instance_type": "Standard_DS3_v2"}, {"compute": "serverless"}]
)
def test_a_job_runs_on_machines_of_azure(azure: Double, tmp_path: Path, options: dict[str, str]) -> None:
    azure.seeds.managed_compute("cpu")
    aml = ground(azure, tmp_path / "home", **options)
    assert aml.settle(aml.connect().submit(a_job("true"))).phase is JobPhase.SUCCEEDED
    assert ("computeId" in body_of(azure)) is (options.get("compute") == "cpu")
    assert body_of(azure)["resources"].get("instanceType", "") == options.get("instance_type", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"compute": "never"}, "no compute 'never'"),
        ({"compute": "k8s", "kind": "amlcompute"}, "is of kind kubernetes"),
        ({"compute": "k8s", "namespace": "other"}, "was attached with namespace"),
    ],
)
def test_a_compute_that_is_not_what_the_inventory_says_is_refused(
    aml: AzureWorld, azure: Double, tmp_path: Path, options: dict[str, str], words: str
) -> None:
    wrong = ground(azure, tmp_path / "home", **options).connect()
    with pytest.raises(LandbridgeError, match=words):
        wrong.submit(a_job("true"))
    assert words in wrong.capacity().detail
    assert not wrong.capacity().reachable


def test_an_instance_type_that_the_cluster_lacks_is_refused_by_azure(aml: AzureWorld) -> None:
    with pytest.raises(LandbridgeError, match="instance type huge is not found"):
        aml.connect().submit(a_job("true", instance_type="huge"))


def test_each_rank_has_its_own_log(aml: AzureWorld) -> None:
    job = a_job(
        "echo rank $RANK of $WORLD_SIZE",
        said={
            "distribution": {"type": "pytorch", "process_count_per_instance": 1},
            "resources": JobResources(instance_count=2),
        },
    )
    assert aml.settle(aml.connect().submit(job)).phase is JobPhase.SUCCEEDED
    assert log(aml) == ["[0] rank 0 of 2", "[1] rank 1 of 2"]


def test_an_optional_part_is_decided_before_it_is_sent(aml: AzureWorld, azure: Double) -> None:
    inputs = {"lr": JobInput("lr", "number"), "depth": JobInput("depth", "integer", optional=True)}
    line = "echo a$[[ --lr ${{inputs.lr}}]]$[[ --depth ${{inputs.depth}}]]"
    aml.settle(aml.connect().submit(a_job(line, said={"inputs": inputs}, inputs={"lr": "0.5"})))
    assert log(aml) == ["a --lr 0.5"]
    assert body_of(azure)["command"] == "echo a --lr ${{inputs.lr}}"


def test_an_output_that_is_a_file_comes_as_a_file(aml: AzureWorld) -> None:
    job = a_job("echo done > ${{outputs.model}}", said={"outputs": output("uri_file")})
    status = aml.settle(aml.connect().submit(job))
    assert Path(status.outputs["model"].removeprefix("file://")).read_text() == "done\n"


def test_an_output_may_lie_in_a_datastore_of_its_own(aml: AzureWorld, azure: Double) -> None:
    path = "azureml://datastores/workspaceblobstore/paths/out/mine/"
    job = a_job("echo x > ${{outputs.model}}/MLmodel", said={"outputs": output(path=path)})
    status = aml.settle(aml.connect().submit(job))
    assert (Path(status.outputs["model"].removeprefix("file://")) / "MLmodel").read_text() == "x\n"
    assert azure.seeds.read("out/mine/MLmodel") == b"x\n"


def test_outputs_that_broke_off_are_fetched_by_the_next_reader(aml: AzureWorld, azure: Double) -> None:
    job = a_job("for n in 1 2 3; do echo $n > ${{outputs.model}}/$n; done", said={"outputs": output()})
    ref = aml.connect().submit(job)
    azure.faults.add("GET", "/azureml/job/model/2", status=403)
    with pytest.raises(LandbridgeError):
        aml.settle(ref)
    status = aml.settle(ref)
    folder = Path(status.outputs["model"].removeprefix("file://"))
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2", "3"]
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda inside: inside.namespaces.discard("default"), "NamespaceNotFound"),
        (lambda inside: setattr(inside, "is_reachable", False), "ClusterNotReachable"),
    ],
)
def test_a_broken_cluster_is_avoided_and_the_job_is_not_blamed(
    aml: AzureWorld, azure: Double, break_it: Callable[[Any], Any], reason: str
) -> None:
    break_it(
        azure.seeds.inside(azure.world.resources.get(azure.world.ml("computes", "k8s"))["properties"]["resourceId"])
    )
    status = aml.settle(aml.connect().submit(a_job("true")))
    assert (status.phase, status.reason, status.avoid) == (JobPhase.FAILED, reason, Avoid.TARGET)
    assert status.detail.count(".") >= 1


def test_a_job_that_fails_is_its_own_fault(aml: AzureWorld) -> None:
    status = aml.settle(aml.connect().submit(a_job("echo quota exceeded in my own code >&2; exit 7")))
    assert (status.reason, status.exit_code, status.avoid) == ("Exit", 7, Avoid.EVERYTHING)
    assert "quota exceeded in my own code" in status.detail


def test_a_job_waits_for_a_full_compute_and_says_so(azure: Double, tmp_path: Path) -> None:
    azure.seeds.managed_compute("cpu")
    azure.full.add("cpu")
    compute = azure.world.resources.get(azure.world.ml("computes", "cpu"))["properties"]["properties"]
    compute["errors"] = [{"error": {"code": "ClusterCoreQuotaReached", "message": "No cores are left."}}]
    aml = ground(azure, tmp_path / "home", compute="cpu")
    ref = aml.connect().submit(a_job("true"))
    status = aml.wait(ref, lambda status: status.reason == "Queued")
    assert "ClusterCoreQuotaReached: No cores are left" in status.detail
    azure.full.clear()
    assert aml.settle(ref).phase is JobPhase.SUCCEEDED


def test_a_waiting_job_can_be_cancelled(azure: Double, tmp_path: Path) -> None:
    azure.seeds.managed_compute("cpu")
    azure.full.add("cpu")
    aml = ground(azure, tmp_path / "home", compute="cpu")
    ref = aml.connect().submit(a_job("true"))
    aml.connect().cancel(ref)
    assert aml.connect().observe(ref).reason == "Cancelled"


def test_machines_are_counted_one_job_each(azure: Double, tmp_path: Path) -> None:
    azure.seeds.managed_compute("cpu", "Standard_DS3_v2")
    aml = ground(azure, tmp_path / "home", compute="cpu")
    size = Resources(4000, 14 << 30)
    assert [node.free for node in aml.connect().capacity().nodes] == [size] * 4
    ref = aml.connect().submit(a_job("sleep 60"))
    aml.wait(ref, lambda status: status.phase is JobPhase.RUNNING)
    assert [node.free for node in aml.connect().capacity().nodes] == [Resources(), size, size, size]
    aml.connect().cancel(ref)
    assert [node.free for node in aml.connect().capacity().nodes] == [size] * 4


@pytest.mark.parametrize(
    ("counter", "used", "free"),
    [
        ("Standard Family Cluster Dedicated vCPUs", (90, 100), 2),
        ("Standard Family Cluster Dedicated vCPUs", (100, 100), 0),
        ("Standard Family Cluster Dedicated vCPUs", (150, 100), 0),
        ("Standard Family Cluster Dedicated vCPUs", (0, -1), 4),
        ("Total Cluster Dedicated Regional vCPUs", (196, 200), 1),
        ("Standard NCSv3 Family Cluster Dedicated vCPUs", (0, 0), 4),
        ("Total Cluster LowPriority Regional vCPUs", (100, 100), 4),
    ],
)
def test_a_quota_leaves_fewer_machines(
    azure: Double, tmp_path: Path, counter: str, used: tuple[int, int], free: int
) -> None:
    azure.seeds.managed_compute("cpu", "Standard_DS3_v2")  # 4 vCPUs, at most 4 machines
    azure.world.quota[counter] = used
    found = ground(azure, tmp_path / "home", compute="cpu").connect().capacity()
    assert len([node for node in found.nodes if node.free == node.total]) == free
    assert len(found.nodes) == 4
    assert ("quota" in found.detail) is (free < 4)


def test_a_machine_that_is_there_needs_no_quota(azure: Double, tmp_path: Path) -> None:
    azure.seeds.managed_compute("cpu", "Standard_DS3_v2")
    azure.world.quota["Standard Family Cluster Dedicated vCPUs"] = (100, 100)
    azure.world.resources.get(azure.world.ml("computes", "cpu"))["properties"]["properties"]["currentNodeCount"] = 1
    found = ground(azure, tmp_path / "home", compute="cpu").connect().capacity()
    assert len([node for node in found.nodes if node.free == node.total]) == 1


def test_whoever_may_not_read_sizes_counts_no_machines(azure: Double, tmp_path: Path) -> None:
    azure.seeds.managed_compute("cpu", "Standard_DS3_v2")
    azure.faults.add("GET", "/vmSizes", status=403)
    found = ground(azure, tmp_path / "home", compute="cpu").connect().capacity()
    assert (found.reachable, found.nodes) == (True, ())
    assert "Standard_DS3_v2" in found.detail


def test_whoever_may_not_read_quotas_finds_no_limit(azure: Double, tmp_path: Path) -> None:
    azure.seeds.managed_compute("cpu", "Standard_DS3_v2")
    azure.faults.add("GET", "/usages", status=403)
    found = ground(azure, tmp_path / "home", compute="cpu").connect().capacity()
    assert len([node for node in found.nodes if node.free == node.total]) == 4


def test_a_cluster_whose_nodes_nobody_tells_is_not_measured(aml: AzureWorld) -> None:
    assert aml.connect().capacity() == measuring.Capacity()


def test_a_compute_that_failed_takes_no_work(aml: AzureWorld, azure: Double) -> None:
    azure.world.resources.get(azure.world.ml("computes", "k8s"))["properties"]["provisioningState"] = "Failed"
    found = aml.connect().capacity()
    assert (found.reachable, found.detail) == (False, "The compute is Failed.")
    with pytest.raises(RefusedError, match="Failed"):
        aml.connect().submit(a_job("true"))


@pytest.mark.parametrize(
    "fault", [{"hang": True}, {"status": 503}, {"status": 401}, {"status": 429, "retry_after": 999}]
)
def test_capacity_of_a_silent_azure_is_an_answer_in_time(
    aml: AzureWorld, azure: Double, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    monkeypatch.setattr(measuring, "DEADLINE_SECONDS", 1.0)
    azure.faults.add("GET", "/computes/k8s", times=None, **fault)
    began = time.monotonic()
    found = measuring.measure(aml.connect()._workspace, aml.target, aml.connect()._options, 1.0)
    assert time.monotonic() - began < 3
    assert not found.reachable
    assert found.detail


def test_jobs_of_others_are_not_ours(aml: AzureWorld, azure: Double, tmp_path: Path) -> None:
    places = azure.places
    other = ground(azure, tmp_path / "home", compute="k8s")
    renamed = AzureWorld(azure, other.target, other.inventory)
    aml.connect().submit(a_job("true", "ours"))
    workspace = aml.connect()._workspace
    properties = {**body_of(azure, "ours"), "tags": {"landbridge.target": "another"}}
    workspace.put("jobs/theirs", "2025-01-01-preview", {"properties": properties}, "submitting")
    assert [ref.name for ref in renamed.connect().jobs()] == ["ours"]
    assert places.workspace in workspace.place.id


def test_what_is_sent_is_what_az_ml_sends(aml: AzureWorld, azure: Double, ml: Any, code: Path, tmp_path: Path) -> None:
    """The same YAML by the SDK: nothing is lost, nothing else is said, but for names, tags and identifiers of uploads."""
    import yaml
    from azure.ai.ml import load_job

    from landbridge.files.job import load_job as ours

    azure.seeds.environment("AzureML-sklearn")
    azure.seeds.blob("lake/a.csv", b"x")
    path = "azureml://datastores/workspaceblobstore/paths/lake/a.csv"
    said = {
        "$schema": "https://azuremlschemas.azureedge.net/latest/commandJob.schema.json",
        "type": "command",
        "display_name": "shown",
        "description": "words",
        "experiment_name": "flights",
        "properties": {"p": "q"},
        "command": "true ${{inputs.data}} ${{inputs.rate}} ${{outputs.model}}",
        "code": str(code),
        "environment": "azureml:AzureML-sklearn:1",
        "environment_variables": {"A": "1"},
        "inputs": {"data": {"type": "uri_file", "path": path, "mode": "ro_mount"}, "rate": 0.1},
        "outputs": {"model": {"type": "mlflow_model", "mode": "upload", "name": "m", "version": "3"}},
        "compute": "azureml:k8s",
        "resources": {
            "instance_count": 2, "instance_type": "big", "shm_size": "2g", "docker_args": "--ipc host",
            "max_instance_count": 4, "properties": {"k": {"v": 1}},
        },
        "distribution": {"type": "pytorch", "process_count_per_instance": 1},
        "limits": {"timeout": 50},
        "services": {
            "lab": {"type": "jupyter_lab", "nodes": "all"}, "ssh": {"type": "ssh", "ssh_public_keys": "ssh-rsa x"},
            "board": {"type": "tensor_board", "log_dir": "out/tb"}, "code": {"type": "vs_code"},
            "own": {"type": "custom", "port": 8080, "properties": {"a": "b"}},
        },
        "identity": {"type": "managed", "client_id": "00000000-0000-0000-0000-000000000000"},
        "queue_settings": {"job_tier": "spot", "priority": "high"},
    }  # fmt: skip
    file = tmp_path / "job.yaml"
    file.write_text(yaml.safe_dump(said))
    loaded = load_job(file)
    loaded.name = "theirs"
    ml.jobs.create_or_update(loaded)
    job = ours(file)
    order = a_job(
        job.command, "ours", said={name: getattr(job, name) for name in job.__slots__}, environment=OWN, code=job.code,
        inputs={"data": path, "rate": "0.1"}, environment_variables=job.environment_variables, timeout_seconds=50,
        instance_type="big",
    )  # fmt: skip
    aml.connect().submit(order)
    sdk, mine = comparable(body_of(azure, "theirs")), comparable(body_of(azure, "ours"))
    assert json.dumps(mine, sort_keys=True, indent=1) == json.dumps(sdk, sort_keys=True, indent=1)


def comparable(body: dict[str, Any]) -> dict[str, Any]:
    """Without what names uploads, tells of git, and marks jobs as landbridge's; null is what was not said."""
    kept = {
        key: value for key, value in body.items() if key not in {"tags", "codeId", "properties"} and value is not None
    }
    kept["properties"] = {
        key: value for key, value in body["properties"].items() if not key.startswith(("mlflow.", "azureml.git."))
    }
    return kept


@pytest.mark.parametrize("cloud", ["AzureUSGovernment", "AzureChinaCloud"])
def test_a_sovereign_cloud_is_another_place_and_nothing_else(
    azure_ground: Ground, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cloud: str
) -> None:
    with running(azure_ground, Places(cloud=CLOUDS[cloud])) as double:
        for name, value in double.environment.items():
            monkeypatch.setenv(name, value)
        client.forget()
        double.seeds.managed_compute("cpu")
        aml = ground(double, tmp_path / "home", compute="cpu", cloud=cloud)
        job = a_job("echo x > ${{outputs.model}}/MLmodel; echo done", said={"outputs": output()})
        status = aml.settle(aml.connect().submit(job))
        assert (Path(status.outputs["model"].removeprefix("file://")) / "MLmodel").read_text() == "x\n"
        assert log(aml) == ["done"]
        double.verify()


def test_a_status_that_nobody_knows_is_not_final(aml: AzureWorld) -> None:
    from landbridge.drivers.azureml.training_state import reading

    assert reading({"name": "j", "properties": {"status": "Odd"}}, None) == JobStatus(JobPhase.RUNNING)
