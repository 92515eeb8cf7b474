"""The connection: pages, deadlines, and every way in which an answer can fail to come. A small HTTP server answers."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.errors import (
    AuthError,
    ConflictError,
    InputError,
    NotFoundError,
    PermanentError,
    TargetUnavailableError,
    TransientError,
)
from landbridge.drivers.kubernetes.cluster import (
    CONNECTIONS,
    JOBS,
    NODES,
    PODS,
    Cluster,
    Request,
    connect,
    everywhere,
    status_of,
)

from .api_server import api_server


@dataclass
class Api:
    """Answers, taken in turn: (status, body). The last one stays."""

    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    pause_seconds: float = 0.0


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def cluster(api: Api, tmp_path: Path) -> Iterator[Cluster]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            api.asked.append((self.command, self.path, json.loads(body) if body else None))
            time.sleep(api.pause_seconds)
            status, said = api.answers.pop(0) if len(api.answers) > 1 else api.answers[0]
            content = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(BrokenPipeError):  # the client's patience is over: that is the test
                self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that the server calls

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield connect(kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_port}"), "", "ml")
    server.shutdown()
    server.server_close()


def kubeconfig(folder: Path, server: str) -> str:
    path = folder / f"config-{abs(hash(server))}"
    path.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
        f"clusters: [{{name: a, cluster: {{server: '{server}'}}}}]\nusers: [{{name: a, user: {{token: x}}}}]\n"
    )
    return str(path)


def failure(status: int, reason: str, message: str = "words") -> tuple[int, Any]:
    return status, {"kind": "Status", "reason": reason, "message": message, "code": status}


def test_addresses(api: Api, cluster: Cluster) -> None:
    assert cluster.path(JOBS, "a") == "/apis/batch/v1/namespaces/ml/jobs/a"
    assert cluster.path(PODS, "a", "log") == "/api/v1/namespaces/ml/pods/a/log"
    assert cluster.path(NODES) == "/api/v1/nodes"
    assert everywhere(PODS) == "/api/v1/pods"


def test_a_long_list_comes_page_by_page(api: Api, cluster: Cluster) -> None:
    api.answers = [
        (200, {"items": [{"a": 1}], "metadata": {"continue": "next"}}),
        (200, {"items": [{"a": 2}], "metadata": {}}),
    ]
    assert cluster.items(PODS, labels="x=y") == [{"a": 1}, {"a": 2}]
    assert "labelSelector=x%3Dy" in api.asked[0][1]
    assert "continue=next" in api.asked[1][1]


def test_lists_come_compressed_and_logs_as_they_are(tmp_path: Path) -> None:
    with api_server(tmp_path) as server:
        server.put("pods", {"metadata": {"name": "a"}})
        team = connect(server.kubeconfig, "", "team")
        assert team.items(PODS) == [{"metadata": {"name": "a"}}]
        assert server.compressed == 1
        assert b'"name": "a"' in team.raw(Request("GET", team.path(PODS, "a"), "reading it as it is"))
        assert server.compressed == 1


def test_more_threads_than_connections_wait_for_one_that_is_free(tmp_path: Path) -> None:
    with api_server(tmp_path) as server, ThreadPoolExecutor(3 * CONNECTIONS) as pool:
        server.put("jobs", {"metadata": {"name": "a"}})
        server.pause_seconds = 0.05
        team = connect(server.kubeconfig, "", "team")
        assert all(pool.map(lambda _: team.find(JOBS, "a"), range(3 * CONNECTIONS)))
        assert 1 < server.most_at_once <= CONNECTIONS


def test_a_list_that_expires_between_pages_starts_again(api: Api, cluster: Cluster) -> None:
    first = (200, {"items": [{"a": 1}], "metadata": {"continue": "next"}})
    api.answers = [first, failure(410, "Expired"), (200, {"items": [{"a": 3}], "metadata": {}})]
    assert cluster.items(PODS) == [{"a": 3}]
    api.answers = [failure(410, "Expired")]
    with pytest.raises(TransientError):
        cluster.items(PODS)


def test_what_exists_already_stays_and_is_not_read(api: Api, cluster: Cluster) -> None:
    api.answers = [failure(409, "AlreadyExists", 'jobs.batch "a" already exists')]
    assert cluster.create(JOBS, {"metadata": {"name": "a"}}) is None
    assert len(api.asked) == 1
    api.answers = [(201, {"metadata": {"name": "a", "uid": "first"}})]
    made = cluster.create(JOBS, {"metadata": {"name": "a"}})
    assert made is not None
    assert made["metadata"]["uid"] == "first"
    api.answers = [failure(409, "Conflict")]
    with pytest.raises(ConflictError):
        cluster.create(JOBS, {"metadata": {"name": "a"}})


def test_absence_is_none_and_deleting_it_is_silent(api: Api, cluster: Cluster) -> None:
    api.answers = [failure(404, "NotFound")]
    assert cluster.find(JOBS, "a") is None
    cluster.delete(JOBS, "a", grace_seconds=1)
    assert api.asked[-1][2] == {"propagationPolicy": "Background", "gracePeriodSeconds": 1}
    with pytest.raises(NotFoundError) as caught:
        cluster.get(JOBS, "a")
    assert "namespace 'ml'" in caught.value.message
    assert status_of(caught.value) == 404


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthError), (429, TransientError), (500, TargetUnavailableError), (503, TargetUnavailableError)],
)
def test_statuses_become_our_errors(api: Api, cluster: Cluster, status: int, kind: type[Exception]) -> None:
    api.answers = [failure(status, "Words")]
    for ask in calls(cluster):
        with pytest.raises(kind):
            ask()


def calls(cluster: Cluster) -> tuple[Callable[[], object], ...]:
    body = {"metadata": {"name": "a"}}
    return (
        lambda: cluster.get(JOBS, "a"), lambda: cluster.items(PODS), lambda: cluster.create(JOBS, body),
        lambda: cluster.apply(JOBS, body), lambda: cluster.patch(JOBS, "a", {}), lambda: cluster.delete(JOBS, "a"),
        lambda: cluster.raw(Request("GET", "/x", "reading a log")),
    )  # fmt: skip


def test_nobody_there_is_transient_and_asked_once(tmp_path: Path) -> None:
    gone = connect(kubeconfig(tmp_path, "http://127.0.0.1:9"), "", "ml")
    started = time.monotonic()
    for ask in calls(gone):
        with pytest.raises(TargetUnavailableError, match="no answer"):
            ask()
    assert time.monotonic() - started < 5


def test_a_slow_answer_costs_its_deadline(api: Api, cluster: Cluster) -> None:
    api.answers, api.pause_seconds = [(200, {"items": []})], 2.0
    started = time.monotonic()
    with pytest.raises(TargetUnavailableError):
        cluster.items(PODS, seconds=0.3)
    assert time.monotonic() - started < 1.5


def test_an_answer_of_something_else_is_transient(api: Api, cluster: Cluster) -> None:
    api.answers = [(200, "<html>a proxy's page</html>")]
    with pytest.raises(TargetUnavailableError, match="no JSON"):
        cluster.get(JOBS, "a")


def test_a_server_that_is_not_who_it_should_be_is_permanent(api: Api, cluster: Cluster, tmp_path: Path) -> None:
    host = cluster._client.configuration.host.removeprefix("http://")
    with pytest.raises((PermanentError, TargetUnavailableError)) as caught:  # plain HTTP where TLS is spoken
        connect(kubeconfig(tmp_path, f"https://{host}"), "", "ml").get(JOBS, "a")
    assert caught.value.hint


def test_a_kubeconfig_that_cannot_be_used_names_the_nearest_context(tmp_path: Path) -> None:
    config = kubeconfig(tmp_path, "http://127.0.0.1:9")
    Path(config).write_text(
        Path(config)
        .read_text()
        .replace("name: a, context", "name: leipzig, context")
        .replace("-context: a", "-context: leipzig")
    )
    with pytest.raises(InputError, match="did you mean 'leipzig'"):
        connect(config, "leipzg", "ml")
    with pytest.raises(InputError, match="cannot be used"):
        connect(f"{config}-none", "", "ml")


def test_a_renewed_kubeconfig_is_read_again(tmp_path: Path) -> None:
    config = kubeconfig(tmp_path, "http://127.0.0.1:9")
    first, again = connect(config, "", "ml"), connect(config, "", "ml")
    assert first._client is again._client
    Path(config).touch()
    assert connect(config, "", "ml")._client is not first._client
