"""Reading a log again and again gives each line once."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain.errors import TargetUnavailableError
from landbridge.drivers import log_following
from landbridge.drivers.kubernetes.artifacts import ArtifactStore
from landbridge.drivers.kubernetes.cluster import connect
from landbridge.drivers.kubernetes.training_logs import JobLog, Place, fresh_lines


def rows(*lines: tuple[int, str]) -> str:
    return "".join(f"2026-03-01T10:00:{second:02d}.{0:09d}Z {line}\n" for second, line in lines)


def test_lines_seen_already_are_left_out() -> None:
    place = Place()
    assert [line for _, line in fresh_lines(rows((1, "a"), (2, "b")), place)] == ["a", "b"]
    assert [line for _, line in fresh_lines(rows((1, "a"), (2, "b"), (2, "c"), (3, "")), place)] == ["c", ""]
    assert fresh_lines(rows((2, "c"), (3, "")), place) == []
    assert place.given == 4


@given(st.lists(st.integers(0, 3), max_size=30), st.lists(st.integers(0, 30), max_size=6))
def test_however_often_it_is_read_each_line_comes_once(steps: list[int], cuts: list[int]) -> None:
    """The API server answers from the full second of the last stamp on: here, from the last stamp on."""
    second, log = 0, []
    for number, step in enumerate(steps):
        second += step
        log.append((second % 60, f"line {number}"))
    if second > 59:
        return
    place, seen = Place(), []
    for end in [*sorted(cuts), len(log)]:
        since = place.since
        answer = [row for row in log[:end] if not since or rows(row).split(" ")[0] >= since]
        seen += [line for _, line in fresh_lines(rows(*answer), place)]
    assert seen == [line for _, line in log]
    assert place.given == len(log)


PODS = '{"items": [{"metadata": {"name": "a-x", "labels": {}}, "status": {}}]}'
NO_PODS = '{"items": []}'


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, str]]]:
    """An API server that gives these answers in turn."""
    monkeypatch.setattr(log_following, "POLL_SECONDS", 0.01)
    given: list[tuple[int, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = given.pop(0)
            if status == 0:
                self.connection.close()  # cut off
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "config").write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n"
        f"clusters: [{{name: a, cluster: {{server: 'http://127.0.0.1:{server.server_port}'}}}}]\n"
        "users: [{name: a, user: {token: x}}]\n"
    )
    yield given
    server.shutdown()
    server.server_close()


@pytest.fixture
def log(answers: list[tuple[int, str]], tmp_path: Path) -> JobLog:
    store = ArtifactStore(f"file://{tmp_path}/store", {"auto_mkdir": True})
    store.put_bytes("jobs/gpu/a/log.0", b"a\nb\nc\nlast\n")
    return JobLog(connect(str(tmp_path / "config"), "", "ml"), lambda: store, "gpu", "a")


def test_a_follower_survives_a_cut_and_the_end_of_the_pod(answers: list[tuple[int, str]], log: JobLog) -> None:
    """The API server goes away, answers badly, the pod is deleted before its last line was read: no line is lost or doubled."""
    answers += [
        (200, PODS), (400, "container is waiting to start"),
        (200, PODS), (200, rows((1, "a"))),
        (0, ""),
        (200, PODS), (503, "no"),
        (200, PODS), (200, rows((1, "a"), (1, "b"), (2, "c"))),
        (410, "gone"), (200, NO_PODS),
        (200, NO_PODS),
    ]  # fmt: skip
    ends = iter([False] * 6 + [True])
    assert list(log.lines(1, follow=True, is_final=lambda: next(ends))) == ["a", "b", "c", "last"]
    assert answers == []


def test_without_follow_an_absent_cluster_is_told(answers: list[tuple[int, str]], log: JobLog) -> None:
    answers += [(503, "no")]
    with pytest.raises(TargetUnavailableError):
        list(log.lines(1, follow=False, is_final=lambda: True))
