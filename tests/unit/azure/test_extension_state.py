"""What is on a cluster beside what is wanted: derived settings, differences, what a change would harm, and the relay's name."""

from dataclasses import replace

import pytest

from landbridge.domain.azure.clusters import Aks, Arc, ClusterId, Pool
from landbridge.domain.azure.extension import Cluster, Extension
from landbridge.domain.azure.extension_plan import Present, plan
from landbridge.domain.azure.extension_state import (
    DERIVED,
    Installed,
    Uses,
    as_written,
    differences,
    explained,
    hurt_by,
    is_of,
)
from landbridge.domain.azure.extension_wire import LONGEST_RELAY, of_cluster, of_router, of_secrets, relay_namespace
from landbridge.domain.azure.settings import BOTH, ClusterKind, canonical

AT = ClusterId(ClusterKind.ARC, "33333333-3333-3333-3333-333333333333", "edge", "plant")
ARC = Arc(AT, "westeurope", "1.33", "Succeeded", "Connected", "", "SystemAssigned", 3, 12)
AKS = Aks(replace(AT, kind=ClusterKind.AKS), "westeurope", "1.33", "", "", "", False, (Pool("a", "s", 3),))
SETTINGS = {"inferenceRouterServiceType": "NodePort", "allowInsecureConnections": "True"}
WANTED = Extension("azureml", Cluster(ClusterKind.ARC, "plant", "edge", 3), BOTH, SETTINGS)
BUSY = Uses(("team",), ("job-1",), ("score",))


def installed(cluster: Aks | Arc = ARC, wanted: Extension = WANTED, **more: object) -> Installed:
    """As our own installation leaves it."""
    settings = wanted.configuration()
    settings |= of_cluster(cluster) | of_router(settings) | {"relayserver.hybridConnectionResourceID": "/relay"}
    protected = of_secrets({**wanted.protected, "relayServerConnectionString": "s"}, {})
    return Installed("azureml", "it", Present(settings, tuple(protected), state="Succeeded", **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("cluster", [AKS, ARC], ids=["aks", "arc"])
def test_what_was_installed_as_ordered_differs_in_nothing(cluster: Aks | Arc) -> None:
    made = plan(WANTED, as_written(installed(cluster), WANTED))
    assert differences(made) == ()
    assert made.command == ()


def test_all_that_is_derived_is_known_as_derived() -> None:
    router = of_router(
        {"inferenceRouterServiceType": "LoadBalancer", "internalLoadBalancerProvider": "azure", "sslSecret": "s"}
    )
    assert {*of_cluster(replace(ARC, distribution="OpenShift")), *router} <= DERIVED


def test_an_own_relay_stays_as_it_is_written() -> None:
    protected = {"relayServerConnectionString": "RELAY"}
    own = replace(
        WANTED, protected=protected, settings={**SETTINGS, "relayserver.hybridConnectionResourceID": "/relay"}
    )
    present = as_written(installed(wanted=own), own)
    assert present.protected == ("relayServerConnectionString",)
    assert differences(plan(own, present)) == ()


@pytest.mark.parametrize(
    ("settings", "version", "found"),
    [
        ({"installPromOp": "False"}, "", ("installPromOp",)),
        ({"inferenceRouterServiceType": "ClusterIP"}, "", ("inferenceRouterServiceType",)),
        ({}, "1.1.80", ("auto-upgrade-minor-version",)),
    ],
)
def test_each_difference_is_named(settings: dict[str, str], version: str, found: tuple[str, ...]) -> None:
    wanted = replace(WANTED, settings={**SETTINGS, **settings}, version=version)
    names = differences(plan(wanted, as_written(installed(), wanted)))
    assert len(names) == 1
    assert names == found or version


@pytest.mark.parametrize(
    ("settings", "uses", "hurts"),
    [
        ({"installPromOp": "False"}, BUSY, ()),
        ({"inferenceRouterServiceType": "ClusterIP"}, BUSY, ("inferenceRouterServiceType (endpoints score)",)),
        ({"inferenceRouterServiceType": "ClusterIP"}, Uses(("team",), ("job-1",)), ()),
        ({"nodeSelector.pool": "ml"}, Uses(("team",), ("job-1",)), ("nodeSelector.pool (jobs job-1)",)),
        ({"nodeSelector.pool": "ml"}, Uses(("team",)), ()),
    ],
)
def test_a_change_hurts_only_what_is_at_work(settings: dict[str, str], uses: Uses, hurts: tuple[str, ...]) -> None:
    wanted = replace(WANTED, settings={**SETTINGS, **settings})
    assert hurt_by(plan(wanted, as_written(installed(), wanted)), uses) == hurts


def test_azure_s_words_become_errors_of_the_table_once_each() -> None:
    said = ("ExtensionOperationFailed: E40001 LOAD_BALANCER_NOT_SUPPORT: no", "Other: E40001", "Nothing: known")
    assert [fault.code for fault in explained(said)] == ["E40001"]


def test_an_order_is_of_the_cluster_with_its_kind_group_and_name() -> None:
    assert is_of(Cluster(ClusterKind.ARC, "PLANT", "Edge"), AT)
    for other in (Cluster(ClusterKind.AKS, "plant", "edge"), Cluster(ClusterKind.ARC, "plant", "other")):
        assert not is_of(other, AT)


def test_a_relay_is_named_as_azure_s_cli_names_it() -> None:
    """As `_get_valid_name` of azure-cli-extensions: letters and digits, and of a long name six of its MD5."""
    assert relay_namespace(AT) == "plant33333333333333333333333333333333edgerelay"
    name = relay_namespace(replace(AT, name="plant-leipzig"))
    assert name == "plantleipzig33333333333333333333333333333333d69649"
    assert len(name) == LONGEST_RELAY


def test_a_pem_is_sent_beside_its_path_and_a_relay_s_key_under_both_names() -> None:
    sent = of_secrets({"sslCertPemFile": "/c", "relayServerConnectionString": "s"}, {"sslCertPemFile": b"pem"})
    assert sent == {
        "sslCertPemFile": "/c",
        "scoringFe.sslCert": "cGVt",
        "relayServerConnectionString": "s",
        "relayserver.relayConnectionString": "s",
    }


@pytest.mark.parametrize(("value", "written"), [("true", "True"), ("TRUE", "True"), ("maybe", "maybe")])
def test_values_are_spelt_as_azure_spells_them(value: str, written: str) -> None:
    assert canonical("enableTraining", value) == written
