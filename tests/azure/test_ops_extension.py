"""`ops extension install|update|status|remove` over the double: what is planned is done, once, and no secret is shown."""

import datetime
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from landbridge.cli.reference import JSON_KEYS
from tests.azure.azure_jobs import a_job, ground
from tests.azure.double.double import Double
from tests.azure.operated import write_inventory
from tests.unit.cli import Said, landbridge

Ops = Callable[..., Said]
POC = {"inferenceRouterServiceType": "NodePort", "allowInsecureConnections": True, "inferenceRouterHA": False}
HTTPS = {"inferenceRouterServiceType": "LoadBalancer", "sslCname": "ml.example.com"}
PEMS = {"sslCertPemFile": "ROUTER_CERT", "sslKeyPemFile": "ROUTER_KEY"}


class Place:
    """A cluster without the extension, an inventory whose target is on it, and an order for it."""

    def __init__(self, azure: Double, folder: Path, kind: str) -> None:
        self.azure, self.folder, self.kind = azure, folder, kind
        self.cluster = azure.seeds.cluster("one", kind, settings={})
        self.inventory = write_inventory(azure, folder, compute="team", operations={"cluster": self.cluster})

    def order(self, settings: dict[str, Any] | None = None, features: str = "both", **more: Any) -> str:
        cluster = {"kind": self.kind, "name": "one", "resource_group": self.azure.places.resource_group}
        said = {"name": "azureml", "cluster": cluster, "features": features, "settings": settings or POC, **more}
        (self.folder / "extension.yaml").write_text(yaml.safe_dump(said, sort_keys=False))
        return str(self.folder / "extension.yaml")

    def ops(self, verb: str, *arguments: str) -> Said:
        return landbridge("ops", "extension", verb, "aml", *arguments, "--inventory", str(self.inventory))

    def resource(self) -> dict[str, Any]:
        found = self.azure.world.resources.find(
            f"{self.cluster}/providers/Microsoft.KubernetesConfiguration/extensions/azureml"
        )
        assert found is not None
        return dict(found["properties"])

    def sent(self, method: str) -> list[dict[str, Any]]:
        return [one.sent["properties"] for one in self.azure.record.asked(method, "/extensions/azureml")]


@pytest.fixture
def aks(azure: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    return Place(azure, tmp_path, "aks")


@pytest.fixture
def arc(azure: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    return Place(azure, tmp_path, "arc")


@pytest.fixture
def pems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Write a certificate and its key, name them by variables, and return the key's text."""

    def make(name: str = "ml.example.com", days: int = 30) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "router")])
        builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(60)).not_valid_after(now + datetime.timedelta(days))
        made = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False).sign(
            key, hashes.SHA256()
        )
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (tmp_path / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        (tmp_path / "tls.key").write_bytes(key.private_bytes(*form))
        monkeypatch.setenv("ROUTER_CERT", str(tmp_path / "tls.crt"))
        monkeypatch.setenv("ROUTER_KEY", str(tmp_path / "tls.key"))
        return (tmp_path / "tls.key").read_text()

    return make


def test_what_is_planned_is_installed_and_then_left_alone(aks: Place) -> None:
    order = aks.order()
    planned = landbridge("ops", "extension", "plan", order, "--output", "json").json
    said = aks.ops("install", order, "--output", "json")
    assert (said.code, said.json["changed"], said.json["state"]) == (0, True, "Succeeded")
    assert said.json["plan"]["settings"] == planned["settings"]
    assert set(said.json) == set(JSON_KEYS["ops extension install"])
    assert set(aks.ops("status", "--output", "json").json) == set(JSON_KEYS["ops extension status"])
    [sent] = aks.sent("PUT")
    assert {key: sent["configurationSettings"][key] for key in POC} == {
        "inferenceRouterServiceType": "NodePort",
        "allowInsecureConnections": "True",
        "inferenceRouterHA": "False",
    }
    again = aks.ops("install", order)
    assert (again.code, "As ordered already" in again.out) == (0, True)
    assert len(aks.sent("PUT")) == 1
    assert not aks.sent("PATCH")


def test_what_azure_s_own_cli_derives_is_sent_too(aks: Place) -> None:
    assert aks.ops("install", aks.order()).code == 0
    settings = aks.resource()["configurationSettings"]
    assert settings["clusterId"] == settings["cluster_name"] == aks.cluster
    assert settings["jobSchedulerLocation"] == "westeurope"
    assert (settings["relayserver.enabled"], settings["nginxIngress.enabled"]) == ("false", "true")
    assert settings["scoringFe.serviceType.nodePort"] == "True"


def test_an_arc_cluster_gets_its_relay_once_and_its_key_is_never_shown(arc: Place) -> None:
    said = arc.ops("install", arc.order())
    assert said.code == 0, said.err
    [sent] = arc.sent("PUT")
    assert "SharedAccessKey=relay-secret" in sent["configurationProtectedSettings"]["relayServerConnectionString"]
    assert sent["configurationSettings"]["relayserver.hybridConnectionName"] == "one"
    assert sent["configurationSettings"]["relayserver.hybridConnectionResourceID"].endswith("/hybridConnections/one")
    assert "relay-secret" not in said.out + said.err + arc.ops("status").out
    assert arc.ops("remove").code == arc.ops("install", arc.order()).code == 0
    made = [one.path.rsplit("/", 2)[1:] for one in arc.azure.record.asked("PUT", "/hybridConnections/")]
    assert made == [["hybridConnections", "one"], ["authorizationRules", "azureml_rw"]]


def test_a_certificate_goes_over_and_stays_unseen(aks: Place, pems: Callable[..., str]) -> None:
    key = pems()
    order = aks.order(HTTPS, protected_settings=PEMS)
    outputs = [aks.ops("install", order), aks.ops("status"), aks.ops("install", order, "--output", "json")]
    assert [said.code for said in outputs] == [0, 0, 0], outputs
    [sent] = aks.sent("PUT")
    assert set(sent["configurationProtectedSettings"]) == {*PEMS, "scoringFe.sslCert", "scoringFe.sslKey"}
    hidden = [key.splitlines()[1], *sent["configurationProtectedSettings"].values()]
    assert not [value for value in hidden for said in outputs if value in said.out + said.err]


def test_a_secret_that_azure_repeats_is_taken_out_of_the_error(aks: Place, pems: Callable[..., str]) -> None:
    pems()
    path = str(aks.folder / "tls.key")
    aks.azure.faults.add("PUT", "/extensions/", operation_fails=("ExtensionOperationFailed", f"bad value {path} given"))
    said = aks.ops("install", aks.order(HTTPS, protected_settings=PEMS))
    assert said.code != 0
    assert "bad value *** given" in said.err
    assert path not in said.err


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ({"name": "other.example.com"}, "bears other.example.com, not ml.example.com"),
        ({"days": -1}, "ended on"),
    ],
)
def test_a_certificate_that_the_router_cannot_use_is_refused_before_anything_is_sent(
    aks: Place, pems: Callable[..., str], certificate: dict[str, Any], words: str
) -> None:
    pems(**certificate)
    said = aks.ops("install", aks.order(HTTPS, protected_settings=PEMS))
    assert (said.code, words in said.err, aks.sent("PUT")) == (2, True, [])


def test_a_key_of_another_certificate_and_a_key_in_place_of_a_path_are_refused_unseen(
    aks: Place, pems: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = pems()
    pems()
    (aks.folder / "foreign.key").write_text(foreign)
    order = aks.order(HTTPS, protected_settings=PEMS)
    for value, words in ((str(aks.folder / "foreign.key"), "does not belong"), (foreign, "names no file")):
        monkeypatch.setenv("ROUTER_KEY", value)
        said = aks.ops("install", order)
        assert (said.code, words in said.err) == (2, True), said.err
        assert foreign.splitlines()[1] not in said.err


def test_a_variable_that_is_not_set_is_named(aks: Place) -> None:
    said = aks.ops("install", aks.order(HTTPS, protected_settings=PEMS))
    assert (said.code, "ROUTER_CERT" in said.err, aks.sent("PUT")) == (10, True, [])


def test_high_availability_needs_three_real_nodes(
    azure: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    place = Place(azure, tmp_path, "arc")
    azure.world.resources.get(place.cluster)["properties"]["totalNodeCount"] = 2
    said = place.ops("install", place.order({**POC, "inferenceRouterHA": True}))
    assert (said.code, "has 2" in said.err, place.sent("PUT")) == (2, True, [])
    assert "extension.yaml:" in said.err


def test_a_failure_is_told_with_cause_and_remedy_and_can_be_mended(arc: Place) -> None:
    inside = arc.azure.seeds.inside(arc.cluster)
    inside.has_load_balancer = False
    order = arc.order({**POC, "inferenceRouterServiceType": "LoadBalancer"})
    said = arc.ops("install", order)
    assert said.code == 3
    assert "the cluster has no load balancer" in said.err
    assert "NodePort" in said.err
    state = arc.ops("status", "--output", "json")
    assert (state.code, state.json["state"], state.json["errors"][0]["code"]) == (1, "Failed", "E40001")
    inside.has_load_balancer = True
    assert arc.ops("install", order).code == arc.ops("status").code == 0


def test_an_update_merges_settings_and_replaces_protected_ones(arc: Place, pems: Callable[..., str]) -> None:
    pems()
    assert arc.ops("install", arc.order(HTTPS, protected_settings=PEMS)).code == 0
    change = arc.order({**HTTPS, "installPromOp": False}, protected_settings=PEMS)
    refused = arc.ops("install", change)
    assert (refused.code, "ops extension update" in refused.err) == (3, True)
    planned = landbridge(
        "ops", "extension", "plan", change, "--target", "aml", "-i", str(arc.inventory), "-o", "json"
    ).json
    said = arc.ops("update", change, "--output", "json")
    assert (said.code, said.json["changed"]) == (0, True), said.err
    assert said.json["plan"]["settings"] == planned["settings"]
    [sent] = arc.sent("PATCH")
    assert sent["configurationSettings"] == {"installPromOp": "False"}
    assert "relayServerConnectionString" in sent["configurationProtectedSettings"], (
        "an update replaces the relay's key too"
    )
    assert arc.resource()["configurationSettings"]["sslCname"] == "ml.example.com"


def test_an_update_that_changes_nothing_sends_nothing(aks: Place) -> None:
    assert aks.ops("install", aks.order()).code == 0
    said = aks.ops("update", aks.order())
    assert (said.code, "As ordered already" in said.out, aks.sent("PATCH")) == (0, True, [])


def test_a_version_is_fixed_and_let_go(aks: Place) -> None:
    assert aks.ops("install", aks.order()).code == 0
    assert aks.ops("update", aks.order(version="1.1.80")).code == 0
    assert (aks.resource()["version"], aks.resource()["autoUpgradeMinorVersion"]) == ("1.1.80", False)
    assert aks.ops("update", aks.order()).code == 0
    assert aks.resource()["autoUpgradeMinorVersion"] is True


def test_a_change_that_would_harm_a_running_job_is_refused_unless_told(aks: Place) -> None:
    assert aks.ops("install", aks.order()).code == 0
    aks.azure.computes.attach("team", aks.cluster)
    aks.azure.full.add("team")  # so that the job waits
    ground(aks.azure, aks.folder, compute="team").connect().submit(a_job("true", "training-1"))
    change = aks.order({"allowInsecureConnections": True, "inferenceRouterServiceType": "NodePort", "nodeSelector.pool": "ml",
                        "inferenceRouterHA": False})  # fmt: skip
    said = aks.ops("update", change)
    assert (said.code, "nodeSelector.pool (jobs training-1)" in said.err, aks.sent("PATCH")) == (3, True, [])
    assert aks.ops("update", change, "--in-use").code == 0


def test_what_goes_on_already_is_waited_for(aks: Place) -> None:
    held = aks.azure.faults.add("PUT", "/extensions/", operation_held=True)
    first = aks.ops("install", aks.order(), "--timeout", "1")
    assert (first.code, "goes on" in first.err) == (69, True)
    timer = threading.Timer(0.5, held.release)
    timer.start()
    second = aks.ops("install", aks.order())
    timer.join()
    assert (second.code, "Waiting for the extension" in second.err) == (0, True)
    assert "As ordered already" in second.out
    assert len(aks.sent("PUT")) == 1


def test_it_is_not_removed_from_under_a_compute(aks: Place) -> None:
    assert aks.ops("install", aks.order()).code == 0
    aks.azure.computes.attach("team", aks.cluster)
    said = aks.ops("remove")
    assert (said.code, "team" in said.err) == (3, True)
    assert "Removed." in aks.ops("remove", "--attached").out
    assert "nothing to do" in aks.ops("remove", "--attached").out
    assert set(aks.ops("remove", "--attached", "--output", "json").json) == set(JSON_KEYS["ops extension remove"])
    assert aks.ops("status").code == 7


def test_an_order_for_another_cluster_or_name_is_refused(aks: Place) -> None:
    other = aks.order(cluster={"kind": "aks", "name": "two", "resource_group": "ml"})
    said = aks.ops("install", other)
    assert (said.code, "'two'" in said.err, "extension.yaml:" in said.err) == (2, True, True)
    assert aks.ops("install", aks.order()).code == 0
    renamed = Path(aks.order()).read_text().replace("name: azureml", "name: second")
    (aks.folder / "extension.yaml").write_text(renamed)
    said = aks.ops("install", str(aks.folder / "extension.yaml"))
    assert (said.code, "under the name 'azureml'" in said.err) == (3, True)
