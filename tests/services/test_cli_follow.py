"""What a user sees of a run that was ordered: its steps, its end as an exit code, and Ctrl-C. Needs a real host."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from landbridge.cli.follow import TURNS, Wish, carry_out
from landbridge.client import RunOrder
from landbridge.domain.errors import BusyError
from landbridge.settings import HOME_VARIABLE
from tests.services.hosts import RunningHost, until

pytest_plugins = ["tests.services.running_host"]
pytestmark = pytest.mark.services

FOLLOW = """
import json, signal, sys
from landbridge.cli.follow import Wish, carry_out
from landbridge.client import RunOrder
signal.signal(signal.SIGINT, signal.default_int_handler)
import typer
try: sys.exit(carry_out(RunOrder(**json.loads(sys.argv[1])), Wish("landbridge run nap.yaml")))
except typer.Exit as end: sys.exit(end.exit_code)
"""


@pytest.fixture(autouse=True)
def _at_home(host: RunningHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(host.home))


def following(host: RunningHost, scenario: str) -> "subprocess.Popen[str]":
    """A user who waits for a nap, as a process of its own."""
    order = json.dumps({"flow": "nap", "parameters": {"scenario": scenario}, "scenario": scenario})
    environment = os.environ | {HOME_VARIABLE: str(host.home)}
    command = [sys.executable, "-c", FOLLOW, order]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def going(host: RunningHost, scenario: str) -> list[dict[str, Any]]:
    runs: list[Any] = host.client.runs()
    return [run for run in runs if f"scenario:{scenario}" in run["tags"] and run["state"] == "Running"]


class TestEnd:
    def test_a_good_run_is_0_with_its_steps_and_its_report(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert carry_out(RunOrder("hello", {"scenario": "cli"}), Wish("again")) == 0
        said = capsys.readouterr()
        assert "greet" in said.out
        assert "Promoted: hello from cli" in said.out
        assert "http://127.0.0.1" in said.err

    def test_an_error_is_the_code_of_its_class_with_its_remedy(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert carry_out(RunOrder("refuse", {"scenario": "cli"}), Wish("again")) == 5
        assert "To fix: Train a better model." in capsys.readouterr().err

    def test_a_run_whose_process_dies_is_69(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert carry_out(RunOrder("die", {"scenario": "cli"}), Wish("again")) == 69
        assert "signal 9" in capsys.readouterr().err

    def test_json_is_the_report_with_its_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert carry_out(RunOrder("refuse", {"scenario": "cli"}), Wish("again", as_json=True)) == 5
        answer = json.loads(capsys.readouterr().out)
        assert answer["error"]["error"] == "GateError"
        assert answer["flow_run_id"] in answer["url"]


class TestActive:
    def test_detached_it_goes_on_and_a_second_run_follows_it(
        self, host: RunningHost, capsys: pytest.CaptureFixture[str]
    ) -> None:
        order = RunOrder("nap", {"scenario": "both"}, "both")
        assert carry_out(order, Wish("again", detach=True, as_json=True)) == 0
        first = json.loads(capsys.readouterr().out)
        assert carry_out(order, Wish("again", detach=True, as_json=True)) == 0
        said = capsys.readouterr()
        assert json.loads(said.out) == {**first, "active": True}
        assert "going already" in said.err
        host.client.stop(first["flow_run_id"])

    def test_an_order_of_another_kind_is_not_taken_for_the_run_that_goes(self, host: RunningHost) -> None:
        carry_out(RunOrder("nap", {"scenario": "other"}), Wish("again", detach=True))
        with pytest.raises(BusyError):
            carry_out(RunOrder("nap", {"scenario": "other"}, trigger="rollback"), Wish("again", detach=True))
        host.client.stop(host.client.run(RunOrder("nap", {"scenario": "other"})).flow_run_id)

    def test_it_is_ordered_when_the_other_has_ended(
        self, host: RunningHost, capsys: pytest.CaptureFixture[str]
    ) -> None:
        host.client.run(RunOrder("nap", {"scenario": "queue", "seconds": 1.0}))
        assert carry_out(RunOrder("hello", {"scenario": "queue"}, trigger="rollback"), Wish("again")) == 0
        said = capsys.readouterr()
        assert "yours is ordered when it ends" in said.err
        assert "hello from queue" in said.out
        assert TURNS > 1


class TestInterrupt:
    def test_ctrl_c_stops_our_run_and_says_what_resumes_it(self, host: RunningHost) -> None:
        user = following(host, "ours")
        until(lambda: going(host, "ours"))
        user.send_signal(signal.SIGINT)
        _, said = user.communicate(timeout=30)
        assert user.returncode == 130
        assert "`landbridge run nap.yaml` resumes it" in said
        assert "Traceback" not in said
        assert going(host, "ours") == []

    def test_ctrl_c_leaves_a_run_that_somebody_else_started(self, host: RunningHost) -> None:
        theirs = host.client.run(RunOrder("nap", {"scenario": "theirs"}, "theirs")).flow_run_id
        user = following(host, "theirs")
        assert user.stderr is not None
        assert "going already" in user.stderr.readline()
        assert theirs in user.stderr.readline()
        user.send_signal(signal.SIGINT)
        _, said = user.communicate(timeout=30)
        assert user.returncode == 130
        assert "The run goes on" in said
        assert not host.client.run_state(theirs)["final"]
        host.client.stop(theirs)
