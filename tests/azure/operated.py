"""A target over the double as IT operations see it, with the options of `operations` too."""

import json
from dataclasses import replace
from pathlib import Path

from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.values import Json
from landbridge.drivers.azureml.operating import OperatedWorkspace
from tests.azure.azure_jobs import ground
from tests.azure.double.double import Double


def a_target(azure: Double, home: Path, **options: Json) -> tuple[Target, Inventory]:
    """`options` beside those that name the workspace."""
    of = ground(azure, home)
    target = replace(of.target, options={**of.target.options, **options})
    return target, replace(of.inventory, targets={target.name: target})


def operated(azure: Double, home: Path, **options: Json) -> OperatedWorkspace:
    return OperatedWorkspace(*a_target(azure, home, **options))


def write_inventory(azure: Double, folder: Path, **options: Json) -> Path:
    """An inventory file whose target `aml` has `options` beside those that name the workspace."""
    target = {"site": "cloud", "driver": "azureml", "roles": ["train"], "options": azure.places.options(**options)}
    site = {"kind": "cloud", "registry": {"driver": "mlflow", "port": 5510}}
    path = folder / "inventory.yaml"
    path.write_text(json.dumps({"name": "test", "sites": {"cloud": site}, "targets": {"aml": target}}))
    return path
