"""Redeploy under load, again and again: what fails, how long an order takes, what a colour and the router cost.

`benchmarks/redeploy.py [SWAPS] [RATE]`. Prints a table and JSON. One site with its own Envoy and fork server, two
versions of a real scikit-learn model (gradient boosting, 100 trees). Each swap: apply beside, wait until Ready, one real
prediction, shift all traffic, remove the old colour. The load is open-loop, from a process of its own.
Budgets (docs/performance.md): 0 failed, every answer of the new version within 1 s of the order, worst request < 50 ms;
the router adds < 1 ms in the median at 500 requests a second.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from landbridge import drivers, settings
from landbridge.domain.requests import ColourSpec, ResolvedEnvironment
from landbridge.drivers.local.serving_record import ServingRecord
from landbridge.drivers.trees import digest_folder
from landbridge.operations.releasing import POLL_SECONDS
from tests.services.serving_host import TARGET, inventory, serving_host

ROOT = Path(__file__).parents[1]
ENDPOINT = "flights"
COLUMNS = ["distance", "month", "hour", "carrier"]
BODY = json.dumps({"dataframe_split": {"columns": COLUMNS, "data": [[1400.0, 3.0, 17.0, 5.0]]}})
READY_SECONDS = 30.0
QUIET_SECONDS = 5.0
BETWEEN_SECONDS = 0.5
ROUTER_RATE, ROUTER_SECONDS = 500, 5.0
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Swap:
    """Times after the order, s; `ordered` on the monotonic clock."""

    colour: str
    ordered: float
    ready: float
    proven: float
    shifted: float


def main() -> None:
    swaps = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    rate = float(sys.argv[2]) if len(sys.argv) > 2 else 50.0
    with tempfile.TemporaryDirectory(prefix="landbridge-bench-") as folder:
        home = Path(folder)
        models = [make_model(home / f"model-{seed}", seed) for seed in (1, 2)]
        with serving_host(home):
            report = measure(home, models, swaps, rate)
    print_table(report)
    print(json.dumps(report, indent=2))


def make_model(folder: Path, seed: int) -> tuple[str, str]:
    """A regressor in MLflow's format; its folder and digest."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.sklearn
        import numpy as np
        import pandas as pd
        from mlflow.models import infer_signature
        from sklearn.ensemble import HistGradientBoostingRegressor

        table = pd.DataFrame(np.random.default_rng(seed).normal(size=(2000, len(COLUMNS))), columns=COLUMNS)
        model = HistGradientBoostingRegressor(max_iter=100).fit(table, table.sum(axis=1))
        signature = infer_signature(table, model.predict(table))
        trusted = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
        mlflow.sklearn.save_model(
            model, str(folder), signature=signature, pip_requirements=[], skops_trusted_types=trusted
        )
    return str(folder), digest_folder(folder)


def measure(home: Path, models: list[tuple[str, str]], swaps: int, rate: float) -> dict[str, Any]:
    found = inventory(home)
    target: Any = drivers.serving_target(found.targets[TARGET], found)
    record = ServingRecord(str(home), found.targets[TARGET])
    swap(target, "", spec("blue", models[1]))
    address = f"127.0.0.1:{record.port}"
    path = f"/api/v1/endpoint/{ENDPOINT}/score"
    with load(address, path, BODY, rate, home / "quiet") as quiet:
        time.sleep(QUIET_SECONDS)
    with load(address, path, BODY, rate, home / "busy") as busy:
        time.sleep(1.0)
        done = [swap(target, *turn(number), models[number % 2]) for number in range(swaps)]
        time.sleep(1.0)
    return {
        "swaps": swaps,
        "rate": rate,
        "load_average": os.getloadavg()[0],  # above the number of cores, the times tell of other programs
        **under_load(done, busy(), quiet()),
        "memory_mib": memory(record),
        "router": router(home, address),
    }


def turn(number: int) -> tuple[str, str]:
    """The colour to end and the one to put beside it."""
    return ("blue", "green") if number % 2 == 0 else ("green", "blue")


def swap(target: Any, old: str, new: "str | ColourSpec", model: tuple[str, str] = ("", "")) -> Swap:
    """One redeploy as the release flow does it."""
    order = new if isinstance(new, ColourSpec) else spec(new, model)
    ordered = time.monotonic()
    target.apply(order)
    while target.observe(ENDPOINT).colours[order.colour].phase != "Ready":
        if time.monotonic() > ordered + READY_SECONDS:
            raise SystemExit(f"{order.colour} is not Ready: {target.observe(ENDPOINT)}")
        time.sleep(POLL_SECONDS)
    ready = time.monotonic() - ordered
    assert target.predict(ENDPOINT, order.colour, BODY, 5.0).status == 200
    proven = time.monotonic() - ordered
    target.shift(ENDPOINT, {order.colour: 100})
    shifted = time.monotonic() - ordered
    if old:
        target.remove(ENDPOINT, old)
        time.sleep(BETWEEN_SECONDS)
    return Swap(order.colour, ordered, ready, proven, shifted)


def spec(colour: str, model: tuple[str, str]) -> ColourSpec:
    folder, digest = model
    return ColourSpec(ENDPOINT, colour, ENDPOINT, digest[-4:], folder, digest, ResolvedEnvironment("any", "current"))


Records = list[tuple[float, float, int, str]]


@contextmanager
def load(address: str, path: str, body: str, rate: float, out: Path) -> Iterator[Callable[[], Records]]:
    """Load while the block runs; the value gives the records after it."""
    command = [sys.executable, str(ROOT / "benchmarks" / "http_load.py"), address, path, str(rate), "600", str(out)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(f"{body}\n")
    process.stdin.flush()
    yield lambda: [tuple(json.loads(line)) for line in out.read_text().splitlines()]
    process.stdin.close()
    process.wait(60)


def under_load(swaps: list[Swap], busy: Records, quiet: Records) -> dict[str, Any]:
    """What the callers saw. `answered_by_new`: until no request sent later is answered by the old colour."""
    until = [
        max(
            (sent - swap.ordered for sent, _, _, colour in within(busy, swap, swaps) if colour != swap.colour),
            default=0,
        )
        for swap in swaps
    ]
    return {
        "requests": len(busy),
        "failed": sum(status != 200 for _, _, status, _ in busy),
        "statuses": dict(Counter(status for _, _, status, _ in busy)),
        "old_answers_after_shift": sum(
            sent > swap.ordered + swap.shifted and colour != swap.colour
            for swap in swaps
            for sent, _, _, colour in within(busy, swap, swaps)
        ),
        "seconds": {
            "ready": spread([swap.ready for swap in swaps]),
            "first_prediction": spread([swap.proven for swap in swaps]),
            "shifted": spread([swap.shifted for swap in swaps]),
            "answered_by_new": spread(until),
        },
        "milliseconds": {"busy": latency(busy), "quiet": latency(quiet)},
    }


def within(records: Records, swap: Swap, swaps: list[Swap]) -> Records:
    """The requests sent between this order and the next."""
    end = min((other.ordered for other in swaps if other.ordered > swap.ordered), default=float("inf"))
    return [record for record in records if swap.ordered <= record[0] < end]


def spread(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 3), "worst": round(max(values), 3)}


def latency(records: Records) -> dict[str, float]:
    times = sorted((done - sent) * 1000 for sent, done, _, _ in records)
    return {
        "median": round(statistics.median(times), 2),
        "p99": round(times[int(len(times) * 0.99)], 2),
        "worst": round(times[-1], 2),
    }


def memory(record: ServingRecord) -> dict[str, dict[str, float]]:
    """Of one colour, the router and the fork server: resident, its fair share of shared pages, and its own alone."""
    found: dict[str, psutil.Process] = {}
    for entry in record.processes():
        process = psutil.Process(entry["pid"])  # type: ignore[index,call-overload,arg-type]
        found["router" if "envoy" in process.name() else "colour"] = process
    server = found["colour"].parent()
    assert server is not None
    return {name: sizes(process) for name, process in {**found, "fork server": server}.items()}


def sizes(process: psutil.Process) -> dict[str, float]:
    full = process.memory_full_info()
    return {
        "resident": round(full.rss / MEBIBYTE, 1),
        "proportional": round(full.pss / MEBIBYTE, 1),
        "private": round(full.uss / MEBIBYTE, 1),
    }


def router(home: Path, address: str) -> dict[str, Any]:
    """The same light request through the router and straight to the colour's socket, alternating."""
    [socket] = settings.runtime_directory(home).glob("*-0.sock")
    ways = {"routed": (address, f"/api/v1/endpoint/{ENDPOINT}/ping"), "direct": (str(socket), "/ping")}
    seen: dict[str, Records] = {name: [] for name in ways}
    for turn in range(3):
        for name, (where, path) in ways.items():
            with load(where, path, "", ROUTER_RATE, home / f"{name}-{turn}") as records:
                time.sleep(ROUTER_SECONDS / 3)
            seen[name] += records()
    times = {name: latency(records) for name, records in seen.items()}
    failed = sum(status != 200 for records in seen.values() for _, _, status, _ in records)
    added = round(times["routed"]["median"] - times["direct"]["median"], 2)
    return {"rate": ROUTER_RATE, "failed": failed, **times, "added_median": added}


def print_table(report: dict[str, Any]) -> None:
    seconds, milliseconds = report["seconds"], report["milliseconds"]
    rows = [
        ("failed requests", f"{report['failed']} of {report['requests']}", "0", report["failed"] == 0),
        (
            "new version answers all after, s (worst)",
            seconds["shifted"]["worst"],
            "< 1",
            seconds["shifted"]["worst"] < 1,
        ),
        ("worst request, ms", milliseconds["busy"]["worst"], "< 50", milliseconds["busy"]["worst"] < 50),
        ("  without swaps, ms", milliseconds["quiet"]["worst"], "", True),
        ("router adds, ms (median)", report["router"]["added_median"], "< 1", report["router"]["added_median"] < 1),
        ("a colour's own memory, MiB", report["memory_mib"]["colour"]["private"], "", True),
    ]
    for name, value, bar, held in rows:
        print(f"{name:<42} {value!s:>16} {bar:>6}  {'' if held else 'MISSED'}")


if __name__ == "__main__":
    main()
