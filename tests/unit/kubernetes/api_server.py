"""A small HTTP server that answers as an API server does, from objects that a test puts there."""

import gzip
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]

ADDRESS = re.compile(r"/apis?/(?:[^/]+/)?v[^/]+/(?:namespaces/[^/]+/)?([a-z]+)(?:/([^/]+))?")
_ONE_OF = re.compile(r"(\S+) in \((.*)\)")


@dataclass
class ApiServer:
    """What it has, and what became of it.

    Attributes:
        objects: plural → name → object.
        fails: what is asked ("GET jobs") → the statuses that are given first; with a 404 the object is gone.
        pause_seconds: before each answer.
        asked: "GET jobs", "PATCH jobs/a"… as they came.
        compressed: how many answers were, because the client takes that.
        most_at_once: requests that were there at one time.
    """

    objects: dict[str, dict[str, Object]] = field(default_factory=dict)
    fails: dict[str, list[int]] = field(default_factory=dict)
    pause_seconds: float = 0.0
    asked: list[str] = field(default_factory=list)
    compressed: int = 0
    most_at_once: int = 0
    kubeconfig: str = ""
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, plural: str, item: Object) -> None:
        self.objects.setdefault(plural, {})[item["metadata"]["name"]] = item

    def count(self, asked: str) -> int:
        return self.asked.count(asked)

    @contextmanager
    def one_more(self) -> Iterator[None]:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(self.pause_seconds)
        yield
        with self._lock:
            self._at_once -= 1

    def answer(self, method: str, address: str, body: Object) -> tuple[int, Object]:
        url = urlsplit(address)
        found = ADDRESS.fullmatch(url.path)
        assert found, address
        plural, name = found[1], found[2]
        asked = f"{method} {plural}{f'/{name}' if name else ''}"
        self.asked.append(asked)
        if self.fails.get(asked):
            status = self.fails[asked].pop(0)
            if status == 404:
                self.objects[plural].pop(name)
            return status, {"kind": "Status", "message": "said by the test"}
        known = self.objects.get(plural, {})
        if method == "POST":
            return self._create(plural, body)
        if not name:
            selector = parse_qs(url.query).get("labelSelector", [""])[0]
            return 200, {"items": [item for item in list(known.values()) if _fits(item, selector)], "metadata": {}}
        if name not in known:
            return 404, {"kind": "Status", "message": f"{plural} {name} not found"}
        if method == "PATCH":
            with self._lock:
                self.put(plural, _merged(known[name], body))
        return 200, self.objects[plural][name]

    def _create(self, plural: str, body: Object) -> tuple[int, Object]:
        name = body["metadata"]["name"]
        with self._lock:
            if name in self.objects.get(plural, {}):
                return 409, {"kind": "Status", "reason": "AlreadyExists", "message": f"{plural} {name} already exists"}
            self.put(plural, _merged(body, {"metadata": {"uid": f"uid-of-{name}"}}))
            return 201, self.objects[plural][name]


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """Serve on 127.0.0.1, with a kubeconfig in `folder`."""
    api = ApiServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with api.one_more():
                status, said = api.answer(self.command, self.path, json.loads(body) if body else {})
            content = json.dumps(said).encode()
            self.send_response(status)
            if "gzip" in self.headers.get("Accept-Encoding", ""):
                content = gzip.compress(content)
                api.compressed += 1
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = reply  # noqa: N815 - the names that the server calls

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = folder / "kubeconfig"
    path.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
        f"clusters: [{{name: a, cluster: {{server: 'http://127.0.0.1:{server.server_port}'}}}}]\n"
        "users: [{name: a, user: {token: x}}]\n"
    )
    api.kubeconfig = str(path)
    yield api
    server.shutdown()
    server.server_close()


def _fits(item: Object, selector: str) -> bool:
    labels = item["metadata"].get("labels") or {}
    if one_of := _ONE_OF.fullmatch(selector):
        return labels.get(one_of[1]) in one_of[2].split(",")
    return all(
        labels.get(key) == value for key, _, value in (part.partition("=") for part in selector.split(",") if part)
    )


def _merged(item: Object, change: Object) -> Object:
    """A merge patch without nulls. Owners are added, as a strategic one does it."""
    found = {**item, **change}
    for key, value in change.items():
        if isinstance(value, dict):
            found[key] = _merged(item.get(key) or {}, value)
        elif key == "ownerReferences":
            found[key] = [*item.get(key, []), *value]
    return found
