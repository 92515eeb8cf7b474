"""What may stand in the order of the cluster extension. Each rule is broken once, alone, and named at its own line."""

from pathlib import Path

import pytest

from landbridge.domain.azure.extension import Cluster, Extension, breaches
from landbridge.domain.azure.settings import (
    BOTH,
    ENABLE,
    OLD_NAMES,
    SETTINGS,
    ClusterKind,
    Feature,
    Type,
    find_setting,
    spelt,
)
from landbridge.domain.errors import InputError
from landbridge.files.extension import load_extension

HEAD = "name: azureml\ncluster: {kind: aks, name: aks1, resource_group: rg, nodes: 3}\n"
PLAIN = HEAD + "features: training\n"
HTTPS = """features: both
settings:
  inferenceRouterServiceType: LoadBalancer
  sslCname: ml.example.com
protected_settings:
  sslCertPemFile: CERT
  sslKeyPemFile: KEY
"""


def load(tmp_path: Path, text: str) -> Extension:
    (tmp_path / "extension.yaml").write_text(text)
    return load_extension(tmp_path / "extension.yaml")[0]


def refusal(tmp_path: Path, text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        load(tmp_path, text)
    return caught.value


def line(error: InputError) -> int:
    return int(error.where.rsplit(":", 1)[1])


@pytest.mark.parametrize("text", [PLAIN, HEAD + HTTPS], ids=["training", "both"])
def test_a_right_order_is_read(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text).cluster.name == "aks1"


def test_truth_values_and_words_are_spelt_as_azure_spells_them(tmp_path: Path) -> None:
    made = load(tmp_path, HEAD + HTTPS.replace("LoadBalancer", "nodeport"))
    assert made.settings["inferenceRouterServiceType"] == "NodePort"
    text = HEAD + "features: training\nsettings: {installPromOp: false, installVolcano: 'TRUE'}\n"
    assert load(tmp_path, text).settings == {"installPromOp": "False", "installVolcano": "True"}


RULES = {
    "unknown": (HEAD + HTTPS.replace("sslCname:", "sslCnam:"), 6, "did you mean 'sslCname'"),
    "proxy": (PLAIN + "settings:\n  proxyHttps: http://x\n", 5, "az connectedk8s connect"),
    "derived": (PLAIN + "settings:\n  enableTraining: true\n", 5, "follows from `features`"),
    "boolean": (PLAIN + "settings:\n  installVolcano: maybe\n", 5, "True or False"),
    "choice": (HEAD + HTTPS.replace("LoadBalancer", "Ingress"), 5, "LoadBalancer, NodePort, ClusterIP"),
    "secret in settings": (
        PLAIN + "settings:\n  relayServerConnectionString: Endpoint\n",
        5,
        "may not stand in a file",
    ),
    "plain in protected": (PLAIN + "protected_settings:\n  sslCname: NAME\n", 5, "no protected setting"),
    "for inference": (PLAIN + "settings:\n  sslSecret: tls\n", 5, "is for inference"),
    "for training": (
        HEAD
        + "features: inference\nsettings:\n  inferenceRouterServiceType: NodePort\n  allowInsecureConnections: true\n"
        + "  installVolcano: false\n",
        7,
        "is for training",
    ),
    "for arc": (
        PLAIN + "settings:\n  relayserver.hybridConnectionResourceID: /x\n",
        5,
        "connected by Azure Arc alone",
    ),
    "for aks": (
        HEAD.replace("aks,", "arc,") + HTTPS.replace("  sslCname", "  internalLoadBalancerProvider: azure\n  sslCname"),
        6,
        "on an AKS cluster alone",
    ),
    "service type": (HEAD + HTTPS.replace("  inferenceRouterServiceType: LoadBalancer\n", ""), 4, "Inference needs"),
    "cname": (HEAD + HTTPS.replace("  sslCname: ml.example.com\n", ""), 4, "HTTPS needs `sslCname`"),
    "certificate": (HEAD + HTTPS.split("protected", maxsplit=1)[0], 4, "HTTPS needs a certificate"),
    "key alone": (HEAD + HTTPS.replace("  sslCertPemFile: CERT\n", ""), 8, "needs `sslCertPemFile`"),
    "secret and files": (HEAD + HTTPS.replace("  sslCname", "  sslSecret: tls\n  sslCname"), 6, "may not both"),
    "tls without https": (
        HEAD + HTTPS.replace("  sslCname", "  allowInsecureConnections: true\n  sslCname"),
        7,
        "has no effect while allowInsecureConnections",
    ),
    "three nodes": (HEAD.replace("nodes: 3", "nodes: 2") + HTTPS, 2, "needs 3 worker nodes"),
    "relay": (
        HEAD.replace("aks,", "arc,")
        + "features: training\nprotected_settings:\n  relayServerConnectionString: RELAY\n",
        5,
        "needs `relayserver.hybridConnectionResourceID`",
    ),
    "mpi": (PLAIN + "settings:\n  amloperator.custom_ip_interface_enabled: true\n", 5, "custom_ip_interface`"),
    "twice": (PLAIN + "settings:\n  installVolcano: true\n  volcanoScheduler.enable: true\n", 6, "is the old name"),
    "kind": (PLAIN.replace("kind: aks", "kind: eks"), 2, "cluster.kind"),
    "features": (PLAIN.replace("training", "serving"), 3, "features"),
    "top key": (PLAIN + "setings: {}\n", 4, "Write `settings`"),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_named_at_its_line(rule: str, tmp_path: Path) -> None:
    text, where, words = RULES[rule]
    error = refusal(tmp_path, text)
    assert words in str(error)
    assert line(error) == where
    assert error.hint


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    error = refusal(tmp_path, HEAD + HTTPS.replace("sslCname:", "sslCnam:").replace("LoadBalancer", "Ingress"))
    assert "And 1 more" in error.message


@pytest.mark.parametrize("old", OLD_NAMES)
def test_old_names_lead_to_today_s(old: str, tmp_path: Path) -> None:
    section = "protected_settings" if old == "sslCertKeyFile" else "settings"
    error = refusal(tmp_path, PLAIN + f"{section}:\n  {old}: X\n")
    assert OLD_NAMES[old] in error.hint


@pytest.mark.parametrize("secret", ["-----BEGIN hunter2", "Endpoint=sb://hunter2/;SharedAccessKey=x", "12345678"])
def test_a_value_in_place_of_a_variable_s_name_is_refused_and_not_shown(secret: str, tmp_path: Path) -> None:
    error = refusal(tmp_path, HEAD + HTTPS.replace("KEY\n", f"{secret}\n"))
    assert "no name of an environment variable" in error.message
    assert secret not in str(error)


def test_a_credential_among_settings_is_refused_and_not_shown(tmp_path: Path) -> None:
    error = refusal(tmp_path, PLAIN + "settings:\n  nodeSelector.x: https://me:hunter2@host\n")
    assert "credential" in error.message
    assert "hunter2" not in str(error)


def test_two_nodes_are_enough_with_one_replica(tmp_path: Path) -> None:
    text = HEAD.replace("nodes: 3", "nodes: 2") + HTTPS.replace("  sslCname", "  inferenceRouterHA: false\n  sslCname")
    assert load(tmp_path, text).settings["inferenceRouterHA"] == "False"


def test_plain_http_needs_nothing_of_tls(tmp_path: Path) -> None:
    text = (
        HEAD
        + "features: inference\nsettings: {inferenceRouterServiceType: ClusterIP, allowInsecureConnections: true}\n"
    )
    assert load(tmp_path, text).protected == {}


class TestTable:
    def test_names_are_unique_and_found(self) -> None:
        names = [item.name for item in SETTINGS]
        assert len(names) == len(set(names))
        for item in SETTINGS:
            assert find_setting(f"{item.name}.key" if item.family else item.name) is item
            assert not item.family or find_setting(item.name) is None

    @pytest.mark.parametrize("item", SETTINGS, ids=lambda item: item.name)
    def test_a_default_may_stand_there(self, item) -> None:
        assert item.features
        assert item.meaning.endswith(".")
        assert (item.type is Type.TEXT) == (not item.choices)
        assert not item.default or spelt(item, item.default) == item.default

    @pytest.mark.parametrize(
        "item", [item for item in SETTINGS if item.type is not Type.TEXT], ids=lambda item: item.name
    )
    def test_every_choice_may_stand_alone_wherever_it_has_a_meaning(self, item) -> None:
        """No rule about one setting refuses a value of the table."""
        if item.name in ENABLE.values():
            return
        for kind in item.clusters:
            for word in item.choices:
                cluster = Cluster(kind, "c", "rg")
                found = breaches(Extension("x", cluster, item.features or BOTH, {item.name: word}))
                assert not [
                    breach for breach in found if "expected" in breach.message or "no setting" in breach.message
                ]

    @pytest.mark.parametrize("kind", ClusterKind)
    @pytest.mark.parametrize("feature", Feature)
    def test_what_azure_says_is_needed_is_asked_for(self, kind: ClusterKind, feature: Feature) -> None:
        found = breaches(Extension("x", Cluster(kind, "c", "rg"), frozenset({feature})))
        assert bool(found) is (feature is Feature.INFERENCE)
