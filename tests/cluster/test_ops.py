"""`landbridge ops` on a real cluster: what it makes, what that forbids, and what the doctor sees of planted faults.

Everything runs through the command line. The orchestrator's account is the one that `namespaces apply` makes, by the
kubeconfig that it writes; the administrator's is the lab's.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from landbridge.domain.values import Json
from tests.cluster.clusters import Cluster, Clusters, eventually, named, python_pod, unique
from tests.cluster.lab.programs import kubectl
from tests.cluster.lab.settings import LabError
from tests.cluster.training import IMAGE, options_of
from tests.unit.cli import Said, landbridge

GATEWAY = "landbridge-edge/edge"
SMALL = {
    "name": "ops-small",
    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": 1, "memory": "512Mi"}},
}
MISSING = "ops-nowhere"


@dataclass(frozen=True)
class Team:
    """A team's target on a cluster: its inventory, its namespace, and the kubeconfig of its orchestrator."""

    cluster: Cluster
    folder: Path
    namespace: str
    options: Mapping[str, Json]
    types: tuple[Any, ...] = (SMALL,)

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "orchestrator.kubeconfig"

    def write(self) -> str:
        """The inventory, with the orchestrator's credentials."""
        target = {
            "site": "here", "driver": "kubernetes", "roles": ["train", "serve"], "capacity": {"cpu": 2, "memory": "4Gi"},
            "options": {**self.options, "kubeconfig": str(self.kubeconfig)}, "instance_types": list(self.types),
        }  # fmt: skip
        content = {
            "name": "ops-tests",
            "sites": {"here": {"kind": "onprem", "registry": {"driver": "mlflow", "port": "any"}}},
            "targets": {"team": target},
            "environments": [{"name": "azureml:any", "image": IMAGE}],
        }
        path = self.folder / "inventory.yaml"
        with path.open("w") as file:
            YAML(typ="safe").dump(content, file)
        return str(path)

    def ops(self, *words: str, admin: bool = True) -> Said:
        rights = ("--kubeconfig", str(self.cluster.kubeconfig)) if admin else ()
        return landbridge("ops", *words, "--inventory", self.write(), *rights)

    def apply(self) -> Any:
        said = self.ops("namespaces", "apply", "team", "--write-kubeconfig", str(self.kubeconfig), "-o", "json")
        assert said.code == 0, said.err
        return said.json

    def doctor(self, *words: str, admin: bool = True) -> tuple[int, dict[str, Any]]:
        said = self.ops("doctor", "team", "-o", "json", *words, admin=admin)
        return said.code, {item["name"]: item for item in said.json["checks"]}

    def kubectl(self, *words: str) -> str:
        """As the orchestrator."""
        return kubectl(self.kubeconfig, *words)


NewTeam = Callable[[Cluster], Team]


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewTeam]:
    """Teams with a namespace each, removed after the test with all that `ops` made for them."""
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    made: list[Team] = []

    def new(cluster: Cluster) -> Team:
        namespace = unique("ops")
        folder = tmp_path / namespace
        folder.mkdir()
        options: dict[str, Json] = {**options_of(cluster, namespace, monkeypatch), "gateway": GATEWAY}
        made.append(Team(cluster, folder, namespace, options))
        return made[-1]

    yield new
    for item in made:
        item.cluster.kubectl("delete", "namespace", item.namespace, "--wait=false", "--ignore-not-found")
        for kind in ("role", "rolebinding"):
            name = f"landbridge-{item.namespace}"
            item.cluster.kubectl("delete", kind, name, "-n", GATEWAY.partition("/")[0], "--ignore-not-found")


@pytest.fixture
def types(lab: Clusters) -> Iterator[None]:
    """Instance types that tests apply are gone afterwards; the definition stays, as it would on Azure's clusters."""
    yield
    for cluster in lab.both():
        if "instancetypes" in cluster.kubectl("get", "crd", "-o", "name"):
            for name in (SMALL["name"], MISSING):
                cluster.kubectl("delete", "instancetype", str(name), "--ignore-not-found")


class TestInstanceTypes:
    def test_they_are_installed_listed_and_checked(self, lab: Clusters, team: NewTeam, types: None) -> None:
        one = team(lab.onprem)
        first = one.ops("instance-types", "apply", "team", "-o", "json")
        assert first.code == 0, first.err
        again = one.ops("instance-types", "apply", "team", "-o", "json").json["changes"]
        assert {item["action"] for item in again} == {"keep"}
        listed = one.ops("instance-types", "list", "team", "-o", "json").json["instance_types"]
        found = {item["type"]["name"]: item for item in listed}
        assert len(found["ops-small"]["nodes"]) == 1
        assert "defaultinstancetype" in found
        spec = lab.onprem.get("instancetype", "ops-small")["spec"]
        assert spec["resources"]["limits"] == {"cpu": "1", "memory": "512Mi"}
        assert one.ops("instance-types", "check", "team").code == 0

    def test_the_definition_refuses_what_is_no_instance_type(self, lab: Clusters, team: NewTeam, types: None) -> None:
        one = team(lab.onprem)
        one.ops("instance-types", "apply", "team")
        body = {
            "apiVersion": "amlarc.azureml.com/v1alpha1",
            "kind": "InstanceType",
            "metadata": {"name": MISSING},
            "spec": {},
        }
        with pytest.raises(LabError, match=r"missing required field \"resources\"|spec\.resources: Required"):
            lab.onprem.apply(body)

    def test_a_type_that_no_node_takes_or_that_differs_fails(self, lab: Clusters, team: NewTeam, types: None) -> None:
        lost = {**SMALL, "name": MISSING, "node_selector": {"kubernetes.io/os": "linus"}}
        one = replace(team(lab.onprem), types=(SMALL, lost))
        assert one.ops("instance-types", "apply", "team").code == 0
        said = one.ops("instance-types", "check", "team", "-o", "json")
        assert said.code == 1
        rows = {item["name"]: item for item in said.json["checks"]}
        assert rows["instance type ops-small"]["verdict"] == "pass"
        assert rows[f"instance type {MISSING}"]["verdict"] == "fail"
        assert "did you mean 'linux'" in rows[f"instance type {MISSING}"]["remedy"]
        other = {**SMALL, "resources": {"limits": {"cpu": 1, "memory": "256Mi"}}}
        said = replace(one, types=(other,)).ops("instance-types", "check", "team")
        assert said.code == 1
        assert "declared are" in said.out


class TestNamespace:
    def test_a_plan_changes_nothing_and_applying_twice_keeps_everything(self, lab: Clusters, team: NewTeam) -> None:
        one = team(lab.onprem)
        planned = one.ops("namespaces", "plan", "team", "-o", "json").json
        assert {item["action"] for item in planned["changes"]} == {"create"}
        assert one.namespace not in lab.onprem.kubectl("get", "namespaces", "-o", "name")
        assert {item["action"] for item in one.apply()["changes"]} == {"create"}
        assert {item["action"] for item in one.apply()["changes"]} == {"keep"}
        lab.onprem.kubectl(
            "label", "namespace", one.namespace, "pod-security.kubernetes.io/enforce=privileged", "--overwrite"
        )
        changed = [
            item for item in one.ops("namespaces", "plan", "team", "-o", "json").json["changes"] if item["detail"]
        ]
        assert [(item["action"], item["kind"]) for item in changed] == [("change", "Namespace")]

    def test_the_orchestrator_may_do_its_work_and_nothing_else(self, lab: Clusters, team: NewTeam) -> None:
        one = team(lab.onprem)
        one.apply()
        allowed = [
            ("create", "jobs"),
            ("get", "secrets"),
            ("patch", "deployments"),
            ("get", "pods/log"),
            ("create", "httproutes"),
        ]
        denied = [
            *(("list", "secrets"), ("create", "pods"), ("create", "pods/exec"), ("delete", "resourcequotas")),
            *(("patch", "networkpolicies"), ("patch", "namespaces"), ("create", "rolebindings"), ("patch", "roles")),
            *(("create", "serviceaccounts/token"), ("update", "limitranges"), ("impersonate", "users")),
        ]
        for verb, what in allowed:
            assert one.kubectl("auth", "can-i", verb, what, "-n", one.namespace).strip() == "yes", (verb, what)
        for verb, what in denied:
            with pytest.raises(LabError, match=r"ended with 1: (Warning: [^\n]*)?$"):
                one.kubectl("auth", "can-i", verb, what, "-n", one.namespace)
        for verb, what in (
            ("list", "nodes"),
            ("create", "namespaces"),
            ("list", "pods"),
            ("create", "clusterrolebindings"),
        ):
            with pytest.raises(LabError, match=r"ended with 1: (Warning: [^\n]*)?$"):
                one.kubectl("auth", "can-i", verb, what, "--all-namespaces")

    @pytest.mark.parametrize(
        "words",
        [
            ("get", "secrets"),
            ("delete", "resourcequota", "landbridge"),
            ("label", "namespace", "{namespace}", "pod-security.kubernetes.io/enforce=privileged", "--overwrite"),
            ("create", "rolebinding", "mine", "--clusterrole=cluster-admin", "--serviceaccount={namespace}:landbridge"),
            ("get", "pods", "--all-namespaces"),
            ("get", "nodes"),
        ],
        ids=lambda words: "-".join(words[:2]),
    )
    def test_the_api_server_refuses_what_is_not_in_the_list(
        self, words: tuple[str, ...], lab: Clusters, team: NewTeam
    ) -> None:
        one = team(lab.onprem)
        one.apply()
        with pytest.raises(LabError, match=r"[Ff]orbidden"):
            one.kubectl("-n", one.namespace, *(word.format(namespace=one.namespace) for word in words))

    def test_a_team_reaches_nothing_of_another_by_the_api(self, lab: Clusters, team: NewTeam) -> None:
        one, other = team(lab.onprem), team(lab.onprem)
        one.apply()
        other.apply()
        other.kubectl("create", "configmap", "code", "--from-literal=secret=ours", "-n", other.namespace)
        for words in (
            ("get", "configmap", "code"),
            ("get", "jobs"),
            ("get", "pods"),
            ("delete", "configmap", "code"),
            ("create", "configmap", "mine"),
            ("create", "job", "mine", f"--image={IMAGE}"),
            ("get", "--raw", f"/api/v1/namespaces/{other.namespace}/services/http:model:80/proxy/"),
        ):
            with pytest.raises(LabError, match=r"[Ff]orbidden"):
                one.kubectl(*words, *(() if "--raw" in words else ("-n", other.namespace)))
        assert "code" in other.kubectl("get", "configmaps", "-o", "name", "-n", other.namespace)

    def test_a_pod_of_one_team_reaches_no_service_of_another(self, lab: Clusters, team: NewTeam) -> None:
        """Where the network plugin enforces policies. The lab's does not, and the doctor says so; rights keep teams apart."""
        one, other = team(lab.onprem), team(lab.onprem)
        one.apply()
        other.apply()
        told = one.doctor(admin=False)[1]
        assert told["probe job"]["verdict"] == "pass", told["probe job"]
        enforced = "declared" in told["network policy"]["why"]
        server = python_pod(
            "import http.server as h; h.HTTPServer(('', 8080), h.SimpleHTTPRequestHandler).serve_forever()"
        )
        lab.onprem.apply(
            {**named("Pod", "model", other.namespace), "spec": server}
            | {"metadata": {"name": "model", "namespace": other.namespace, "labels": {"app": "model"}}},
            {
                **named("Service", "model", other.namespace),
                "spec": {"selector": {"app": "model"}, "ports": [{"port": 8080}]},
            },
        )
        eventually(lambda: lab.onprem.get("pod", "model", "-n", other.namespace)["status"].get("podIP"), bool, 60)
        address = lab.onprem.get("service", "model", "-n", other.namespace)["spec"]["clusterIP"]
        asks = python_pod(f"import socket; socket.create_connection(('{address}', 8080), 5)")
        lab.onprem.apply({**named("Pod", "curious", one.namespace), "spec": asks})
        phase = eventually(
            lambda: lab.onprem.get("pod", "curious", "-n", one.namespace)["status"].get("phase"),
            {"Succeeded", "Failed"}.__contains__,
            60,
        )
        if not enforced:
            pytest.skip(f"this network plugin enforces no NetworkPolicy (the pod {phase}); isolation is by rights here")
        assert phase == "Failed"

    def test_the_namespace_is_bounded(self, lab: Clusters, team: NewTeam) -> None:
        one = team(lab.onprem)
        one.apply()
        hard = lab.onprem.get("resourcequota", "landbridge", "-n", one.namespace)["spec"]["hard"]
        assert (hard["requests.cpu"], hard["requests.nvidia.com/gpu"]) == ("2", "0")
        pod = python_pod("")
        pod["containers"][0]["securityContext"] = {"privileged": True}
        with pytest.raises(LabError, match="violates PodSecurity"):
            lab.onprem.apply({**named("Pod", "privileged", one.namespace), "spec": pod})
        pod = python_pod("", resources={"requests": {"cpu": "3", "memory": "64Mi"}})
        with pytest.raises(LabError, match="exceeded quota"):
            lab.onprem.apply({**named("Pod", "greedy", one.namespace), "spec": pod})


class TestDoctor:
    def test_a_well_prepared_cluster_passes_whole(self, lab: Clusters, team: NewTeam, types: None) -> None:
        one = team(lab.onprem)
        one.apply()
        assert one.ops("instance-types", "apply", "team").code == 0
        code, rows = one.doctor()
        assert {name: row["why"] for name, row in rows.items() if row["verdict"] != "pass"} == {}
        assert code == 0
        assert rows["account"]["why"] == f"system:serviceaccount:{one.namespace}:landbridge"
        assert rows["probe job"]["why"].startswith(f"ran {IMAGE} as user 1000")
        for kind in ("jobs", "secrets"):
            left = lab.onprem.kubectl("get", kind, "-n", one.namespace, "-o", "name")
            assert "landbridge-probe" not in eventually(
                lambda kind=kind: lab.onprem.kubectl("get", kind, "-n", one.namespace, "-o", "name"),
                lambda text: "probe" not in text,
                30,
            ), left

    def test_without_an_administrator_it_says_what_it_could_not_see(self, lab: Clusters, team: NewTeam) -> None:
        one = team(lab.onprem)
        one.apply()
        code, rows = one.doctor("--no-probe", admin=False)
        unseen = {name for name, row in rows.items() if row["verdict"] == "unseen"}
        assert unseen == {"node versions", "instance types", "probe job"}
        assert code == 0

    def test_an_administrator_in_the_inventory_is_too_much(self, lab: Clusters, team: NewTeam) -> None:
        one = team(lab.onprem)
        one.apply()
        one.kubeconfig.write_bytes(lab.onprem.kubeconfig.read_bytes())
        code, rows = one.doctor("--no-probe")
        assert code == 1
        assert "every team's secrets" in rows["rights beyond need"]["why"]

    def test_missing_rights_are_named_one_by_one(self, lab: Clusters, team: NewTeam) -> None:
        one = team(lab.onprem)
        one.apply()
        rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
        lab.onprem.kubectl(
            *("patch", "role", "landbridge", "-n", one.namespace, "--type=merge", "-p", json.dumps({"rules": [rule]}))
        )
        code, rows = one.doctor()
        assert code == 1
        assert rows["rights: jobs.batch"]["why"].startswith("may not create, get, list")
        assert rows["rights: pods"]["why"].startswith("may not list")
        assert "namespaces apply team" in rows["rights: secrets"]["remedy"]
        assert rows["rights beyond need"]["verdict"] == "pass"

    def test_a_missing_namespace_is_named_with_its_remedy(self, lab: Clusters, team: NewTeam) -> None:
        one = team(lab.onprem)
        one.kubeconfig.write_bytes(lab.onprem.kubeconfig.read_bytes())
        code, rows = one.doctor()
        assert code == 1
        assert f"no namespace '{one.namespace}'" in rows["namespace"]["why"]
        assert rows["probe job"]["verdict"] == "fail"

    def test_a_full_quota_fails_with_what_is_used(self, lab: Clusters, team: NewTeam) -> None:
        one = replace(team(lab.onprem))
        full = replace(one, options={**one.options, "operations": {"quota": {"requests.cpu": "10m"}}})
        full.apply()
        eventually(
            lambda: lab.onprem.get("resourcequota", "landbridge", "-n", one.namespace).get("status", {}).get("hard"),
            bool,
            30,
        )
        code, rows = full.doctor()
        assert code == 1
        assert "requests.cpu: 0 of 10m" in rows["quota landbridge"]["why"]
        assert "exceeded quota" in rows["probe job"]["why"]

    def test_a_wrong_instance_type_fails(self, lab: Clusters, team: NewTeam, types: None) -> None:
        one = team(lab.onprem)
        one.apply()
        assert one.ops("instance-types", "apply", "team").code == 0
        code, rows = replace(one, types=({**SMALL, "name": "ops-smal"},)).doctor("--no-probe")
        assert code == 1
        assert "did you mean 'ops-small'" in rows["instance type ops-smal"]["why"]

    @pytest.mark.parametrize(
        ("changes", "row", "words"),
        [
            ({"gateway": "landbridge-edge/other"}, "Gateway", "no Gateway landbridge-edge/other"),
            ({"image_pull_secrets": ["registry"]}, "pull secret registry", "not in the cluster"),
            ({"ca_bundle": "kube-root-ca.crt"}, "CA bundle kube-root-ca.crt", ""),
            ({"priority_class": "urgent"}, "priority class urgent", "not in the cluster"),
            ({"service_account": "trainer"}, "service account trainer", "not in the cluster"),
            ({"artifacts": "s3://nobodys-bucket/x"}, "storage", "nobodys-bucket"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
    )
    def test_what_the_options_name_must_be_there(
        self, changes: dict[str, Json], row: str, words: str, lab: Clusters, team: NewTeam
    ) -> None:
        one = team(lab.onprem)
        one.apply()
        code, rows = replace(one, options={**one.options, **changes}).doctor("--no-probe")
        assert rows[row]["verdict"] == ("fail" if words else "pass"), rows[row]
        assert code == 1 or not words
        assert words in rows[row]["why"]

    def test_an_image_that_cannot_be_pulled_is_told_within_seconds(self, lab: Clusters, team: NewTeam) -> None:
        one = team(lab.onprem)
        one.apply()
        code, rows = one.doctor("--image", "landbridge.test/nobody:1")
        assert code == 1
        assert "ErrImagePull" in rows["probe job"]["why"] or "ImagePullBackOff" in rows["probe job"]["why"]

    def test_an_api_server_that_does_not_answer_is_one_row(self, lab: Clusters, team: NewTeam) -> None:
        one = team(lab.onprem)
        one.apply()
        config = json.loads(one.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
        one.kubeconfig.write_text(json.dumps(config))
        code, rows = one.doctor(admin=False)
        assert code == 1
        assert list(rows) == ["API server"]
