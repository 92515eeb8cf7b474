"""`make demo`: a pattern's whole story on real data, through the same commands a user types.

First run on two months of flights; then a small load runs against every endpoint while the next month arrives, and landbridge
retrains and redeploys by itself. Ends with what serves, and how many requests the load lost (none, or this fails).
Run it again, and it goes on with the month after.
"""

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console

from landbridge.cli import show
from landbridge.client import Client, JsonObject

HERE = Path(__file__).parent
HOME = Path(os.environ.get("LANDBRIDGE_HOME") or HERE.parent / ".demo").absolute()
INVENTORY = HERE / "inventories" / "local.yaml"
COMMAND = str(Path(sys.executable).with_name("landbridge"))
STORES = {
    "cloud_train_onprem_deploy": "cloud/lake",
    "hybrid_train_deploy": "cloud/lake",
    "onprem_train_cloud_deploy": "onprem/plant",
    "private_aks": "cloud-vnet/vault",
    "onprem_lifecycle": "onprem/plant",
}
REQUESTS_PER_SECOND = 20
NOTICE_SECONDS = 30.0
MONTHS = 12
COLUMNS = ("site", "endpoint URL", "model version", "traffic", "answered", "failed", "time")
SMOKE = (HERE / "flight-delay" / "smoke.json").read_bytes()

console = Console()


class Load(threading.Thread):
    """A bounded, steady load on one endpoint; counts answers and failures."""

    def __init__(self, url: str, body: bytes) -> None:
        super().__init__(daemon=True)
        self.url, self.body = url, body
        self.answered, self.failed = 0, 0
        self._over = threading.Event()

    def run(self) -> None:
        with httpx.Client(timeout=5.0) as http:
            while not self._over.wait(1 / REQUESTS_PER_SECOND):
                self._ask(http)

    def _ask(self, http: httpx.Client) -> None:
        try:
            answer = http.post(self.url, content=self.body, headers={"content-type": "application/json"})
        except httpx.HTTPError:
            self.failed += 1
            return
        self.answered += 1
        self.failed += answer.status_code != 200

    def end(self) -> None:
        self._over.set()
        self.join()


@dataclass(frozen=True)
class Closing:
    """What one pattern came to; `print` says it as a table."""

    title: str
    rows: list[tuple[str, ...]]

    def print(self) -> None:
        show.table(COLUMNS, self.rows, self.title)


def landbridge(*arguments: str) -> None:
    """Run a command as a user would; the demo ends where the command fails."""
    console.rule(f"[bold]landbridge {' '.join(arguments)}", align="left")
    done = subprocess.run([COMMAND, *arguments], env={**os.environ, "LANDBRIDGE_HOME": str(HOME)}, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def bring(months: str, folder: Path) -> None:
    """Let a batch of flights arrive."""
    prepare = HERE / "flight-delay" / "prepare.py"
    subprocess.run(
        [sys.executable, str(prepare), "--months", months, "--out", str(folder)], check=True, stdout=subprocess.DEVNULL
    )
    console.print(f"Flights of 2013, month {months}, are in {folder}.")


def months_in(folder: Path) -> int:
    """How many months are there, the first ones of the year."""
    return len(list(folder.glob("flights-2013-*.csv")))


def report_of(client: Client, run: JsonObject) -> JsonObject:
    """The last event's report of a run that has ended."""
    last = client.run_state(str(run["flow_run_id"]))["exit"]
    if not isinstance(last, dict) or not isinstance(last.get("report"), dict):
        sys.exit(f"Run {run['flow_run_id']} ended without a report: see {HOME}/services/up.log.")
    return last["report"]  # type: ignore[return-value]


def newest(client: Client, pattern: str) -> JsonObject:
    return next(run for run in client.runs() if run["flow"] == pattern)


def demo(pattern: str) -> Closing:
    """Carry one pattern through."""
    scenario = f"scenarios/{pattern}.yaml"
    started = time.monotonic()
    lake = HOME / "sites" / STORES[pattern] / "flights"
    if not months_in(lake):
        bring("1-2", lake)
    if months_in(lake) == MONTHS:
        sys.exit("All months of the year are used up. To fix: start over with `make demo-down`, then `make demo`.")
    landbridge("run", scenario, "-i", str(INVENTORY))
    client = Client(HOME)
    first = newest(client, pattern)
    endpoints = {row["site"]: row["url"] for row in report_of(client, first)["serving"] if row["traffic"]}
    loads = {site: Load(url, smoke_body()) for site, url in endpoints.items()}
    for load in loads.values():
        load.start()
    bring(str(months_in(lake) + 1), lake)
    console.print("Nothing is ordered now: landbridge sees the new batch by itself.")
    second = wait_for_another(client, pattern, first)
    landbridge("run", scenario, "-i", str(INVENTORY))  # follows the run that is going
    report = report_of(client, second)
    for load in loads.values():
        load.end()
    return closing(pattern, report, loads, time.monotonic() - started)


def smoke_body() -> bytes:
    import json

    return json.dumps(json.loads(SMOKE)[0]).encode()


def wait_for_another(client: Client, pattern: str, before: JsonObject) -> JsonObject:
    deadline = time.monotonic() + NOTICE_SECONDS
    while time.monotonic() < deadline:
        run = newest(client, pattern)
        if run["flow_run_id"] != before["flow_run_id"]:
            return run
        time.sleep(0.1)
    sys.exit(f"No run started by itself within {NOTICE_SECONDS:g} s; see {HOME}/services/up.log.")


def closing(pattern: str, report: JsonObject, loads: dict[str, Load], seconds: float) -> Closing:
    """What serves where, and what the load saw while it changed."""
    rows = [
        (
            str(row["site"]),
            str(row["url"]),
            f"{row['model']} {row['version']}",
            f"{row['traffic']} %",
            str(loads[row["site"]].answered),
            str(loads[row["site"]].failed),
            f"{seconds:.0f} s",
        )
        for row in report["serving"]
    ]
    title = f"{pattern}: {report['text']} (trained and redeployed by itself in {report['seconds']:.1f} s)"
    found = Closing(title, rows)
    lost = sum(load.failed for load in loads.values())
    if lost or report["outcome"] != "Promoted":
        found.print()
        sys.exit(f"{lost} requests failed; outcome {report['outcome']}.")
    return found


def main() -> None:
    asked = sys.argv[1] if len(sys.argv) > 1 else "hybrid_train_deploy"
    if asked != "all" and asked not in STORES:
        sys.exit(f"No pattern {asked!r}. To fix: use one of {', '.join(STORES)}, or all.")
    for found in [demo(pattern) for pattern in (STORES if asked == "all" else [asked])]:
        found.print()
    health = Client(HOME).health()
    say("\nThe services stay up. Look further:")
    say(f"  export LANDBRIDGE_HOME={HOME} PATH={Path(COMMAND).parent}:$PATH")
    say("  landbridge status                     what serves, and every service's address")
    say(f"  landbridge why {endpoint_of(asked)}    which data, code, decision and gate led to it")
    say(f"  Prefect UI  {address(health['prefect'], 'ui')}")
    say(f"  MLflow UI   {', '.join(address(one, 'url') for one in registries(health))}")
    say("  landbridge down                       ends everything")


def say(line: str) -> None:
    """A line that may be copied: never broken to fit the terminal."""
    console.print(line, soft_wrap=True, highlight=False)


def endpoint_of(pattern: str) -> str:
    text = (HERE / f"{'hybrid_train_deploy' if pattern == 'all' else pattern}.yaml").read_text()
    return text.split("endpoint:\n  name: ", 1)[1].split("\n", 1)[0]


def registries(health: JsonObject) -> list[object]:
    found = health["registries"]
    return list(found.values()) if isinstance(found, dict) else []


def address(service: object, key: str) -> str:
    return str(service.get(key, "")) if isinstance(service, dict) else ""


if __name__ == "__main__":
    main()
