"""A whole run through landbridge, services up, against the same steps in one plain script: paired, alternating, one machine.

`benchmarks/overhead.py [PAIRS]`. Prints JSON: medians in s, difference and ratio, and the time per step of landbridge's runs. The
scenario's soak is set to 0, since the script does not wait either. Budget (docs/performance.md): ≤ +0.7 s and ≤ 1.3 ×.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMAND = str(Path(sys.executable).with_name("landbridge"))
PATTERN = "cloud_train_onprem_deploy"


def main() -> None:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(prefix="landbridge-bench-", ignore_cleanup_errors=True) as folder:
        bench = Path(folder)
        environment = {**os.environ, "LANDBRIDGE_HOME": str(bench / "home"), "LANDBRIDGE_PREFECT_PORT": "0"}
        scenario, inventory = prepare(bench)
        command(environment, "up", "-i", str(inventory))
        try:
            print(json.dumps(measure(environment, scenario, inventory, pairs), indent=2))
        finally:
            command(environment, "down", "--jobs")


def prepare(bench: Path) -> tuple[Path, Path]:
    """A copy of the scenarios with free ports and no soak, and two months of data."""
    shutil.copytree(ROOT / "scenarios", bench / "scenarios")
    scenario = bench / "scenarios" / f"{PATTERN}.yaml"
    text = re.sub(r"rollout: .*", "rollout: {steps: [100]}", scenario.read_text())
    scenario.write_text(re.sub(r"triggers: .*", "triggers: {new_data: []}", text))
    inventory = bench / "scenarios" / "inventories" / "local.yaml"
    text = inventory.read_text().replace('uri: "http://127.0.0.1:5510"', "port: 0")
    inventory.write_text(re.sub(r"port: \d+", "port: 0", text))
    data = bench / "home" / "sites" / "cloud" / "lake" / "flights"
    subprocess.run(
        [sys.executable, str(ROOT / "scenarios/flight-delay/prepare.py"), "--months", "1-2", "--out", str(data)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return scenario, inventory


def measure(environment: dict[str, str], scenario: Path, inventory: Path, pairs: int) -> dict[str, object]:
    home = Path(environment["LANDBRIDGE_HOME"])
    uri = json.loads((home / "services" / "services.json").read_text())["registries"]["cloud"]["url"]
    plain = [
        sys.executable,
        str(ROOT / "benchmarks" / "plain_story.py"),
        *("--flights", str(home / "sites/cloud/lake/flights")),
        *("--tracking-uri", uri, "--serving", str(home / "plain")),
    ]
    ours = [COMMAND, "retrain", str(scenario), "-i", str(inventory), "--output", "json"]
    timed(ours, environment)  # first use of everything is not what a day's run costs
    timed(plain, environment)
    taken = [(timed(plain, environment), timed(ours, environment)) for _ in range(pairs)]
    script, landbridge = statistics.median(a for a, _ in taken), statistics.median(b for _, b in taken)
    return {
        "pairs": [[round(a, 3), round(b, 3)] for a, b in taken],
        "plain_script_seconds": round(script, 3),
        "landbridge_seconds": round(landbridge, 3),
        "difference_seconds": round(landbridge - script, 3),
        "ratio": round(landbridge / script, 3),
        "steps_seconds": steps(home),
    }


def timed(command_line: list[str], environment: dict[str, str]) -> float:
    started = time.monotonic()
    done = subprocess.run(command_line, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command_line)} failed:\n{done.stdout}\n{done.stderr}")
    return time.monotonic() - started


def steps(home: Path) -> dict[str, float]:
    """Median seconds of each step over all runs, from their own events."""
    taken: dict[str, list[float]] = defaultdict(list)
    for file in (home / "runs").glob("*/events.jsonl"):
        begun: dict[str, float] = {}
        for line in file.read_text().splitlines():
            event = json.loads(line)
            if event["state"] == "started":
                begun[event["step"]] = event["at"]
            elif event["state"] == "done":
                taken[event["step"]].append(event["at"] - begun[event["step"]])
    return {step: round(statistics.median(values), 3) for step, values in taken.items()}


def command(environment: dict[str, str], *arguments: str) -> None:
    subprocess.run([COMMAND, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
