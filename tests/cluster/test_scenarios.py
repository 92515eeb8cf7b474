"""The scenarios of scenarios/ on two real clusters through the command line: nothing but the inventory is another."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from landbridge.domain.ledger import Kind
from tests.cluster.scenario_sites import Sites, pods
from tests.e2e.lives import PATTERNS, Flights, Tiny, lives
from tests.e2e.tiny_story import make_tiny

pytestmark = pytest.mark.timeout(900, func_only=True)
QUICK = {"hybrid_train_deploy"}  # both sites and the way between them
SLOW = [pytest.mark.slow]
CASES = [
    pytest.param(*pattern, Tiny, id=f"{pattern[0]}-Tiny", marks=[] if pattern[0] in QUICK else SLOW)
    for pattern in PATTERNS
]
CASES += [pytest.param("hybrid_train_deploy", "lake", Flights, id="hybrid_train_deploy-Flights", marks=SLOW)]


@pytest.mark.parametrize(("pattern", "store", "job"), CASES)
def test_a_pattern_lives_its_whole_life(
    two_sites: Sites, tmp_path: Path, pattern: str, store: str, job: type[Tiny] | type[Flights]
) -> None:
    lives(two_sites.playground(tmp_path / "scenarios", pattern, store), job)


def test_an_open_way_out_is_refused_before_a_byte_moves(two_sites: Sites, tmp_path: Path) -> None:
    """This machine stands for the internet: pods do reach it, for the registry's sake."""
    playground = two_sites.playground(tmp_path / "scenarios", "private_aks", "vault")
    story = make_tiny(playground)
    said = yaml.safe_load(playground.inventory.read_text().replace("${home}", str(two_sites.home)))
    public = urlsplit(said["sites"]["cloud-vnet"]["registry"]["uri"]).netloc
    said["targets"]["cloud-aks-train"]["options"]["operations"] = {"public_probe": public}
    inventory = tmp_path / "inventory.yaml"
    inventory.write_text(json.dumps(said))

    before = pods(two_sites.vnet)
    ran = playground.landbridge("run", str(playground.scenario), "-i", str(inventory), "-o", "json")

    assert ran.code == 3, ran.err
    assert f"public hosts answer directly: {public}" in ran.err
    assert not story.entries(Kind.MOVEMENT)
    assert pods(two_sites.vnet) == before


def test_a_public_api_server_is_refused_before_a_byte_moves(two_sites: Sites, tmp_path: Path) -> None:
    playground = two_sites.playground(tmp_path / "scenarios", "private_aks", "vault")
    story = make_tiny(playground)
    config = two_sites.vnet.cluster.kubeconfig
    server = str(yaml.safe_load(config.read_text())["clusters"][0]["cluster"]["server"])
    public = tmp_path / "public.kubeconfig"
    public.write_text(config.read_text().replace(server, "https://203.0.113.7:6443"))
    inventory = tmp_path / "inventory.yaml"
    text = playground.inventory.read_text().replace("${home}", str(two_sites.home))
    inventory.write_text(text.replace(str(config), str(public)))

    before = pods(two_sites.vnet)
    said = playground.landbridge("run", str(playground.scenario), "-i", str(inventory), "-o", "json")

    assert said.code == 3, said.err
    assert "API server of cloud-aks-train: 203.0.113.7 has public addresses" in said.err
    assert pods(two_sites.vnet) == before
    assert not story.entries(Kind.MOVEMENT)
