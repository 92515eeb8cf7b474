"""Two clusters for a session of tests: those of LANDBRIDGE_TEST_KUBECONFIG_ONPREM and _CLOUD, or else the lab."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.clusters import Cluster, Clusters, unique
from tests.cluster.lab import lab as the_lab
from tests.cluster.lab.settings import LabError, sites
from tests.cluster.scenario_sites import Sites, made_sites

HERE = Path(__file__).parent
VARIABLE = "LANDBRIDGE_TEST_KUBECONFIG_"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            # The first session builds for twenty minutes; a test's own time begins after that.
            item.add_marker(pytest.mark.timeout(300, func_only=True))


@pytest.fixture(scope="session")
def lab() -> Iterator[Clusters]:
    """Return both clusters. A lab that was not up before is ended with the last session that uses it.

    A component that cannot be had fails every test that needs the clusters, with its name and the reason.
    """
    given = {name: os.environ.get(f"{VARIABLE}{name.upper()}") for name in ("onprem", "cloud")}
    if all(given.values()):
        yield Clusters(*(Cluster(name, Path(str(path))) for name, path in given.items()))
        return
    if any(given.values()):
        pytest.fail(f"{VARIABLE}ONPREM and {VARIABLE}CLOUD go together, and one of them is missing", pytrace=False)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(the_lab.session())
        except LabError as error:
            pytest.fail(f"the lab cannot be had: {error}", pytrace=False)
        yield Clusters(*(Cluster(site.name, site.kubeconfig, site) for site in sites()))


@pytest.fixture(scope="session")
def two_sites(lab: Clusters, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """A home whose host is up with both clusters."""
    with made_sites(tmp_path_factory.mktemp("sites"), lab) as made:
        yield made


@pytest.fixture
def namespace(lab: Clusters) -> Iterator[Callable[[Cluster], str]]:
    """Make namespaces with the restricted Pod Security Standard, and delete them after the test."""
    made = []

    def make(cluster: Cluster) -> str:
        name = unique("test")
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        made.append((cluster, name))
        return name

    yield make
    for cluster, name in made:
        cluster.kubectl("delete", "namespace", name, "--wait=false")
