"""What a model server counts, and that it may listen on a port: with processes as they are in a pod."""

import asyncio
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from landbridge.runner import model_server, pod_serve
from landbridge.runner.model_server import COLOUR_HEADER, Front, Tally
from tests.services.tiny_models import line

Start = Callable[..., "subprocess.Popen[bytes]"]
ORDER = {"colour": "blue", "max_queue_wait_ms": 50, "request_timeout_ms": 200, "max_concurrent": 1}


async def answering(status: int, scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def ask(front: Front, path: str) -> tuple[int, bytes, dict[bytes, bytes]]:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    await front({"type": "http", "path": path, "method": "GET"}, None, send)
    return said[0]["status"], said[-1]["body"], dict(said[0]["headers"])


async def counts(front: Front) -> dict[str, float]:
    status, body, headers = await ask(front, "/landbridge/counts")
    assert status == 200
    assert headers[COLOUR_HEADER.encode()] == b"blue"
    found: dict[str, float] = json.loads(body)
    return found


@pytest.mark.parametrize(("status", "failed"), [(200, 0), (400, 0), (429, 0), (500, 1), (503, 1)])
async def test_every_answer_to_a_score_is_counted_and_those_from_500_on_failed(status: int, failed: int) -> None:
    front = Front(lambda *parts: answering(status, *parts), ORDER)
    await ask(front, "/score")
    await ask(front, "/invocations")
    found = await counts(front)
    assert (found["answered"], found["failed"]) == (2, 2 * failed)
    assert found["milliseconds"] >= 0


@pytest.mark.parametrize("path", ["/ping", "/health", "/version", "/landbridge/counts"])
async def test_what_is_no_score_is_not_counted(path: str) -> None:
    front = Front(lambda *parts: answering(200, *parts), ORDER)
    await ask(front, path)
    assert (await counts(front))["answered"] == 0


async def test_a_late_answer_and_a_broken_one_failed() -> None:
    async def late(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(5)

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("broken")

    front = Front(late, ORDER)
    assert (await ask(front, "/score"))[0] == 504
    assert (await counts(front))["failed"] == 1
    front = Front(broken, ORDER)
    with pytest.raises(RuntimeError):
        await ask(front, "/score")
    assert (await counts(front))["failed"] == 1


def test_workers_of_a_score_py_share_one_tally() -> None:
    tally = Tally(multiprocessing.Array("q", 3))

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response(environ["status"], [])
        return [b""]

    front = model_server._wsgi_front(application, "blue", tally)
    pids = []
    for status in ("200 OK", "500 Broken"):
        if pid := os.fork():
            pids.append(pid)
        else:
            front({"PATH_INFO": "/score", "status": status}, lambda *parts: None)
            os._exit(0)
    for pid in pids:
        os.waitpid(pid, 0)
    front({"PATH_INFO": "/ping", "status": "200 OK"}, lambda *parts: None)
    headers: list[Any] = []
    [body] = front({"PATH_INFO": "/landbridge/counts"}, lambda status, found: headers.extend(found))
    assert json.loads(body)["answered"] == 2
    assert json.loads(body)["failed"] == 1
    assert (COLOUR_HEADER, "blue") in headers


def order_of(folder: Path, url: str, digest: str, **more: Any) -> Path:
    serve = {
        **ORDER, "flavour": "mlflow", "model": str(folder / "data/model"), "digest": "", "scoring": None,
        "environment": {}, "grace_seconds": 3, "reason": str(folder / "reason"), **more,
    }  # fmt: skip
    path = folder / "order.json"
    order = {"model": {"url": url, "digest": digest}, "storage": {}, "scoring": None, "data": str(folder / "data")}
    path.write_text(json.dumps({**order, "serve": serve}))
    return path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Start a step as files beside each other, in a folder where landbridge cannot be imported by accident."""
    started = []
    for name in ("pod_serve.py", "model_server.py"):
        source = Path(pod_serve.__file__).with_name(name)
        (tmp_path / name).write_text(source.read_text())

    def run(step: str, order: Path) -> "subprocess.Popen[bytes]":
        started.append(subprocess.Popen([sys.executable, str(tmp_path / "pod_serve.py"), step, str(order)]))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


def reason(folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((folder / "reason").read_text())
    return found


@pytest.mark.slow
def test_a_pod_fetches_its_model_and_serves_it_until_it_is_asked_to_end(start: Start, tmp_path: Path) -> None:
    url, digest = line(2.0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    order = order_of(tmp_path, url, digest, port=port)
    assert start("fetch", order).wait(60) == 0
    process = start("serve", order)
    address = f"http://127.0.0.1:{port}"
    with httpx.Client(trust_env=False, timeout=5) as http:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if http.get(f"{address}/ping").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        body = '{"dataframe_split": {"columns": ["x"], "data": [[2.0]]}}'
        answer = http.post(f"{address}/score", content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.headers[COLOUR_HEADER]) == (200, "blue")
        assert http.get(f"{address}/landbridge/counts").json()["answered"] == 1
    process.terminate()
    assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("ordered", "code", "word"),
    [
        (("", "sha256:0"), 20, "DigestMismatch"),
        (("/nowhere", "sha256:0"), 21, "NoModel"),
        (("no-such://x/y", ""), 1, "FetchFailed"),
    ],
)
def test_a_pod_that_cannot_fetch_says_why(
    start: Start, tmp_path: Path, ordered: tuple[str, str], code: int, word: str
) -> None:
    order = order_of(tmp_path, ordered[0] or line(2.0)[0], ordered[1], port=1)
    assert start("fetch", order).wait(60) == code
    assert reason(tmp_path)["reason"] == word
    assert reason(tmp_path)["detail"]


def test_a_pod_that_loads_ends_at_once_when_it_is_asked_to(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data/model").mkdir(parents=True)
    (tmp_path / "mlflow.py").write_text("import time; time.sleep(60)")
    process = start("serve", order_of(tmp_path, "x", "", port=1))
    time.sleep(1.5)
    process.terminate()
    assert process.wait(5) == 0
