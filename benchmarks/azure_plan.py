"""How long `landbridge plan` takes with targets in an Azure workspace, against the same plan with local targets alone.

Two scenarios: one that stays on premises, so that nothing need be asked of Azure, and one that trains in the cloud, so that
its workspace is asked. The workspace is the double of tests/azure on this machine: what a real one's network takes comes on top.

Prints one JSON object: per scenario wall and CPU seconds of both (least and median of the rounds, measured in turn, the
services down), the ratio of the least, and how many requests each plan made; and the load of the machine before and after.
The budget is 1 s where nothing is asked. Run: python -m benchmarks.azure_plan [rounds]
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.startup import COMMAND, free_port, measure
from landbridge.domain.values import Pattern
from landbridge.files.templates import new_scenario
from tests.azure.double.double import Double, running
from tests.azure.double.ground import Ground

BUDGET_S = 1.0
SCENARIOS = {"nothing asked": Pattern.ONPREM_LIFECYCLE, "asked": Pattern.CLOUD_TRAIN_ONPREM_DEPLOY}
COUNT = 4  # training targets beside those of the template
LOCAL = "driver: local, capacity: {cpu: 2, memory: 4Gi}"
IMAGE = '  - {name: "*", image: "mcr.microsoft.com/azureml/minimal:latest", targets: ["more-*"]}\n'


def prepare(folder: Path, pattern: Pattern, driver: str) -> list[str]:
    """A scenario as `landbridge new` writes it, with data, and further training targets of `driver` in the cloud."""
    for path, text in new_scenario(pattern, "azure-plan").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    more = "".join(
        f"  more-{n}: {{site: cloud, roles: [train], cost_per_hour: 0.{n + 1}, {driver}}}\n" for n in range(COUNT)
    )
    file = folder / "inventory.yaml"
    text = file.read_text().replace("\nenvironments:", f"{more}\nenvironments:", 1)
    for port in ("5510", "5511", "8190", "8191"):
        text = text.replace(port, str(free_port()))
    if driver != LOCAL:
        text = text.replace("  - {name:", f"{IMAGE}  - {{name:", 1)  # the first entry that fits counts
    file.write_text(text)
    subprocess.run([sys.executable, "prepare.py"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return [*COMMAND, "plan", str(folder / "scenario.yaml")]


def azure(double: Double) -> str:
    return f"driver: azureml, options: {json.dumps(double.places.options(compute='cpu'))}"


def compare(double: Double, folder: Path, pattern: Pattern, rounds: int) -> dict[str, object]:
    """Both plans in turn, so that a busy moment meets both."""
    plans = {
        name: prepare(folder / name, pattern, driver) for name, driver in (("local", LOCAL), ("azure", azure(double)))
    }
    before = len(double.record.exchanges)
    spent: dict[str, list[dict[str, float]]] = {name: [] for name in plans}
    for _ in range(rounds):
        for name, plan in plans.items():
            spent[name].append(measure(plan, 1))
    found: dict[str, object] = {name: summary(times) for name, times in spent.items()}
    least = {name: min(one["wall_min_s"] for one in times) for name, times in spent.items()}
    asked = (len(double.record.exchanges) - before) / rounds
    return {**found, "ratio": round(least["azure"] / least["local"], 2), "requests": asked}


def summary(times: list[dict[str, float]]) -> dict[str, float]:
    walls = sorted(one["wall_min_s"] for one in times)
    return {
        "wall_min_s": walls[0],
        "wall_median_s": walls[len(walls) // 2],
        "cpu_min_s": min(one["cpu_min_s"] for one in times),
    }


def main(rounds: int) -> None:
    ground = Ground()
    try:
        with running(ground) as double, tempfile.TemporaryDirectory() as scratch:
            os.environ |= {**double.environment, "LANDBRIDGE_HOME": f"{scratch}/home", "LANDBRIDGE_PREFECT_PORT": "0"}
            os.environ.pop("LANDBRIDGE_INVENTORY", None)
            double.seeds.managed_compute("cpu")
            found: dict[str, object] = {"rounds": rounds, "azure_targets": COUNT, "load_before": os.getloadavg()[0]}
            for name, pattern in SCENARIOS.items():
                found[name] = compare(double, Path(scratch) / name.replace(" ", "-"), pattern, rounds)
            print(json.dumps(found | {"load_after": os.getloadavg()[0], "budget_s": BUDGET_S}, indent=1))
    finally:
        ground.close()


if __name__ == "__main__":
    main(next((int(word) for word in sys.argv[1:]), 5))
