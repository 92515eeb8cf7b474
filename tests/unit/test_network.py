"""Networks that must be private: what counts as private, and what each piece of evidence leads to."""

import pytest

from landbridge.domain.inventory import Network, Site
from landbridge.domain.network import is_private_address, judge_network
from landbridge.domain.plan import Check
from landbridge.domain.values import Pattern, SiteKind

PRIVATE = Network(private=True)
PROXY = "http://proxy.plant:3128"


def site(kind: SiteKind = SiteKind.CLOUD, network: Network = PRIVATE) -> Site:
    return Site("here", kind, "", "", 0, network=network)


def failed(checks: tuple[Check, ...]) -> list[str]:
    assert all(check.hint for check in checks if not check.passed)
    return [check.name.removeprefix("here: ") for check in checks if not check.passed]


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "172.31.0.1", "192.168.1.1", "127.0.0.1", "::1", "[::1]", "fd00::1", "100.64.0.9", "::ffff:10.0.0.1"],
)
def test_private_addresses(address: str) -> None:
    assert is_private_address(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "0.0.0.0", "::", "172.32.0.1", "2001:4860::1", "::ffff:8.8.8.8", "host", "", "192.0.2.1"]
)
def test_public_addresses_wildcards_and_words(address: str) -> None:
    assert not is_private_address(address)


def test_a_private_site_with_private_endpoints_passes() -> None:
    checks = judge_network(site(), {"registry": ("10.0.0.4", "127.0.0.1")}, (), None, Pattern.PRIVATE_AKS)
    assert failed(checks) == []
    assert len(checks) == 3


def test_one_public_address_is_enough_to_fail() -> None:
    assert failed(judge_network(site(), {"registry": ("10.0.0.4", "20.1.2.3")}, (), None)) == ["endpoint registry"]


def test_listening_on_every_address_is_public() -> None:
    assert failed(judge_network(site(), {"mlflow": ("0.0.0.0",)}, (), None)) == ["endpoint mlflow"]


def test_a_declared_endpoint_that_was_not_resolved_fails() -> None:
    network = Network(private=True, endpoints={"storage": "store.privatelink.blob.core.windows.net"})
    assert failed(judge_network(site(network=network), {}, (), None)) == ["endpoint storage"]


def test_a_public_host_that_answers_fails() -> None:
    checks = judge_network(site(), {}, ("mcr.microsoft.com",), None)
    assert failed(checks) == ["no public egress"]
    assert "mcr.microsoft.com" in checks[0].detail


@pytest.mark.parametrize(("reachable", "wrong"), [(True, []), (False, ["proxy"]), (None, ["proxy"])])
def test_a_declared_proxy_must_have_answered(reachable: bool | None, wrong: list[str]) -> None:
    network = Network(private=True, proxy=PROXY, egress=("*.pypi.org",))
    assert failed(judge_network(site(network=network), {}, (), reachable)) == wrong


def test_egress_without_a_proxy_is_refused_not_ignored() -> None:
    assert failed(judge_network(site(network=Network(private=True, egress=("*",))), {}, (), None)) == ["egress"]


def test_private_aks_wants_the_site_declared_private() -> None:
    assert failed(judge_network(site(network=Network()), {}, (), None, Pattern.PRIVATE_AKS)) == ["declared private"]


def test_onprem_lifecycle_holds_every_site_to_it_and_takes_only_onprem_ones() -> None:
    onprem = site(SiteKind.ONPREM, Network(proxy=PROXY))
    wrong = judge_network(onprem, {"mlflow": ("8.8.8.8",)}, ("example.org",), True, Pattern.ONPREM_LIFECYCLE)
    assert failed(wrong) == ["endpoint mlflow", "no public egress"]
    assert failed(judge_network(site(network=Network()), {}, (), None, Pattern.ONPREM_LIFECYCLE)) == ["on-prem"]


def test_a_site_that_need_not_be_private_is_not_judged() -> None:
    evidence = {"api": ("8.8.8.8",)}
    assert judge_network(site(network=Network()), evidence, ("example.org",), None, Pattern.HYBRID_TRAIN_DEPLOY) == ()
