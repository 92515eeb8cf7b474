"""Rules by which AKS and Arc clusters are judged, and how a cluster is named."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from landbridge.domain.azure.cluster_rules import judge, minors, nodes_for_work, outside, pools_for_work
from landbridge.domain.azure.clusters import PROVIDERS, Aks, Arc, ClusterId, Pool, Surroundings, read_cluster_id
from landbridge.domain.azure.settings import ClusterKind
from landbridge.domain.errors import InputError
from landbridge.domain.operating import Diagnosis, Verdict

AT = ClusterId(ClusterKind.AKS, "sub", "rg", "one")
POOL = Pool("a", "Standard_DS3_v2", 3, 4, 14 * 1024)
AKS = Aks(AT, "westeurope", "1.33.5", "Succeeded", "Running", "SystemAssigned", False, (POOL,))
ARC = Arc(
    replace(AT, kind=ClusterKind.ARC), "westeurope", "1.33.5", "Succeeded", "Connected", "now", "SystemAssigned", 3, 12
)
AROUND = Surroundings("sub", "westeurope", offered=("1.34", "1.33", "1.32", "1.31"), registered="Registered")
RANGES = some.ip_addresses(v=4).map(str)


def rows(cluster: Aks | Arc, around: Surroundings = AROUND) -> dict[str, Diagnosis]:
    return {row.name: row for row in judge(cluster, around)}


def failed(cluster: Aks | Arc, around: Surroundings = AROUND) -> set[str]:
    return {name for name, row in rows(cluster, around).items() if row.verdict is Verdict.FAIL}


@pytest.mark.parametrize("cluster", [AKS, ARC], ids=["aks", "arc"])
def test_a_sound_cluster_passes_and_every_other_verdict_has_a_remedy(cluster: Aks | Arc) -> None:
    assert failed(cluster) == set()
    assert all(row.remedy for row in judge(cluster, AROUND) if row.verdict is not Verdict.PASS)


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ("1.34.0", Verdict.PASS),
        ("v1.32.9+k3s1", Verdict.PASS),
        ("1.31.9", Verdict.FAIL),
        ("1.35.1", Verdict.FAIL),
        ("2.0", Verdict.FAIL),
        ("", Verdict.UNSEEN),
    ],
)
def test_the_newest_three_minor_versions_are_supported(version: str, verdict: Verdict) -> None:
    assert rows(replace(AKS, version=version))["version"].verdict is verdict


def test_versions_are_compared_as_numbers() -> None:
    assert minors(("1.9", "1.10", "1.11", "1.8", "preview")) == ((1, 11), (1, 10), (1, 9))


@given(some.lists(RANGES, max_size=5), some.lists(RANGES, max_size=5))
def test_a_range_is_outside_exactly_when_no_network_has_it(asked: list[str], allowed: list[str]) -> None:
    left = outside(asked, allowed)
    assert set(left) == set(asked) - set(allowed)
    assert outside(asked, [*allowed, "0.0.0.0/0"]) == ()


def test_a_network_has_the_smaller_ones_in_it_and_ipv6_is_no_matter() -> None:
    assert outside(("20.1.2.0/24", "20.1.0.0/15", "::/0"), ("20.1.0.0/16",)) == ("20.1.0.0/15",)


@pytest.mark.parametrize(
    ("change", "works"),
    [
        ({}, True),
        ({"is_linux": False}, False),
        ({"is_running": False}, False),
        ({"taints": ("CriticalAddonsOnly=true:NoSchedule",)}, False),
        ({"taints": ("sku=gpu:PreferNoSchedule",)}, True),
        ({"taints": ("ml.azure.com/amlarc=true:NoExecute",)}, True),
    ],
)
def test_pods_of_azure_ml_go_where_nothing_foreign_keeps_them_off(change: dict[str, object], works: bool) -> None:
    pool = replace(POOL, **change)  # type: ignore[arg-type]
    assert bool(pools_for_work([pool])) is works
    assert nodes_for_work(replace(AKS, pools=(pool,))) == (3 if works else 0)


def test_one_large_pool_is_enough_beside_a_small_one() -> None:
    small = Pool("system", "Standard_B2s", 1, 2, 4096)
    assert failed(replace(AKS, pools=(small, POOL))) == set()
    assert failed(replace(AKS, pools=(small,))) == {"node sizes"}


def test_trusted_access_is_no_way_where_the_cloud_has_none() -> None:
    closed = replace(AKS, local_accounts=False)
    assert "Trusted Access" in rows(closed)["local accounts"].remedy
    assert "Trusted" not in rows(closed, replace(AROUND, trusted_access=False))["local accounts"].remedy


def test_an_old_akscompute_and_a_user_assigned_identity_are_named() -> None:
    around = replace(AROUND, legacy=("old",), identity="UserAssigned")
    assert failed(AKS, around) == {"AksCompute"}
    assert "Azure Relay Owner" not in rows(AKS, around)["workspace identity"].remedy
    assert "Azure Relay Owner" in rows(ARC, around)["workspace identity"].remedy


@pytest.mark.parametrize("kind", list(ClusterKind))
def test_an_identifier_is_read_back_whatever_its_case(kind: ClusterKind) -> None:
    at = ClusterId(kind, "sub", "rg", "one")
    read = read_cluster_id(
        f" {at.id.replace('managedClusters', 'managedclusters').replace('resourceGroups', 'RESOURCEGROUPS')}/"
    )
    assert read == at
    assert read.is_same(replace(at, name="ONE"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("aks-prod", "no identifier"),
        (
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/connectedClusters/x",
            "Microsoft.Kubernetes/c",
        ),
        ("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/x", "no identifier"),
    ],
)
def test_what_names_no_cluster_is_refused_with_what_does(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_cluster_id(text)
    assert any(provider.partition("/")[0] in caught.value.hint for provider in PROVIDERS.values())
