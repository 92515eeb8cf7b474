"""`ops cluster check` over the double: what it finds on AKS and Arc clusters, and that it changes nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from landbridge.domain.errors import InputError, NotFoundError
from landbridge.domain.operating import Diagnosis, Verdict
from landbridge.drivers.azureml.operating import OperatedWorkspace
from landbridge.ports_ops import (
    CanAttach,
    CanCheckCluster,
    CanTroubleshoot,
    GivesKubeconfig,
    HasExtension,
    KnowsUses,
)
from tests.azure.double.double import Double
from tests.azure.double.wire import Json
from tests.azure.operated import operated as connect

Check = Callable[..., dict[str, Diagnosis]]
MICROSOFT = "20.1.0.0/24", "20.2.0.0/24"


@pytest.fixture
def operated(azure: Double, tmp_path: Path) -> Callable[..., OperatedWorkspace]:
    def make(**options: Json) -> OperatedWorkspace:
        return connect(azure, tmp_path / "home", **options)

    return make


@pytest.fixture
def check(azure: Double, operated: Callable[..., OperatedWorkspace]) -> Check:
    """The rows, by name, of a new cluster with these properties of ARM."""

    def rows(kind: str, **properties: Json) -> dict[str, Diagnosis]:
        at = azure.seeds.cluster("one", kind, settings={}, **properties)
        return {row.name: row for row in operated(operations={"cluster": at}).check_cluster()}

    return rows


def failed(rows: dict[str, Diagnosis]) -> set[str]:
    return {name for name, row in rows.items() if row.verdict is Verdict.FAIL}


@pytest.mark.parametrize(
    "power", [CanCheckCluster, HasExtension, KnowsUses, CanAttach, GivesKubeconfig, CanTroubleshoot]
)
def test_the_target_has_the_power(power: type) -> None:
    assert issubclass(OperatedWorkspace, power)


@pytest.mark.parametrize("kind", ["aks", "arc"])
def test_a_sound_cluster_passes_and_nothing_is_changed(azure: Double, check: Check, kind: str) -> None:
    rows = check(kind)
    assert failed(rows) == set()
    assert "1.34, 1.33, 1.32" in rows["version"].why
    assert {one.method for one in azure.record.exchanges if one.service == "management"} <= {"GET"}


@pytest.mark.parametrize(
    ("properties", "row", "words"),
    [
        ({"currentKubernetesVersion": "1.31.9"}, "version", "Upgrade"),
        ({"servicePrincipalProfile": {"clientId": "some-principal"}}, "managed identity", "ALL node pools"),
        ({"disableLocalAccounts": True}, "local accounts", "Trusted Access"),
        ({"apiServerAccessProfile": {"authorizedIPRanges": ["10.0.0.0/8"]}}, "authorised IP ranges", "20.2.0.0/24"),
        ({"apiServerAccessProfile": {"enablePrivateCluster": True}}, "private link", "disable-public-fqdn"),
        ({"podIdentityProfile": {"enabled": True}}, "pod identity", "workload identity"),
        ({"powerState": {"code": "Stopped"}}, "running", "az aks start"),
        ({"httpProxyConfig": {"httpsProxy": "http://u:pw@proxy:3128"}}, "proxy", "127.0.0.1 and localhost"),
    ],
)
def test_what_azure_ml_does_not_take_of_aks_fails_with_its_remedy(
    check: Check, properties: dict[str, Json], row: str, words: str
) -> None:
    rows = check("aks", **properties)
    assert failed(rows) == {row}
    assert words in rows[row].remedy
    assert "pw@" not in str(rows)


@pytest.mark.parametrize(
    ("properties", "row", "words"),
    [
        ({"connectivityStatus": "Offline"}, "connected", "azure-arc"),
        ({"privateLinkState": "Enabled"}, "private link", "scope"),
        ({"totalCoreCount": 6}, "node sizes", "4 vCPU"),
        ({"kubernetesVersion": "1.35.0"}, "version", "next release"),
        ({"managedIdentityCertificateExpirationTime": "2020-01-01T00:00:00Z"}, "managed identity", "90 days"),
    ],
)
def test_what_azure_ml_does_not_take_of_arc_fails_with_its_remedy(
    check: Check, properties: dict[str, Json], row: str, words: str
) -> None:
    rows = check("arc", **properties)
    assert failed(rows) == {row}
    assert words in rows[row].remedy


def test_trusted_access_lets_the_workspace_into_a_closed_cluster(azure: Double, check: Check) -> None:
    azure.regions.trusting.add(f"{azure.places.group_id}/providers/Microsoft.ContainerService/managedClusters/one")
    api = {"authorizedIPRanges": ["10.0.0.0/8"], "enablePrivateCluster": True}
    assert failed(check("aks", disableLocalAccounts=True, apiServerAccessProfile=api)) == set()


def test_ranges_with_all_of_azure_s_own_pass(check: Check) -> None:
    assert failed(check("aks", apiServerAccessProfile={"authorizedIPRanges": ["20.1.0.0/16", MICROSOFT[1]]})) == set()


def test_small_and_tainted_pools_are_named(check: Check) -> None:
    small = {"name": "system", "count": 3, "vmSize": "Standard_DS2_v2"}
    tainted = {"name": "gpu", "count": 1, "vmSize": "Standard_NC6s_v3", "nodeTaints": ["sku=gpu:NoSchedule"]}
    rows = check("aks", agentPoolProfiles=[small, tainted])
    assert failed(rows) == {"node sizes"}
    assert "2 vCPU, 7 GiB" in rows["node sizes"].why
    assert "taint sku=gpu:NoSchedule" in rows["node sizes"].why


def test_a_taint_of_azure_ml_and_two_nodes_pass_with_what_follows(check: Check) -> None:
    pool = {
        "name": "ml",
        "count": 2,
        "vmSize": "Standard_DS3_v2",
        "nodeTaints": ["ml.azure.com/amlarc=true:NoSchedule"],
    }
    rows = check("aks", agentPoolProfiles=[pool])
    assert failed(rows) == set()
    assert "inferenceRouterHA must be false" in rows["nodes"].why


def test_what_this_account_may_not_read_is_unseen(azure: Double, check: Check) -> None:
    for pattern in ("kubernetesVersions", "vmSizes", "serviceTags", "Microsoft.KubernetesConfiguration"):
        azure.faults.add("GET", pattern, status=403)
    rows = check("aks", apiServerAccessProfile={"authorizedIPRanges": ["10.0.0.0/8"]})
    unseen = {name for name, row in rows.items() if row.verdict is Verdict.UNSEEN}
    assert unseen == {"version", "node sizes", "authorised IP ranges", "resource provider"}
    assert all(rows[name].remedy for name in unseen)


def test_an_unregistered_provider_and_a_foreign_subscription_fail(
    azure: Double, operated: Callable[..., OperatedWorkspace]
) -> None:
    azure.regions.registered = "NotRegistered"
    at = azure.seeds.cluster("one", "aks", settings={})
    theirs = at.replace(azure.places.subscription, "44444444-4444-4444-4444-444444444444")
    azure.world.resources.put({**azure.world.resources.get(at), "id": theirs})
    rows = {row.name: row for row in operated(operations={"cluster": theirs}).check_cluster()}
    assert failed(rows) == {"resource provider", "subscription"}
    assert "Azure Arc" in rows["subscription"].remedy


def test_a_private_workspace_wants_a_private_cluster(azure: Double, check: Check) -> None:
    azure.seeds.close("workspace")
    assert failed(check("aks")) == {"private link"}


def test_the_cluster_behind_the_compute_is_found(azure: Double, operated: Callable[..., OperatedWorkspace]) -> None:
    azure.seeds.kubernetes_compute("k8s", kind="aks")
    names = [row.name for row in operated(compute="k8s").check_cluster()]
    assert "local accounts" in names


def test_a_target_without_a_cluster_says_how_to_name_one(operated: Callable[..., OperatedWorkspace]) -> None:
    for options in ({}, {"compute": "k8s"}):
        with pytest.raises(InputError, match="operations: "):
            list(operated(**options).check_cluster())


def test_a_cluster_that_is_not_there_is_not_found(azure: Double, operated: Callable[..., OperatedWorkspace]) -> None:
    at = f"{azure.places.group_id}/providers/Microsoft.Kubernetes/connectedClusters/nobody"
    with pytest.raises(NotFoundError, match="nobody"):
        list(operated(operations={"cluster": at}).check_cluster())
