"""The fault plan, and what unmodified clients make of it."""

import subprocess
import sys
import threading
import time
from typing import Any

import httpx
import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    IncompleteReadError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceResponseError,
)
from azure.identity import DefaultAzureCredential
from azure.mgmt.hybridkubernetes import ConnectedKubernetesClient
from azure.mgmt.hybridkubernetes.models import ConnectedCluster, ConnectedClusterIdentity, ConnectedClusterProperties

from tests.azure.double.double import Double

CLUSTER = ConnectedCluster(
    location="westeurope",
    identity=ConnectedClusterIdentity(type="SystemAssigned"),
    properties=ConnectedClusterProperties(agent_public_key_certificate=""),
)
PATH = "/connectedClusters/arc1"


def clusters(azure: Double, **options: Any) -> Any:
    """The operations on Arc clusters, of an unmodified client; `options` go to its pipeline."""
    return ConnectedKubernetesClient(DefaultAzureCredential(), azure.places.subscription, **options).connected_cluster


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, HttpResponseError),
        (401, ClientAuthenticationError),
        (403, HttpResponseError),
        (404, ResourceNotFoundError),
        (409, ResourceExistsError),
        (412, HttpResponseError),
    ],
)
def test_an_error_is_answered_once_and_nothing_is_done(azure: Double, status: int, kind: type[Exception]) -> None:
    azure.faults.add("PUT", PATH, status=status)
    arc = clusters(azure)
    with pytest.raises(kind) as caught:
        arc.begin_create_or_replace("ml", "arc1", CLUSTER).result()
    assert caught.value.status_code == status  # type: ignore[attr-defined]
    with pytest.raises(ResourceNotFoundError):
        arc.get("ml", "arc1")
    assert arc.begin_create_or_replace("ml", "arc1", CLUSTER).result().name == "arc1"


def test_an_error_has_the_code_that_was_planned(azure: Double) -> None:
    azure.faults.add("GET", PATH, status=403, code="LinkedAuthorizationFailed", message="not yours")
    with pytest.raises(HttpResponseError, match="LinkedAuthorizationFailed"):
        clusters(azure).get("ml", "arc1")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_be_tried_again_is(azure: Double, status: int) -> None:
    """azure-core does so by itself, and waits as long as `Retry-After` says."""
    azure.seeds.cluster("arc1")
    azure.faults.add("GET", PATH, status=status, retry_after=1)
    began = time.monotonic()
    assert clusters(azure).get("ml", "arc1").name == "arc1"
    assert time.monotonic() - began > 1
    assert [one.status for one in azure.record.asked("GET", PATH)] == [status, 200]


def test_a_silence_lasts_until_the_client_gives_up(azure: Double) -> None:
    azure.seeds.cluster("arc1")
    azure.faults.add("GET", PATH, hang=True, times=None)
    with pytest.raises(ServiceResponseError, match="timed out"):
        clusters(azure, retry_total=0).get("ml", "arc1", read_timeout=0.3)


def test_half_an_answer_is_no_answer(azure: Double) -> None:
    azure.seeds.cluster("arc1")
    azure.faults.add("GET", PATH, half=True)
    with pytest.raises(IncompleteReadError):
        clusters(azure, retry_total=0).get("ml", "arc1")


def test_a_lost_answer_was_done(azure: Double) -> None:
    azure.faults.add("PUT", PATH, lose=True)
    arc = clusters(azure, retry_total=0)
    with pytest.raises(ServiceResponseError):
        arc.begin_create_or_replace("ml", "arc1", CLUSTER)
    assert arc.get("ml", "arc1").name == "arc1"


def test_a_delay_is_waited_for(azure: Double) -> None:
    azure.seeds.cluster("arc1")
    azure.faults.add("GET", PATH, delay_seconds=0.3)
    began = time.monotonic()
    assert clusters(azure).get("ml", "arc1").name == "arc1"
    assert time.monotonic() - began > 0.3


def test_an_accepted_operation_can_fail(azure: Double) -> None:
    azure.faults.add("PUT", PATH, operation_fails=("QuotaExceeded", "no room left"))
    arc = clusters(azure)
    with pytest.raises(HttpResponseError, match="no room left"):
        arc.begin_create_or_replace("ml", "arc1", CLUSTER).result()
    assert arc.get("ml", "arc1").properties.provisioning_state == "Failed"


def test_a_deletion_can_fail_and_then_nothing_is_deleted(azure: Double) -> None:
    azure.seeds.cluster("arc1")
    azure.faults.add("DELETE", PATH, operation_fails=("InUse", "still used"))
    arc = clusters(azure)
    with pytest.raises(HttpResponseError, match="still used"):
        arc.begin_delete("ml", "arc1").result()
    assert arc.get("ml", "arc1").properties.provisioning_state == "Failed"
    arc.begin_delete("ml", "arc1").result()
    with pytest.raises(ResourceNotFoundError):
        arc.get("ml", "arc1")


def test_a_slow_operation_goes_on_while_it_is_asked_for(azure: Double) -> None:
    azure.faults.add("PUT", PATH, operation_seconds=0.3)
    arc = clusters(azure)
    poller = arc.begin_create_or_replace("ml", "arc1", CLUSTER)
    assert arc.get("ml", "arc1").properties.provisioning_state == "Provisioning"
    assert poller.result().properties.provisioning_state == "Succeeded"
    assert len(list(azure.record.asked("GET", "/operations/"))) > 1


def test_a_held_operation_waits_for_the_test(azure: Double) -> None:
    fault = azure.faults.add("PUT", PATH, operation_held=True)
    poller = clusters(azure).begin_create_or_replace("ml", "arc1", CLUSTER)
    assert poller.status() == "InProgress"
    fault.release()
    assert poller.result().properties.provisioning_state == "Succeeded"


def test_a_fault_can_wait_for_its_turn(azure: Double) -> None:
    azure.seeds.cluster("arc1")
    azure.faults.add("GET", PATH, status=404, skip=1)
    arc = clusters(azure)
    assert arc.get("ml", "arc1").name == "arc1"
    with pytest.raises(ResourceNotFoundError):
        arc.get("ml", "arc1")
    assert arc.get("ml", "arc1").name == "arc1"


def test_a_client_can_be_killed_between_the_deed_and_its_answer(azure: Double) -> None:
    """What every test of "kill anywhere" stands on."""
    started: list[subprocess.Popen[bytes]] = []
    known = threading.Event()

    def kill() -> None:
        known.wait(10)
        started[0].kill()
        started[0].wait()

    azure.faults.add("PUT", PATH, then=kill)
    token = azure.login.issue(azure.places.management)
    url = (
        f"{azure.places.management}{azure.places.group_id}/providers/Microsoft.Kubernetes{PATH}?api-version=2024-01-01"
    )
    script = (
        "import httpx, sys; httpx.put(sys.argv[1], headers={'Authorization': sys.argv[2]}, timeout=30, json={'location': 'x',"
        "'identity': {'type': 'SystemAssigned'}, 'properties': {'agentPublicKeyCertificate': ''}}); print('answered')"
    )
    command = [sys.executable, "-c", script, url, f"Bearer {token}"]
    started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
    known.set()
    output, _ = started[0].communicate(timeout=30)
    assert (started[0].returncode, output) == (-9, b"")
    assert clusters(azure).get("ml", "arc1").name == "arc1"


def test_a_fault_that_nothing_meets_fails_the_test(azure: Double) -> None:
    azure.faults.add("GET", "/nothing", status=500)
    with pytest.raises(AssertionError, match="a fault was never met: GET /nothing"):
        azure.verify()
    azure.faults.clear()


def test_a_second_operation_on_a_busy_endpoint_is_a_conflict(azure: Double) -> None:
    fault = azure.faults.add("PUT", "/onlineEndpoints/ep1", operation_held=True)
    azure.seeds.kubernetes_compute("k8s")
    headers = {"Authorization": f"Bearer {azure.login.issue(azure.places.management)}"}
    url = f"{azure.places.management}{azure.world.ml('onlineEndpoints', 'ep1')}?api-version=2023-04-01-preview"
    value = {"location": "westeurope", "properties": {"authMode": "Key", "compute": azure.world.ml("computes", "k8s")}}
    first, second = (httpx.put(url, json=value, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code, second.json()["error"]["code"]) == (201, 409, "Conflict")
    fault.release()
    while httpx.get(first.headers["Azure-AsyncOperation"], headers=headers).json()["status"] == "InProgress":
        time.sleep(0.01)
    assert httpx.put(url, json=value, headers=headers).status_code == 200
