"""Every golden manifest fits the published OpenAPI of every Kubernetes that we support, and has no field that one lacks."""

import copy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from kubernetes_validate.utils import all_versions, major_minor

from landbridge.drivers.kubernetes.operating_judges import OLDEST

from .golden import FOLDER, objects

FILES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
VERSIONS = [one for one in dict.fromkeys(map(major_minor, all_versions())) if tuple(map(int, one.split("."))) >= OLDEST]
ENDS = (VERSIONS[0], VERSIONS[-1])
EACH = [one if one in ENDS else pytest.param(one, marks=pytest.mark.slow) for one in VERSIONS]
CUSTOM = {"HTTPRoute", "InstanceType", "CustomResourceDefinition"}
"""Kinds with schemas of their own: a real API server that has them checks them in tests/cluster. The last describes itself."""


def told(file: Path) -> list[dict[str, Any]]:
    return [item for item in objects(file) if item["kind"] not in CUSTOM]


def test_the_oldest_and_the_newest_are_among_them() -> None:
    assert tuple(map(int, VERSIONS[0].split("."))) == OLDEST
    assert len(VERSIONS) >= 9
    assert {item["kind"] for file in FILES for item in told(file)} >= {"Deployment", "Job", "NetworkPolicy", "Role"}


@pytest.mark.parametrize("version", EACH)
def test_every_manifest_fits(version: str) -> None:
    for file in FILES:
        for item in told(file):
            kubernetes_validate.validate(item, version, strict=True)


@pytest.mark.parametrize("version", ENDS)
def test_a_field_that_the_version_lacks_is_found(version: str) -> None:
    (job,) = (item for item in told(FOLDER / "training-job.json") if item["kind"] == "Job")
    wrong = copy.deepcopy(job)
    wrong["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError, match="imagePullPolice"):
        kubernetes_validate.validate(wrong, version, strict=True)
