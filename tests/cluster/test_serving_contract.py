"""The contract of serving, kept with no other rights than those that `landbridge ops namespaces` grants, in the namespace
that it makes: what the Role leaves out, the driver does not need."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from landbridge import drivers
from landbridge.ports import HasNamespaces
from tests.cluster.clusters import Clusters
from tests.cluster.teams import TARGET, Team, a_team
from tests.contract import test_serving_target as contract
from tests.contract.test_serving_target import *  # noqa: F403 - its tests and fixtures; `bench` is replaced below
from tests.contract.test_serving_target import Bench
from tests.services.tiny_models import line

HOUR_SECONDS = 3600


@pytest.fixture(scope="module")
def team(lab: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with a_team(lab.onprem) as made:
        home = tmp_path_factory.mktemp("home")
        inventory = made.inventory(home)
        operated = drivers.operated_target(inventory.targets[TARGET], inventory)
        assert isinstance(operated, HasNamespaces)
        operated.apply_namespace()
        kubeconfig = home / "orchestrator.kubeconfig"
        kubeconfig.write_text(operated.credentials(HOUR_SECONDS))
        yield replace(made, options={**made.options, "kubeconfig": str(kubeconfig)})
        gateway = str(made.options.get("gateway") or "").partition("/")[0]
        for kind in ("role", "rolebinding") if gateway else ():
            lab.onprem.kubectl("delete", kind, f"landbridge-{made.namespace}", "-n", gateway, "--ignore-not-found")


@pytest.fixture
def bench(team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(contract, "READY_SECONDS", 150.0)  # a pod imports MLflow from nothing, beside other users
    return Bench(team.inventory(tmp_path), (line(1.0), line(2.0)), team.down(tmp_path / "down"))
