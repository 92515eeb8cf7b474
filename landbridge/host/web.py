"""The process of one web service: `python -m landbridge.host.web KIND FD PARENT`. One process, no reloader, no workers.

`mlflow server` keeps a second Python process that only waits for the first (494 MB and 6.1 s to an answer; in one
process 252 MB and 3.0 s), and the second would outlive a killed host. The listening socket is inherited: the host holds
it, so a service that restarts keeps its port, and callers wait in its queue where they would be refused.
"""

import ctypes
import gc
import importlib
import itertools
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

_PR_SET_PDEATHSIG = 1
_GRACE_SECONDS = 3  # open keep-alive connections do not hold up the end
_COLLECT_SECONDS = 1.0  # the young garbage; a full collection halts the process for 0.2 s and comes once a minute
_FULL_COLLECTION_EVERY = 60


def die_with_parent(parent_pid: int) -> None:
    """Let the kernel kill this process when the thread that started it ends. Off Linux, the next start cleans up."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before the order was given
        os._exit(1)


def collect_garbage_apart() -> None:
    """Let no thread but one of its own collect cyclic garbage.

    To free a SQLite cursor takes its connection's mutex. Another thread may hold that mutex while it waits for the
    file's write lock, and the event loop, collecting on its way, then waits for it: whoever has the write lock cannot
    go on, and nothing is answered until SQLite's busy timeout, 60 s in Prefect's server.
    """
    gc.disable()
    threading.Thread(target=_collect, name="garbage", daemon=True).start()


def _collect() -> None:
    for count in itertools.count(1):
        time.sleep(_COLLECT_SECONDS)
        gc.collect(2 if count % _FULL_COLLECTION_EVERY == 0 else 1)


def _prefect() -> Any:
    from prefect.server.api.server import create_app

    return create_app(final=True)


def _mlflow() -> Any:
    """What `mlflow server` does before it starts uvicorn: create or migrate the tables, before the first request."""
    from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR, BACKEND_STORE_URI_ENV_VAR
    from mlflow.server.handlers import initialize_backend_stores

    uri, artifacts = os.environ[BACKEND_STORE_URI_ENV_VAR], os.environ[ARTIFACT_ROOT_ENV_VAR]
    initialize_backend_stores(uri, uri, artifacts)
    return importlib.import_module("mlflow.server.fastapi_app").app


APPS: dict[str, Callable[[], Any]] = {"prefect": _prefect, "mlflow": _mlflow}


def main(kind: str, fd: int, parent_pid: int) -> None:
    die_with_parent(parent_pid)
    collect_garbage_apart()
    import uvicorn

    config = uvicorn.Config(
        APPS[kind](), log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE_SECONDS
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=fd)])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
