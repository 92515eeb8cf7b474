"""The scenarios of scenarios/ on two real clusters through the command line: nothing but the inventory is another."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.clusters import Clusters
from tests.cluster.lab.settings import HUB_ADDRESS
from tests.cluster.teams import IMAGE as SERVE_IMAGE
from tests.cluster.teams import Team, a_team
from tests.cluster.training import IMAGE as TRAIN_IMAGE
from tests.e2e.conftest import Playground, Said, make_playground
from tests.e2e.lives import PATTERNS, Flights, Tiny, lives
from tests.services.hosts import free_port

pytestmark = pytest.mark.timeout(900, func_only=True)
RUN_SECONDS = 300.0  # pods import MLflow from nothing, on two cores that two clusters share
HUB = os.environ.get("LANDBRIDGE_TEST_HUB_ADDRESS", HUB_ADDRESS)
"""This machine's address as the clusters' pods reach it."""


class ClusterPlayground(Playground):
    """Runs take as long as pods do."""

    def landbridge(self, *arguments: str, seconds: float = RUN_SECONDS) -> Said:
        return super().landbridge(*arguments, seconds=seconds)


def trains(team: Team, **more: Any) -> dict[str, Any]:
    options = {key: value for key, value in team.options.items() if key not in {"gateway", "serving_image"}}
    return {"driver": "kubernetes", "roles": ["train"], "options": options, **more}


def serves(team: Team, **more: Any) -> dict[str, Any]:
    types = [
        {
            "name": "defaultinstancetype",
            "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
        }
    ]
    return {"driver": "kubernetes", "roles": ["serve"], "options": team.options, "instance_types": types, **more}


def inventory(onprem: Team, cloud: Team, vnet: Team) -> dict[str, Any]:
    """scenarios/inventories/local.yaml with clusters in place of processes."""
    ports = {"cloud": free_port(), "onprem": free_port()}
    urls = {site: f"http://{HUB}:{port}" for site, port in ports.items()}
    own = {site: {"driver": "mlflow", "port": port, "address": HUB} for site, port in ports.items()}
    private = {"site": "cloud-vnet", "cluster": "cloud-aks", "private": True}
    return {
        "name": "lab",
        "sites": {
            "cloud": {"kind": "cloud", "registry": own["cloud"]},
            "onprem": {"kind": "onprem", "registry": own["onprem"], "network": network(onprem, urls["onprem"])},
            "cloud-vnet": {
                "kind": "cloud",
                "registry": {"driver": "mlflow", "uri": urls["cloud"]},
                "network": network(vnet, urls["cloud"]),
            },
        },
        "datastores": {
            "lake": {"site": "cloud", "url": "${home}/sites/cloud/lake"},
            "plant": {"site": "onprem", "url": "${home}/sites/onprem/plant"},
            "vault": {"site": "cloud-vnet", "url": "${home}/sites/cloud-vnet/vault"},
        },
        "targets": {
            "onprem-rack": trains(onprem, site="onprem", cost_per_hour=0.10),
            "onprem-serving": serves(onprem, site="onprem"),
            "cloud-cpu": trains(cloud, site="cloud", cost_per_hour=0.50),
            "cloud-serving": serves(cloud, site="cloud"),
            "cloud-aks-train": trains(vnet, **private, cost_per_hour=0.60),
            "cloud-aks-serving": serves(vnet, **private),
        },
        "environments": [
            {"name": "azureml:flight-delay:*", "image": SERVE_IMAGE, "targets": ["*-serving"]},
            {"name": "azureml:flight-delay:*", "image": TRAIN_IMAGE},
        ],
    }


def network(team: Team, registry: str) -> dict[str, Any]:
    storage = str(team.options["storage"]["endpoint_url"])
    return {"private": True, "endpoints": {"registry": registry, "storage": storage}}


@pytest.fixture(scope="module")
def home(lab: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a host that is up with the clusters' inventory; it must end in order."""
    place = tmp_path_factory.mktemp("home")
    file = place / "inventory.yaml"
    with ExitStack() as stack:
        onprem, cloud, vnet = (stack.enter_context(a_team(one)) for one in (lab.onprem, lab.cloud, lab.cloud))
        file.write_text(json.dumps(inventory(onprem, cloud, vnet), indent=1))
        os.environ["LANDBRIDGE_PREFECT_PORT"] = "0"
        operator = ClusterPlayground(place, place, place, file, place)
        said = operator.landbridge("up", "-i", str(file))
        assert said.code == 0, said.err
        yield place
        said = operator.landbridge("down", "--jobs")
        assert said.code == 0, said.err


CASES = [pytest.param(*pattern, Tiny, id=f"{pattern[0]}-Tiny") for pattern in PATTERNS]
CASES += [pytest.param("hybrid_train_deploy", "lake", Flights, id="hybrid_train_deploy-Flights")]


@pytest.mark.parametrize(("pattern", "store", "job"), CASES)
def test_a_pattern_lives_its_whole_life(
    home: Path, tmp_path: Path, pattern: str, store: str, job: type[Tiny] | type[Flights]
) -> None:
    made = make_playground(home, tmp_path / "scenarios", pattern, store)
    playground = ClusterPlayground(made.home, made.folder, made.scenario, made.inventory, made.lake)
    lives(playground, job)
