"""What a kubernetes target may say under `options`."""

from pathlib import Path

import pytest

from landbridge.cli.checking import check
from landbridge.domain.errors import InputError
from landbridge.domain.inventory import Inventory, Network, RegistrySpec, Role, Site, Target
from landbridge.domain.values import Json, SiteKind
from landbridge.drivers.kubernetes.options import KNOWN, option_problems, read_options

INVENTORY = Inventory("test", "/inventories/plant.yaml", "/home", {}, {}, {})


def target(**options: Json) -> Target:
    return Target("gpu", "onprem", "kubernetes", frozenset({Role.TRAIN}), "leipzig", options)


def test_a_namespace_is_enough() -> None:
    options = read_options(target(namespace="ml-train"), INVENTORY)
    assert (options.namespace, options.context, options.artifacts) == ("ml-train", "", "")
    assert options.ttl_seconds == 7 * 24 * 3600


def test_every_option_has_a_kind_and_reaches_its_place() -> None:
    given: dict[str, Json] = {
        "namespace": "a", "kubeconfig": "kube/leipzig", "context": "b", "artifacts": "s3://c", "storage": {"key": "secret:K"},
        "storage_secret": "d", "storage_endpoint": "https://e", "service_account": "f", "gateway": "g/h",
        "gateway_url": "https://i", "serving_image": "s", "queue": "j", "priority_class": "k",
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "node_selector": {"pool": "l"}, "image_pull_secrets": ["m"],
        "image_mirror": {"n/": "o/"}, "proxy": {"http": "http://p", "no_proxy": "q"},
        "ca_bundle": "r", "overrides": {"spec": {"hostNetwork": True}}, "image_pull_policy": "Never", "ttl_seconds": 60,
            "operations": {"pod_security": "baseline"},
    }  # fmt: skip
    assert set(given) == set(KNOWN)
    options = read_options(target(**given), INVENTORY)
    assert options.kubeconfig == "/inventories/kube/leipzig"
    assert options.tolerations == ({"key": "gpu", "operator": "Exists"},)
    assert options.image_pull_secrets == ("m",)


def test_pods_reach_what_is_in_their_site_without_the_proxy() -> None:
    network = Network(private=True, proxy="http://p:3128", egress=(), endpoints={"images": "https://images.plant:5000"})
    registry = RegistrySpec("onprem", "mlflow", {"uri": "http://mlflow.plant:5000"})
    site = Site("onprem", SiteKind.ONPREM, "/m", "/c", 1, registry, network)
    inventory = Inventory("test", "/inventories/plant.yaml", "/home", {"onprem": site}, {}, {})
    given = target(
        namespace="a",
        proxy={"https": "http://p:3128", "no_proxy": ".plant.example"},
        storage={"endpoint_url": "https://store.plant"},
    )
    read = read_options(given, inventory)
    assert read.proxy["no_proxy"] == ".plant.example,images.plant,mlflow.plant,store.plant"
    assert "no_proxy" not in read_options(target(namespace="a"), inventory).proxy


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "`namespace` is missing"),
        ({"namespace": "A_b"}, "no legal name"),
        ({"namespace": "a", "contxt": "x"}, "did you mean 'context'"),
        ({"namespace": "a", "context": 3}, "is not text"),
        ({"namespace": "a", "tolerations": {"key": "x"}}, "is not a list of mappings"),
        ({"namespace": "a", "node_selector": {"a": 1}}, "mapping of text"),
        ({"namespace": "a", "image_pull_secrets": "x"}, "list of names"),
        ({"namespace": "a", "image_pull_policy": "Sometimes"}, "no policy"),
        ({"namespace": "a", "proxy": {"noproxy": "x"}}, "did you mean 'no_proxy'"),
        ({"namespace": "a", "artifacts": "/srv/x"}, "no URL"),
        ({"namespace": "a", "overrides": {"containers": []}}, "no 'containers'"),
        ({"namespace": "a", "ttl_seconds": True}, "number of seconds"),
        ({"namespace": "a", "storage": "x"}, "is not a mapping"),
    ],
)
def test_a_wrong_option_is_named_with_a_remedy(options: dict[str, Json], words: str) -> None:
    assert any(words in problem.message for problem in option_problems(options))
    with pytest.raises(InputError) as caught:
        read_options(target(**options), INVENTORY)
    assert "targets.gpu.options" in caught.value.message
    assert caught.value.hint
    assert caught.value.where == "/inventories/plant.yaml"


INVENTORY_FILE = """\
name: plant
sites:
  onprem: {kind: onprem}
targets:
  gpu:
    site: onprem
    driver: kubernetes
    roles: [train]
    options:
      namespace: ml
      contxt: leipzig
      ttl_seconds: soon
"""


def test_a_file_is_refused_with_the_line_of_the_option(tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text(INVENTORY_FILE)
    _, faults = check(tmp_path / "inventory.yaml", "")
    assert [fault.where.rsplit(":", 1)[-1] for fault in faults] == ["11", "12"]
    assert "did you mean 'context'" in faults[0].message


def test_a_run_is_refused_with_the_line_too(tmp_path: Path) -> None:
    from landbridge.files.inventory import load_inventory
    from landbridge.operations import connections

    (tmp_path / "inventory.yaml").write_text(INVENTORY_FILE)
    with pytest.raises(InputError) as caught:
        connections.training(load_inventory(tmp_path / "inventory.yaml", str(tmp_path)), "gpu")
    assert caught.value.where.endswith("inventory.yaml:11")
