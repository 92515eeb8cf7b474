"""What runs in a serving pod: `pod_serve.py fetch ORDER.json` first, in its init container, then `pod_serve.py serve ORDER.json`.

Both are files of a mounted ConfigMap, beside `model_server.py`: an image needs Python, what the model needs, and fsspec
with the site's file system, but not landbridge. So a change of landbridge needs no new image, and never meets an old one.

The order is JSON: `model` {url, digest}, `storage` (fsspec options; credentials come from the environment), `scoring`
{archive or url, digest} or null, `data` (the folder to fill: `model/`, `code/`), `serve` (the order of
`model_server.serve`; its `reason` is the pod's termination message).
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import shutil
import signal
import sys
import tarfile
from typing import Any

Json = Any
MODEL, CODE = "model", "code"


def server() -> Any:
    """`model_server`: the file beside this one, or the module of the same package."""
    return importlib.import_module("landbridge.runner.model_server" if __package__ else "model_server")


def fetch(order: dict[str, Json], beside: str) -> None:
    """Fill `order["data"]` with the model and the scoring code, and check that they are those that were ordered.

    Args:
        beside: the folder of the order, which may hold the archive of the scoring code.
    """
    kind = server()
    try:
        _fetch_tree(order["model"], order, MODEL)
        if order["scoring"]:
            _fetch_scoring(order, beside)
    except FileNotFoundError as error:
        kind.give_up(order["serve"], kind.NO_MODEL, "NoModel", error)
    except kind.DigestMismatchError as error:
        kind.give_up(order["serve"], kind.DIGEST_MISMATCH, "DigestMismatch", error)
    except ImportError as error:  # fsspec, or the file system of the site's store
        kind.give_up(order["serve"], kind.MISSING_PACKAGE, "MissingPackage", error)
    except Exception as error:
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        kind.say_why(order["serve"], "DiskFull" if full else "FetchFailed", error)
        raise


def _fetch_scoring(order: dict[str, Json], beside: str) -> None:
    scoring = order["scoring"]
    if not scoring.get("archive"):
        _fetch_tree(scoring, order, CODE)
        return
    folder = _empty(order["data"], CODE)
    with tarfile.open(os.path.join(beside, scoring["archive"])) as archive:
        safely: Any = (
            {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        )  # our own archive, yet no path leads out
        archive.extractall(folder, **safely)  # noqa: S202
    server().check_folder(folder, scoring["digest"])


def _fetch_tree(wanted: dict[str, Json], order: dict[str, Json], name: str) -> None:
    folder = _empty(order["data"], name)
    fsspec: Any = importlib.import_module("fsspec.core")
    store, root = fsspec.url_to_fs(wanted["url"], **order["storage"])
    root = root.rstrip("/")
    found = [path for path in store.find(root) if path != root and not path.endswith("/")]
    if not found:
        raise FileNotFoundError(f"{wanted['url']} holds no file")
    places = [os.path.join(folder, os.path.relpath(path, root)) for path in found]
    for place in places:
        os.makedirs(os.path.dirname(place), exist_ok=True)
    store.get(found, places)
    server().check_folder(folder, wanted["digest"])


def _empty(data: str, name: str) -> str:
    """A restarted container finds what it left half done."""
    folder = os.path.join(data, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def serve(order: dict[str, Json]) -> None:
    """Serve until SIGTERM; then the open requests are answered first.

    The first process of a container ignores a signal that it has no handler for: without one, a pod that is deleted
    while it loads its model would sit out its whole grace period. The server replaces the handler when it is up.
    """
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # at once: an exit would wait for the thread that loads
    server().serve(order["serve"])


def main(step: str, path: str) -> None:
    with open(path, encoding="utf-8") as file:
        order = json.load(file)
    if step == "fetch":
        fetch(order, os.path.dirname(path))
    else:
        serve(order)


if __name__ == "__main__":
    main(*sys.argv[1:3])
