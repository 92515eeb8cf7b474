"""A job that runs elsewhere does not reach a registry on this machine's loopback; a plan says so before anything moves."""

from typing import Any

import pytest

from landbridge.domain.plan import Finding, FindingKind
from landbridge.operations import planning, tracking_reach
from tests.operations.world import World

PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")
GUID = "00000000-0000-0000-0000-000000000000"
TARGETS: dict[str, dict[str, Any]] = {
    "arc": {"driver": "kubernetes", "options": {"namespace": "ml", "kubeconfig": "none.yaml", "artifacts": "s3://a/b"}},
    "aml": {"driver": "azureml", "options": {"subscription_id": GUID, "resource_group": "g", "workspace": "lab"}},
}
HOSTED = {"driver": "mlflow", "port": 5510}
pytestmark = pytest.mark.usefixtures("no_proxy_at_all")


@pytest.fixture
def no_proxy_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def far(world: World) -> World:
    """Targets whose jobs run elsewhere; the cloud's registry is one that `landbridge up` starts."""
    for name, target in TARGETS.items():
        world.inventory["targets"][name] = {**target, "site": "cloud", "roles": ["train"]}
    world.inventory["environments"].append({"name": "*", "image": "team/image:1", "targets": list(TARGETS)})
    registers(world, **HOSTED)
    return world


def registers(world: World, **registry: Any) -> None:
    world.inventory["sites"]["cloud"]["registry"] = registry


def said(world: World, target: str) -> list[Finding]:
    return list(tracking_reach.findings(world.story(), target))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("registry", "mend"),
    [
        (HOSTED, "Set sites.cloud.registry.address to an address of this machine"),
        ({"driver": "mlflow", "uri": "http://127.0.0.1:5510"}, "Set sites.cloud.registry.uri to a server"),
        ({"driver": "mlflow", "uri": "http://localhost:5510"}, "Set sites.cloud.registry.uri to a server"),
        ({"driver": "mlflow", "uri": "http://[::1]:5510"}, "Set sites.cloud.registry.uri to a server"),
    ],
)
def test_it_is_refused_where_the_gates_metrics_would_not_arrive(
    far: World, target: str, registry: dict[str, Any], mend: str
) -> None:
    registers(far, **registry)
    [finding] = said(far, target)
    assert (finding.field, finding.kind) == ("registry", FindingKind.REFUSED)
    assert "mae would never arrive" in finding.detail
    assert finding.hint.startswith(mend)


@pytest.mark.parametrize(
    "registry",
    [
        {**HOSTED, "address": "10.1.2.3"},
        {"driver": "mlflow", "uri": "https://mlflow.contoso.internal"},
        {"driver": "memory"},
    ],
)
def test_a_registry_that_others_may_reach_is_no_matter(far: World, registry: dict[str, Any]) -> None:
    registers(far, **registry)
    assert [said(far, target) for target in TARGETS] == [[], []]


def test_jobs_on_this_machine_reach_its_loopback(far: World) -> None:
    assert said(far, "rack") == []


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:8080", "http://localhost:8080", "127.0.0.1:8080"])
def test_where_azure_is_asked_through_this_machine_it_may_be_on_it(
    far: World, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    [finding] = said(far, "aml")
    assert (finding.kind, "Set sites.cloud.registry.address" in finding.detail) == (FindingKind.NOTE, True)


@pytest.mark.parametrize(
    ("proxy", "direct"), [("http://proxy.contoso.internal:8080", ""), ("http://127.0.0.1:8080", "management.azure.com")]
)
def test_another_proxy_or_none_leads_elsewhere(
    far: World, monkeypatch: pytest.MonkeyPatch, proxy: str, direct: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", direct)
    assert [finding.kind for finding in said(far, "aml")] == [FindingKind.REFUSED]


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ({"hostNetwork": True}, FindingKind.NOTE),
        ({"containers": [{"name": "tunnel", "image": "x"}]}, FindingKind.NOTE),
        ({"priorityClassName": "low"}, FindingKind.REFUSED),
    ],
)
def test_a_pod_has_its_own_loopback_unless_overrides_change_that(
    far: World, spec: dict[str, Any], kind: FindingKind
) -> None:
    far.inventory["targets"]["arc"]["options"] = {**TARGETS["arc"]["options"], "overrides": {"spec": spec}}
    assert [finding.kind for finding in said(far, "arc")] == [kind]


def test_placement_goes_elsewhere_and_why_not_says_what_mends_it(far: World) -> None:
    far.inventory["targets"].pop("aml")
    far.inventory["environments"][-1]["targets"] = ["arc"]
    story = far.story()
    assert planning.find_place(story, {}).chosen == "rack"
    changes = planning.explain_refusal(story, "arc")
    assert any("Give that registry an `address` or a `uri`" in change.sentence for change in changes)
