"""Commands of the machine: run one, run one inside a site's network, wait for a condition."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from string import Template

from tests.cluster.lab.settings import MANIFESTS, LabError, Site

PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "conntrack": "conntrack",
    "socat": "socat",
    "ethtool": "ethtool",
    "mmdebstrap": "mmdebstrap",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
"""A program that proves the package is there, and the package's name in Debian."""


def run(*words: str | Path, stdin: str | None = None, environment: dict[str, str] | None = None) -> str:
    """Run a command and return what it printed.

    Raises:
        LabError: it failed; with the command and the end of its error output.
    """
    argv = [str(word) for word in words]
    try:
        done = subprocess.run(
            argv, input=stdin, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed") from error
    if done.returncode != 0:
        raise LabError(f"{' '.join(argv)[:300]} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def inside(site: Site, *words: str | Path) -> list[str]:
    """Return the command as it runs in the site's network.

    `nsenter` and not `ip netns exec`, which remounts /sys and so hides the cgroups from kubelet and containerd.
    """
    return ["nsenter", f"--net=/run/netns/{site.namespace}", *map(str, words)]


def wait_until(holds: Callable[[], object], seconds: float, what: str) -> None:
    """Return once the condition holds.

    Raises:
        LabError: it did not within that many seconds.
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise LabError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)


def require_rights() -> None:
    """Try what the lab's networks and nodes need, in namespaces of their own.

    Raises:
        LabError: this process may not.
    """
    _require_root()
    tried = "mount -t tmpfs none /mnt && echo 1 > /proc/sys/net/ipv4/ip_forward"
    try:
        run("unshare", "--net", "--mount", "sh", "-c", tried)
    except LabError as error:
        raise LabError(f"the lab makes network namespaces and mounts, and this machine refuses: {error}") from error


def _require_root() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces and mounts: it runs as root only")


def install_packages() -> None:
    """Install the Debian packages that are missing; nothing happens when all are there."""
    _require_root()
    missing = sorted(package for program, package in PACKAGES.items() if not shutil.which(program))
    if not missing:
        return
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        run("apt-get", "update", "-qq", environment=quiet)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, environment=quiet)
    except LabError as error:
        raise LabError(f"Debian packages {', '.join(missing)} cannot be installed: {error}") from error


def manifest(name: str, site: Site, **more: str) -> str:
    """Return a file of manifests/ with the site's values in place of ${...}."""
    return Template((MANIFESTS / name).read_text()).substitute({**site.values(), **more})


def write(path: Path, text: str, mode: int = 0o644) -> Path:
    """Write a file and its folders; the mode holds from its first byte on, since some hold keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    return path
