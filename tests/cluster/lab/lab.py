"""The lab as a whole: up, down, status; one on a machine, and nothing left of it afterwards."""

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from tests.cluster.lab import cluster, network, node_images
from tests.cluster.lab.holding import alone, hold, holder, is_used, make_lasting, refuse_used, use, users_file
from tests.cluster.lab.host import install_packages, require_rights, run, wait_until
from tests.cluster.lab.processes import end_all, members, names, recorded, require_cgroups
from tests.cluster.lab.programs import build, custom_resources, kubectl, require_client
from tests.cluster.lab.settings import HOLDER, HUB_BRIDGE, LabError, Site, cache_folder, run_folder, sites

_BESIDE = ("/var/lib/kubelet", "/var/lib/cni", "/var/log/containers", "/var/log/pods", "/run/containerd", "/run/netns")
"""Where kubelet, containerd and ip write whatever they are told; `down` removes those that `up` did not find."""

BUILD_SECONDS = 3600
"""How long to wait for another process, which may be building all of it for the first time."""

Say = Callable[[str], None]


def check() -> None:
    """See whether this machine lets a lab be: its rights, its kernel, and the client that its programs are built with.

    Raises:
        LabError: it does not; the message says why.
    """
    require_rights()
    require_cgroups()
    require_client()


def up(say: Say = lambda line: None) -> bool:
    """Bring both clusters up to stay, first removing what a crashed lab left. Re-runnable.

    Returns:
        Whether it was brought up now; False when it was up already.

    Raises:
        LabError: a component cannot be had, or this machine has another lab; the message says which and why.
    """
    install_packages()
    with alone(BUILD_SECONDS):
        new = _ensure_up(say, lasting=True)
        make_lasting()
    return new


@contextlib.contextmanager
def session(say: Say = lambda line: None) -> Iterator[None]:
    """Use the lab, bringing it up if need be; the last of those who did so ends it. Raises as `up` does."""
    install_packages()
    with alone(BUILD_SECONDS):
        try:
            _ensure_up(say, lasting=False)
        except LabError:
            _end_unless_wanted(say)
            raise
        used = use()
    try:
        yield
    finally:
        used.close()
        with alone(BUILD_SECONDS):
            _end_unless_wanted(say)


def down(say: Say = lambda line: None, force: bool = False) -> None:
    """End the lab and remove all of it but the cache. Silent when there is none.

    Args:
        force: end it even under tests that use it.

    Raises:
        LabError: the lab is another's or in use, or something of it is left all the same; with what.
    """
    with alone(60):
        _refuse_another(f"and not in {run_folder()}: it is not yours to end")
        if not force:
            refuse_used()
        _end(say)


def _ensure_up(say: Say, lasting: bool) -> bool:
    _refuse_another("and a machine has one: `LANDBRIDGE_LAB_RUN={run} python -m tests.cluster.lab down` ends it")
    if holder() is not None and is_used():  # a fault of theirs may be under way; clearing up would be another
        wait_until(is_up, 180, "the lab, which other tests use, is whole")
    if holder() is not None and is_up():
        return False
    _clear(say)
    images = _make(say)
    node_images.forget_older(images)
    hold([path for path in _BESIDE if not Path(path).exists()], lasting)
    _bring_up(images, say)
    return True


def _refuse_another(why: str) -> None:
    """Refuse to go on when the machine's lab is in another run folder and lives; a dead one may be cleared away."""
    record = holder()
    if record is not None and Path(record["run"]) != run_folder() and _lives(Path(record["run"])):
        raise LabError(f"the lab of this machine is in {record['run']}, {why.format(run=record['run'])}")


def _end_unless_wanted(say: Say) -> None:
    record = holder()
    if record is not None and Path(record["run"]) == run_folder() and not record.get("lasting", True) and not is_used():
        _end(say)


def _end(say: Say) -> None:
    _clear(say)
    if left := leftovers():
        raise LabError(f"the lab is down, and left {', '.join(left)}")


def leftovers() -> list[str]:
    """Return what there is of a lab: folders, network, cgroups and so processes, mounts."""
    found = sites()
    paths = [path for site in found for path in (site.run, site.disk, site.kubeconfig)] + [users_file()]
    paths += [Path("/run/netns") / site.namespace for site in found]
    paths += [path for site in found for path in Path("/sys/fs/cgroup").glob(f"*/{site.namespace}")]
    left = [str(path) for path in (*paths, HOLDER) if path.exists()]
    ours = {HUB_BRIDGE, *(f"lb-{site.name}" for site in found)}
    left += [f"the link {name}" for name in sorted(ours & network.links())]
    return left + [f"a mount at {point}" for point in cluster.mounted_below(run_folder())]


def refresh_code(say: Say = lambda line: None) -> None:
    """Give pods that start from now on landbridge as it is now."""
    images = node_images.prepare(say)
    for site in sites():
        node_images.give_code(site, images)


def is_up() -> bool:
    """Tell whether every daemon runs and both API servers answer."""
    return all(all(recorded(site, name) for name in cluster.DAEMONS) and cluster.api_is_ready(site) for site in sites())


def status() -> list[str]:
    """Return a line per daemon (pid, memory), and one per site with the memory of its daemons and of its pods.

    A page that n processes share counts 1/n in each: the daemons are one binary.
    """
    lines = []
    for site in sites():
        known = {name: recorded(site, name) for name in names(site)}
        total = sum(map(_memory, members(site))) if known else 0
        daemons = 0
        for name, process in known.items():
            daemons += (own := _memory(process) if process else 0)
            told = f"pid {process.pid:>7}, {own / 2**20:5.0f} MB" if process else "does not run"
            lines.append(f"{site.name:8}{name:26}{told}")
        state = "ready" if known and cluster.api_is_ready(site) else "not up"
        pods = (total - daemons) / 2**20
        lines.append(f"{site.name:8}{state}: {daemons / 2**20:.0f} MB in daemons, {pods:.0f} MB in pods")
    return lines


def object_store(site: Site) -> dict[str, str]:
    """Return endpoint, bucket, region, access_key and secret_key of a site's object store."""
    about: dict[str, str] = json.loads((site.run / "objectstore.json").read_text())
    return about


def gateway_address(kubeconfig: Path) -> str:
    """Return the address at which the Gateway `edge` answers, on port 80."""
    words = ("get", "gateway", "edge", "-n", "landbridge-edge", "-o", "jsonpath={.status.addresses[0].value}")
    return kubectl(kubeconfig, *words)


def _bring_up(images: tuple[Any, ...], say: Say) -> None:
    started = time.monotonic()
    network.connect(*sites())

    def one(site: Site) -> None:
        cluster.bring_up(site, images)
        say(f"{site.name}: up after {time.monotonic() - started:.1f} s; kubeconfig {site.kubeconfig}")

    with ThreadPoolExecutor(max_workers=2) as both:
        list(both.map(one, sites()))


def _clear(say: Say) -> None:
    """Remove whatever a lab left, whole or half: processes, mounts, cgroups, namespaces, folders."""
    record = holder()
    found = sites(Path(record["run"]) if record else run_folder())
    if record is None and not any(site.run.exists() or network.is_connected(site) for site in found):
        return
    say("removing the lab that is there")
    for site in found:
        end_all(site)
    network.disconnect(*found)
    for site in found:
        for folder in (site.run, site.disk):
            cluster.unmount(folder)
            shutil.rmtree(folder, ignore_errors=True)
        site.kubeconfig.unlink(missing_ok=True)
    users_file().unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody's own files may lie in it
        found[0].run.parent.rmdir()
    for path in record["beside"] if record else ():
        _remove_beside(Path(path))
    HOLDER.unlink(missing_ok=True)


def _remove_beside(path: Path) -> None:
    if str(path) == "/run/netns":
        if path.exists() and not any(path.iterdir()):
            with contextlib.suppress(LabError):  # a mount only where ip made it one
                run("umount", path)
            path.rmdir()
        return
    cluster.unmount(path)
    shutil.rmtree(path, ignore_errors=True)


def _memory(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.NoSuchProcess):
        return int(process.memory_full_info().pss)
    return 0


def _lives(folder: Path) -> bool:
    return any(recorded(site, name) for site in sites(folder) for name in names(site))


def built(say: Say = lambda line: None) -> Path:
    """Build everything that is slow, and return the folder where it is kept."""
    install_packages()
    with alone(BUILD_SECONDS):
        _make(say)
        custom_resources()
    return cache_folder()


def _make(say: Say) -> tuple[Any, ...]:
    """Build each thing once, before both sites ask for it; the largest program beside all others, for each has lonely ends."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        largest = beside.submit(build, "kube", say)
        images = node_images.prepare(say)
        build("objectstore", say)
        largest.result()
    return images
