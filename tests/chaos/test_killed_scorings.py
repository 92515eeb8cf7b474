"""A scoring that is killed with SIGKILL: `reconcile` brings it to its end, as the same order again would."""

from pathlib import Path

import pytest

from landbridge.domain.ledger import Entry, Kind
from tests.chaos.victims import Victim, make_victim

pytestmark = pytest.mark.timeout(200)
POINTS = (
    "after scoring",  # the intent to submit is written, nothing is submitted
    "submit_scoring done",
)


@pytest.fixture(scope="module")
def served(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Victim:
    """A scenario whose champion serves."""
    story = make_victim(home, tmp_path_factory.mktemp("served"))
    assert story.good()["outcome"] == "Promoted"
    return story


def of_newest_scoring(story: Victim) -> list[Entry]:
    entries = story.entries(Kind.SCORING)
    return [entry for entry in entries if entry.run_key == entries[0].run_key]


@pytest.mark.parametrize("point", POINTS)
def test_a_scoring_killed_twice_is_ended_by_reconcile_and_told_by_the_same_order(served: Victim, point: str) -> None:
    order = ("--data", "flights", "--error-threshold", str(1 + POINTS.index(point)))  # a threshold names a scoring too
    served.is_killed(point, "score", *order)
    assert [entry.payload.get("outcome") for entry in of_newest_scoring(served)] == [None]
    served.is_killed("look_at_scoring done", "reconcile")
    served.resumed_by("reconcile")
    [ended, begun] = of_newest_scoring(served)
    assert (ended.payload["outcome"], ended.payload["name"]) == ("Succeeded", begun.payload["name"])
    told = served.good(*order, command="score")["details"]
    assert (told["job"], told["output"]) == (ended.payload["name"], ended.payload["output"])
    assert told["counts"] == ended.payload["counts"]
    assert [path.name for path in served.jobs() if ended.run_key[:8] in path.name] == [told["job"]]
    assert (served.job_processes(), len(served.model_servers())) == ([], 2)
