"""Serves one model on a Unix socket until SIGTERM: an MLflow model, or a `score.py` with `init()` and `run()`.

Runs in a fork of a warm process, or cold, as a file (`python model_server.py ORDER.json`), in an interpreter that has
MLflow but not landbridge. Hence nothing of ours is imported here, and vendors only once the model's files are checked.

Both kinds answer `/score` and `/invocations`, `/ping` and `/health` alike, and name their colour in a header.
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
import traceback
from typing import Any, Callable, NoReturn  # noqa: UP035  # older interpreters read this file too

DIGEST_MISMATCH, NO_MODEL, MISSING_PACKAGE = 20, 21, 22  # exit codes after which trying again changes nothing
COLOUR_HEADER = "azureml-model-deployment"
SCORE_PATHS = ("/score", "/invocations")
PING_PATHS = ("/ping", "/health")
KEEP_ALIVE_SECONDS = 86_400  # the router closes idle connections first, so it never sends into a closing one
GRACE_SECONDS = 10
LOADING_NICENESS = 10  # what serves goes before what loads
NOT_FOR_MODELS = ("LANDBRIDGE_", "PREFECT_")  # addresses, maybe passwords, that a model has no use for

Json = Any
App = Any
Send = Callable[[Any], Any]


def serve(order: dict[str, Json]) -> None:
    """Check the model's files, load it and serve it.

    Args:
        order: `flavour` (mlflow, score), `model`, `digest`, `scoring` (`folder`, `script`, `digest`), `socket`, `colour`,
            `environment`, `request_timeout_ms`, `max_queue_wait_ms`, `max_concurrent`, and `reason`: the file that
            says why the server could not serve, as `{"reason", "detail"}`.
    """
    _take_environment(order["environment"])
    try:
        _check(order["model"], order["digest"])
        if order["flavour"] == "score":
            _check(order["scoring"]["folder"], order["scoring"]["digest"])
            _serve_script(order)
        else:
            _serve_mlflow(order)
    except FileNotFoundError as error:
        _give_up(order, NO_MODEL, "NoModel", error)
    except _DigestMismatchError as error:
        _give_up(order, DIGEST_MISMATCH, "DigestMismatch", error)
    except ModuleNotFoundError as error:
        _give_up(order, MISSING_PACKAGE, "MissingPackage", error)
    except Exception as error:
        _say_why(order, "LoadFailed", error)
        raise


class _DigestMismatchError(Exception):
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


def _check(folder: str, wanted: str) -> None:
    if not os.path.isdir(folder):  # noqa: PTH112
        raise FileNotFoundError(f"{folder} is no folder")
    if wanted and (found := digest_folder(folder)) != wanted:
        raise _DigestMismatchError(f"{folder} has digest {found}, ordered was {wanted}")


def _take_environment(environment: dict[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith(NOT_FOR_MODELS)]:
        del os.environ[name]
    os.environ.update(environment)


def _serve_mlflow(order: dict[str, Json]) -> None:
    seconds = -(-int(order["request_timeout_ms"]) // 1000)
    os.environ["MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT"] = str(seconds + 1)  # ours comes first, and to the millisecond
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    app = _niced(lambda: _mlflow_app(order["model"]))
    import uvicorn

    config = uvicorn.Config(
        Front(app, order),
        uds=order["socket"],
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    uvicorn.Server(config).run()


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


class Front:
    """What stands before an ASGI model server: path names, the colour's header, and Azure ML's request settings."""

    def __init__(self, app: App, order: dict[str, Json]) -> None:
        self._app = app
        self._header = (COLOUR_HEADER.encode(), order["colour"].encode())
        self._wait = order["max_queue_wait_ms"] / 1000
        self._timeout = order["request_timeout_ms"] / 1000
        self._concurrent = int(order["max_concurrent"])
        self._free: asyncio.Semaphore | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in SCORE_PATHS:
            await self._score({**scope, "path": "/invocations"}, receive, self._named(send))
        else:
            await self._app(scope, receive, self._named(send))

    async def _score(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        if self._free is None:
            self._free = asyncio.Semaphore(self._concurrent)
        try:
            if self._free.locked():
                await asyncio.wait_for(self._free.acquire(), self._wait)
            else:
                await self._free.acquire()
        except asyncio.TimeoutError:  # noqa: UP041  # not the same before 3.11
            await _answer(send, 429, f"No free place within {self._wait:g} s.")
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
                await _answer(send, 504, f"No prediction within {self._timeout:g} s.")

    def _named(self, send: Send) -> Send:
        async def named(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), self._header]}
            await send(message)

        return named


async def _answer(send: Send, status: int, message: str) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"message": message}).encode()})


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
    settings = {
        "bind": f"unix:{order['socket']}",
        "workers": int(os.environ.get("WORKER_COUNT") or order["max_concurrent"]),
        "timeout": int(os.environ.get("WORKER_TIMEOUT", "300")),
        "graceful_timeout": GRACE_SECONDS,
        "control_socket_disable": True,
    }

    class Gunicorn(base):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in settings.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> App:
            create: Any = importlib.import_module("azureml_inference_server_http.server.create_app")
            return _wsgi_front(create.create(), order["colour"])

    Gunicorn().run()


def _wsgi_front(app: App, colour: str) -> App:
    """`Front` for a WSGI application; the inference server and gunicorn keep the limits themselves."""

    def front(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ.get("PATH_INFO", "")
        environ["PATH_INFO"] = "/score" if path in SCORE_PATHS else "/" if path in PING_PATHS else path

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, (COLOUR_HEADER, colour)], *more)

        return app(environ, start)

    return front


def _give_up(order: dict[str, Json], code: int, reason: str, error: BaseException) -> NoReturn:
    _say_why(order, reason, error)
    raise SystemExit(code)


def _say_why(order: dict[str, Json], reason: str, error: BaseException) -> None:
    traceback.print_exc()
    with open(order["reason"], "w", encoding="utf-8") as file:
        json.dump({"reason": reason, "detail": f"{type(error).__name__}: {error}"}, file)


def main(path: str) -> None:
    logging.basicConfig(level=logging.INFO)
    with open(path, encoding="utf-8") as file:
        order = json.load(file)
    serve(order)


if __name__ == "__main__":
    main(sys.argv[1])
