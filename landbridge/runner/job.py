"""Runs one training job of the local driver and writes down how it ended.

Started as a file, `python -I -S job.py DIRECTORY`: standard library only, and little of it before the job runs, because
every import here delays each job. The directory is the record; `landbridge.drivers.local.training_record` names its
files.

One runner per job for ever: it holds a lock on `runner.lock` while it lives and never starts where a `pid` record lies.
Lock free, `pid` there, no `exit`: the runner was killed.
"""

from __future__ import annotations  # in a pod it runs on the Python of the user's image

import fcntl
import os
import signal
import sys
import time
from types import FrameType

GRACE_SECONDS = 5.0
MARKER = "LANDBRIDGE_JOB_DIRECTORY"  # in the environment of every process of the job, so none can hide from its end
TAIL_BYTES = 8192
POLL_SECONDS = 0.02
LOOKS, BETWEEN_SECONDS = 100, 0.005  # one that the kernel cannot end is not waited for longer
ENOUGH = 2  # looks that find nothing: one misses a process in the middle of an exec, which shows no environment
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
RECORD_BYTES = 4096
MEBIBYTE = 1 << 20
EXPECTED_FOLDERS = ("outputs", "logs")  # Azure ML makes them in the working directory; commands write there unasked
FULL_WORDS = ("No space left on device", "Disk quota exceeded", "File too large", "ENOSPC")


class Ending:
    """What signals do to a running job: TERM (cancel) or ALRM (timeout), then KILL to all of it after the grace."""

    def __init__(self) -> None:
        self.reason = ""
        self.group = 0
        self.kill_at = 0.0
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if not self.reason:
            self.reason = "Timeout" if number == signal.SIGALRM else "Cancelled"
            self.begin()
        elif number == signal.SIGALRM:
            signal_group(self.group, signal.SIGKILL)

    def begin(self) -> None:
        """Ask the job to end; an alarm later kills it."""
        adopt_orphans()
        self.kill_at = time.monotonic() + GRACE_SECONDS
        signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)
        signal_group(self.group, signal.SIGTERM)


def main(folder: str) -> None:
    """Run the job of `folder`, unless somebody does or did."""
    if os.fork():
        os._exit(0)  # the submitter waits for this; the runner itself belongs to nobody who could take it along
    os.setsid()
    os.chdir(folder)
    lock = os.open("runner.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    if os.path.exists("pid") or os.path.exists("exit"):  # noqa: PTH110 - pathlib costs 5 ms here
        return
    started = time.time()
    code: int | None = None
    ending = Ending()
    try:
        reserve_record()
        write_whole("pid", f"{os.getpid()} {started!r}")
        code = run(folder, ending)
        reason, detail = explain(code, ending.reason)
    except (OSError, ValueError) as error:
        reason = "DiskFull" if "space left" in str(error) else "NotStarted"
        detail = f"The runner could not run it: {error}"
    write_exit({"exit_code": code, "reason": reason, "detail": detail, "started_at": started, "ended_at": time.time()})


def run(folder: str, ending: Ending) -> int | None:
    """Start the command, wait for it and end what it left behind. None: cancelled before it started."""
    code_folder, timeout, shell, command, *variables = read("start").split("\0")
    if os.path.exists("cancel"):  # noqa: PTH110
        ending.reason = "Cancelled"
        return None
    environment = dict(os.environ)
    for variable in variables:
        name, _, value = variable.partition("=")
        environment[name] = value
    environment[MARKER] = folder
    os.chdir(code_folder)
    pid = os.posix_spawn(
        shell, [shell, "-c", command], environment, setpgroup=0, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ]
    )
    ending.group = pid
    os.chdir(folder)
    if ending.reason:
        ending.begin()
    else:
        signal.setitimer(signal.ITIMER_REAL, float(timeout))
    status = os.waitpid(pid, 0)[1]
    signal.setitimer(signal.ITIMER_REAL, 0)
    end_rest(folder, ending)
    return os.waitstatus_to_exitcode(status)


def end_rest(folder: str, ending: Ending) -> None:
    """End what outlived the command: within the rest of the grace if it was asked to end, else at once."""
    while time.monotonic() < ending.kill_at and signal_group(ending.group, 0):
        reap(ending.group)
        time.sleep(POLL_SECONDS)
    signal_group(ending.group, signal.SIGKILL)
    mark = f"{MARKER}={folder}\0".encode()
    nothing = 0
    for _ in range(LOOKS):
        nothing = 0 if end_marked(mark) else nothing + 1
        if nothing == ENOUGH:
            return
        time.sleep(BETWEEN_SECONDS)


def end_marked(mark: bytes) -> bool:
    """Kill every process that carries the mark; whether there was one."""
    found = False
    for pid in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):  # noqa: PTH112, PTH208
        try:
            with open(f"/proc/{pid}/environ", "rb") as stream:
                if mark in stream.read():
                    os.kill(int(pid), signal.SIGKILL)
                    found = True
        except OSError:  # gone, or another user's
            continue
    return found


def adopt_orphans() -> None:
    """Become the parent of the job's orphans (Linux): a dead one that nobody reaps looks alive till the grace ends."""
    import ctypes

    try:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except AttributeError:  # another system: the grace is waited for
        return


def reap(group: int) -> None:
    """Take leave of the dead of the group."""
    try:
        while os.waitpid(-group, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return


def signal_group(group: int, number: int) -> bool:
    """True when the group exists."""
    try:
        if group:
            os.killpg(group, number)
    except OSError:
        return False
    return bool(group)


def explain(code: int | None, reason: str) -> tuple[str, str]:
    """Say in one word and one sentence why the job failed; two empty strings when it did not."""
    last = last_line()
    if reason == "Timeout":
        limit = float(read("start").split("\0")[1])
        return reason, f"The job ran past its limit of {limit:g} s and was ended. Last line: {last}"
    if reason or code is None:
        return "Cancelled", "The job was cancelled."
    if code == 0:
        return "", ""
    number = -code if code < 0 else code - 128  # a shell reports its child's signal as 128 + number
    if number == signal.SIGXFSZ or disk_is_full():
        return "DiskFull", f"The disk is full. Last line: {last}"
    if 0 < number < 32:
        memory = "; the kernel does so when memory runs out" if number == signal.SIGKILL else ""
        return "Signal", f"Signal {number} ({signal.strsignal(number)}) ended the job{memory}. Last line: {last}"
    return "Exit", f"The job ended with exit code {code}. Last line: {last}"


def disk_is_full() -> bool:
    disk = os.statvfs(".")
    text = tail()
    return disk.f_bavail * disk.f_frsize < MEBIBYTE or any(word in text for word in FULL_WORDS)


def last_line() -> str:
    lines = [line.strip() for line in tail().splitlines() if line.strip()]
    return lines[-1][:300] if lines else "none, it printed nothing"


def tail() -> str:
    with open("log", "rb") as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - TAIL_BYTES))
        return stream.read().decode(errors="replace")


def read(name: str) -> str:
    with open(name, encoding="utf-8") as stream:
        return stream.read()


def write_whole(name: str, text: str) -> None:
    """Make the file appear with all its content or not at all."""
    with open(f"{name}.new", "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(f"{name}.new", name)  # noqa: PTH105


def reserve_record() -> None:
    """Take the bytes of the exit record now: on a full disk there would be none left for it."""
    with open("exit.new", "w", encoding="utf-8") as stream:
        stream.write(" " * RECORD_BYTES)


def write_exit(record: dict[str, str | float | int | None]) -> None:
    """Write the exit record unless one is there: the first ending of a job is its ending."""
    import json
    from contextlib import suppress

    mode = "r+" if os.path.exists("exit.new") else "w"  # noqa: PTH110 - "w" only if there was no room to reserve
    with open("exit.new", mode, encoding="utf-8") as stream:
        stream.write(json.dumps(record).ljust(RECORD_BYTES))
    with suppress(FileExistsError):
        os.link("exit.new", "exit")
    os.unlink("exit.new")  # noqa: PTH108


if __name__ == "__main__":
    main(sys.argv[1])
