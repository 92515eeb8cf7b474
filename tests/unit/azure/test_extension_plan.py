"""Plans of the cluster extension: the four documented installations, and what an update merges, replaces and cannot undo."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.azure.extension_plan import Fate, Plan, shown
from landbridge.domain.errors import InputError
from landbridge.operations.ops.extension import plan
from tests.unit.azure.golden import same
from tests.unit.cli import landbridge

POC = """name: azureml
cluster: {kind: aks, name: aks-test, resource_group: rg}
features: both
settings: {inferenceRouterServiceType: LoadBalancer, allowInsecureConnections: true, inferenceRouterHA: false}
"""
ARC_TRAINING = "name: azureml\ncluster: {kind: arc, name: edge, resource_group: rg}\nfeatures: training\n"
PRODUCTION = """name: azureml
cluster: {kind: aks, name: aks-prod, resource_group: rg, nodes: 5}
features: both
settings: {inferenceRouterServiceType: LoadBalancer, sslCname: ml.example.com}
protected_settings: {sslCertPemFile: ROUTER_CERT, sslKeyPemFile: ROUTER_KEY}
"""
ARC_GPU = """name: azureml
cluster: {kind: arc, name: plant, resource_group: "rg with space"}
features: both
settings:
  inferenceRouterServiceType: NodePort
  sslCname: ml.plant.example
  installNvidiaDevicePlugin: true
  installDcgmExporter: true
  nodeSelector.pool: gpu nodes
protected_settings: {sslCertPemFile: ROUTER_CERT, sslKeyPemFile: ROUTER_KEY}
version: 1.1.88
"""
INSTALLATIONS = {"poc": POC, "arc-training": ARC_TRAINING, "production": PRODUCTION, "arc-gpu": ARC_GPU}
PRESENT: dict[str, Any] = {
    "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/aks-prod/providers/"
    "Microsoft.KubernetesConfiguration/extensions/azureml",
    "name": "azureml",
    "extensionType": "microsoft.azureml.kubernetes",
    "autoUpgradeMinorVersion": True,
    "provisioningState": "Succeeded",
    "version": None,
    "currentVersion": "1.1.76",
    "aksAssignedIdentity": {"type": "SystemAssigned"},
    "configurationSettings": {
        "enableTraining": "True",
        "enableInference": "true",
        "inferenceRouterServiceType": "NodePort",
        "sslCname": "ml.example.com",
        "nodeSelector.zone": "a",
        "clusterPurpose": "FastProd",
    },
    "configurationProtectedSettings": {
        "sslCertPemFile": None,
        "sslKeyPemFile": None,
        "relayServerConnectionString": None,
    },
}


def planned(folder: Path, text: str, present: dict[str, Any] | None = None) -> Plan:
    (folder / "extension.yaml").write_text(text)
    if present is None:
        return plan(str(folder / "extension.yaml"))[1]
    (folder / "show.json").write_text(json.dumps(present, indent=1))
    return plan(str(folder / "extension.yaml"), str(folder / "show.json"))[1]


def fates(made: Plan) -> dict[str, Fate]:
    return {row.name: row.fate for row in (*made.settings, *made.protected)}


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_plans_are_as_reviewed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("extension.yaml").write_text(INSTALLATIONS[name])
    said = landbridge("ops", "extension", "plan", "extension.yaml")
    assert said.code == 0
    same(f"extension/{name}.txt", said.out)


def test_an_update_is_as_reviewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("extension.yaml").write_text(PRODUCTION)
    Path("show.json").write_text(json.dumps(PRESENT))
    said = landbridge("ops", "extension", "plan", "extension.yaml", "--present", "show.json")
    assert said.code == 0
    same("extension/update.txt", said.out)
    found = landbridge("ops", "extension", "plan", "extension.yaml", "--present", "show.json", "-o", "json").json
    assert found["verb"] == "update"
    assert found["az"].split(" \\\n")[0] == "az k8s-extension update"


def test_the_command_says_what_the_shell_needs(tmp_path: Path) -> None:
    made = planned(tmp_path, ARC_GPU)
    words = shlex.split(shown(made.command).replace("\\\n", ""))
    assert words == [word.strip("'").replace('"', "") for word in words]
    assert words[:3] == ["az", "k8s-extension", "create"]
    assert "nodeSelector.pool=gpu nodes" in words
    assert "sslKeyPemFile=$ROUTER_KEY" in words
    assert 'sslKeyPemFile="$ROUTER_KEY"' in shown(made.command)
    assert words[words.index("--resource-group") + 1] == "rg with space"
    assert words[words.index("--cluster-type") + 1] == "connectedClusters"
    assert words[words.index("--version") + 1] == "1.1.88"
    assert words[words.index("--auto-upgrade-minor-version") + 1] == "false"


class TestUpdate:
    def test_settings_merge(self, tmp_path: Path) -> None:
        made = planned(tmp_path, PRODUCTION, PRESENT)
        found = fates(made)
        assert found["sslCname"] is Fate.KEEP
        assert found["enableInference"] is Fate.KEEP  # capital letters aside
        assert found["inferenceRouterServiceType"] is Fate.CHANGE
        assert found["nodeSelector.zone"] is found["clusterPurpose"] is Fate.STAY
        config = made.command[made.command.index("--config") + 1 : made.command.index("--config-protected")]
        assert config == ("inferenceRouterServiceType=LoadBalancer",)

    def test_protected_settings_are_replaced(self, tmp_path: Path) -> None:
        made = planned(tmp_path, PRODUCTION, PRESENT)
        assert fates(made)["sslKeyPemFile"] is Fate.SEND
        assert fates(made)["relayServerConnectionString"] is Fate.DELETE
        assert made.command[made.command.index("--config-protected") + 1 :] == (
            'sslCertPemFile="$ROUTER_CERT"',
            'sslKeyPemFile="$ROUTER_KEY"',
        )

    def test_all_protected_settings_go_when_none_is_named(self, tmp_path: Path) -> None:
        present = {**PRESENT, "configurationSettings": {"enableTraining": "True"}}
        text = PRODUCTION.split("settings:", maxsplit=1)[0].replace("both", "training")
        made = planned(tmp_path, text, present)
        assert {row.fate for row in made.protected} == {Fate.DELETE}
        assert made.command == ()

    def test_a_feature_that_is_no_longer_wanted_is_switched_off_by_name(self, tmp_path: Path) -> None:
        text = PRODUCTION.split("settings:", maxsplit=1)[0].replace("both", "training")
        made = planned(tmp_path, text, PRESENT)
        [row] = [row for row in made.settings if row.name == "enableInference"]
        assert (row.fate, row.then) == (Fate.CHANGE, "False")
        assert "no endpoint" in row.note
        assert "enableInference=False" in made.command

    def test_what_harms_work_that_runs_says_so(self, tmp_path: Path) -> None:
        text = PRODUCTION.replace("settings: {inf", "settings: {nodeSelector.pool: ml, inf")
        notes = {row.name: row.note for row in planned(tmp_path, text, PRESENT).settings}
        assert "only while no endpoint is there" in notes["inferenceRouterServiceType"]
        assert "only while no job runs" in notes["nodeSelector.pool"]
        assert "only while" not in notes["sslCname"]

    def test_the_sum_must_be_right_not_the_file_alone(self, tmp_path: Path) -> None:
        """`sslSecret` cannot be taken away by an update, and may not stand beside PEM files."""
        present = {**PRESENT, "configurationSettings": {**PRESENT["configurationSettings"], "sslSecret": "tls"}}
        with pytest.raises(InputError, match="would stay beside the PEM files"):
            planned(tmp_path, PRODUCTION, present)

    def test_what_is_there_counts_for_what_is_needed(self, tmp_path: Path) -> None:
        text = PRODUCTION.replace("inferenceRouterServiceType: LoadBalancer, ", "")
        assert planned(tmp_path, text, PRESENT).command

    def test_nothing_to_do_needs_no_command(self, tmp_path: Path) -> None:
        present = {
            **PRESENT,
            "configurationSettings": {"enableTraining": "True"},
            "configurationProtectedSettings": None,
        }
        text = PRODUCTION.split("settings:", maxsplit=1)[0].replace("both", "training")
        assert planned(tmp_path, text, present).command == ()

    @pytest.mark.parametrize(
        ("version", "pinned", "there", "words"),
        [
            ("", False, None, ()),
            ("", True, "1.1.70", ("--auto-upgrade-minor-version", "true")),
            ("1.1.88", False, None, ("--auto-upgrade-minor-version", "false", "--version", "1.1.88")),
            ("1.1.88", True, "1.1.70", ("--auto-upgrade-minor-version", "false", "--version", "1.1.88")),
            ("1.1.88", True, "1.1.88", ()),
        ],
    )
    def test_versions(
        self, version: str, pinned: bool, there: str | None, words: tuple[str, ...], tmp_path: Path
    ) -> None:
        present = {**PRESENT, "autoUpgradeMinorVersion": not pinned, "version": there}
        text = PRODUCTION + (f"version: {version}\n" if version else "")
        command = planned(tmp_path, text, present).command
        start = command.index("--resource-group") + 2
        assert command[start : command.index("--config")] == words

    def test_state_and_identity_are_told(self, tmp_path: Path) -> None:
        present = {**PRESENT, "provisioningState": "Updating", "aksAssignedIdentity": None}
        notes = " ".join(planned(tmp_path, PRODUCTION, present).notes)
        assert "is Updating" in notes
        assert "RefreshExtensionIdentityNotSet" in notes

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("name", "another"),
            ("extensionType", "microsoft.flux"),
            ("id", "/x/managedClusters/other/providers/y"),
            ("id", "/x/connectedClusters/aks-prod/providers/y"),
        ],
    )
    def test_the_state_of_another_extension_is_refused(self, key: str, value: str, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="state of another extension") as caught:
            planned(tmp_path, PRODUCTION, {**PRESENT, key: value})
        assert "show.json:" in caught.value.where


class TestParts:
    def test_the_relay_is_on_arc_alone(self, tmp_path: Path) -> None:
        assert "relayserver" in [part.name for part in planned(tmp_path, ARC_TRAINING).parts]
        assert "relayserver" not in [part.name for part in planned(tmp_path, POC).parts]

    def test_switches_bring_and_leave_out_pods(self, tmp_path: Path) -> None:
        text = ARC_TRAINING + "settings: {installVolcano: false, installPromOp: false, installDcgmExporter: true}\n"
        names = " ".join(part.name for part in planned(tmp_path, text).parts)
        assert "volcano" not in names
        assert "prometheus-operator" not in names
        assert "azureml-dcgm-exporter" in names

    def test_one_replica_of_the_router_is_a_test_s_room(self, tmp_path: Path) -> None:
        assert planned(tmp_path, POC).room.nodes == 1
        assert planned(tmp_path, PRODUCTION).room.nodes == 3


class TestRoles:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("pattern: private_aks\n", "a scenario file, which belongs to data science"),
            ("command: python train.py\n", "a job file, which belongs to data science"),
            ("sites: {}\n", "an inventory file"),
        ],
    )
    def test_other_files_are_refused(self, text: str, words: str, tmp_path: Path) -> None:
        (tmp_path / "file.yaml").write_text(text)
        said = landbridge("ops", "extension", "plan", str(tmp_path / "file.yaml"))
        assert said.code == 2
        assert words in said.err

    def test_validate_reads_it_too(self, tmp_path: Path) -> None:
        (tmp_path / "extension.yaml").write_text(PRODUCTION.replace("sslCname", "sslCnam"))
        said = landbridge("validate", str(tmp_path / "extension.yaml"))
        assert said.code == 2
        assert "sslCname" in said.err
