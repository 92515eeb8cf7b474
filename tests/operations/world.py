"""A small world of memory drivers: three sites, their targets, a scenario, and a run of it without Prefect.

cloud    data store lake,  targets cloud-cpu, cloud-serving
onprem   data store plant, targets rack, onprem-serving
vnet     data store vault, targets aks, aks-serving (one cluster, private)
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landbridge.domain.ledger import Entry, Kind, Lease, Release
from landbridge.domain.names import lease_name
from landbridge.domain.plan import Movement
from landbridge.domain.rollout import Phase
from landbridge.domain.values import ModelVersion
from landbridge.drivers.memory.faults import FaultPlan
from landbridge.operations import (
    adopting,
    candidates,
    connections,
    planning,
    preflight,
    releasing,
    settling,
    shipping,
    staging,
    training,
)
from landbridge.operations.reports import Report
from landbridge.operations.sites import registry_site
from landbridge.operations.story import Request, Story, open_story

HOLDER = "elsewhere/1/1.00"  # another machine's process: never judged dead
ROWS = "delay,distance\n1,2\n3,4\n"
MLMODEL = {
    "artifact_path": "model",
    "flavors": {"python_function": {"loader_module": "memory"}},
    "saved_input_example_info": {
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
    },
}
EXAMPLE = {"dataframe_split": {"columns": ["distance"], "data": [[2]]}}
GOOD = {"mae": 12.0, "rmse": 15.0, "rows": 5000.0}
PATTERNS: dict[str, dict[str, Any]] = {
    "cloud_train_onprem_deploy": {"store": "lake", "residency": "cloud", "sites": ["onprem"]},
    "hybrid_train_deploy": {"store": "lake", "residency": ["cloud", "onprem"], "sites": ["onprem", "cloud"]},
    "onprem_train_cloud_deploy": {"store": "plant", "residency": "onprem", "sites": ["cloud"]},
    "private_aks": {"store": "vault", "residency": "vnet", "sites": ["vnet"], "registry": "vnet"},
    "onprem_lifecycle": {"store": "plant", "residency": "onprem", "sites": ["onprem"], "registry": "onprem"},
}
SEALED = ("private_aks", "onprem_lifecycle")


@dataclass
class World:
    """Change `scenario`, `inventory` or `job` (as their files have them), or the data and the code; then ask for a story."""

    folder: Path
    scenario: dict[str, Any] = field(default_factory=dict)
    inventory: dict[str, Any] = field(default_factory=dict)
    job: dict[str, Any] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def scenario_file(self) -> Path:
        return self.folder / "flights.yaml"

    @property
    def inventory_file(self) -> Path:
        return self.folder / "inventory.yaml"

    @property
    def book(self) -> Any:
        return connections.ledger(str(self.home))

    def pattern(self, name: str) -> "World":
        """Let the scenario follow the pattern `name`, as its runnable example does."""
        wanted = PATTERNS[name]
        self.scenario["pattern"] = name
        self.scenario["data"]["flights"] = {
            "uri": f"azureml://datastores/{wanted['store']}/paths/flights",
            "residency": wanted["residency"],
        }
        self.scenario["endpoint"]["sites"] = wanted["sites"]
        self.scenario["model"].pop("registry", None)
        if "registry" in wanted:
            self.scenario["model"]["registry"] = wanted["registry"]
        return self

    def write(self) -> None:
        self.scenario_file.write_text(as_yaml(self.scenario))
        self.inventory_file.write_text(as_yaml(self.inventory))
        (self.folder / "job.yaml").write_text(as_yaml(self.job))

    def request(self, trigger: str = "run", **more: Any) -> Request:
        return Request(str(self.scenario_file), str(self.inventory_file), trigger, **more)

    def story(self, trigger: str = "run", **more: Any) -> Story:
        self.write()
        return open_story(self.request(trigger, **more))

    def data(self, text: str, name: str = "2013-01.csv") -> None:
        """Write one file of the data set into every store, so that any pattern finds it."""
        for site, store in (("cloud", "lake"), ("onprem", "plant"), ("vnet", "vault")):
            path = self.home / "sites" / site / store / "flights" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def code(self, text: str) -> None:
        (self.folder / "src" / "train.py").write_text(text)

    def plan_jobs(self, target: str = "*", **plan: Any) -> None:
        """What becomes of jobs that are submitted from now on, on `target` ("*": on all)."""
        for name, entry in self.inventory["targets"].items():
            if "train" in entry["roles"] and target in ("*", name):
                entry["options"] = {"jobs": {"*": job_plan(**plan)}}

    def faults(self, target: str) -> FaultPlan:
        """The fault plan of a training target."""
        site = self.inventory["targets"][target]["site"]
        return FaultPlan(self.home / "sites" / site / "memory-training" / target)

    def say(self, target: str, state: str, value: Any = True, reason: str = "", cleared: bool = False) -> None:
        """What `landbridge targets set` writes down."""
        payload = {"state": state, "value": value, "reason": reason, "cleared": cleared}
        self.book.record(Entry(Kind.TARGET_STATE, "", "", target, time.time(), payload))

    def entries(self, kind: Kind) -> tuple[Entry, ...]:
        found: tuple[Entry, ...] = self.book.entries(kind=kind)
        return found

    def releases(self) -> tuple[Release, ...]:
        found: tuple[Release, ...] = self.book.releases()
        return found

    def jobs(self) -> list[str]:
        """The names of all jobs on all targets."""
        return sorted(path.stem for path in self.home.glob("sites/*/memory-training/*/jobs/[a-z0-9]*.json"))

    def files(self) -> dict[str, bytes]:
        """Every file under the home, the ledger's own aside: what must not change when nothing may."""
        kept = (path for path in sorted(self.home.rglob("*")) if path.is_file() and "ledger.db" not in path.name)
        return {str(path.relative_to(self.home)): path.read_bytes() for path in kept if "digests" not in path.parts}

    def run(self, trigger: str = "run", **more: Any) -> Report:
        """Every step of a pattern's flow, in its order, without Prefect."""
        story = self.story(trigger, **more)
        adopting.adopt(story)
        with_lease = lease(story)
        sealed = self.scenario["pattern"] in SEALED
        if sealed:
            preflight.require(story)
        plan = planning.require_plan(story)
        if sealed and plan.placement.chosen:
            preflight.require(story, connections.site_of(story.inventory, plan.placement.chosen).name)
        version = train_and_register(story, with_lease)
        return release(story, version, with_lease)


def as_yaml(tree: dict[str, Any], indent: str = "") -> str:
    """Block style: the parser reads it in half the time that JSON takes."""
    lines = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            lines.append(f"{indent}{json.dumps(key)}:\n{as_yaml(value, indent + ' ')}")
        else:
            lines.append(f"{indent}{json.dumps(key)}: {json.dumps(value)}\n")
    return "".join(lines)


def job_plan(**plan: Any) -> dict[str, Any]:
    """A job that leaves a model with an input example, unless `plan` says otherwise."""
    files = {
        "MLmodel": json.dumps(MLMODEL),
        "model.txt": "weights",
        "input_example.json": "[[2]]",
        "serving_input_example.json": json.dumps(EXAMPLE),
    }
    return {"metrics": GOOD, "outputs": {"model": files}, **plan}


def lease(story: Story, holder: str = HOLDER, ttl_seconds: float = 60.0) -> Lease:
    name = lease_name("model", f"{registry_site(story)}/{story.scenario.model.name}")
    found: Lease = connections.ledger(story.inventory.home).acquire(name, holder, ttl_seconds)
    return found


def trained(story: Story, avoided: dict[str, str] | None = None) -> training.TrainedJob:
    placement = planning.require_place(story, avoided or {})
    inputs = staging.stage(story, connections.site_of(story.inventory, str(placement.chosen)).name)
    return training.wait(story, training.submit(story, placement, inputs.values))


def train_and_register(story: Story, held: Lease) -> ModelVersion:
    judged = candidates.judge_candidate(story, candidates.evaluate(story, trained(story)))
    return candidates.register(story, judged, held)


def release(story: Story, version: ModelVersion, held: Lease) -> Report:
    shipped = shipping.ship(story, version)
    if settled := settling.settled(story, version):
        return settled
    rolling = releasing.begin(story, shipped, held)
    return settling.promoted(story, releasing.drive(story, rolling, held, Phase.RETIRE))


def crossings(movements: Any) -> set[tuple[Any, ...]]:
    """Movements without what is only known once they happened: digest and size of a model."""
    return {
        (str(item.kind), item.name, item.from_site, item.to_site, item.allowed, item.rule)
        for item in (item if isinstance(item, Movement) else Movement(**item) for item in movements)
    }


def make_world(folder: Path) -> World:
    world = World(folder)
    (folder / "src").mkdir(parents=True)
    world.code("print('train')\n")
    world.inventory = _inventory()
    world.job = {
        "command": "python train.py ${{inputs.flights}} ${{inputs.max_iter}} ${{outputs.model}}",
        "code": "src",
        "environment": "azureml:flights:1",
        "inputs": {"flights": {"type": "uri_folder"}, "max_iter": 60},
        "outputs": {"model": {"type": "mlflow_model"}},
        "limits": {"timeout": 60},
    }
    world.scenario = {
        "name": "flights",
        "data": {},
        "job": "job.yaml",
        "requires": {"cpu": 1, "memory": "1Gi"},
        "gate": {"thresholds": {"mae": {"max": 18}}},
        "model": {"name": "delay"},
        "endpoint": {"name": "delay", "smoke": {"requests": "smoke.json"}},
        "triggers": {"new_data": ["flights"]},
        "exports": {"model": True, "metrics": ["mae", "rows"]},
    }
    (folder / "smoke.json").write_text(json.dumps([EXAMPLE]))
    world.data(ROWS)
    world.plan_jobs()
    return world.pattern("hybrid_train_deploy")


def _inventory() -> dict[str, Any]:
    train = {"driver": "memory", "roles": ["train"], "capacity": {"cpu": 4, "memory": "8Gi"}}
    serve = {"driver": "memory", "roles": ["serve"]}
    private = {"private": True, "cluster": "aks"}
    return {
        "name": "lab",
        "sites": {
            "cloud": {"kind": "cloud", "registry": {"driver": "memory"}},
            "onprem": {"kind": "onprem", "registry": {"driver": "memory"}},
            "vnet": {"kind": "cloud", "registry": {"driver": "memory"}, "network": {"private": True}},
        },
        "datastores": {
            "lake": {"site": "cloud", "url": "${home}/sites/cloud/lake"},
            "plant": {"site": "onprem", "url": "${home}/sites/onprem/plant"},
            "vault": {"site": "vnet", "url": "${home}/sites/vnet/vault"},
        },
        "targets": {
            "rack": {**train, "site": "onprem", "cost_per_hour": 0.1},
            "cloud-cpu": {**train, "site": "cloud", "cost_per_hour": 0.5},
            "aks": {**train, **private, "site": "vnet", "cost_per_hour": 0.6},
            "onprem-serving": {**serve, "site": "onprem"},
            "cloud-serving": {**serve, "site": "cloud"},
            "aks-serving": {**serve, **private, "site": "vnet"},
        },
        "environments": [{"name": "azureml:flights:*", "python": "current"}],
    }
