"""Both clusters as the sites of one inventory, and a host that is up with it."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.clusters import Clusters
from tests.cluster.lab.settings import HUB_ADDRESS
from tests.cluster.teams import IMAGE as SERVE_IMAGE
from tests.cluster.teams import Team, a_team
from tests.cluster.training import IMAGE as TRAIN_IMAGE
from tests.e2e.conftest import Playground, Said, a_host, make_playground
from tests.services.hosts import free_port

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


def inventory(sites: "Sites") -> dict[str, Any]:
    """scenarios/inventories/local.yaml with clusters in place of processes."""
    ports = {"cloud": free_port(), "onprem": free_port()}
    urls = {site: f"http://{HUB}:{port}" for site, port in ports.items()}
    own = {site: {"driver": "mlflow", "port": port, "address": HUB} for site, port in ports.items()}
    private = {"site": "cloud-vnet", "cluster": "cloud-aks", "private": True}
    return {
        "name": "lab",
        "sites": {
            "cloud": {"kind": "cloud", "registry": own["cloud"]},
            "onprem": {"kind": "onprem", "registry": own["onprem"], "network": network(sites.onprem, urls["onprem"])},
            "cloud-vnet": {
                "kind": "cloud",
                "registry": {"driver": "mlflow", "uri": urls["cloud"]},
                "network": network(sites.vnet, urls["cloud"]),
            },
        },
        "datastores": {
            "lake": {"site": "cloud", "url": "${home}/sites/cloud/lake"},
            "plant": {"site": "onprem", "url": "${home}/sites/onprem/plant"},
            "vault": {"site": "cloud-vnet", "url": "${home}/sites/cloud-vnet/vault"},
        },
        "targets": {
            "onprem-rack": trains(sites.rack, site="onprem", cost_per_hour=0.10),
            "onprem-serving": serves(sites.onprem, site="onprem"),
            "cloud-cpu": trains(sites.cloud, site="cloud", cost_per_hour=0.50),
            "cloud-serving": serves(sites.cloud, site="cloud"),
            "cloud-aks-train": trains(sites.vnet, **private, cost_per_hour=0.60),
            "cloud-aks-serving": serves(sites.vnet, **private),
        },
        "environments": [
            {"name": "azureml:flight-delay:*", "image": SERVE_IMAGE, "targets": ["*-serving"]},
            {"name": "azureml:flight-delay:*", "image": TRAIN_IMAGE},
        ],
    }


def network(team: Team, registry: str) -> dict[str, Any]:
    storage = str(team.options["storage"]["endpoint_url"])
    return {"private": True, "endpoints": {"registry": registry, "storage": storage}}


@dataclass(frozen=True)
class Sites:
    """A home whose host is up, and the teams behind its targets. `rack` only trains, `onprem` only serves."""

    home: Path
    rack: Team
    onprem: Team
    cloud: Team
    vnet: Team

    def playground(self, folder: Path, pattern: str, store: str) -> ClusterPlayground:
        made = make_playground(self.home, folder, pattern, store)
        return ClusterPlayground(made.home, made.folder, made.scenario, made.inventory, made.lake)


def pods(team: Team) -> list[str]:
    """Phases of the pods of jobs."""
    found = team.cluster.get("pods", "-n", team.namespace, "-l", "batch.kubernetes.io/job-name")["items"]
    return [str(pod["status"].get("phase")) for pod in found if not pod["metadata"].get("deletionTimestamp")]


@contextmanager
def made_sites(place: Path, clusters: Clusters) -> Iterator[Sites]:
    """Both clusters as the sites of one inventory; its host must end in order."""
    file = place / "inventory.yaml"
    with ExitStack() as stack:
        four = (clusters.onprem, clusters.onprem, clusters.cloud, clusters.cloud)
        made = Sites(place, *(stack.enter_context(a_team(cluster)) for cluster in four))
        file.write_text(json.dumps(inventory(made), indent=1))
        with a_host(place, file):
            yield made
