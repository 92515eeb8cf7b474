"""What `landbridge ops` puts into a cluster: golden files show it whole, and Kubernetes' published types know every field.

`LANDBRIDGE_GOLDEN=write` rewrites tests/golden/kubernetes/ops; the diff is the review.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import landbridge
from landbridge.domain.errors import InputError
from landbridge.domain.values import Resources
from landbridge.drivers.kubernetes.operating_namespace import KINDS, objects
from landbridge.drivers.kubernetes.operating_options import OperatingOptions, read_operating
from landbridge.drivers.kubernetes.operating_order import order, quota, shared
from landbridge.drivers.kubernetes.operating_probe import Probe, default_image, probe_objects, questions
from landbridge.drivers.kubernetes.operating_rights import RBAC
from landbridge.drivers.kubernetes.operating_types import definition, from_object, normal, to_object
from landbridge.drivers.kubernetes.operating_ways import places, service_namespace
from landbridge.drivers.kubernetes.options import read_options
from landbridge.drivers.kubernetes.pod_template import DEFAULT
from tests.unit.kubernetes.operated import INVENTORY, inventory, resolve

GOLDEN = Path(__file__).parents[2] / "golden" / "kubernetes" / "ops"
API = ("10.201.0.1",)


def manifests(folder: Path) -> Mapping[str, list[dict[str, Any]]]:
    stock = inventory(folder)
    train, serve = stock.targets["train"], stock.targets["serve"]
    probe = Probe("landbridge-probe-1", "images.example.test/train:1", {"put": {"url": "https://signed"}}, 60.0)
    return {
        "namespace-shared": objects(order(shared(train, stock), resolve, API)[0]),
        "namespace-alone": objects(order(shared(stock.targets["alone"], stock), resolve, ())[0]),
        "instance-types": [definition(), *(to_object(item) for item in (*train.instance_types, DEFAULT))],
        "probe": [without_source(item) for item in probe_objects(probe, serve, read_options(serve, stock))],
    }


def without_source(body: dict[str, Any]) -> dict[str, Any]:
    """The script is reviewed where it stands."""
    source = (Path(landbridge.__file__).parent / "runner" / "pod_probe.py").read_text()
    found: dict[str, Any] = json.loads(json.dumps(body).replace(json.dumps(source), '"runner/pod_probe.py"'))
    return found


@pytest.mark.parametrize("name", ["namespace-shared", "namespace-alone", "instance-types", "probe"])
def test_manifests_are_as_reviewed(name: str, tmp_path: Path) -> None:
    found, path = manifests(tmp_path)[name], GOLDEN / f"{name}.json"
    if os.environ.get("LANDBRIDGE_GOLDEN") == "write":
        path.write_text(json.dumps(found, indent=2) + "\n")
    assert json.loads(path.read_text()) == found, "LANDBRIDGE_GOLDEN=write rewrites the golden files"


TYPES = {
    **{kind: f"V1{kind}" for kind in KINDS},
    "CustomResourceDefinition": "V1CustomResourceDefinition",
    "Job": "V1Job",
    "Secret": "V1Secret",
}


@pytest.mark.parametrize("name", ["namespace-shared", "namespace-alone", "instance-types", "probe"])
def test_kubernetes_knows_every_field(name: str, tmp_path: Path) -> None:
    from kubernetes import client

    with client.ApiClient() as api:
        for body in manifests(tmp_path)[name]:
            if body["kind"] == "InstanceType":
                continue
            answer = type("Answer", (), {"data": json.dumps(body)})()
            read = api.sanitize_for_serialization(api.deserialize(answer, TYPES[body["kind"]]))
            assert whole(read) == whole(body)


def whole(value: Any) -> Any:
    """Without what is empty, which the published types leave out."""
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items() if item not in (None, [], "")}
    return [whole(item) for item in value] if isinstance(value, list) else value


class TestNamespace:
    def test_the_role_is_of_the_namespace_and_names_no_wildcard(self, tmp_path: Path) -> None:
        [role] = [item for item in manifests(tmp_path)["namespace-alone"] if item["kind"] == "Role"]
        assert role["metadata"]["namespace"] == "team-b"
        words = {word for rule in role["rules"] for key in ("apiGroups", "resources", "verbs") for word in rule[key]}
        assert not {"*", "escalate", "bind", "impersonate"} & words
        assert RBAC not in words
        assert not {"list", "watch"} & {
            verb for rule in role["rules"] if rule["resources"] == ["secrets"] for verb in rule["verbs"]
        }

    def test_nothing_is_bound_to_a_whole_cluster_unless_the_inventory_asks(self, tmp_path: Path) -> None:
        kinds = {name: {item["kind"] for item in found} for name, found in manifests(tmp_path).items()}
        assert "ClusterRole" not in kinds["namespace-alone"]
        assert "ClusterRole" in kinds["namespace-shared"]

    def test_targets_of_one_namespace_add_up(self, tmp_path: Path) -> None:
        stock = inventory(tmp_path)
        one, other = (shared(stock.targets[name], stock) for name in ("train", "serve"))
        assert {item.name for item in one.targets} == {"train", "serve"} == {item.name for item in other.targets}
        assert order(one, resolve, API) == order(other, resolve, API)
        assert quota(one.targets, one.operating) == {
            "pods": "40", "count/jobs.batch": "2000", "count/configmaps": "2000", "count/secrets": "2000",
            "requests.cpu": "12000m", "requests.memory": "40960Mi", "requests.nvidia.com/gpu": "1",
        }  # fmt: skip

    def test_a_namespace_without_declared_capacity_is_bounded_in_objects_only(self, tmp_path: Path) -> None:
        stock = inventory(tmp_path)
        found = quota((stock.targets["alone"],), OperatingOptions())
        assert {key.partition("/")[0] for key in found} == {"pods", "count"}
        assert stock.targets["alone"].capacity == Resources()

    def test_two_words_on_one_namespace_are_refused(self, tmp_path: Path) -> None:
        text = INVENTORY.replace(
            "      storage: {endpoint_url", "      operations: {pod_security: restricted}\n      storage: {endpoint_url"
        )
        stock = inventory(tmp_path, text)
        with pytest.raises(InputError, match="say different things"):
            shared(stock.targets["train"], stock)

    def test_two_gateways_of_one_namespace_are_refused(self, tmp_path: Path) -> None:
        stock = inventory(
            tmp_path, INVENTORY.replace("      storage: {", "      gateway: edge/other\n      storage: {")
        )
        with pytest.raises(InputError, match="edge/main, edge/other"):
            shared(stock.targets["train"], stock)

    def test_a_namespace_of_the_cluster_itself_is_refused(self, tmp_path: Path) -> None:
        stock = inventory(tmp_path, INVENTORY.replace("team-b", "kube-system"))
        with pytest.raises(InputError, match="the cluster's own"):
            order(shared(stock.targets["alone"], stock), resolve, ())


class TestWays:
    def test_they_are_those_that_the_inventory_implies(self, tmp_path: Path) -> None:
        stock = inventory(tmp_path)
        target = stock.targets["train"]
        found = places(target, read_options(target, stock), stock)
        assert [(item.name, item.host, item.port) for item in found] == [
            ("object store", "10.9.0.7", 9000),
            ("registry", "10.9.0.5", 5000),
            ("endpoint images", "images.example.test", 443),
            ("datastore plant", "minio.store.svc", 9000),
        ]

    def test_what_has_no_address_is_told_and_opens_nothing(self, tmp_path: Path) -> None:
        stock = inventory(tmp_path)
        made, lost = order(shared(stock.targets["train"], stock), lambda host: (), API)
        assert lost == ("images.example.test (endpoint images)", "proxy.example.test (declared: proxy.example.test)")
        assert {passage.name for passage in made.network.out} == {
            *("object store", "registry", "datastore plant", "declared: 10.1.0.0/16")
        }

    @pytest.mark.parametrize(
        ("host", "namespace"),
        [("minio.store.svc", "store"), ("a.b.svc.cluster.local", "b"), ("a.example.test", ""), ("svc", "")],
    )
    def test_a_service_of_the_cluster_is_known_by_its_name(self, host: str, namespace: str) -> None:
        assert service_namespace(host) == namespace


class TestOptions:
    @pytest.mark.parametrize(
        ("said", "words"),
        [
            ("{pod_securty: restricted}", "did you mean 'pod_security'"),
            ("{pod_security: privileged}", "no level 'privileged'"),
            ("{quota: {pods: many}}", "no quantity"),
            ("{egress: [{to: 10.0.0.0/8, port: 1}]}", "no way out"),
            ("{egress: [{to: 10.0.0.0/8, ports: [0]}]}", "no way out"),
            ("{see_nodes: maybe}", "neither true nor false"),
            ("{ingress_namespaces: [UP]}", "no list of namespaces"),
            ("{public_probe: nowhere}", "no host:port"),
            ("{account: A_B}", "no legal name"),
        ],
    )
    def test_a_wrong_word_is_named(self, said: str, words: str, tmp_path: Path) -> None:
        stock = inventory(
            tmp_path, INVENTORY.replace("{namespace: team-b}", f"{{namespace: team-b, operations: {said}}}")
        )
        with pytest.raises(InputError, match=words):
            read_operating(stock.targets["alone"], stock)


class TestInstanceTypes:
    def test_what_is_written_is_read_again(self, tmp_path: Path) -> None:
        for item in (*inventory(tmp_path).targets["train"].instance_types, DEFAULT):
            assert from_object(to_object(item)) == normal(item)

    def test_a_null_gpu_of_azure_is_none(self) -> None:
        bounds = {
            "requests": {"cpu": "100m", "memory": "2Gi"},
            "limits": {"cpu": 2, "memory": "2Gi", "nvidia.com/gpu": None},
        }
        found = from_object({"metadata": {"name": "defaultinstancetype"}, "spec": {"resources": bounds}})
        assert found == DEFAULT


class TestProbe:
    def test_signed_urls_stand_in_the_secret_only(self, tmp_path: Path) -> None:
        order_, job = manifests(tmp_path)["probe"]
        assert "https://signed" in json.dumps(order_)
        assert "https://signed" not in json.dumps(job)

    def test_it_asks_for_what_the_site_talks_to_and_for_what_it_must_not(self, tmp_path: Path) -> None:
        stock = inventory(tmp_path)
        found = questions(shared(stock.targets["train"], stock).places, "192.0.2.1:443", private=True)
        assert found["names"] == ["kubernetes.default.svc", "images.example.test", "minio.store.svc"]
        assert "http://10.9.0.7:9000" in found["reach"]
        assert found["direct"] == ["kubernetes.default.svc:443", "192.0.2.1:443"]
        assert questions((), "192.0.2.1:443", private=False)["direct"] == ["kubernetes.default.svc:443"]

    def test_its_image_is_the_first_that_the_inventory_names_for_the_target(self, tmp_path: Path) -> None:
        stock = inventory(tmp_path)
        assert default_image(stock.targets["train"], stock) == "images.example.test/train:1"
        assert default_image(stock.targets["serve"], stock) == "images.example.test/serve:1"
