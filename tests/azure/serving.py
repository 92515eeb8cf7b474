"""What the tests of serving share: an inventory whose one target serves from the double's workspace."""

from pathlib import Path

from landbridge.domain.inventory import Inventory, Role, Site, Target
from landbridge.domain.values import Json, SiteKind
from tests.azure.double.double import Double
from tests.azure.double.seeds import BIG_TYPE

TARGET = "serving"
KUBERNETES, MANAGED = "kubernetes", "managed"
PLACES = (KUBERNETES, MANAGED)
SIZE = "Standard_DS3_v2"


def options(azure: Double, place: str, **more: Json) -> dict[str, Json]:
    """Of a target; makes the compute `k8s`, once, when it shall serve there. MLflow models need more than the usual type has."""
    names = {"subscription_id": azure.places.subscription, "resource_group": azure.places.resource_group}
    found: dict[str, Json] = {**names, "workspace": azure.places.workspace, **more}
    if place == MANAGED:
        return {**found, "instance_type": SIZE}
    compute = azure.world.resources.find(azure.world.ml("computes", "k8s"))
    if compute is None:
        compute = azure.world.resources.get(azure.seeds.kubernetes_compute("k8s"))
        inside = azure.seeds.inside(compute["properties"]["resourceId"])
        inside.instance_types["defaultinstancetype"] = BIG_TYPE
    return {**found, "compute": "k8s"}


def inventory(azure: Double, home: Path, place: str, **more: Json) -> Inventory:
    target = Target(TARGET, "cloud", "azureml", frozenset({Role.SERVE}), TARGET, options(azure, place, **more))
    site = Site("cloud", SiteKind.CLOUD, f"file://{home}/models", f"file://{home}/cache", 1 << 30)
    return Inventory("test", f"{home}/inventory.yaml", str(home), {"cloud": site}, {TARGET: target}, {})
