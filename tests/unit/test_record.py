"""A record is believed only while its writer lives: a killed host leaves it as it was."""

import os
import signal
import subprocess

from landbridge.record import lives


def test_the_writer_lives() -> None:
    assert lives({"pid": os.getpid()})


def test_a_killed_host_is_dead_before_its_parent_notices() -> None:
    with subprocess.Popen(["sleep", "60"]) as host:
        host.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, host.pid, os.WEXITED | os.WNOWAIT)  # ended, and still a zombie
        assert not lives({"pid": host.pid})
        host.wait()
        assert not lives({"pid": host.pid})


def test_an_empty_record_has_no_writer() -> None:
    assert not lives({})
