"""A real API server takes every manifest that the golden files hold, and knows every field of it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.clusters import Cluster, Clusters

GOLDEN = sorted(path for path in (Path(__file__).parents[1] / "golden" / "kubernetes").iterdir() if path.is_file())


@pytest.mark.parametrize("file", GOLDEN, ids=lambda path: path.name)
def test_the_api_server_takes_it_strictly(lab: Clusters, namespace: Callable[[Cluster], str], file: Path) -> None:
    space = namespace(lab.onprem)
    items = list(objects(yaml.safe_load_all(file.read_text())))
    assert items
    for item in items:
        item["metadata"].pop("namespace", None)
        words = ("create", "--dry-run=server", "--validate=strict", "-n", space, "-f", "-")
        assert "created" in lab.onprem.kubectl(*words, stdin=json.dumps(item))


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document, a list or a stream of them."""
    if isinstance(value, dict) and "kind" in value:
        yield value
    elif not isinstance(value, dict | str):
        for item in value:
            yield from objects(item)
