"""What the doctor's probe sees from inside a pod: real sockets on loopback play the cluster's network."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from landbridge.runner import pod_probe

OBJECTS: dict[str, bytes] = {}
REFUSAL = b"<Error><Code>SignatureDoesNotMatch</Code><Key>secret-part</Key></Error>"


class Store(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(200 if self.path in OBJECTS else 403, OBJECTS.get(self.path, REFUSAL))

    def do_PUT(self) -> None:
        OBJECTS[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, b"")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        return


@pytest.fixture
def store() -> Iterator[str]:
    OBJECTS.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def closed() -> str:
    """An address at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def probe(tmp_path: Path, **order: Any) -> Any:
    message = tmp_path / "message"
    assert pod_probe.main(order, str(message)) == 0
    return json.loads(message.read_text())


def test_names_and_places_are_told_as_they_are(store: str, closed: str, tmp_path: Path) -> None:
    there = store.removeprefix("http://")
    seen = probe(
        tmp_path,
        names=["localhost", "nobody.invalid"],
        reach=[store, there, f"http://{closed}", "::"],
        direct=[there, closed],
    )
    assert seen["names"]["localhost"]
    assert seen["names"]["nobody.invalid"] == []
    assert seen["reached"][store] == seen["reached"][there] == ""  # 403: it refuses strangers, so it is there
    assert "refused" in seen["reached"][f"http://{closed}"]
    assert seen["reached"]["::"].startswith("ValueError")
    assert (seen["direct"][there], seen["direct"][closed] != "") == ("", True)


def test_objects_go_and_come_by_signed_urls(store: str, tmp_path: Path) -> None:
    OBJECTS["/ours?signed"] = b"content"
    seen = probe(
        tmp_path,
        put={"url": f"{store}/theirs?signed", "headers": {"x-kind": "blob"}, "body": "name"},
        get={"url": f"{store}/ours?signed", "expect": "content"},
    )
    assert (seen["put"], seen["get"]) == ("", "")
    assert OBJECTS["/theirs?signed"] == b"name"


def test_a_refusal_is_the_store_s_own_word_and_no_credential(store: str, tmp_path: Path) -> None:
    seen = probe(tmp_path, get={"url": f"{store}/absent?Signature=secret-part"})
    assert seen["get"] == "HTTP 403 SignatureDoesNotMatch"
    assert "secret-part" not in json.dumps(seen)


def test_another_content_is_told(store: str, tmp_path: Path) -> None:
    OBJECTS["/ours"] = b"other"
    assert probe(tmp_path, get={"url": f"{store}/ours", "expect": "content"})["get"] == "the content is another one"


def test_an_answer_fits_into_a_termination_message() -> None:
    seen = {"names": {}, "reached": {f"http://{number}.example.test": "x" * 100 for number in range(200)}, "direct": {}}
    text = pod_probe.shortened(seen)
    assert len(text) <= pod_probe.LIMIT
    assert json.loads(text)["cut"] is True
