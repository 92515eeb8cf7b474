"""The proof that a workspace is private: from what Azure tells, refused with the evidence."""

from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.inventory import Inventory, Network, Role, Site, Target
from landbridge.domain.values import SiteKind
from landbridge.drivers.azureml.private_network import private_proof
from tests.azure.double.double import Double
from tests.azure.double.seeds import BOTH

CLOSED = ("workspace", "storageAccount", "keyVault", "containerRegistry")
PRIVATE_API = {"apiServerAccessProfile": {"enablePrivateCluster": True, "enablePrivateClusterPublicFQDN": False}}
INTERNAL = {**BOTH, "inferenceRouterServiceType": "LoadBalancer", "internalLoadBalancerProvider": "azure"}


def attach(azure: Double, kind: str = "aks", settings: dict[str, str] | None = None, **properties: Any) -> None:
    """A cluster, attached as compute `k8s`."""
    given = PRIVATE_API if kind == "aks" and not properties else properties
    cluster = azure.seeds.cluster("vnet", kind, settings or INTERNAL, **given)
    azure.computes.attach("k8s", cluster, "default")


def failed(azure: Double, proxy: str = "", role: Role = Role.SERVE, **options: str) -> dict[str, str]:
    """Failed check → its detail; every one has a hint. Without options the target is on the cluster."""
    there = azure.places.options(**(options or {"compute": "k8s"}))
    target = Target("aml", "vnet", "azureml", frozenset({role}), "aml", there)
    site = Site(
        "vnet", SiteKind.CLOUD, "file:///models", "file:///cache", 0, network=Network(private=True, proxy=proxy)
    )
    found = private_proof(target, Inventory("test", "inventory.yaml", "/home", {"vnet": site}, {"aml": target}, {}))
    assert len({check.name for check in found}) == len(found)
    assert all(check.hint for check in found if not check.passed)
    return {check.name.removeprefix("vnet: "): check.detail for check in found if not check.passed}


@pytest.fixture
def closed(azure: Double) -> Double:
    for what in CLOSED:
        azure.seeds.close(what)
    return azure


def test_what_is_closed_all_round_is_proven(closed: Double) -> None:
    attach(closed)
    assert failed(closed) == {}


def test_an_open_workspace_fails_in_every_part(azure: Double) -> None:
    attach(azure, settings=BOTH | {"inferenceRouterServiceType": "LoadBalancer"}, kubernetesVersion="1.34")
    found = failed(azure)
    assert set(found) == {
        "workspace lab", "storage account landbridgelab", "key vault labkv", "container registry labcr",
        "cluster vnet: API server", "router of cluster vnet",
    }  # fmt: skip
    assert found["workspace lab"] == "publicNetworkAccess is Enabled; private endpoints: none"


@pytest.mark.parametrize("what", CLOSED)
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_a_private_endpoint_must_be_approved(closed: Double, what: str, status: str) -> None:
    attach(closed)
    closed.seeds.close(what, status)
    [detail] = failed(closed).values()
    assert "publicNetworkAccess is Disabled" in detail
    assert status in detail


def test_a_private_endpoint_beside_public_access_is_not_private(closed: Double) -> None:
    attach(closed)
    closed.world.resources.get(closed.places.account_id)["properties"]["publicNetworkAccess"] = "Enabled"
    assert list(failed(closed)) == ["storage account landbridgelab"]


def test_a_public_name_of_a_private_cluster_fails(closed: Double) -> None:
    attach(closed, apiServerAccessProfile={"enablePrivateCluster": True, "enablePrivateClusterPublicFQDN": True})
    assert failed(closed) == {"cluster vnet: API server": "the API server is private, and has a public name"}


def test_a_cluster_of_another_region_fails(closed: Double) -> None:
    attach(closed)
    [cluster] = closed.world.resources.under(closed.places.group_id, "Microsoft.ContainerService/managedClusters")
    cluster["location"] = "northeurope"
    assert failed(closed) == {"cluster vnet: region": "the cluster is in northeurope, the workspace in westeurope"}


def test_an_arc_cluster_goes_out_by_private_link_or_a_proxy(closed: Double) -> None:
    attach(closed, "arc", BOTH)
    assert list(failed(closed)) == ["cluster vnet"]
    assert failed(closed, proxy="http://proxy:3128") == {}
    [cluster] = closed.world.resources.under(closed.places.group_id, "Microsoft.Kubernetes/connectedClusters")
    cluster["properties"]["privateLinkState"] = "Enabled"
    assert failed(closed) == {}


def test_machines_must_have_no_public_address(closed: Double) -> None:
    closed.seeds.managed_compute("cpu")
    assert list(failed(closed, role=Role.TRAIN, compute="cpu")) == ["compute cpu"]
    compute = closed.world.resources.get(closed.world.ml("computes", "cpu"))
    compute["properties"]["properties"]["enableNodePublicIp"] = False
    assert failed(closed, role=Role.TRAIN, compute="cpu") == {}


def test_managed_endpoints_are_private_when_they_are_made_so(closed: Double) -> None:
    assert list(failed(closed, instance_type="x")) == ["machines of aml"]
    assert failed(closed, instance_type="x", public_network_access="disabled") == {}
    assert list(failed(closed, role=Role.TRAIN, compute="serverless")) == ["machines of aml"]


def test_what_cannot_be_read_is_not_private(closed: Double) -> None:
    attach(closed)
    closed.faults.add("GET", "/vaults/", status=403)
    assert list(failed(closed)) == ["key vault labkv"]
    closed.faults.add("GET", rf"/workspaces/{closed.places.workspace}\?", status=503, times=None)
    assert list(failed(closed)) == ["workspace lab"]


def test_the_proof_changes_nothing(closed: Double, tmp_path: Path) -> None:
    attach(closed)
    failed(closed)
    assert {one.method for one in closed.record.exchanges if one.service == "management"} == {"GET"}
