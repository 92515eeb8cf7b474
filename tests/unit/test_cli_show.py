"""Tables that fit a pipe, a wide and a narrow terminal: nothing of them is lost, and a URL can be copied."""

import io
import sys
import threading
import time

import pytest
from rich.text import Text

from landbridge.cli import show

URL = "http://127.0.0.1:8190/endpoints/flight-delay/invocations"
COLUMNS = ("site", "endpoint URL", "model version", "traffic", "reason")
ROW = ("onprem", URL, "flight-delay 12", "100 %", "the preferred target is drained by an operator")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(monkeypatch: pytest.MonkeyPatch, out: io.StringIO) -> list[str]:
    monkeypatch.setattr(sys, "stdout", out)
    show.table(COLUMNS, [ROW])
    return Text.from_ansi(out.getvalue()).plain.splitlines()


@pytest.mark.parametrize("environment", [{"COLUMNS": "80"}, {"TERM": "dumb", "FORCE_COLOR": "1"}, {}])
def test_a_pipe_is_wide_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    *_, row = printed(monkeypatch, io.StringIO())
    assert all(cell in row for cell in ROW)


@pytest.mark.parametrize("width", [20, 80, 120])
def test_a_narrow_terminal_loses_no_word(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    lines = printed(monkeypatch, Terminal())
    assert any(URL in line for line in lines)
    words = " ".join(lines).split()
    assert {"100", "%", "onprem", "traffic", "preferred", "operator"} <= set(words)


def test_a_wide_terminal_is_used_and_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    lines = printed(monkeypatch, Terminal())
    assert max(len(line.rstrip()) for line in lines) <= 150
    assert "the preferred target is drained" in " ".join(" ".join(lines).split())


def test_on_a_terminal_a_long_wait_says_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    deadline = time.monotonic() + 10
    with show.waiting("Asking…", seconds=0):
        while not terminal.getvalue() and time.monotonic() < deadline:
            time.sleep(0.005)
    assert terminal.getvalue() == "Asking…\n"


@pytest.mark.parametrize(("stream", "seconds"), [(Terminal, 60.0), (io.StringIO, 0.0)])
def test_a_short_wait_and_a_pipe_are_silent(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], seconds: float
) -> None:
    err = stream()
    monkeypatch.setattr(sys, "stderr", err)
    threads = threading.active_count()
    with show.waiting("Asking…", seconds):
        pass
    deadline = time.monotonic() + 10
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.005)
    assert err.getvalue() == ""
