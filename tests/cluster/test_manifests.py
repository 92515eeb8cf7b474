"""A real API server takes every manifest that the golden files hold, and knows every field of it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.clusters import Cluster, Clusters
from tests.unit.kubernetes.golden import FOLDER, objects

GOLDEN = sorted(path for path in FOLDER.iterdir() if path.is_file())


@pytest.mark.parametrize("file", GOLDEN, ids=lambda path: path.name)
def test_the_api_server_takes_it_strictly(lab: Clusters, namespace: Callable[[Cluster], str], file: Path) -> None:
    space = namespace(lab.onprem)
    items = objects(file)
    assert items
    for item in items:
        item["metadata"].pop("namespace", None)
        words = ("create", "--dry-run=server", "--validate=strict", "-n", space, "-f", "-")
        assert "created" in lab.onprem.kubectl(*words, stdin=json.dumps(item))
