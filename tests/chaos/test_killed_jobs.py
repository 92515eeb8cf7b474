"""A training job that is killed while it works: it counts as lost, and the run says why and what it does about it."""

from pathlib import Path

import pytest

from landbridge.domain.ledger import Kind
from tests.chaos.victims import Victim, make_victim
from tests.services.hosts import until

pytestmark = pytest.mark.timeout(200)


def test_a_job_whose_runner_is_killed_is_lost_and_trained_at_the_other_site(victim: Victim) -> None:
    with victim.held_jobs() as hold, victim.going() as run:
        until(lambda: victim.runner("onprem-rack"), 60.0).kill()  # type: ignore[union-attr]
        until(lambda: victim.runner("cloud-cpu"), 60.0)
        lost = {str(folder) for folder in victim.jobs() if folder.parent.name == "onprem-rack"}
        assert not [one for one in victim.job_processes() if one.environ()["LANDBRIDGE_JOB_DIRECTORY"] in lost]
        hold.unlink()
        said = run.ends()
    assert said.code == 0, said.err
    assert "onprem-rack is avoided: Job" in said.err
    assert "Lost: The job's runner was killed" in said.err
    newest = victim.entries(Kind.DECISION)[0].payload
    assert newest["chosen"] == "cloud-cpu"
    assert "Lost" in str(newest["rulings"])
    reached = victim.end_state()
    assert (reached.jobs, reached.versions, reached.aliases) == (2, ["1"], {"champion": "1"})
    assert reached.answers == {"cloud": 1.0, "onprem": 1.0}
    assert reached.job_processes == 0


def test_a_lost_job_with_nowhere_else_to_go_ends_the_run_with_a_remedy_and_the_next_run_trains(
    home: Path, tmp_path: Path
) -> None:
    victim = make_victim(home, tmp_path, "cloud_train_onprem_deploy")
    with victim.held_jobs() as hold:
        with victim.going() as run:
            until(lambda: victim.runner("cloud-cpu"), 60.0).kill()  # type: ignore[union-attr]
            said = run.ends()
        assert said.code == 4, said.err
        assert "Lost: The job's runner was killed" in said.err
        assert "\nTo fix: Run again" in said.err
        assert not victim.job_processes()
        hold.unlink()
        assert victim.good()["outcome"] == "Promoted"
    reached = victim.end_state()
    assert (reached.jobs, reached.versions, reached.aliases) == (2, ["1"], {"champion": "1"})


def test_a_training_process_that_is_killed_fails_its_job_which_names_the_signal(victim: Victim) -> None:
    """The target is sound, and a job that ran out of memory would do so anywhere: no other site is tried."""
    with victim.held_jobs() as hold:
        with victim.going() as run:
            until(lambda: victim.runner("onprem-rack"), 60.0)
            victim.job_processes()[0].kill()
            said = run.ends()
        assert said.code == 4, said.err
        assert "Signal 9 (Killed) ended the job" in said.err
        assert "\nTo fix: " in said.err
        assert (len(victim.jobs()), victim.job_processes()) == (1, [])
        hold.unlink()
        assert victim.good()["outcome"] == "Promoted"
    assert victim.versions() == ["1"]
