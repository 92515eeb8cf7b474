"""Serves one model on a Unix socket or a port until SIGTERM: an MLflow model, or a `score.py` with `init()` and `run()`.

Runs in a fork of a warm process, or cold, as a file (`python model_server.py ORDER.json`), in an interpreter that has
MLflow but not landbridge. Hence nothing of ours is imported here, and vendors only once the model's files are checked.

Both kinds answer `/score` and `/invocations`, `/ping` and `/health` alike, and name their colour in a header. What they
answered to the first two is told at `/landbridge/counts`.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import logging
import os
import sys
import threading
import time
import traceback
from typing import Any, Callable, NoReturn  # noqa: UP035  # older interpreters read this file too

DIGEST_MISMATCH, NO_MODEL, MISSING_PACKAGE = 20, 21, 22  # exit codes after which trying again changes nothing
COLOUR_HEADER = "azureml-model-deployment"
SCORE_PATHS = ("/score", "/invocations")
PING_PATHS = ("/ping", "/health")
COUNTS_PATH = "/landbridge/counts"
KEEP_ALIVE_SECONDS = 86_400  # the router closes idle connections first, so it never sends into a closing one
GRACE_SECONDS = 10
# Every address: the server is alone in a pod's network, and the pod's network is the boundary. Never used on a shared machine.
POD_HOST = "0.0.0.0"  # noqa: S104
WORD_LIMIT = 2000  # characters of the reason: a pod's termination message ends at 4096 bytes
LOADING_NICENESS = 10  # what serves goes before what loads
NOT_FOR_MODELS = ("LANDBRIDGE_", "PREFECT_")  # addresses, maybe passwords, that a model has no use for

Json = Any
App = Any
Send = Callable[[Any], Any]


def serve(order: dict[str, Json]) -> None:
    """Check the model's files, load it and serve it.

    Args:
        order: `flavour` (mlflow, score), `model`, `digest`, `scoring` (`folder`, `script`, `digest`), `colour`,
            `socket` or, in a pod, `port`, `environment`, `request_timeout_ms`, `max_queue_wait_ms`, `max_concurrent`,
            `grace_seconds` for open requests at the end (10), and `reason`: the file that says why the server could
            not serve, as `{"reason", "detail"}`.
    """
    _take_environment(order["environment"])
    try:
        check_folder(order["model"], order["digest"])
        if order["flavour"] == "score":
            check_folder(order["scoring"]["folder"], order["scoring"]["digest"])
            _serve_script(order)
        else:
            _serve_mlflow(order)
    except FileNotFoundError as error:
        give_up(order, NO_MODEL, "NoModel", error)
    except DigestMismatchError as error:
        give_up(order, DIGEST_MISMATCH, "DigestMismatch", error)
    except ModuleNotFoundError as error:
        give_up(order, MISSING_PACKAGE, "MissingPackage", error)
    except Exception as error:
        say_why(order, "LoadFailed", error)
        raise


class DigestMismatchError(Exception):
    """The files are not those that were ordered."""


def digest_folder(folder: str) -> str:
    """As `landbridge.domain.digests.digest_tree` over the files' contents."""
    lines = []
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)  # noqa: PTH118
            digest = hashlib.sha256()
            with open(path, "rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
            relative = os.path.relpath(path, folder).replace(os.sep, "/")
            lines.append(f"{relative}\0sha256:{digest.hexdigest()}\n")
    return "sha256:" + hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def check_folder(folder: str, wanted: str) -> None:
    """Raises FileNotFoundError without a folder, DigestMismatchError when it is not `wanted` ("" = whatever it is)."""
    if not os.path.isdir(folder):  # noqa: PTH112
        raise FileNotFoundError(f"{folder} is no folder")
    if wanted and (found := digest_folder(folder)) != wanted:
        raise DigestMismatchError(f"{folder} has digest {found}, ordered was {wanted}")


def _take_environment(environment: dict[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith(NOT_FOR_MODELS)]:
        del os.environ[name]
    os.environ.update(environment)
    # A model may bring code. Its bytecode, written beside it, would make its digest another one: the next start would refuse it.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # for workers that are started anew


def _serve_mlflow(order: dict[str, Json]) -> None:
    seconds = -(-int(order["request_timeout_ms"]) // 1000)
    os.environ["MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT"] = str(seconds + 1)  # ours comes first, and to the millisecond
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    app = _niced(lambda: _mlflow_app(order["model"]))
    import uvicorn

    config = uvicorn.Config(
        Front(app, order),
        **({"host": POD_HOST, "port": int(order["port"])} if "port" in order else {"uds": order["socket"]}),
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_grace_seconds(order),
    )
    uvicorn.Server(config).run()


def _grace_seconds(order: dict[str, Json]) -> int:
    return int(order.get("grace_seconds", GRACE_SECONDS))


def _mlflow_app(model: str) -> App:
    scoring: Any = importlib.import_module("mlflow.pyfunc.scoring_server")
    return scoring.init(scoring.load_model(model))


def _niced(load: Callable[[], App]) -> App:
    """Load in a thread of low priority: priorities are per thread on Linux, and what serves later keeps the normal one."""
    result: list[App] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            if sys.platform == "linux":
                usual = os.getpriority(os.PRIO_PROCESS, 0)
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), usual + LOADING_NICENESS)
            result.append(load())
        except BaseException as error:  # noqa: BLE001  # raised again below, in the main thread
            errors.append(error)

    thread = threading.Thread(target=work, name="load")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return result[0]


class Tally:
    """Answers of this colour since it started: how many, how many of them failed (status ≥ 500 or none), and their time.

    `cells` hold these three, the time in microseconds; workers of one server share them (`multiprocessing.Array`).
    """

    def __init__(self, cells: Any) -> None:
        self._cells = cells
        self._lock = cells.get_lock() if hasattr(cells, "get_lock") else threading.Lock()

    def add(self, status: int, seconds: float) -> None:
        held = self._lock.acquire(timeout=1)  # a worker killed inside would hold it for ever; then count without
        try:
            self._cells[0] += 1
            self._cells[1] += status >= 500 or status == 0
            self._cells[2] += int(seconds * 1e6)
        finally:
            if held:
                self._lock.release()

    def told(self) -> bytes:
        answered, failed, microseconds = self._cells[:3]
        return json.dumps({"answered": answered, "failed": failed, "milliseconds": microseconds / 1000}).encode()


class Front:
    """What stands before an ASGI model server: path names, counts, the colour's header, and Azure ML's request settings."""

    def __init__(self, app: App, order: dict[str, Json]) -> None:
        self._app = app
        self._header = (COLOUR_HEADER.encode(), order["colour"].encode())
        self._wait = order["max_queue_wait_ms"] / 1000
        self._timeout = order["request_timeout_ms"] / 1000
        self._concurrent = int(order["max_concurrent"])
        self._free: asyncio.Semaphore | None = None
        self._tally = Tally([0, 0, 0])

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in SCORE_PATHS:
            await self._counted({**scope, "path": "/invocations"}, receive, self._named(send))
        elif scope["path"] == COUNTS_PATH:
            await _answer(self._named(send), 200, self._tally.told())
        else:
            await self._app(scope, receive, self._named(send))

    async def _counted(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        """Count the answer before its last byte goes out: who has it and asks for the counts finds it among them."""
        status, told, began = 0, False, time.perf_counter()

        async def noting(message: Any) -> None:
            nonlocal status, told
            status = message.get("status", status)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                told = True
                self._tally.add(status, time.perf_counter() - began)
            await send(message)

        try:
            await self._score(scope, receive, noting)
        finally:
            if not told:  # it broke off
                self._tally.add(0, time.perf_counter() - began)

    async def _score(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        if self._free is None:
            self._free = asyncio.Semaphore(self._concurrent)
        try:
            if self._free.locked():
                await asyncio.wait_for(self._free.acquire(), self._wait)
            else:
                await self._free.acquire()
        except asyncio.TimeoutError:  # noqa: UP041  # not the same before 3.11
            await _answer(send, 429, _message(f"No free place within {self._wait:g} s."))
            return
        try:
            await self._timed(scope, receive, send)
        finally:
            self._free.release()

    async def _timed(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        began: list[bool] = []

        async def noting(message: Any) -> None:
            began.append(True)
            await send(message)

        try:
            await asyncio.wait_for(self._app(scope, receive, noting), self._timeout)
        except asyncio.TimeoutError:  # noqa: UP041  # not the same before 3.11
            if not began:
                await _answer(send, 504, _message(f"No prediction within {self._timeout:g} s."))

    def _named(self, send: Send) -> Send:
        async def named(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), self._header]}
            await send(message)

        return named


def _message(words: str) -> bytes:
    return json.dumps({"message": words}).encode()


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _serve_script(order: dict[str, Json]) -> None:
    """Serve a score.py as Azure ML does: its inference server under gunicorn, one request at a time per worker."""
    scoring = order["scoring"]
    os.environ.update(
        AML_APP_ROOT=scoring["folder"],
        AZUREML_ENTRY_SCRIPT=scoring["script"],
        AZUREML_MODEL_DIR=order["model"],
        SCORING_TIMEOUT_MS=str(order["request_timeout_ms"]),
    )
    os.chdir(scoring["folder"])
    sys.path.insert(0, scoring["folder"])
    base: Any = importlib.import_module("gunicorn.app.base").BaseApplication
    importlib.import_module("azureml_inference_server_http")
    tally = Tally(
        importlib.import_module("multiprocessing").Array("q", 3)
    )  # made before the workers are: they share it
    settings = {
        "bind": f"{POD_HOST}:{order['port']}" if "port" in order else f"unix:{order['socket']}",
        "workers": int(os.environ.get("WORKER_COUNT") or order["max_concurrent"]),
        "timeout": int(os.environ.get("WORKER_TIMEOUT", "300")),
        "graceful_timeout": _grace_seconds(order),
        "control_socket_disable": True,
    }

    class Gunicorn(base):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in settings.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> App:
            create: Any = importlib.import_module("azureml_inference_server_http.server.create_app")
            return _wsgi_front(create.create(), order["colour"], tally)

    Gunicorn().run()


def _wsgi_front(app: App, colour: str, tally: Tally) -> App:
    """`Front` for a WSGI application; the inference server and gunicorn keep the limits themselves."""

    def front(environ: dict[str, Any], start_response: Any) -> Any:
        path, began, statuses = environ.get("PATH_INFO", ""), time.perf_counter(), [0]
        environ["PATH_INFO"] = "/score" if path in SCORE_PATHS else "/" if path in PING_PATHS else path

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            statuses.append(int(status.split(" ", 1)[0]))
            return start_response(status, [*headers, (COLOUR_HEADER, colour)], *more)

        if path == COUNTS_PATH:
            start("200 OK", [("content-type", "application/json")])
            return [tally.told()]
        try:
            return app(environ, start)
        finally:
            if path in SCORE_PATHS:
                tally.add(statuses[-1], time.perf_counter() - began)

    return front


def give_up(order: dict[str, Json], code: int, reason: str, error: BaseException) -> NoReturn:
    """Say why, and end with the exit code that says that trying again is vain."""
    say_why(order, reason, error)
    raise SystemExit(code)


def say_why(order: dict[str, Json], reason: str, error: BaseException) -> None:
    traceback.print_exc()
    with open(order["reason"], "w", encoding="utf-8") as file:
        json.dump({"reason": reason, "detail": f"{type(error).__name__}: {error}"[:WORD_LIMIT]}, file)


def main(path: str) -> None:
    logging.basicConfig(level=logging.INFO)
    with open(path, encoding="utf-8") as file:
        order = json.load(file)
    serve(order)


if __name__ == "__main__":
    main(sys.argv[1])
