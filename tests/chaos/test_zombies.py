"""A run that was stopped, was given up, and comes back: it is refused, and nothing that it knows gets the upper hand."""

import signal
from pathlib import Path

import pytest

from tests.chaos.victims import Victim
from tests.services.hosts import until

pytestmark = pytest.mark.timeout(200)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("smoke_test done", id="before-it-moves-traffic"),
        pytest.param("before release Retire", id="when-it-has-just-made-its-champion"),
    ],
)
def test_a_zombie_is_refused_and_its_successor_s_version_stays_the_champion(victim: Victim, point: str) -> None:
    victim.breaks(point, "SIGSTOP")
    with victim.going() as zombie:
        until(lambda: victim.is_broken, 60.0)
        stopped = victim.run_process()
        victim.month(2)
        until(lambda: stopped.status() == "stopped")
        followed = another_file(victim).good()
        assert (followed["outcome"], followed["version"]) == ("Promoted", "2")
        stopped.send_signal(signal.SIGCONT)
        said = zombie.ends()
    assert said.code == 8, said.err
    assert "lost the lease" in said.err
    assert "\nTo fix: " in said.err
    reached = victim.end_state()
    assert reached.aliases == {"champion": "2"}
    assert reached.answers == {"cloud": 2.0, "onprem": 2.0}
    assert reached.releases == [("2", "Promoted"), ("1", "Abandoned")]
    assert (reached.jobs, reached.versions, reached.model_servers) == (2, ["1", "2"], 2)


def another_file(victim: Victim) -> Victim:
    """The same scenario under another path: the host, which lets one run of a file go at a time, takes it for another."""
    from dataclasses import replace

    other = Path(victim.playground.scenario).with_name("successor.yaml")
    other.write_text(victim.playground.scenario.read_text())
    return Victim(replace(victim.playground, scenario=other))
