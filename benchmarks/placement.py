"""Placement over 1,000 targets, against a plain sort of the same list by the same kind of key.

Prints one JSON line: p50 and p99 in ms (wall and CPU), those of the sort, and the ratio of the medians, all measured in
turn in one process: a p99 of the sort far above its p50 says that the machine was busy.
The budget is p99 < 10 ms (DESIGN.md, Budgets). Run: python benchmarks/placement.py [targets] [rounds]
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import zip_longest

from landbridge.domain.capacity import Capacity, NodeCapacity
from landbridge.domain.inventory import MaintenanceWindow, Role, Target
from landbridge.domain.placement import PlacementRequest, TargetView, place
from landbridge.domain.residency import HomedData
from landbridge.domain.scenario import DataAsset, PlacementPolicy, Requirements
from landbridge.domain.values import Pattern, Resources, SiteKind

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
GIB = 1 << 30


def a_view(index: int, dice: random.Random) -> TargetView:
    """A target as inventories have them: four nodes, one in ten drained, one in twenty unreachable."""
    kind = SiteKind.ONPREM if index % 2 else SiteKind.CLOUD
    total = Resources(dice.choice((8_000, 32_000)), dice.choice((16, 128)) * GIB, dice.choice((0, 0, 2, 8)))
    nodes = tuple(
        NodeCapacity(f"n{number}", total, replace(total, cpu_millicores=total.cpu_millicores // dice.randint(1, 4)))
        for number in range(4)
    )
    target = Target(
        name=f"target-{index:04}",
        site=f"{kind}-{index % 20}",
        driver="memory",
        roles=frozenset({Role.TRAIN}) if index % 10 else frozenset({Role.SERVE}),
        cluster=f"cluster-{index}",
        cost_per_hour=dice.random() * 10,
        maintenance=(MaintenanceWindow("patching", weekdays=frozenset({dice.randrange(7)}), opens=0, closes=240),),
        drained="disk swap" if dice.random() < 0.1 else "",
    )
    return TargetView(target, kind, Capacity(nodes, reachable=dice.random() > 0.05))


def measure(views: list[TargetView], rounds: int) -> dict[str, float]:
    data = (HomedData(DataAsset("flights", "", frozenset({"onprem", "cloud"})), "onprem-1"),)
    request = PlacementRequest(
        Pattern.HYBRID_TRAIN_DEPLOY,
        Requirements(Resources(4_000, 8 * GIB, 1)),
        PlacementPolicy(prefer=("target-00*", "target-*")),
        data,
    )
    placing, sorting = [], []
    for _ in range(rounds):
        placing.append(timed(lambda: place(request, views, NOW)))
        sorting.append(timed(lambda: sorted(views, key=lambda view: (view.target.cost_per_hour, view.target.name))))
    wall, cpu = ([spent[clock] for spent in placing] for clock in (0, 1))
    plain = [spent[0] for spent in sorting]
    return {
        "targets": len(views),
        "rounds": rounds,
        "p50_ms": round(statistics.median(wall), 2),
        "p99_ms": round(p99(wall), 2),
        "p99_cpu_ms": round(p99(cpu), 2),
        "sort_p50_ms": round(statistics.median(plain), 3),
        "sort_p99_ms": round(p99(plain), 3),
        "times_a_sort": round(statistics.median(wall) / statistics.median(plain), 1),
    }


def p99(spent: list[float]) -> float:
    return statistics.quantiles(spent, n=100)[98]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU time, ms. What a busy neighbour takes shows in the first alone."""
    wall, cpu = time.perf_counter(), time.thread_time()
    work()
    return (time.perf_counter() - wall) * 1000, (time.thread_time() - cpu) * 1000


if __name__ == "__main__":
    count, turns = (int(given or default) for given, default in zip_longest(sys.argv[1:], ("1000", "500")))
    seeded = random.Random(4)
    print(json.dumps(measure([a_view(index, seeded) for index in range(count)], turns)))
