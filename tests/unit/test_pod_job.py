"""What runs inside a training pod, as it runs there: a process of its own, its files in a folder, HTTP to a store."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

import landbridge
from landbridge.domain.digests import digest_bytes
from landbridge.drivers.kubernetes.job_manifest import START

RUNNER = Path(landbridge.__file__).parent / "runner" / "pod_job.py"


@dataclass
class Store:
    """An object store as a pod sees it. `break_after`: the next answers stop there; `refuse`: these codes first."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    ranges: list[str] = field(default_factory=list)
    break_after: list[int] = field(default_factory=list)
    refuse: list[int] = field(default_factory=list)
    knows_ranges: bool = True

    def signed(self, key: str) -> dict[str, Any]:
        return {"url": f"{self.url}/{key}?X-Amz-Signature=not-to-be-printed-{key}", "headers": {}}

    def file(self, key: str, content: bytes, digest: str = "") -> dict[str, Any]:
        self.objects[key] = content
        return {"path": key, "size": len(content), "digest": digest or digest_bytes(content), **self.signed(key)}


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if made.refuse:
                self.send_error(made.refuse.pop(0))
                return
            content = made.objects[self.path.strip("/").partition("?")[0]]
            asked = self.headers.get("Range", "")
            made.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and made.knows_ranges else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            cut = made.break_after.pop(0) if made.break_after else len(content)
            self.wfile.write(content[start : start + cut])
            if start + cut < len(content):
                self.wfile.flush()
                self.connection.close()

        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if made.refuse:
                self.send_error(made.refuse.pop(0))
                return
            made.objects[self.path.strip("/").partition("?")[0]] = content
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


class Pod:
    """A pod's folders in a folder of their own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "urls").mkdir(parents=True)
        self.plan: dict[str, Any] = {}
        self.variables: dict[str, str] = {}

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        (self.root / "urls/plan.json").write_text(json.dumps(self.plan))
        environment = {
            **os.environ, "LANDBRIDGE_POD_ROOT": str(self.root), "LANDBRIDGE_TERMINATION_LOG": str(self.root / "message"),
            "no_proxy": "*", **self.variables,
        }  # fmt: skip
        command = [os.environ.get("LANDBRIDGE_TEST_POD_PYTHON", sys.executable), "-S", str(RUNNER), *arguments]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        printed, _ = process.communicate(timeout=30)
        return process.returncode, printed.decode(errors="replace")

    def whole(self, command: str) -> tuple[int, str]:
        assert self.run("fetch") == (0, "")
        return self.run("run", command)

    @property
    def message(self) -> dict[str, Any]:
        text = (self.root / "message").read_text()
        assert len(text.encode()) <= 4096
        return json.loads(text)  # type: ignore[no-any-return]


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path / "pod")


def test_code_inputs_and_folders_are_placed(pod: Pod, store: Store, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print('hello')")
    (pod.root / "package").mkdir()
    with tarfile.open(pod.root / "package/code.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "train.py", "train.py")
    pod.plan = {
        "folders": ["model"],
        "inputs": [{"path": "inputs/data", "files": [store.file("a.csv", b"1"), store.file("deep/b.csv", b""), ]}],
    }  # fmt: skip
    assert pod.whole("cat ../../inputs/data/a.csv; python3 train.py; ls ../outputs") == (0, "1hello\nmodel\n")
    assert (pod.root / "inputs/data/deep/b.csv").read_bytes() == b""


def test_the_folders_that_azure_ml_makes_are_there_unless_the_code_has_a_file_of_that_name(
    pod: Pod, tmp_path: Path
) -> None:
    (tmp_path / "logs").write_text("mine\n")
    (pod.root / "package").mkdir()
    with tarfile.open(pod.root / "package/code.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "logs", "logs")
    assert pod.whole("echo plot > outputs/plot.txt && cat outputs/plot.txt logs") == (0, "plot\nmine\n")


def test_without_anything_to_fetch_one_container_does_all(pod: Pod) -> None:
    pod.plan = {"folders": ["model"]}
    assert pod.run("go", "ls ../outputs; echo done") == (0, "model\ndone\n")


def test_large_code_and_long_lists_come_from_the_store(pod: Pod, store: Store, tmp_path: Path) -> None:
    archive = tmp_path / "code.tar.gz"
    (tmp_path / "x.sh").write_text("echo from the store")
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / "x.sh", "x.sh")
    places = [{"path": "inputs/data", "files": [store.file("a.csv", b"1")]}]
    pod.plan = {
        "code": store.file("code", archive.read_bytes()),
        "list": store.file("list", json.dumps(places).encode()),
    }
    assert pod.whole("sh x.sh; cat ../../inputs/data/a.csv") == (0, "from the store\n1\n")


def test_a_broken_transfer_goes_on_where_it_stopped(pod: Pod, store: Store) -> None:
    content = bytes(range(256)) * 40
    store.break_after = [4000, 3000]
    pod.plan = {"inputs": [{"path": "inputs", "files": [store.file("big", content)]}]}
    assert pod.run("fetch") == (0, "")
    assert (pod.root / "inputs/big").read_bytes() == content
    assert store.ranges == ["", "bytes=4000-", "bytes=7000-"]


def test_a_store_without_ranges_starts_anew(pod: Pod, store: Store) -> None:
    content = b"x" * 5000
    store.break_after, store.knows_ranges = [2000], False
    pod.plan = {"inputs": [{"path": "inputs", "files": [store.file("big", content)]}]}
    assert pod.run("fetch") == (0, "")
    assert (pod.root / "inputs/big").read_bytes() == content


def test_a_store_that_is_busy_is_asked_again(pod: Pod, store: Store) -> None:
    store.refuse = [503, 429]
    pod.plan = {"inputs": [{"path": "inputs", "files": [store.file("a", b"1")]}]}
    assert pod.run("fetch") == (0, "")


def test_a_refusal_ends_at_once_and_prints_no_url(pod: Pod, store: Store) -> None:
    store.refuse = [403]
    pod.plan = {"inputs": [{"path": "inputs", "files": [store.file("a", b"1")]}]}
    code, printed = pod.run("fetch")
    assert code == 1
    assert "403" in printed
    assert "not-to-be-printed" not in printed + json.dumps(pod.message)
    assert pod.message["reason"] == "NotStarted"


def test_content_that_is_not_what_its_digest_says_is_refused(
    pod: Pod, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod.variables = {"PYTHONSAFEPATH": "1"}
    pod.plan = {"inputs": [{"path": "inputs", "files": [store.file("a", b"1", digest_bytes(b"2"))]}]}
    process = pod.start("fetch")
    time.sleep(1)
    assert not (pod.root / "inputs/a").exists()
    store.objects["a"] = b"2"  # the store is mended: the next try succeeds
    assert process.wait(timeout=20) == 0
    assert (pod.root / "inputs/a").read_bytes() == b"2"
    assert process.stdout is not None
    process.stdout.close()


def test_outputs_and_the_log_are_stored_and_told(pod: Pod, store: Store, tmp_path: Path) -> None:
    pod.plan = {"folders": ["model"], "outputs": {"model": [store.signed("model.tar")], "note": [store.signed("note.tar")]},
                "log": [store.signed("log")]}  # fmt: skip
    store.refuse = [500]
    code, printed = pod.whole(
        "mkdir ../outputs/model/deep; echo m > ../outputs/model/deep/M; echo n > ../outputs/note; echo done"
    )
    assert (code, printed) == (0, "done\n")
    message = pod.message
    assert (message["exit_code"], message["reason"]) == (0, "")
    assert message["started_at"] <= message["ended_at"]
    assert message["outputs"]["model"] == [digest_bytes(store.objects["model.tar"]), len(store.objects["model.tar"])]
    (tmp_path / "m.tar").write_bytes(store.objects["model.tar"])
    with tarfile.open(tmp_path / "m.tar") as tar:
        assert tar.extractfile("deep/M").read() == b"m\n"  # type: ignore[union-attr]
    assert store.objects["log"] == b"done\n"


def test_outputs_that_cannot_be_stored_are_no_success(pod: Pod, store: Store) -> None:
    pod.plan = {"folders": ["model"], "outputs": {"model": [store.signed("model.tar")]}}
    store.refuse = [403]
    code, _ = pod.whole("true")
    assert code == 1
    assert pod.message["reason"] == "Lost"
    assert "403" in pod.message["detail"]


@pytest.mark.parametrize(
    ("command", "code", "reason", "words"),
    [
        ("echo bad luck; exit 3", 3, "Exit", "exit code 3. Last line: bad luck"),
        ("kill -9 $$", 137, "Signal", "Signal 9"),
        ("sh -c 'kill -11 $$'; exit $?", 139, "Signal", "Signal 11"),
        ("echo No space left on device; exit 1", 1, "DiskFull", "disk is full"),
    ],
)
def test_a_failure_is_told_in_the_same_words_as_elsewhere(
    pod: Pod, command: str, code: int, reason: str, words: str
) -> None:
    assert pod.whole(command)[0] == code
    assert pod.message["reason"] == reason
    assert words in pod.message["detail"]


def test_a_long_detail_is_cut_to_what_kubernetes_keeps(pod: Pod, store: Store) -> None:
    pod.plan = {"outputs": {f"output-{number}-{'x' * 60}": [store.signed(f"{number}")] for number in range(20)}}
    assert pod.whole("true")[0] == 0
    assert len(pod.message["outputs"]) == 20


def test_secrets_are_masked_in_the_log_and_on_the_way_there(pod: Pod, store: Store) -> None:
    pod.plan = {"log": [store.signed("log")]}
    pod.variables = {"STORE_PASSWORD": "hunter2-very-secret", "SHORT_TOKEN": "abc", "PLAIN": "to-be-seen"}
    _, printed = pod.whole("echo a $STORE_PASSWORD b; cat ../../urls/plan.json; echo; echo $PLAIN $SHORT_TOKEN")
    for text in (printed, store.objects["log"].decode()):
        assert "hunter2" not in text
        assert "not-to-be-printed-log" not in text
        assert "a *** b" in text
        assert "to-be-seen abc" in text


def test_output_is_passed_on_as_it_comes(pod: Pod) -> None:
    assert pod.run("fetch")[0] == 0
    process = pod.start("run", f"{sys.executable} -c \"import time; print('first'); time.sleep(20)\"")
    assert process.stdout is not None
    began = time.monotonic()
    assert process.stdout.readline() == b"first\n"
    assert time.monotonic() - began < 10
    process.terminate()
    process.wait(timeout=20)
    process.stdout.close()


def test_very_long_lines_are_cut_and_lines_without_an_end_are_kept(pod: Pod, store: Store) -> None:
    pod.plan = {"log": [store.signed("log")]}
    _, printed = pod.whole("head -c 40000 /dev/zero | tr '\\0' x; echo; printf end")
    assert [len(line) for line in printed.splitlines()] == [16000, 16000, 8000, 3]
    assert store.objects["log"].decode() == printed


def test_a_request_to_end_reaches_the_job_and_is_told(pod: Pod, store: Store) -> None:
    pod.plan = {"log": [store.signed("log")]}
    assert pod.run("fetch")[0] == 0
    process = pod.start("run", "trap 'echo saving; exit 0' TERM; echo ready; while true; do sleep 0.1; done")
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert b"saving" in process.stdout.read()
    assert process.wait(timeout=20) != 0
    assert pod.message["reason"] == "Terminated"
    lines = store.objects["log"].splitlines()
    assert (lines[0], lines[-1]) == (b"ready", b"saving")
    process.stdout.close()


@pytest.mark.parametrize("shell", [path for path in ("/bin/dash", "/bin/bash") if Path(path).exists()])
@pytest.mark.parametrize("after_seconds", [0.0, 0.01, 0.05, 0.2, 1.5])
def test_a_request_to_end_is_never_lost(pod: Pod, shell: str, after_seconds: float) -> None:
    """Also before Python handles it: the container's shell stands in front, as in a pod."""
    assert pod.run("fetch")[0] == 0
    start = START.replace("/landbridge/runner/pod_job.py", str(RUNNER))
    environment = {
        **os.environ,
        "LANDBRIDGE_POD_ROOT": str(pod.root),
        "LANDBRIDGE_TERMINATION_LOG": str(pod.root / "message"),
    }
    command = ["unshare", "--pid", "--fork", "--kill-child", shell, "-c", start, "x", "run", "sleep 60"]
    if os.geteuid() != 0:
        command = command[4:]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.2 + after_seconds)  # a container is signalled only once its first process runs
    inner = psutil.Process(process.pid).children()[0] if os.geteuid() == 0 else process
    inner.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) != 0


def test_the_exit_code_comes_through_the_shell(pod: Pod) -> None:
    assert pod.run("fetch")[0] == 0
    start = START.replace("/landbridge/runner/pod_job.py", str(RUNNER))
    environment = {
        **os.environ,
        "LANDBRIDGE_POD_ROOT": str(pod.root),
        "LANDBRIDGE_TERMINATION_LOG": str(pod.root / "message"),
    }
    done = subprocess.run(
        ["/bin/sh", "-c", start, "x", "run", "echo hi; exit 7"], env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (7, b"hi\n")


def test_nothing_outlives_the_command(pod: Pod) -> None:
    started = time.monotonic()
    code, printed = pod.whole("sleep 60 & echo left; exit 0")
    assert (code, printed) == (0, "left\n")
    assert time.monotonic() - started < 10


def ranks(pod: Pod, index: int) -> list[str]:
    pod.variables["JOB_COMPLETION_INDEX"] = str(index)
    return sorted(pod.whole("echo $RANK/$WORLD_SIZE local $LOCAL_RANK node $NODE_RANK")[1].split("\n"))[1:]


def test_pytorch_gets_one_process_per_rank(pod: Pod) -> None:
    pod.variables = {"LANDBRIDGE_DISTRIBUTION": "pytorch", "LANDBRIDGE_PROCESSES": "2", "LANDBRIDGE_INSTANCES": "3"}
    assert ranks(pod, 0) == ["0/6 local 0 node 0", "1/6 local 1 node 0"]
    assert ranks(pod, 2) == ["4/6 local 0 node 2", "5/6 local 1 node 2"]


def test_one_failed_process_ends_the_others(pod: Pod) -> None:
    pod.variables = {"LANDBRIDGE_DISTRIBUTION": "pytorch", "LANDBRIDGE_PROCESSES": "2", "LANDBRIDGE_INSTANCES": "1"}
    started = time.monotonic()
    assert pod.whole("if [ $RANK = 1 ]; then exit 7; fi; sleep 60")[0] == 7
    assert pod.message["reason"] == "Exit"
    assert time.monotonic() - started < 15


def test_tensorflow_gets_its_cluster(pod: Pod) -> None:
    cluster = {"worker": ["a-0.a:2222", "a-1.a:2222"], "ps": ["a-2.a:2222"]}
    pod.variables = {"LANDBRIDGE_DISTRIBUTION": "tensorflow", "LANDBRIDGE_TF_CLUSTER": json.dumps(cluster)}
    for index, task in ((1, {"type": "worker", "index": 1}), (2, {"type": "ps", "index": 0})):
        pod.variables["JOB_COMPLETION_INDEX"] = str(index)
        assert json.loads(pod.whole("echo $TF_CONFIG")[1]) == {"cluster": cluster, "task": task}


def test_it_needs_nothing_but_the_standard_library() -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(RUNNER.parent)!r}); import pod_job; print('landbridge' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, check=True, cwd="/")
    assert answer.stdout.decode().strip() == "False"
