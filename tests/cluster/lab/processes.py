"""The lab's processes: each recorded by pid and start time, and all of a site in one cgroup.

The cgroup finds what the records cannot: containerd's shims, and pods, which live in network namespaces of their own.
Nothing outside it and not recorded is ever signalled.
"""

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.cluster.lab.host import inside, run, wait_until, write
from tests.cluster.lab.settings import LabError, Site

_CGROUPS = Path("/sys/fs/cgroup")
_START = 'echo $$ > "$1"; echo $$ > "$2"; shift 2; exec "$@"'
"""Enter the cgroup and tell the pid before becoming the program, so that no child is born outside."""


def require_cgroups() -> None:
    """See that there is the hierarchy that the lab's nodes need, and that it may be written.

    Raises:
        LabError: there is another, or it is read-only.
    """
    if not (_CGROUPS / "pids" / "cgroup.procs").exists():
        raise LabError("the lab's nodes need the cgroup v1 hierarchy; this machine has another")
    if not os.access(_CGROUPS / "pids", os.W_OK):
        raise LabError("the lab's nodes make cgroups, and the hierarchy of this machine is read-only")


def make_cgroups(site: Site) -> None:
    """Make the folder below which the kubelet puts its pods, in every controller.

    Two kubelets under one root would end each other's pods as orphans.
    """
    require_cgroups()
    for controller in _controllers():
        folder = controller / site.namespace
        folder.mkdir(exist_ok=True)
        if controller.name == "cpuset":
            for name in ("cpuset.cpus", "cpuset.mems"):  # a new one has neither, and then takes no process
                (folder / name).write_text((controller / name).read_text())
    _daemons(site).mkdir(exist_ok=True)


def start(site: Site, name: str, *command: str | Path) -> None:
    """Start a daemon in the site's network; what it prints goes to log/NAME.log.

    It is detached at once: the lab outlives the process that brought it up.
    """
    record, log, told = _record(site, name), site.run / "log" / f"{name}.log", site.run / "processes" / f"{name}.pid"
    for folder in (record.parent, log.parent):
        folder.mkdir(parents=True, exist_ok=True)
    told.unlink(missing_ok=True)
    program = ["sh", "-c", _START, "sh", str(told), str(_daemons(site) / "cgroup.procs"), *map(str, command)]
    quoted = inside(site, "setsid", "--fork", *program)
    run("sh", "-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1 </dev/null', "sh", log, *quoted)
    wait_until(lambda: told.exists() and told.read_text().strip(), 5, f"{name} of {site.name} started")
    pid = int(told.read_text())
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess as error:
        raise LabError(f"{name} of {site.name} ended at once: {tail(site, name)}") from error
    write(record, json.dumps({"pid": pid, "started": started, "command": [str(word) for word in command]}))
    told.unlink()


def stop(site: Site, name: str, how: signal.Signals = signal.SIGTERM, seconds: float = 20) -> None:
    """End a daemon by its record; silent when it runs no more. After `seconds` it is killed."""
    process = recorded(site, name)
    if process is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(how)
        with contextlib.suppress(LabError):
            wait_until(lambda: not _runs(process), seconds, f"{name} of {site.name} ended")
        if _runs(process):
            process.kill()
    wait_until(lambda: not _runs(process), 5, f"{name} of {site.name} killed")


def start_again(site: Site, name: str) -> None:
    """Start a daemon that was stopped or killed, as it was."""
    start(site, name, *json.loads(_record(site, name).read_text())["command"])


def recorded(site: Site, name: str) -> psutil.Process | None:
    """Return the daemon if it still is the process that the lab started, and not another with its number."""
    try:
        record = json.loads(_record(site, name).read_text())
        process = psutil.Process(record["pid"])
        same = abs(process.create_time() - record["started"]) < 0.05
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None
    return process if same and _runs(process) else None


def names(site: Site) -> list[str]:
    return sorted(path.stem for path in (site.run / "processes").glob("*.json"))


def end_all(site: Site) -> None:
    """End the daemons, then whatever is left in the site's cgroup, and remove the cgroup."""
    for name in sorted(names(site), key=lambda name: name != "kubelet"):  # it would start again what ends
        stop(site, name, signal.SIGKILL)  # nothing of it is kept, so there is nothing to put in order first
    wait_until(lambda: not _kill_members(site), 20, f"the processes of {site.name} ended")
    hierarchies = [*_controllers(), _CGROUPS / "unified"]  # runc makes a folder there too
    folders = [folder for hierarchy in hierarchies for folder in _below(hierarchy / site.namespace)]
    wait_until(lambda: all([_removed(folder) for folder in folders]), 20, f"the cgroups of {site.name} removed")


def members(site: Site) -> Iterator[psutil.Process]:
    """Every process of the site: daemons, shims, pods."""
    for folder in _below(_CGROUPS / "pids" / site.namespace):
        with contextlib.suppress(OSError):
            for pid in (folder / "cgroup.procs").read_text().split():
                with contextlib.suppress(psutil.NoSuchProcess):
                    yield psutil.Process(int(pid))


def tail(site: Site, name: str, size_bytes: int = 1500) -> str:
    log = site.run / "log" / f"{name}.log"
    return log.read_text(errors="replace")[-size_bytes:] if log.exists() else "it printed nothing"


def _record(site: Site, name: str) -> Path:
    return site.run / "processes" / f"{name}.json"


def _daemons(site: Site) -> Path:
    return _CGROUPS / "pids" / site.namespace / "daemons"


def _controllers() -> list[Path]:
    """Return the version 1 hierarchies; `unified` beside them is version 2, and links are second names."""
    return [
        path
        for path in sorted(_CGROUPS.iterdir())
        if path.name != "unified" and path.is_dir() and not path.is_symlink()
    ]


def _below(folder: Path) -> list[Path]:
    """Return the cgroup and those in it, the deepest first."""
    return sorted((path for path in (folder, *folder.rglob("*/")) if path.is_dir()), key=lambda path: -len(path.parts))


def _kill_members(site: Site) -> int:
    left = 0
    for process in members(site):
        with contextlib.suppress(psutil.NoSuchProcess):
            if _runs(process):
                process.kill()
                left += 1
    return left


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # its last process is not quite gone
        return False
    return True


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
