"""What the tests of serving share: an inventory whose one target serves from the double's workspace, and a life of an endpoint.

python -m tests.azure.serving HOME PLACE     (one life; the environment says where Azure is)
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from landbridge import drivers
from landbridge.domain.inventory import Inventory, Role, Site, Target
from landbridge.domain.requests import ColourSpec, ColourStatus, ResolvedEnvironment
from landbridge.domain.scenario import ScoringCode
from landbridge.domain.values import ColourPhase, Json, SiteKind
from landbridge.drivers.trees import digest_folder
from tests.azure.double.double import Double
from tests.azure.double.places import Places
from tests.azure.double.seeds import BIG_TYPE

TARGET, ENDPOINT = "serving", "line"
KUBERNETES, MANAGED = "kubernetes", "managed"
PLACES = (KUBERNETES, MANAGED)
SIZE = "Standard_DS3_v2"
SETTLE_SECONDS = 150.0  # the first model server of a session imports MLflow
IMAGE = "contoso.azurecr.io/score:1"
SCORE = """
import json, os
def init():
    global slope
    slope = float(open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "slope")).read())
def run(raw):
    return [slope * x for x in json.loads(raw)["x"]]
"""


def prepare(azure: Double) -> None:
    """Make the compute `k8s`. MLflow models need more than its usual instance type has."""
    compute = azure.world.resources.get(azure.seeds.kubernetes_compute("k8s"))
    inside = azure.seeds.inside(compute["properties"]["resourceId"])
    inside.instance_types["defaultinstancetype"] = BIG_TYPE


def inventory(places: Places, home: Path, place: str, **more: Json) -> Inventory:
    where: dict[str, Json] = {"compute": "k8s"} if place == KUBERNETES else {"instance_type": SIZE}
    options = places.options(**{**where, **more})
    target = Target(TARGET, "cloud", "azureml", frozenset({Role.SERVE}), TARGET, options)
    site = Site("cloud", SiteKind.CLOUD, f"file://{home}/models", f"file://{home}/cache", 1 << 30)
    return Inventory("test", f"{home}/inventory.yaml", str(home), {"cloud": site}, {TARGET: target}, {})


@dataclass(frozen=True)
class Line:
    """One endpoint, and what a test does with it. Models are folders with a file `slope`, served by a score.py."""

    home: Path
    inventory: Inventory
    script: str = SCORE

    @property
    def target(self) -> Any:
        return drivers.serving_target(self.inventory.targets[TARGET], self.inventory)

    def spec(self, colour: str = "blue", slope: int = 1, **changes: Any) -> ColourSpec:
        model, code = self.home / "made" / str(slope), self.home / "code"
        for file, text in ((model / "slope", str(slope)), (code / "score.py", self.script)):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        scoring = ScoringCode(str(code), "score.py", digest_folder(code))
        environment = ResolvedEnvironment("azureml:score:1", image=IMAGE)
        spec = ColourSpec(ENDPOINT, colour, "line", str(slope), str(model), digest_folder(model), environment)
        return replace(spec, scoring=scoring, **changes)

    def settled(self, spec: ColourSpec) -> ColourStatus:
        self.target.apply(spec)
        until(lambda: self.status(spec.colour).phase is not ColourPhase.PENDING)
        return self.status(spec.colour)

    def serve(self, spec: ColourSpec) -> None:
        status = self.settled(spec)
        assert status.phase is ColourPhase.READY, status
        self.target.shift(ENDPOINT, {spec.colour: 100})

    def status(self, colour: str = "blue") -> ColourStatus:
        found: ColourStatus = self.target.observe(ENDPOINT).colours[colour]
        return found

    def answer(self, colour: str = "") -> Any:
        got = self.target.predict(ENDPOINT, colour, '{"x": [2]}', 20.0)
        return json.loads(got.body) if got.status == 200 else got.status


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while not so():
        assert time.monotonic() < deadline, "it does not become so"
        time.sleep(0.02)


def deployments(azure: Double) -> Mapping[str, dict[str, Any]]:
    """What the workspace has under the endpoint."""
    found = azure.world.resources.children(azure.world.ml("onlineEndpoints/deployments", ENDPOINT))
    return {one["name"]: one for one in found}


def life(line: Line) -> None:
    """Version 1 serves, then version 2 beside it and in its place; any part that was done already is done no second time."""
    traffic = line.target.observe(ENDPOINT).traffic
    if not traffic.get("green"):
        line.serve(line.spec("blue", 1))
        assert line.answer() == [2.0]
        line.serve(line.spec("green", 2))
    line.target.remove(ENDPOINT, "blue")
    assert line.answer() == [4.0]


if __name__ == "__main__":
    at = Path(sys.argv[1])
    life(Line(at, inventory(Places(), at, sys.argv[2])))
