"""Private networks are proven from evidence before a byte moves. No test connects to anything but this machine."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.errors import NetworkError
from landbridge.domain.ledger import Kind
from landbridge.operations import planning, preflight
from tests.operations.world import World


def failed(world: World) -> dict[str, str]:
    """Failed check → its detail."""
    return {check.name: check.detail for check in preflight.checks(world.story()) if not check.passed}


def network(world: World, site: str, **keys: Any) -> World:
    world.inventory["sites"][site].setdefault("network", {}).update(keys)
    return world


@pytest.fixture
def listening() -> Iterator[int]:
    """A port of this machine that answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def silent() -> int:
    """A port of this machine where nobody is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: x
clusters: [{name: x, cluster: {server: "https://203.0.113.7:6443"}}]
contexts: [{name: x, context: {cluster: x, user: x}}]
users: [{name: x, user: {token: x}}]
"""


@pytest.fixture
def cluster(tmp_path: Path) -> dict[str, Any]:
    """A target on a cluster whose API server and object store are public; nobody is asked for either."""
    (tmp_path / "public.kubeconfig").write_text(KUBECONFIG)
    store = {"endpoint_url": "https://198.51.100.9"}
    options = {
        "kubeconfig": str(tmp_path / "public.kubeconfig"),
        "namespace": "n",
        "artifacts": "s3://b/p",
        "storage": store,
    }
    return {"driver": "kubernetes", "options": options}


class TestPrivateAks:
    @pytest.fixture
    def world(self, world: World) -> World:
        return world.pattern("private_aks")

    def test_a_private_network_passes(self, world: World) -> None:
        network(
            world, "vnet", endpoints={"storage": "10.1.2.3", "registry": "http://127.0.0.1:5510", "name": "localhost"}
        )
        assert failed(world) == {}

    def test_a_public_address_is_refused(self, world: World) -> None:
        network(world, "vnet", endpoints={"storage": "203.0.113.7"})
        assert "203.0.113.7" in failed(world)["vnet: endpoint storage"]

    def test_what_a_cluster_is_reached_by_must_be_private_too(self, world: World, cluster: dict[str, Any]) -> None:
        world.inventory["targets"]["aks"] |= cluster
        wrong = failed(world)
        assert "203.0.113.7" in wrong["vnet: endpoint API server of aks"]
        assert "198.51.100.9" in wrong["vnet: endpoint object store of aks"]

    def test_a_cluster_that_is_reached_in_public_is_not_talked_to(self, world: World, cluster: dict[str, Any]) -> None:
        """The run ends with the address, and not with what the cluster would have said."""
        world.inventory["targets"]["aks"] |= cluster
        with pytest.raises(NetworkError, match=r"API server of aks: 203\.0\.113\.7 has public addresses"):
            preflight.require(world.story())

    def test_a_registry_of_ours_is_looked_at_where_it_listens(self, world: World) -> None:
        world.inventory["sites"]["vnet"]["registry"] |= {"port": 5510, "address": "203.0.113.8"}
        assert "203.0.113.8" in failed(world)["vnet: endpoint registry"]

    def test_a_name_that_does_not_resolve_is_refused(self, world: World) -> None:
        network(world, "vnet", endpoints={"storage": "https://storage.invalid/container"})
        assert "did not resolve" in failed(world)["vnet: endpoint storage"]

    @pytest.mark.parametrize("host", ["a" * 64, "double..dot", "not a host"])
    def test_a_name_that_no_host_can_have_is_refused_like_any_other(self, world: World, host: str) -> None:
        network(world, "vnet", endpoints={"storage": host})
        assert "vnet: endpoint storage" in failed(world)

    def test_a_site_that_does_not_say_it_is_private_is_refused(self, world: World) -> None:
        network(world, "vnet", private=False)
        world.inventory["targets"]["aks-serving"]["private"] = True
        assert "vnet: declared private" in failed(world)

    def test_addresses_that_the_inventorys_urls_imply_are_looked_at_too(self, world: World) -> None:
        world.inventory["sites"]["vnet"]["models"] = "https://203.0.113.9/models"
        assert "203.0.113.9" in failed(world)["vnet: endpoint models"]

    def test_a_job_that_reaches_the_internet_is_found_by_the_run_and_not_by_the_plan(self, world: World) -> None:
        world.inventory["targets"]["aks"].setdefault("options", {})["public_egress"] = ["198.51.100.1:443"]
        assert failed(world) == {}
        with pytest.raises(NetworkError, match=r"answer directly: 198\.51\.100\.1:443"):
            world.run()
        assert world.jobs() == []

    def test_a_target_that_does_not_answer_is_not_tried(self, world: World) -> None:
        world.inventory["targets"]["aks"].setdefault("options", {})["unreachable"] = "cable cut"
        story = world.story()
        assert preflight.public_hosts(story.inventory, story.inventory.sites["vnet"]) == ()

    def test_a_target_that_answers_and_cannot_be_tried_is_refused(self, world: World, cluster: dict[str, Any]) -> None:
        """Its driver is a cluster's, and no environment names an image that a job could run."""
        world.inventory["targets"]["aks"] |= cluster
        story = world.story()
        with pytest.raises(NetworkError, match="no image for target 'aks'"):
            preflight.public_hosts(story.inventory, story.inventory.sites["vnet"])

    def test_only_the_sites_of_the_story_are_looked_at(self, world: World) -> None:
        network(world, "cloud", private=True, endpoints={"storage": "203.0.113.7"})
        assert failed(world) == {}


class TestOnpremLifecycle:
    @pytest.fixture
    def world(self, world: World) -> World:
        return world.pattern("onprem_lifecycle")

    def test_the_declared_proxy_must_answer(self, world: World, silent: int) -> None:
        network(world, "onprem", proxy=f"http://127.0.0.1:{silent}")
        assert failed(world)["onprem: proxy"].endswith("does not answer")

    def test_a_proxy_that_answers_is_the_way_out(self, world: World, listening: int) -> None:
        network(world, "onprem", proxy=f"http://127.0.0.1:{listening}", egress=["pypi.example.com"])
        assert failed(world) == {}

    def test_a_proxy_whose_port_is_no_number_does_not_answer(self, world: World) -> None:
        network(world, "onprem", proxy="http://127.0.0.1:port")
        assert "onprem: proxy" in failed(world)

    def test_a_way_out_without_a_proxy_is_refused(self, world: World) -> None:
        network(world, "onprem", egress=["*.example.com"])
        assert "no proxy leads there" in failed(world)["onprem: egress"]

    def test_a_site_that_only_placement_chose_is_looked_at_before_the_data_goes_there(self, world: World) -> None:
        world.inventory["sites"]["annex"] = {"kind": "onprem", "network": {"private": True}}
        rack = {**world.inventory["targets"]["rack"], "site": "annex", "cost_per_hour": 0.01}
        world.inventory["targets"]["annex-rack"] = {**rack, "options": {"public_egress": ["198.51.100.1:443"]}}
        assert planning.require_plan(world.story()).placement.chosen == "annex-rack"
        with pytest.raises(NetworkError, match=r"answer directly: 198\.51\.100\.1:443"):
            world.run()
        assert world.jobs() == []
        assert world.entries(Kind.MOVEMENT) == ()
        assert {entry.key for entry in world.entries(Kind.PREFLIGHT)} == {"network", "network at annex"}

    def test_a_run_is_refused_with_its_evidence_in_the_ledger(self, world: World, silent: int) -> None:
        network(world, "onprem", proxy=f"http://127.0.0.1:{silent}")
        with pytest.raises(NetworkError, match="does not answer") as caught:
            world.run()
        assert caught.value.where == str(world.inventory_file)
        assert world.jobs() == []
        evidence: Any = world.entries(Kind.PREFLIGHT)[0].payload
        assert any(not check["passed"] for check in evidence["checks"])

    def test_a_run_that_passes_leaves_its_evidence_too(self, world: World) -> None:
        assert world.run().outcome == "Promoted"
        evidence: Any = world.entries(Kind.PREFLIGHT)[0].payload
        assert all(check["passed"] for check in evidence["checks"])


def test_the_site_where_training_goes_is_looked_at_as_soon_as_it_is_chosen(world: World, silent: int) -> None:
    world.pattern("onprem_lifecycle").inventory["sites"]["plant-2"] = {
        "kind": "onprem",
        "network": {"proxy": f"http://127.0.0.1:{silent}"},
    }
    world.inventory["targets"]["rack-2"] = {**world.inventory["targets"]["rack"], "site": "plant-2", "cost_per_hour": 0}
    with pytest.raises(NetworkError, match="plant-2: proxy"):
        world.run()
    assert world.jobs() == []
    world.say("rack-2", "drained")
    assert world.run().outcome == "Promoted"


def test_a_public_pattern_asks_for_no_private_network(world: World) -> None:
    network(world, "cloud", endpoints={"storage": "203.0.113.7"})
    assert failed(world) == {}


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("", ""),
        ("/data/models", ""),
        ("file:///data", ""),
        ("memory://x", ""),
        ("http://10.0.0.1:5510/path", "10.0.0.1"),
        ("proxy.corp:3128", "proxy.corp"),
        ("abfss://container@account.dfs.core.windows.net/path", "account.dfs.core.windows.net"),
        ("https://user:word@host.example/x", "host.example"),
    ],
)
def test_the_host_of_a_url(url: str, host: str) -> None:
    assert preflight.host_of(url) == host
