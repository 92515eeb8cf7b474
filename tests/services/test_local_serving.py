"""Local serving with real processes: scoring scripts, limits, crashes, kills and restarts."""

import json
import os
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from landbridge import drivers
from landbridge.domain.errors import CapabilityMissingError, InputError, TargetUnavailableError
from landbridge.domain.inventory import Target
from landbridge.domain.requests import ColourSpec, ColourStatus, ResolvedEnvironment
from landbridge.domain.scenario import Probe, ScoringCode, ServingSettings
from landbridge.domain.values import ColourPhase
from landbridge.drivers.local.agent_ports import take_port
from landbridge.drivers.local.serving_record import ServingRecord
from tests.services.serving_host import TARGET, ServingHost, inventory, serving_host
from tests.services.tiny_models import BODY, line

pytest_plugins = ["tests.services.local_serving"]
pytestmark = pytest.mark.services

SETTLE_SECONDS = 100.0  # an interpreter of its own imports MLflow, on a machine that has other work
SCORE = """
import json, os, time
def init():
    global slope
    slope = float(open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "slope")).read())
    print("secret" if os.environ.get("LANDBRIDGE_SECRET") else "no secret", os.environ["GREETING"])
def run(raw):
    data = json.loads(raw)
    time.sleep(data.get("sleep", 0))
    return [slope * x for x in data["x"]]
"""


def until(so: Callable[[], bool], seconds: float = SETTLE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, "it does not become so"
        time.sleep(0.01)


class Line:
    """An endpoint of one test, and what a test does with it."""

    def __init__(self, home: Path, name: str = "") -> None:
        self.home, self.name = home, name or f"line-{uuid.uuid4().hex[:8]}"
        found = inventory(home)
        self.target: Any = drivers.serving_target(found.targets[TARGET], found)
        self.record = ServingRecord(str(home), found.targets[TARGET])

    def spec(self, colour: str = "blue", slope: float = 1.0, **changes: Any) -> ColourSpec:
        folder, digest = line(slope)
        environment = ResolvedEnvironment("any", "current")
        return replace(ColourSpec(self.name, colour, "line", str(slope), folder, digest, environment), **changes)

    def settled(self, spec: ColourSpec) -> ColourStatus:
        self.target.apply(spec)
        until(lambda: self.status(spec.colour).phase is not ColourPhase.PENDING)
        return self.status(spec.colour)

    def serve(self, spec: ColourSpec, percent: int = 100) -> None:
        status = self.settled(spec)
        assert status.phase is ColourPhase.READY, status
        if percent:
            self.target.shift(self.name, {spec.colour: percent})

    def status(self, colour: str = "blue") -> ColourStatus:
        found: ColourStatus = self.target.observe(self.name).colours[colour]
        return found

    def ask(self, body: str = BODY, path: str = "score", **headers: str) -> httpx.Response:
        url = self.target.observe(self.name).url.removesuffix("score") + path
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(url, content=body, headers={"content-type": "application/json", **given}, timeout=20)

    def pid(self, colour: str = "blue") -> int:
        """The process of a colour: it has its name."""
        return next(process.pid for process in self.processes() if process.name() == f"{self.name} {colour}"[:15])

    def processes(self) -> list[psutil.Process]:
        entries: Any = self.record.processes()
        return [psutil.Process(entry["pid"]) for entry in entries if psutil.pid_exists(entry["pid"])]

    def clear(self) -> None:
        self.target.shift(self.name, {})
        for colour in self.target.observe(self.name).colours:
            self.target.remove(self.name, colour)


@pytest.fixture
def flights(local_serving: ServingHost) -> Iterator[Line]:
    """An endpoint on the session's agent."""
    made = Line(local_serving.home, f"e{uuid.uuid4().hex[:5]}")  # short: a process's name has room for it and a colour
    yield made
    if made.target.observe(made.name).colours:
        made.clear()


@pytest.fixture
def scoring(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """What makes a colour a score.py with a model of its own; keywords become settings."""

    def make(script: str = SCORE, **settings: Any) -> dict[str, Any]:
        (tmp_path / "code").mkdir(exist_ok=True)
        (tmp_path / "code" / "score.py").write_text(script)
        (tmp_path / "model").mkdir(exist_ok=True)
        (tmp_path / "model" / "slope").write_text("4")
        return {
            "model_url": f"file://{tmp_path / 'model'}",
            "model_digest": "",
            "scoring": ScoringCode(str(tmp_path / "code"), "score.py"),
            "settings": ServingSettings(environment_variables={"GREETING": "hello"}, **settings),
        }

    return make


@pytest.mark.parametrize("path", ["score", "invocations"])
def test_a_score_script_and_a_model_answer_on_the_same_paths(
    flights: Line, scoring: Callable[..., Any], path: str
) -> None:
    flights.serve(flights.spec())
    flights.serve(flights.spec("green", **scoring()), percent=0)
    assert flights.ask(path=path).json() == {"predictions": pytest.approx([2.0, 3.0])}
    answer = flights.ask('{"x": [2]}', path, azureml_model_deployment="green")
    assert (answer.json(), answer.headers["azureml-model-deployment"]) == ([8.0], "green")


@pytest.mark.parametrize("path", ["ping", "health"])
def test_both_kinds_tell_their_health(flights: Line, scoring: Callable[..., Any], path: str) -> None:
    flights.serve(flights.spec())
    flights.serve(flights.spec("green", **scoring()), percent=0)
    base = flights.target.observe(flights.name).url.removesuffix("score")
    for colour in ("blue", "green"):
        assert httpx.get(base + path, headers={"azureml-model-deployment": colour}).status_code == 200


def test_a_script_that_raises_at_init_fails_with_its_words_in_the_log(
    flights: Line, scoring: Callable[..., Any]
) -> None:
    status = flights.settled(
        flights.spec(**scoring("def init():\n    raise ValueError('no weights')\ndef run(x): ..."))
    )
    assert status.phase is ColourPhase.FAILED
    assert status.reason.startswith("CrashLoop")
    assert "no weights" in flights.record.log(f"{flights.name}-blue").read_text()


@pytest.mark.parametrize(
    ("loader", "reason"),
    [("no.such.module", "MissingPackage: ModuleNotFoundError"), ("json", "CrashLoop: LoadFailed: AttributeError")],
)
def test_a_model_that_cannot_be_loaded_fails_within_seconds(
    flights: Line, tmp_path: Path, loader: str, reason: str
) -> None:
    (tmp_path / "MLmodel").write_text(f"flavors: {{python_function: {{loader_module: {loader}}}}}\n")
    began = time.monotonic()
    status = flights.settled(flights.spec(model_url=str(tmp_path), model_digest=""))
    assert status.phase is ColourPhase.FAILED
    assert status.reason.startswith(reason)
    assert time.monotonic() - began < 10


def test_a_model_that_is_not_there_fails_with_the_folder(flights: Line, tmp_path: Path) -> None:
    status = flights.settled(flights.spec(model_url=str(tmp_path / "nothing")))
    assert status.phase is ColourPhase.FAILED
    assert status.reason.startswith("NoModel")
    assert str(tmp_path / "nothing") in status.reason


def test_a_request_over_its_time_is_answered_with_an_error(flights: Line, scoring: Callable[..., Any]) -> None:
    flights.serve(flights.spec(**scoring(request_timeout_ms=200)))
    began = time.monotonic()
    assert flights.ask('{"x": [1], "sleep": 5}').status_code >= 500
    assert time.monotonic() - began < 3
    assert flights.ask('{"x": [1]}').status_code == 200


def test_a_request_that_finds_no_free_place_is_turned_away(flights: Line, local_serving: ServingHost) -> None:
    flights.serve(flights.spec(settings=ServingSettings(max_queue_wait_ms=0, max_concurrent_requests_per_instance=1)))
    answers: list[int] = []
    many = json.dumps({"dataframe_split": {"columns": ["x"], "data": [[1.0]] * 20_000}})
    threads = [threading.Thread(target=lambda: answers.append(flights.ask(many).status_code)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) == {200, 429}


def test_several_instances_are_several_processes(flights: Line) -> None:
    flights.serve(flights.spec(settings=ServingSettings(instance_count=2)))
    mine = [process for process in flights.processes() if process.name().startswith(flights.name)]
    assert len(mine) == 2
    mine[0].kill()
    mine[0].wait(10)  # until then its socket takes requests, which are lost with it
    # The other one takes what the dead one cannot.
    assert {flights.ask().status_code for _ in range(20)} == {200}


@pytest.mark.slow
def test_an_interpreter_of_its_own_serves_too(flights: Line) -> None:
    python = str(Path(sys.executable).with_name("python3"))
    assert python != sys.executable
    flights.serve(flights.spec(environment=ResolvedEnvironment("own", python)))
    assert flights.ask().status_code == 200
    assert [process for process in flights.processes() if process.cmdline()[0] == python]


def test_an_image_is_refused_before_anything_starts(flights: Line) -> None:
    with pytest.raises(CapabilityMissingError, match="image"):
        flights.target.apply(flights.spec(environment=ResolvedEnvironment("far", image="example.org/far:1")))
    assert flights.target.observe(flights.name).colours == {}


def test_a_model_sees_its_variables_and_not_those_of_landbridge(flights: Line, scoring: Callable[..., Any]) -> None:
    flights.serve(flights.spec(**scoring()))
    assert "no secret hello" in flights.record.log(f"{flights.name}-blue").read_text()


def test_a_crashed_colour_comes_back(flights: Line) -> None:
    flights.serve(flights.spec())
    os.kill(flights.pid(), signal.SIGKILL)
    until(lambda: flights.status().restarts == 1)
    until(lambda: flights.status().phase is ColourPhase.READY)
    assert flights.ask().status_code == 200


def test_a_colour_that_hangs_is_restarted(flights: Line) -> None:
    probe = Probe(period=1, initial_delay=0, timeout=1, failure_threshold=1)
    flights.serve(flights.spec(settings=ServingSettings(liveness_probe=probe)))
    os.kill(flights.pid(), signal.SIGSTOP)
    until(lambda: flights.status().restarts == 1)
    until(lambda: flights.status().phase is ColourPhase.READY)


def test_a_colour_that_keeps_crashing_loses_its_traffic_to_a_proven_one(flights: Line) -> None:
    flights.serve(flights.spec("green", 2.0))
    assert flights.target.predict(flights.name, "green", BODY, 5.0).status == 200
    flights.serve(flights.spec("blue"))
    for crash in range(1, 6):
        os.kill(flights.pid(), signal.SIGKILL)
        until(lambda crash=crash: flights.status().restarts >= crash)  # type: ignore[misc]
        until(lambda: flights.status().phase is not ColourPhase.PENDING)
    assert flights.status().phase is ColourPhase.FAILED
    assert flights.status().reason.startswith("CrashLoop")
    until(lambda: flights.target.observe(flights.name).traffic == {"green": 100, "blue": 0})
    assert flights.ask().headers["azureml-model-deployment"] == "green"


def test_a_killed_router_comes_back_on_the_same_port(flights: Line) -> None:
    flights.serve(flights.spec())
    url = flights.target.observe(flights.name).url
    [router] = [process for process in flights.processes() if "envoy" in process.name()]
    router.kill()
    until(lambda: _answers(flights))
    assert flights.target.observe(flights.name).url == url


def test_removing_a_colour_lets_its_requests_end(flights: Line, scoring: Callable[..., Any]) -> None:
    flights.serve(flights.spec(**scoring()))
    flights.serve(flights.spec("green", 2.0), percent=0)
    answers: list[int] = []
    slow = threading.Thread(target=lambda: answers.append(flights.ask('{"x": [1], "sleep": 1}').status_code))
    slow.start()
    until(lambda: _active(flights) == 1)
    flights.target.shift(flights.name, {"green": 100})
    flights.target.remove(flights.name, "blue")
    slow.join()
    assert answers == [200]


def test_no_request_fails_while_colours_change(flights: Line) -> None:
    flights.serve(flights.spec())
    stop, statuses, colours = threading.Event(), [], []

    def load() -> None:
        with httpx.Client() as http:
            url = flights.target.observe(flights.name).url
            while not stop.is_set():
                answer = http.post(url, content=BODY, headers={"content-type": "application/json"}, timeout=20)
                statuses.append(answer.status_code)
                colours.append(answer.headers.get("azureml-model-deployment"))

    thread = threading.Thread(target=load)
    thread.start()
    for old, new, slope in (("blue", "green", 2.0), ("green", "blue", 1.0), ("blue", "green", 2.0)):
        flights.serve(flights.spec(new, slope))
        flights.target.remove(flights.name, old)
    stop.set()
    thread.join()
    assert set(statuses) == {200}
    assert colours[-1] == "green"


def test_a_port_in_use_names_the_key_to_change() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=str(port)) as caught:
            take_port(_target({"port": port}), 0, "inventory.yaml")
        assert "targets.serving.options.port" in caught.value.hint
        assert take_port(_target({}), port, "inventory.yaml") != port


@pytest.mark.parametrize("port", ["http", -1, 70_000, True])
def test_what_is_no_port_is_refused(port: object) -> None:
    with pytest.raises(InputError, match="port"):
        take_port(_target({"port": port}), 0, "inventory.yaml")


@pytest.mark.slow
def test_a_killed_host_leaves_nothing_and_the_next_one_serves_the_same(tmp_path: Path) -> None:
    there = Line(tmp_path, "line")
    with serving_host(tmp_path) as host:
        there.serve(there.spec("blue"))
        there.settled(there.spec("green", 2.0))
        before = there.target.observe("line")
        left = there.processes()
        host.process.kill()
        host.process.wait(10)
        until(lambda: not any(_lives(process) for process in left), 5)
        with pytest.raises(TargetUnavailableError):
            there.target.observe("line")
    with serving_host(tmp_path):
        until(
            lambda: all(colour.phase is ColourPhase.READY for colour in there.target.observe("line").colours.values())
        )
        assert there.target.observe("line") == before
        assert there.ask().headers["azureml-model-deployment"] == "blue"


def _answers(flights: Line) -> bool:
    try:
        return flights.ask().status_code == 200
    except httpx.TransportError:
        return False


def _active(flights: Line) -> int:
    """Requests that some colour of the agent works on now, as the router sees it."""
    from landbridge import settings

    [admin] = settings.runtime_directory(flights.home).glob("*-admin.sock")
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(admin)), base_url="http://envoy") as http:
        text = http.get("/stats", params={"filter": rf"cluster\.{flights.name}.*upstream_rq_active"}).text
    return sum(int(row.rsplit(" ", 1)[1]) for row in text.splitlines() if ": " in row)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _target(options: dict[str, Any]) -> Target:
    return inventory(Path("/nowhere"), options=options).targets[TARGET]
