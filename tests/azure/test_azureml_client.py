"""How the azureml driver asks a workspace: repeated, patient, bounded; every error is one of ours, and says what mends it."""

import gc
import subprocess
import sys
import time
from pathlib import Path

import pytest

from landbridge.domain.errors import (
    AuthError,
    ConflictError,
    LandbridgeError,
    NotFoundError,
    PermanentError,
    QuotaExceededError,
    RefusedError,
    TargetUnavailableError,
    TransientError,
)
from landbridge.domain.job import JobEnvironment
from landbridge.drivers.azureml import assets, blobs, client
from landbridge.drivers.azureml.client import COMPUTES, JOBS, WORKSPACES, Request, Workspace
from landbridge.drivers.azureml.options import Place
from tests.azure.double.double import Double

NEVER = 10_000


def read(workspace: Workspace) -> client.Object:
    return workspace.get("", WORKSPACES, "reading the workspace")


def test_a_workspace_is_read_and_its_region_found(azure: Double, workspace: Workspace) -> None:
    assert read(workspace)["location"] == azure.places.region
    url = workspace.regional("history/v1.0", "runs/x")
    assert url == f"https://{azure.places.api_host}/history/v1.0{azure.places.workspace_id}/runs/x"
    workspace.regional("history/v1.0", "runs/y")
    assert len([*azure.record.asked("GET", "/discovery")]) == 1


def test_it_is_asked_by_landbridge(azure: Double, workspace: Workspace) -> None:
    read(workspace)
    agents = {one.headers.get("user-agent", "") for one in azure.record.asked("GET", azure.places.workspace)}
    assert [agent.partition("/")[0] for agent in agents] == ["landbridge"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, PermanentError),
        (401, AuthError),
        (403, AuthError),
        (404, NotFoundError),
        (409, ConflictError),
        (412, ConflictError),
        (429, TransientError),
        (500, TargetUnavailableError),
        (503, TargetUnavailableError),
    ],
)
def test_every_status_is_an_error_of_ours(
    azure: Double, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[LandbridgeError]
) -> None:
    azure.faults.add("GET", "/workspaces/lab", status=status, times=None)
    with pytest.raises(LandbridgeError) as caught:
        workspace.ask(Request("GET", "", "reading the workspace", WORKSPACES, retries=0))
    assert type(caught.value) is kind
    assert f"HTTP {status}" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (("QuotaExceeded", "The core quota is used up."), QuotaExceededError, "quota"),
        (("NamespaceNotFound", "The namespace x is not found in the cluster."), RefusedError, "attach"),
        (("ClusterNotReachable", "The Kubernetes cluster is not reachable."), TransientError, "Start the cluster"),
        (("UserError", "Training feature is not enabled, please enable it."), RefusedError, "enableTraining"),
        (("UserError", "What nobody knows."), PermanentError, "explain"),
    ],
)
def test_azures_own_code_decides_where_http_has_no_word(
    azure: Double, workspace: Workspace, said: tuple[str, str], kind: type[LandbridgeError], words: str
) -> None:
    azure.faults.add("GET", "/workspaces/lab", status=400, code=said[0], message=said[1])
    with pytest.raises(LandbridgeError) as caught:
        read(workspace)
    assert type(caught.value) is kind
    assert words in caught.value.hint


def test_throttling_is_slept_through_for_as_long_as_azure_asks(azure: Double, workspace: Workspace) -> None:
    azure.faults.add("GET", "/workspaces/lab", status=429, retry_after=1)
    began = time.monotonic()
    read(workspace)
    assert time.monotonic() - began >= 1


def test_a_long_wait_is_told_and_not_slept_through(azure: Double, workspace: Workspace) -> None:
    azure.faults.add("GET", "/workspaces/lab", status=429, retry_after=NEVER)
    with pytest.raises(TransientError, match=f"{NEVER} s"):
        read(workspace)


@pytest.mark.parametrize("fault", [{"half": True}, {"lose": True}, {"status": 503}])
def test_what_breaks_off_once_is_asked_again(azure: Double, workspace: Workspace, fault: dict[str, bool]) -> None:
    azure.faults.add("GET", "/workspaces/lab", **fault)
    assert read(workspace)["name"] == azure.places.workspace


@pytest.mark.parametrize("fault", [{"half": True}, {"lose": True}, {"hang": True}])
def test_what_keeps_breaking_off_is_transient(azure: Double, workspace: Workspace, fault: dict[str, bool]) -> None:
    azure.faults.add("GET", "/workspaces/lab", times=None, **fault)
    with pytest.raises(TargetUnavailableError):
        workspace.ask(Request("GET", "", "reading the workspace", WORKSPACES, seconds=0.3, retries=1))


def test_a_revoked_token_is_replaced_at_once(azure: Double, workspace: Workspace) -> None:
    read(workspace)
    azure.login.revoke()
    assert read(workspace)["name"] == azure.places.workspace


def test_wrong_credentials_say_so(azure: Double, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "hunter2-very-secret")
    with pytest.raises(AuthError) as caught:
        read(workspace)
    assert "az login" in caught.value.hint
    assert "hunter2" not in str(caught.value)


def test_another_tenant_is_asked_for_when_the_target_says_so(azure: Double) -> None:
    places, other = azure.places, "44444444-4444-4444-4444-444444444444"
    there = Workspace(Place(places.subscription, places.resource_group, places.workspace, other))
    with pytest.raises(AuthError):
        read(there)
    assert [*azure.record.asked("GET", f"/{other}/"), *azure.record.asked("POST", f"/{other}/")]


def test_an_operation_is_waited_for_and_its_failure_is_told(azure: Double, workspace: Workspace) -> None:
    cluster = azure.seeds.cluster("bare", settings={})
    given = {"computeType": "Kubernetes", "resourceId": cluster, "properties": {"namespace": "default"}}
    body = {"location": azure.places.region, "properties": given}
    answer = workspace.put("computes/k8s", COMPUTES, body, "attaching k8s")
    with pytest.raises(RefusedError, match="extension is not installed"):
        workspace.finish(answer, "attaching k8s", 10)


def test_an_operation_that_does_not_end_is_left_to_itself(azure: Double, workspace: Workspace) -> None:
    azure.seeds.kubernetes_compute("k8s")
    fault = azure.faults.add("DELETE", "/computes/k8s", operation_held=True)
    request = Request("DELETE", "computes/k8s", "detaching", COMPUTES, query={"underlyingResourceAction": "Detach"})
    answer = workspace.ask(request)
    with pytest.raises(TargetUnavailableError, match="goes on"):
        workspace.finish(answer, "detaching", 0.2)
    fault.release()
    workspace.finish(answer, "detaching", 10)
    assert workspace.find("computes/k8s", COMPUTES, "reading k8s") is None


def test_code_goes_over_once_whoever_sends_it(azure: Double, workspace: Workspace, code: Path) -> None:
    (code / "__pycache__").mkdir()
    (code / "__pycache__" / "train.pyc").write_bytes(b"x")
    first = assets.code_id(workspace, str(code))
    sent = [*azure.record.asked("PUT", "/src/")]
    again = Workspace(workspace.place)
    assert assets.code_id(again, str(code)) == first
    assert [*azure.record.asked("PUT", "/src/")] == sent
    assert {one.path.rpartition("/")[2] for one in sent} == {"train.py", "score.py"}
    (code / "train.py").write_text("pass")
    assert assets.code_id(again, str(code)) != first


def test_an_upload_that_was_broken_off_goes_on(azure: Double, workspace: Workspace, tmp_path: Path) -> None:
    for name in ("a", "b/c"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text(name)
    azure.faults.add("PUT", "/data/b/c", status=403, times=1)
    with pytest.raises(AuthError):
        assets.upload(workspace, tmp_path / "data")
    spot = assets.upload(workspace, tmp_path / "data")
    assert azure.seeds.read(f"{spot.path}b/c") == b"b/c"
    before = len(azure.record.exchanges)
    assert assets.upload(workspace, tmp_path / "data") == spot
    assert not [one for one in azure.record.exchanges[before:] if one.method == "PUT"]


def test_an_inline_environment_is_registered_once(azure: Double, workspace: Workspace) -> None:
    conda = JobEnvironment(image="mcr.microsoft.com/azureml/minimal", conda={"dependencies": ["python=3.11"]})
    first = assets.environment_id(workspace, conda)
    assert assets.environment_id(workspace, conda) == first
    assert workspace.get(first, assets.ASSETS, "reading it")["properties"]["condaFile"].startswith("{")


def test_a_build_folder_is_uploaded_for_its_environment(azure: Double, workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "Dockerfile").write_text("FROM scratch")
    build = JobEnvironment(build={"path": str(tmp_path / "docker"), "dockerfile_path": "Dockerfile"})
    made = workspace.get(assets.environment_id(workspace, build), assets.ASSETS, "reading it")["properties"]["build"]
    host, _, path = made["contextUri"].removeprefix("https://").partition("/")
    assert host == azure.places.blob_host
    assert azure.seeds.read(f"{path.partition('/')[2]}Dockerfile") == b"FROM scratch"


def test_what_a_datastore_holds_comes_back(azure: Double, workspace: Workspace, tmp_path: Path) -> None:
    azure.seeds.blob("out/model/a/b.txt", b"deep")
    azure.seeds.blob("out/model/MLmodel", b"top")
    azure.seeds.blob("out/models/other", b"not this")
    container = blobs.datastore(workspace, blobs.default_store(workspace))
    assert container.download("out/model/", tmp_path / "got") == 2
    assert (tmp_path / "got/a/b.txt").read_bytes() == b"deep"
    assert container.download("out/model/MLmodel", tmp_path / "one") == 1
    assert (tmp_path / "one/MLmodel").read_bytes() == b"top"
    assert container.read("out/model/MLmodel") == b"top"


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 500}, {"half": True}, {"lose": True}])
def test_a_file_that_breaks_off_is_sent_and_fetched_again(
    azure: Double, workspace: Workspace, tmp_path: Path, fault: dict[str, bool]
) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 100_000)
    azure.faults.add("PUT", "/a.csv", **fault)
    azure.faults.add("GET", "/a.csv", **fault)
    spot = assets.upload(workspace, tmp_path / "a.csv")
    assert blobs.datastore(workspace, spot.store).download(spot.path, tmp_path / "got") == 1
    assert (tmp_path / "got" / "a.csv").read_bytes() == b"x" * 100_000


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # azure-core leaves a half-read socket open
@pytest.mark.parametrize("fault", [{"status": 503}, {"half": True}, {"hang": True}])
def test_a_store_that_stays_broken_is_transient(
    azure: Double, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: dict[str, bool]
) -> None:
    monkeypatch.setattr(blobs, "READ_SECONDS", 0.3)
    monkeypatch.setattr(blobs, "RETRIES", 1)
    spot = blobs.Spot("workspaceblobstore", azure.seeds.blob("a.csv", b"x" * 1000).rpartition("/")[2])
    azure.faults.add("GET", "/a.csv", times=None, **fault)
    with pytest.raises(TargetUnavailableError):
        blobs.datastore(workspace, spot.store).download(spot.path, tmp_path / "got")
    gc.collect()


def test_whoever_may_not_see_keys_reads_and_writes_as_themselves(
    azure: Double, workspace: Workspace, tmp_path: Path
) -> None:
    azure.faults.add("POST", "/listSecrets", status=403, times=None)
    (tmp_path / "a.csv").write_text("x")
    spot = assets.upload(workspace, tmp_path / "a.csv")
    assert azure.seeds.read(spot.path) == b"x"


def test_a_workspace_that_is_not_there_is_the_targets_fault(azure: Double, workspace: Workspace) -> None:
    azure.faults.add("GET", "/jobs/x", status=404, code="ResourceGroupNotFound", message="Resource group 'ml' is gone.")
    with pytest.raises(RefusedError, match="there is no workspace 'lab'"):
        workspace.find("jobs/x", JOBS, "reading job 'x'")


def test_an_unknown_object_is_none(azure: Double, workspace: Workspace) -> None:
    assert workspace.find("jobs/never", JOBS, "reading job 'never'") is None


def test_the_sdk_is_never_imported(azure: Double, workspace: Workspace) -> None:
    script = (
        "import sys; from landbridge.drivers.azureml.client import *; from landbridge.drivers.azureml.options import Place\n"
        f"connect({workspace.place!r}).resource(); print('azure.ai.ml' in sys.modules)"
    )
    script = script.replace("<Cloud.PUBLIC: 'Azure'>", "Cloud('Azure')").replace("import Place", "import Cloud, Place")
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert answer.stdout.decode().strip() == "False"
