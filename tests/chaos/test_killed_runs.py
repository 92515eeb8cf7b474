"""A run that is killed with SIGKILL, at any moment: whoever comes next finishes it, as if nothing had been.

Each kill is exact: the run's own process signals itself at the point that is named (see flows/breakable_flows.py).
"""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.chaos.loads import load_on
from tests.chaos.victims import EndState, Victim, make_victim

pytestmark = pytest.mark.timeout(200)


class Kills(NamedTuple):
    """A run is killed at the first point, the command that goes on from there at the second; the last one finishes."""

    first: str
    command: str
    second: str
    last: str


KILLS = (  # each boundary of two steps once; both commands go on from early and from late ones
    Kills("open_story done", "run", "judge done", "reconcile"),  # nothing was planned: nothing to reconcile
    Kills("plan done", "reconcile", "register done", "run"),
    Kills("place done", "run", "ship_model done", "reconcile"),
    Kills("stage_data done", "reconcile", "deploy_beside done", "run"),
    Kills("submit_training done", "run", "smoke_test done", "reconcile"),
    Kills("train done", "reconcile", "shift_traffic done", "run"),
    Kills("evaluate done", "run", "promote done", "reconcile"),
    Kills("after job", "reconcile", "retire done", "run"),  # the intent to submit is written, nothing is submitted
    Kills("before version", "run", "before release Retire", "reconcile"),  # registered, champion: nobody wrote it down
)
IN_A_REDEPLOY = (
    ("after release Shift", "reconcile"),
    ("before release Soak", "run"),  # all traffic has moved, and the ledger does not know it
    ("before release Retire", "reconcile"),  # it is the champion, and the ledger does not know it
)


@pytest.fixture(scope="module")
def undisturbed(home: Path, tmp_path_factory: pytest.TempPathFactory) -> EndState:
    """What a run reaches that nobody kills."""
    story = make_victim(home, tmp_path_factory.mktemp("undisturbed"))
    assert story.good()["outcome"] == "Promoted"
    reached = story.end_state()
    assert (reached.jobs, reached.versions, reached.aliases) == (1, ["1"], {"champion": "1"})
    assert reached.answers == {"cloud": 1.0, "onprem": 1.0}
    assert (reached.job_processes, reached.model_servers) == (0, 2)
    return reached


@pytest.mark.parametrize("kills", KILLS, ids=lambda kills: f"{kills.first}, {kills.second}")
def test_a_run_killed_twice_is_finished_by_the_next_command_as_if_nothing_had_been(
    victim: Victim, undisturbed: EndState, kills: Kills
) -> None:
    victim.is_killed(kills.first)
    victim.is_killed(kills.second, kills.command)
    victim.resumed_by(kills.last)
    assert victim.end_state() == undisturbed


@pytest.fixture(scope="module")
def served(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Victim:
    """A scenario whose newest version serves; each test adds one."""
    story = make_victim(home, tmp_path_factory.mktemp("served"))
    assert story.good()["outcome"] == "Promoted"
    return story


@pytest.mark.parametrize(("point", "command"), IN_A_REDEPLOY)
def test_a_redeploy_that_is_killed_fails_no_request_and_ends_on_the_new_version(
    served: Victim, point: str, command: str
) -> None:
    number = len(served.versions()) + 1
    served.month(number)
    with load_on(served.urls().values()) as load:
        served.is_killed(point)
        served.resumed_by(command)
    assert load.failed == []
    assert load.answers[0] == number - 1
    assert load.answers[-1] == number
    reached = served.end_state()
    assert reached.answers == {"cloud": number, "onprem": number}
    assert reached.traffic == {site: {str(number): 100} for site in ("cloud", "onprem")}
    assert reached.aliases == {"champion": str(number)}
    assert (reached.jobs, reached.versions) == (number, [str(one) for one in range(1, number + 1)])
    assert reached.releases == [(str(one), "Promoted") for one in range(number, 0, -1)]
    assert (reached.job_processes, reached.model_servers) == (0, 2)
