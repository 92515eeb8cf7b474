"""The child's side of `landbridge.runner.forks`: what a forked process does before and after its work.

Preloaded into the fork server before anything else, so that no numeric library starts a thread there: a process with
threads must not fork.
"""

import atexit
import ctypes
import gc
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from typing import Any

NO_THREADS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pyarrow's, as pandas imports it
}
BEFORE = {name: os.environ.get(name) for name in NO_THREADS}  # of the owner: for whatever a child starts
_PR_SET_NAME, _PR_SET_PDEATHSIG = 15, 1
_SERVERS_OWN = "multiprocessing.forkserver"  # in the command line of the fork server alone

if _SERVERS_OWN in " ".join(sys.orig_argv):
    os.environ.update(NO_THREADS)
    atexit.register(os._exit, 0)  # no slow farewell to every module: the children end when the server is gone


@dataclass(frozen=True, slots=True)
class Order:
    """One child to be. The fork server unpickles it in the child and calls `_bootstrap`, as it does a Process."""

    target: str
    payload: Mapping[str, Any]
    log_path: str
    name: str
    server_pid: int

    def _bootstrap(self, parent_sentinel: int) -> int:
        os.close(parent_sentinel)
        _detach(self.server_pid, self.name)
        _log_to(self.log_path)
        gc.freeze()  # what was imported stays shared: no collection writes into its pages
        try:
            return _call(self.target, self.payload)
        finally:
            threading._shutdown()  # type: ignore[attr-defined]  # waits for non-daemon threads, as Process does
            _flush()


def probe(payload: Mapping[str, Any]) -> None:
    """Say what keeps the fork server from being good: a module that it could not import, a thread that it started."""
    for module in payload["preload"]:
        if module not in sys.modules:
            importlib.import_module(module)  # raises again what the fork server passed over
    tasks = f"/proc/{os.getppid()}/task"
    if os.path.isdir(tasks) and len(os.listdir(tasks)) > 1:  # noqa: PTH112, PTH208  # no pathlib before it is needed
        raise RuntimeError(f"The fork server has {len(os.listdir(tasks))} threads.")  # noqa: PTH208


def run_command(payload: Mapping[str, Any]) -> None:
    """Become the program `command`; the order to die with the fork server stays in force over exec."""
    command = payload["command"]
    os.execvpe(command[0], command, os.environ | payload.get("environment", {}))  # noqa: S606


def _call(target: str, payload: Mapping[str, Any]) -> int:
    try:
        module, _, function = target.partition(":")
        getattr(importlib.import_module(module), function)(payload)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:  # noqa: BLE001  # nobody is above: the trace must reach the log
        traceback.print_exc()
        return 1
    return 0


def _detach(server_pid: int, name: str) -> None:
    """End with the fork server, and only with it: out of the terminal's reach, holding nothing that keeps it alive."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)
    if os.getppid() != server_pid:  # it died before the order was given
        os._exit(1)
    os.setpgid(0, 0)  # no session of its own: the kernel shares time out by session first, and no niceness would count
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _leave_the_server()
    for variable, value in BEFORE.items():
        os.environ.pop(variable, None)
        if value is not None:
            os.environ[variable] = value
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # else all children would draw the same numbers


def _leave_the_server() -> None:
    """Close our ends of its pipes: a server ends when the last process that holds one is gone, so our owner must be the last."""
    server: Any = forkserver._forkserver
    tracker: Any = resource_tracker._resource_tracker
    for held in (server._forkserver_alive_fd, tracker._fd):
        if held is not None:
            os.close(held)
    server._forkserver_alive_fd = server._forkserver_address = server._forkserver_pid = tracker._fd = None


def _log_to(path: str) -> None:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.close(log)
    for text in (sys.stdout, sys.stderr):
        text.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _flush() -> None:
    for text in (sys.stdout, sys.stderr):
        text.flush()
