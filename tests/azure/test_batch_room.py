"""A batch endpoint that is full makes room for a further deployment: of what landbridge made, what nobody scores with."""

import copy
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.azure.online import DEPLOYMENTS_OF_AN_ENDPOINT
from landbridge.domain.errors import LandbridgeError, QuotaExceededError
from tests.azure.batch import BATCH, Bench, deployments, scorings
from tests.azure.double.double import Double

pytestmark = pytest.mark.timeout(120, func_only=True)
JOBS = "/mferp/managementfrontend/"


@pytest.fixture
def bench(azure: Double, tmp_path: Path) -> Bench:
    """On a Kubernetes compute that has no room, so that no test waits for a job."""
    azure.seeds.kubernetes_compute("k8s")
    azure.full.add("k8s")
    return Bench(tmp_path, azure.places)


def names(azure: Double) -> list[str]:
    return sorted(one["name"] for one in deployments(azure))


def made(one: dict[str, Any], when: str) -> None:
    one["systemData"]["createdAt"] = when


def fill(azure: Double, bench: Bench, **tags: str) -> str:
    """One deployment that was invoked in 2025, whose job is over, and others that were made later; returns its name."""
    first = bench.connect().submit(bench.order("first"))
    bench.connect().cancel(first)
    [one] = deployments(azure)
    made(azure.jobs.run("first").resource, "2025-01-01T00:00:00.1234567Z")
    made(one, "2020-01-01T00:00:00Z")
    for number in range(1, DEPLOYMENTS_OF_AN_ENDPOINT):
        more = {"location": one["location"], "tags": {**one["tags"], **tags}}
        other = azure.world.add(
            "batchEndpoints/deployments", (BATCH, f"d{number:02}"), copy.deepcopy(one["properties"]), **more
        )
        made(other, f"2025-02-{number:02}T00:00:00Z")
    return str(one["name"])


def another(bench: Bench, name: str = "another") -> None:
    """Order what needs a deployment of its own."""
    bench.connect().submit(bench.order(name, environment_variables={"A": name}))


def test_the_one_that_was_used_longest_ago_goes(azure: Double, bench: Bench) -> None:
    first = fill(azure, bench)
    assert bench.connect().foresee(bench.order("another", environment_variables={"A": "b"})) == ()
    another(bench)
    assert (len(names(azure)), first in names(azure)) == (DEPLOYMENTS_OF_AN_ENDPOINT, False)
    another(bench, "third")
    assert "d01" not in names(azure)
    assert sorted(scorings(azure)) == ["another", "first", "third"]


def test_an_invocation_counts_more_than_when_it_was_made(azure: Double, bench: Bench) -> None:
    first = fill(azure, bench)
    made(azure.jobs.run("first").resource, "2025-02-01T12:00:00Z")  # between the first and the second of the others
    another(bench)
    assert (first in names(azure), "d01" in names(azure)) == (True, False)
    another(bench, "third")
    assert (first in names(azure), "d02" in names(azure)) == (False, True)


def test_what_is_there_needs_no_room(azure: Double, bench: Bench) -> None:
    fill(azure, bench)
    bench.connect().submit(bench.order("again"))
    assert not [*azure.record.asked("DELETE", "/deployments/")]
    assert not [*azure.record.asked("GET", JOBS)]


def test_the_default_and_one_with_a_job_under_way_stay(azure: Double, bench: Bench) -> None:
    first = fill(azure, bench)
    bench.connect().submit(bench.order("goes-on"))
    azure.world.resources.get(azure.world.ml("batchEndpoints", BATCH))["properties"]["defaults"] = {
        "deploymentName": "d01"
    }
    another(bench)
    assert {first, "d01"} <= set(names(azure))
    assert "d02" not in names(azure)


def test_what_somebody_else_made_stays_and_the_refusal_says_why(azure: Double, bench: Bench) -> None:
    first = fill(azure, bench, **{"landbridge.target": "other"})
    bench.connect().submit(bench.order("goes-on"))
    before = names(azure)
    order = bench.order("another", environment_variables={"A": "b"})
    [finding] = bench.connect().foresee(order)
    assert f"{first}: job goes-on is under way" in finding.detail
    assert "d19: target serving did not make it" in finding.detail
    with pytest.raises(QuotaExceededError, match="has 20 deployments, as many as Azure gives"):
        bench.connect().submit(order)
    assert (names(azure), sorted(scorings(azure))) == (before, ["first", "goes-on"])


def test_where_azure_does_not_tell_the_jobs_nothing_goes(azure: Double, bench: Bench) -> None:
    fill(azure, bench)
    before = names(azure)
    azure.faults.add("GET", JOBS, status=403, times=None)
    with pytest.raises(QuotaExceededError, match="authorization"):
        another(bench)
    assert names(azure) == before


@pytest.mark.parametrize("seconds", [0, 2])
def test_killed_between_both_the_next_order_makes_it_good(azure: Double, bench: Bench, seconds: float) -> None:
    """Also while Azure still deletes: no second one goes."""
    first = fill(azure, bench)
    before = names(azure)
    order = bench.order("another", environment_variables={"A": "b"})
    child = bench.elsewhere(order)
    azure.faults.add("DELETE", "/deployments/", operation_seconds=seconds, then=child.kill)
    _, err = child.communicate(timeout=100)
    assert child.returncode == -9, err.decode()
    bench.connect().submit(order)
    assert (set(before) - set(names(azure)), len(names(azure))) == ({first}, DEPLOYMENTS_OF_AN_ENDPOINT)
    assert sorted(scorings(azure)) == ["another", "first"]


@pytest.mark.parametrize("fault", [{"lose": True}, {"status": 409}, {"operation_fails": ("Internal", "It stays.")}])
def test_one_fault_at_the_deletion_deletes_no_second_one(azure: Double, bench: Bench, fault: dict[str, Any]) -> None:
    first = fill(azure, bench)
    before = names(azure)
    azure.faults.add("DELETE", "/deployments/", **fault)
    try:
        another(bench)
    except LandbridgeError:
        another(bench)
    assert set(before) - set(names(azure)) == {first}
    assert sorted(scorings(azure)) == ["another", "first"]
