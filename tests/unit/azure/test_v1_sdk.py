"""The unmodified SDK of v2 takes what a migration writes. Slow: importing it takes seconds."""

from pathlib import Path

import pytest

from tests.unit.azure.test_v1_files import CASES, HERE, migrate

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # the SDK's warnings of its own libraries


@pytest.mark.parametrize("case", CASES)
def test_it_loads(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.ai.ml import load_compute, load_online_deployment, load_online_endpoint
    from azure.ai.ml.entities import KubernetesCompute, KubernetesOnlineDeployment, KubernetesOnlineEndpoint

    monkeypatch.chdir(HERE)
    out = tmp_path / "out"
    assert migrate(out, *CASES[case]).code == 0
    for path in out.rglob("endpoint.yml"):
        endpoint = load_online_endpoint(path)
        assert isinstance(endpoint, KubernetesOnlineEndpoint)
        assert endpoint._to_rest_online_endpoint(location="x").as_dict()["properties"]["compute"]
        for other in path.parent.glob("*.yml"):
            if other != path and not other.name.startswith("conda"):
                deployment = load_online_deployment(other)
                assert isinstance(deployment, KubernetesOnlineDeployment)
                assert (
                    deployment._to_rest_object(location="x").as_dict()["properties"]["endpointComputeType"]
                    == "Kubernetes"
                )
    for path in out.rglob("compute.yml"):
        compute = load_compute(path)
        assert isinstance(compute, KubernetesCompute)
        assert compute.namespace == "default"
