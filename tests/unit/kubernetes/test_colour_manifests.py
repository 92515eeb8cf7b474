"""Manifests of a colour: golden files, and the rules that they must keep whatever the settings are.

LANDBRIDGE_GOLDEN=write rewrites tests/golden/kubernetes; the diff is the review.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from landbridge.domain.requests import ColourSpec
from landbridge.drivers.kubernetes import colour_manifests as manifests
from landbridge.drivers.kubernetes.colour_files import ARCHIVE_BYTES, packed, pod_storage, programs
from landbridge.drivers.kubernetes.colours import (
    Order,
    backend_of,
    process_of,
    relabelled,
    told,
)
from landbridge.drivers.kubernetes.routes import Gateway, flip_service, http_route
from landbridge.runner import model_server, pod_serve
from tests.unit.kubernetes.serving_examples import BUSY, SCALED, SCRIPT, SPEC, TARGET, options, order, target

GOLDEN = Path(__file__).parents[2] / "golden" / "kubernetes"
CASES = {
    "colour-plain": order(),
    "colour-busy": order(replace(SPEC, settings=BUSY)),
    "colour-scaled": order(replace(SPEC, settings=SCALED)),
    "colour-score-py": order(SCRIPT, scoring={"archive": "scoring.tar.gz", "digest": "sha256:bb"}, archive=b"\x1f\x8b"),
}


def everything(made: Order) -> list[dict[str, Any]]:
    parts = (
        manifests.order_config(made, TARGET),
        manifests.service(made, TARGET),
        manifests.disruption_budget(made, TARGET),
        manifests.autoscaler(made, TARGET),
        manifests.deployment(made, TARGET, options()),
    )
    return [part for part in parts if part]


def readable(value: Any) -> Any:
    """Texts of several lines as such."""
    if isinstance(value, dict):
        return {key: readable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [readable(item) for item in value]
    return LiteralScalarString(value) if isinstance(value, str) and "\n" in value else value


def compare(name: str, found: list[dict[str, Any]]) -> None:
    path, yaml = GOLDEN / f"{name}.yaml", YAML()
    if os.environ.get("LANDBRIDGE_GOLDEN") == "write":
        GOLDEN.mkdir(parents=True, exist_ok=True)
        yaml.default_flow_style = False
        with path.open("w") as file:
            yaml.dump_all([readable(part) for part in json.loads(json.dumps(found))], file)
    with path.open() as file:
        assert list(YAML(typ="safe").load_all(file)) == found, "LANDBRIDGE_GOLDEN=write rewrites the golden files"


@pytest.mark.parametrize("name", CASES)
def test_the_manifests_are_those_of_the_golden_file(name: str) -> None:
    compare(name, everything(CASES[name]))


def test_the_routes_are_those_of_the_golden_file() -> None:
    deployments = [manifests.deployment(CASES[name], TARGET, options()) for name in ("colour-plain", "colour-score-py")]
    weights = {"blue": 90, "green": 10}
    gateway = Gateway("edge", "edges")
    route = http_route("flight-delay", gateway, [backend_of(item) for item in deployments], weights)
    compare("endpoint-traffic", [route, flip_service("flight-delay", {"blue": 100, "green": 0}, "http")])


@pytest.mark.parametrize("name", CASES)
def test_the_manifests_are_what_the_api_knows(name: str) -> None:
    """Every field is one of the official client's models: a misspelt one would be dropped by some API servers in silence."""
    from kubernetes import client

    api = client.ApiClient()
    kinds = {"PodDisruptionBudget": "V1PodDisruptionBudget", "HorizontalPodAutoscaler": "V2HorizontalPodAutoscaler"}
    for part in everything(CASES[name]):

        class _Answer:
            data = json.dumps(part)

        model = api.deserialize(_Answer(), kinds.get(part["kind"], f"V1{part['kind']}"))
        assert api.sanitize_for_serialization(model) == part


def pod(spec: ColourSpec = SPEC, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = manifests.deployment(order(spec), target(**changes), options(**changes))["spec"]["template"][
        "spec"
    ]
    return made


def test_a_model_that_loads_fast_is_ready_fast() -> None:
    [server] = pod(replace(SPEC, settings=BUSY))["containers"]
    assert server["startupProbe"]["periodSeconds"] == 1
    assert server["startupProbe"]["failureThreshold"] == 1200
    for probe in ("livenessProbe", "readinessProbe"):
        assert "initialDelaySeconds" not in server[probe]


def test_a_pod_may_finish_what_it_has_begun() -> None:
    made = pod(replace(SPEC, settings=BUSY))
    grace = manifests._order_json(order(replace(SPEC, settings=BUSY)))["serve"]["grace_seconds"]
    assert grace >= 63
    assert made["terminationGracePeriodSeconds"] > manifests.DRAIN_SECONDS + grace


def test_only_the_init_container_is_given_the_stores_credentials() -> None:
    made = pod()
    assert made["initContainers"][0]["envFrom"] == [{"secretRef": {"name": "store"}}]
    assert "envFrom" not in made["containers"][0]
    assert "secret:" not in json.dumps(everything(order()))


def test_pods_open_the_store_by_their_own_address_without_our_secrets() -> None:
    assert pod_storage(options()) == {"endpoint_url": "http://store.pods.test"}


def test_another_name_of_the_same_bytes_changes_no_pod() -> None:
    other = replace(SPEC, version="9", model="other", labels={"landbridge.run-key": "ffff"}, model_url="/elsewhere")
    assert process_of(other) == process_of(SPEC)
    before, after = (manifests.deployment(order(item), TARGET, options()) for item in (SPEC, other))
    assert before["spec"] == after["spec"]
    assert before["metadata"] != after["metadata"]


@pytest.mark.parametrize(
    "change",
    [
        {"model_digest": "sha256:0"},
        {"settings": BUSY},
        {"scoring": SCRIPT.scoring},
        {"environment": SCRIPT.environment},
    ],
)
def test_whatever_decides_what_runs_names_another_process(change: Mapping[str, Any]) -> None:
    same = change.get("environment") == SPEC.environment
    assert (process_of(replace(SPEC, **change)) == process_of(SPEC)) is same


def test_relabelling_takes_away_what_an_earlier_order_left() -> None:
    before = manifests.deployment(order(), TARGET, options())
    change = relabelled(before, replace(SPEC, labels={}, version="a version with spaces"))["metadata"]
    assert change["labels"]["landbridge.io/run-key"] is None
    assert change["labels"]["landbridge.io/version"] is None
    assert change["annotations"]["landbridge.io/version"] == "a version with spaces"
    assert "landbridge.io/target" not in change["labels"]
    labels = {**before["metadata"]["labels"], **change["labels"]}
    after = {"metadata": {"labels": {k: v for k, v in labels.items() if v}, "annotations": change["annotations"]}}
    assert told(after, "landbridge.io/version") == "a version with spaces"


def test_the_orders_name_is_that_of_its_content() -> None:
    one, other = (manifests.order_config(order(programs={"a.py": text}), TARGET) for text in ("1", "2"))
    assert one["metadata"]["name"] != other["metadata"]["name"]
    assert one["immutable"]


def test_what_runs_in_a_pod_fits_into_a_config_map() -> None:
    assert programs().keys() == {"model_server.py", "pod_serve.py"}
    assert sum(map(len, programs().values())) + ARCHIVE_BYTES < 1_000_000
    assert programs()["pod_serve.py"] == Path(str(pod_serve.__file__)).read_text()
    assert model_server.digest_folder.__name__ in programs()["model_server.py"]


def test_the_same_scoring_code_packs_to_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "sub").mkdir(parents=True)
        (folder / "score.py").write_text("def init(): ...")
        (folder / "sub" / "x").write_bytes(b"1")
    os.utime(tmp_path / "two" / "score.py", (1, 1))
    assert packed(tmp_path / "one") == packed(tmp_path / "two")
