"""A node's images: imported once into a containerd folder in the cache, which every node then starts from.

Importing a gigabyte of Python takes longer than all the rest of a bring-up, and an unpacked layer never changes: a
node gets a symbolic link to each, and deletes no more than that. What does change, two databases, is copied.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.cluster.lab.host import manifest, wait_until, write
from tests.cluster.lab.images import code_images, lasting_images
from tests.cluster.lab.oci import Image, write_archive
from tests.cluster.lab.settings import LabError, Site, cache_folder, digest

_TEMPLATE = "template-"


def prepare(say: Callable[[str], None] = lambda line: None) -> tuple[Image, ...]:
    """Make the lasting images and the folder they are imported into, as far as the cache lacks them."""
    images = lasting_images(say)
    target = _template(images)
    if target.exists():
        return images
    say("images: importing them once")
    working = target.with_name(f"making-{os.getpid()}")
    shutil.rmtree(working, ignore_errors=True)
    site = Site("images", "127.0", "", "", working / "run", working)
    try:
        _import_once(site, images)
        (working / "containerd").replace(target)
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return images


def give_images(site: Site, images: tuple[Image, ...]) -> None:
    """Fill the node's containerd folder, before containerd starts."""
    template, target = _template(images), site.disk / "containerd"
    shutil.rmtree(site.disk, ignore_errors=True)
    shutil.copytree(template, target, copy_function=_link_or_copy, ignore=_unpacked_layers)
    for snapshot in template.glob("*/snapshots/*"):
        (target / snapshot.relative_to(template)).symlink_to(snapshot)


def forget_older(images: tuple[Image, ...]) -> None:
    """Delete what nodes of earlier versions started from; only while no lab is up, for its nodes still read it."""
    current = _template(images)
    for other in current.parent.glob(f"{_TEMPLATE}*"):
        if other != current:
            shutil.rmtree(other, ignore_errors=True)


def give_code(site: Site, images: tuple[Image, ...]) -> None:
    """Import landbridge as it is now as the top layer of the images for training and serving.

    Re-runnable while the cluster runs: pods started afterwards have the new code.
    """
    known = frozenset(layer.sha256 for image in images for layer in image.layers)
    import_images(site, code_images(images), known)


def import_images(site: Site, images: tuple[Image, ...], known: frozenset[str] = frozenset()) -> None:
    """Stream images into the site's containerd, without a copy on disk in between."""
    command = ["ctr", "--address", str(site.containerd_socket), "--namespace", "k8s.io", "images", "import", "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as importing:
        assert importing.stdin is not None
        assert importing.stdout is not None
        try:
            write_archive(importing.stdin, images, known)
            importing.stdin.close()
        except BrokenPipeError:
            pass  # its own words, below, say why it left
        said = importing.stdout.read().decode(errors="replace")
    if importing.returncode != 0:
        raise LabError(f"images {[image.name for image in images]} cannot be imported: {said[-1000:]}")


def serves(site: Site) -> bool:
    """Tell whether the site's containerd answers."""
    command = ["ctr", "--address", str(site.containerd_socket), "--timeout", "1s", "version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _import_once(site: Site, images: tuple[Image, ...]) -> None:
    config = write(site.run / "containerd.toml", manifest("containerd.toml", site))
    # It dies with us: nothing else would end it if we are killed here.
    command = ["setpriv", "--pdeathsig", "TERM", "nice", "-n", "19", "containerd", "--config", str(config)]
    with (site.run / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as containerd:
        try:
            wait_until(lambda: serves(site), 60, "containerd for importing images")
            import_images(site, images)
        finally:
            containerd.terminate()
            containerd.wait(30)


def _template(images: tuple[Image, ...]) -> Path:
    parts = [part for image in images for part in (image.name, image.config())]
    return cache_folder() / "nodes" / f"{_TEMPLATE}{digest(*parts)}"


def _link_or_copy(source: str, target: str) -> str:
    if source.endswith(".db"):
        return shutil.copyfile(source, target)
    os.link(source, target)
    return target


def _unpacked_layers(folder: str, names: list[str]) -> list[str]:
    return names if Path(folder).name == "snapshots" else []
