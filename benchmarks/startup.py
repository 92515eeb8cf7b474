"""How long the commands take that a user waits for: `--help`, `validate` and `plan` on an inventory of 20 targets.

Prints one JSON object: wall and CPU seconds of each command (least and median of the rounds), its budget, and the same of
Python itself, which says how busy the machine was. `plan` is measured with the services down and up.
Run: python benchmarks/startup.py [rounds] [--down]     (--down: start no services)
"""

import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from landbridge.domain.values import Pattern
from landbridge.files.templates import new_scenario

TARGETS = 20
BUDGETS = {"--help": 0.3, "validate": 0.3, "plan": 0.5}
COMMAND = [str(Path(sys.executable).with_name("landbridge"))]
MORE = """\
  more-{number}:
    {{site: {site}, driver: local, roles: [train], capacity: {{cpu: 2, memory: 4Gi}}, cost_per_hour: 0.{number:02}}}
"""


def prepare(folder: Path) -> Path:
    """A scenario as `landbridge new` writes it, with data, and an inventory of 20 targets on free ports."""
    for path, text in new_scenario(Pattern.HYBRID_TRAIN_DEPLOY, "startup").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    file = folder / "inventory.yaml"
    text = file.read_text()
    for port in ("5510", "5511", "8190", "8191"):
        text = text.replace(port, str(free_port()))
    present = text.split("\ntargets:", 1)[1].split("\nenvironments:", 1)[0].count("driver:")
    more = (MORE.format(number=n, site=("cloud", "onprem")[n % 2]) for n in range(TARGETS - present))
    file.write_text(text.replace("\nenvironments:", "".join(more) + "\nenvironments:", 1))
    subprocess.run([sys.executable, "prepare.py"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / "scenario.yaml"


def free_port() -> int:
    """One that the kernel gives; another each time."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def measure(command: list[str], rounds: int) -> dict[str, float]:
    walls, cpus = [], []
    for _ in range(rounds):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        walls.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if done.returncode:
            sys.exit(f"{command} ended with {done.returncode}: {done.stderr}")
    return {
        "wall_min_s": round(min(walls), 3),
        "wall_median_s": round(statistics.median(walls), 3),
        "cpu_min_s": round(min(cpus), 3),
    }


def main() -> None:
    words = sys.argv[1:]
    rounds = next((int(word) for word in words if word.isdigit()), 10)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ |= {"LANDBRIDGE_HOME": f"{scratch}/home", "LANDBRIDGE_PREFECT_PORT": "0"}
        os.environ.pop("LANDBRIDGE_INVENTORY", None)
        scenario = str(prepare(Path(scratch)))
        found: dict[str, object] = {"rounds": rounds, "targets": TARGETS}
        found["python -c pass"] = measure([sys.executable, "-c", "pass"], rounds)
        found["--help"] = measure([*COMMAND, "--help"], rounds)
        found["validate"] = measure([*COMMAND, "validate", scenario], rounds)
        found["plan, services down"] = measure([*COMMAND, "plan", scenario], rounds)
        if "--down" not in words:
            found["plan, services up"] = with_services(scenario, rounds)
        print(json.dumps(found | {"budgets_s": BUDGETS}, indent=1))


def with_services(scenario: str, rounds: int) -> dict[str, float]:
    try:
        inventory = str(Path(scenario).with_name("inventory.yaml"))
        subprocess.run([*COMMAND, "up", "-i", inventory], check=True, capture_output=True)
        return measure([*COMMAND, "plan", scenario], rounds)
    finally:
        subprocess.run([*COMMAND, "down", "--jobs"], check=True, capture_output=True)


if __name__ == "__main__":
    main()
