"""What every Ledger and its Leases promise, on SQLite and on PostgreSQL."""

import json
import math
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from landbridge.domain.errors import (
    AuthError,
    BusyError,
    CorruptError,
    FencedError,
    InputError,
    PermanentError,
    TargetUnavailableError,
)
from landbridge.domain.ledger import Entry, Kind, Lease, Outcome, Release, target_states
from landbridge.ledger import connect
from landbridge.ledger.sql import SqlLedger
from landbridge.ports import Leases, Ledger

pytest_plugins = ["tests.services.postgres_server"]

START = 1_700_000_000.0


class Clock:
    """Unix time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'home' / 'ledger.db'}"
    made: str = request.getfixturevalue("postgres_server").new_database()
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(url: str, clock: Clock) -> Iterator[SqlLedger]:
    opened = connect(url, clock)
    yield opened
    opened.close()


def entry(key: str = "main", kind: Kind = Kind.DECISION, run_key: str = "k1", **payload: object) -> Entry:
    return Entry(kind, "flights", run_key, key, START, payload)  # type: ignore[arg-type]


def release(key: str = "k1-1", endpoint: str = "delay", **changes: object) -> Release:
    base = Release(
        key=key,
        scenario="flights",
        run_key="k1",
        endpoint=endpoint,
        model="flights",
        version="3",
        colours={"cloud": "blue", "onprem": "green"},
        previous={"cloud": "", "onprem": "blue"},
        phase="Shift",
        step=1,
        outcome=Outcome.RUNNING,
        reason="",
        trigger="new-data:flights",
        started_at=START,
        updated_at=START,
        details={"weights": [10, 50]},
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_it_is_a_ledger_with_leases(ledger: SqlLedger) -> None:
    assert isinstance(ledger, Ledger)
    assert isinstance(ledger, Leases)


def test_entries_come_back_whole_and_newest_first(url: str, ledger: SqlLedger) -> None:
    first = entry("a", why=["busy", {"target": "gpu", "free": None}], ü="ß\u0000")
    second = entry("b", score=math.inf)
    ledger.record(first)
    ledger.record(second)
    assert connect(url).entries() == (second, first)


def test_a_payload_may_be_a_read_only_mapping(ledger: SqlLedger) -> None:
    ledger.record(replace(entry(), payload=MappingProxyType({"inner": MappingProxyType({"a": 1})})))  # type: ignore[dict-item]
    assert ledger.entries()[0].payload == {"inner": {"a": 1}}


def test_entries_are_chosen_by_kind_scenario_run_key_and_number(ledger: SqlLedger) -> None:
    made = [entry("a"), entry("b", Kind.MOVEMENT), entry("c", run_key="k2"), replace(entry("d"), scenario="other")]
    for one in made:
        ledger.record(one)
    assert [one.key for one in ledger.entries(kind=Kind.MOVEMENT)] == ["b"]
    assert [one.key for one in ledger.entries(run_key="k2")] == ["c"]
    assert [one.key for one in ledger.entries(scenario="other")] == ["d"]
    assert [one.key for one in ledger.entries(scenario="flights", kind="decision", run_key="k1")] == ["a"]
    assert [one.key for one in ledger.entries(limit=2)] == ["d", "c"]


def test_a_resumed_run_that_says_the_same_later_adds_nothing(ledger: SqlLedger) -> None:
    ledger.record(entry(target="gpu", free=1))
    ledger.record(replace(entry(free=1, target="gpu"), at=START + 60))
    assert [one.at for one in ledger.entries()] == [START]


def test_another_payload_is_a_further_attempt_and_the_first_is_kept(ledger: SqlLedger) -> None:
    for target in ("gpu", "cpu", "gpu"):
        ledger.record(entry(target=target))
    assert [one.payload["target"] for one in ledger.entries()] == ["gpu", "cpu", "gpu"]


def test_the_newest_word_of_an_operator_counts(ledger: SqlLedger) -> None:
    said = [
        ("gpu-1", {"state": "drained", "reason": "disk"}),
        ("gpu-1", {"state": "gpu", "value": 0}),
        ("gpu-1", {"state": "drained", "cleared": True}),
        ("gpu-1", {"state": "drained", "reason": "fan"}),
        ("cpu-1", {"state": "busy", "value": 1}),
        ("cpu-1", {"state": "busy", "cleared": True}),
    ]
    for target, payload in said:
        ledger.record(Entry(Kind.TARGET_STATE, "", "", target, START, payload))  # type: ignore[arg-type]
    ledger.record(entry("cpu-1"))
    assert target_states(ledger.entries()) == {
        "gpu-1": {"drained": {"state": "drained", "reason": "fan"}, "gpu": {"state": "gpu", "value": 0}}
    }


def test_a_release_is_written_over_and_keeps_its_place(url: str, ledger: SqlLedger) -> None:
    lease = ledger.acquire("flights", "run-1", 60)
    first, second = release(), release("k2-1")
    ledger.save_release(first, lease)
    ledger.save_release(second, lease)
    done = replace(first, phase="Done", outcome=Outcome.PROMOTED, reason="good", updated_at=START + 9)
    ledger.save_release(done, lease)
    assert connect(url).releases() == (second, done)
    assert connect(url).releases(limit=1) == (second,)


def test_releases_are_chosen_by_scenario_and_endpoint(ledger: SqlLedger) -> None:
    lease = ledger.acquire("flights", "run-1", 60)
    for one in (release("a"), release("b", endpoint="other"), release("c", scenario="else")):
        ledger.save_release(one, lease)
    assert [one.key for one in ledger.releases(endpoint="other")] == ["b"]
    assert [one.key for one in ledger.releases(scenario="flights")] == ["b", "a"]


def test_somebody_elses_lease_is_busy_and_names_holder_and_end(ledger: SqlLedger) -> None:
    ledger.acquire("flights", "run-1", 60)
    with pytest.raises(BusyError, match=r"run-1 .*2023-11-14T22:14:20\+00:00"):
        ledger.acquire("flights", "run-2", 60)
    ledger.acquire("other", "run-2", 60)


def test_the_holder_gets_its_own_lease_back_longer(ledger: SqlLedger, clock: Clock) -> None:
    first = ledger.acquire("flights", "run-1", 60)
    clock.now += 30
    again = ledger.acquire("flights", "run-1", 60)
    assert again == replace(first, expires_at=START + 90)
    assert ledger.renew(again, 600) == replace(first, expires_at=START + 630)


def test_an_ended_lease_goes_to_the_next_with_a_higher_token(ledger: SqlLedger, clock: Clock) -> None:
    dead = ledger.acquire("flights", "run-1", 60)
    clock.now += 61
    next_one = ledger.acquire("flights", "run-2", 60)
    assert next_one.token > dead.token
    ledger.check(next_one)


def test_a_returned_zombie_may_not_write_renew_or_check(ledger: SqlLedger, clock: Clock) -> None:
    zombie = ledger.acquire("flights", "run-1", 60)
    ledger.save_release(release(), zombie)
    clock.now += 61
    ledger.acquire("flights", "run-2", 60)
    forbidden: list[Callable[[], object]] = [
        lambda: ledger.save_release(release(phase="Done"), zombie),
        lambda: ledger.renew(zombie, 60),
        lambda: ledger.check(zombie),
    ]
    for attempt in forbidden:
        with pytest.raises(FencedError, match="run-2"):
            attempt()
    assert ledger.releases() == (release(),)


def test_a_late_holder_that_nobody_succeeded_still_holds(ledger: SqlLedger, clock: Clock) -> None:
    lease = ledger.acquire("flights", "run-1", 60)
    clock.now += 3600
    ledger.check(lease)
    ledger.save_release(release(), lease)


def test_a_lease_given_back_is_free_and_no_longer_valid(ledger: SqlLedger) -> None:
    lease = ledger.acquire("flights", "run-1", 60)
    ledger.release(lease)
    ledger.release(lease)
    with pytest.raises(FencedError):
        ledger.check(lease)
    assert ledger.acquire("flights", "run-2", 60).token > lease.token


def test_giving_back_an_old_lease_does_not_end_the_new_one(ledger: SqlLedger, clock: Clock) -> None:
    old = ledger.acquire("flights", "run-1", 60)
    clock.now += 61
    new = ledger.acquire("flights", "run-2", 60)
    ledger.release(old)
    ledger.check(new)


def test_a_lease_that_was_never_acquired_is_refused(ledger: SqlLedger) -> None:
    with pytest.raises(FencedError):
        ledger.save_release(release(), Lease("flights", "run-1", 1, START))
    assert ledger.releases() == ()


STEPS = st.lists(
    st.tuples(st.sampled_from(["acquire", "release", "wait"]), st.sampled_from(["a", "b", "c"])), max_size=20
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_tokens_never_fall_and_one_holder_at_a_time(tmp_path_factory: pytest.TempPathFactory, steps: object) -> None:
    clock = Clock()
    ledger = connect(f"sqlite:///{tmp_path_factory.mktemp('property') / 'ledger.db'}", clock)
    held: dict[str, Lease] = {}
    newest = 0
    for verb, holder in steps:  # type: ignore[attr-defined]
        if verb == "wait":
            clock.now += 40
        elif verb == "release" and holder in held:
            ledger.release(held[holder])
        elif verb == "acquire":
            try:
                held[holder] = ledger.acquire("name", holder, 60)
            except BusyError:
                continue
            assert held[holder].token >= newest
            newest = held[holder].token
    assert sum(is_valid(ledger, lease) for lease in held.values()) <= 1


def is_valid(ledger: SqlLedger, lease: Lease) -> bool:
    try:
        ledger.check(lease)
    except FencedError:
        return False
    return True


HOLDER = """
import json, sys
from landbridge.ledger import connect
ledger = connect(sys.argv[1])
tokens = []
while len(tokens) < int(sys.argv[3]):
    try:
        lease = ledger.acquire("name", f"{sys.argv[2]}-{len(tokens)}", 60)
    except Exception as error:
        if type(error).__name__ != "BusyError":
            raise
        continue
    tokens.append(lease.token)
    ledger.release(lease)
print(json.dumps(tokens))
"""


@pytest.mark.timeout(60)
def test_two_processes_never_get_one_token_twice(url: str) -> None:
    """They also make the tables together."""
    command = [sys.executable, "-c", HOLDER, url]
    both = [subprocess.Popen([*command, name, "200"], stdout=subprocess.PIPE, text=True) for name in ("a", "b")]
    tokens = [json.loads(process.communicate(timeout=50)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert all(mine == sorted(mine) for mine in tokens)
    assert len({*tokens[0], *tokens[1]}) == 400


KILLED = """
import sys, time
from landbridge.ledger import connect
ledger = connect(sys.argv[1])
ledger.acquire("name", "killed", 0.5)
print("held", flush=True)
time.sleep(60)
"""


def test_a_killed_holder_is_succeeded_after_its_time(url: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    clock = Clock()
    clock.now = 0.0
    ledger = connect(url, clock)
    with pytest.raises(BusyError, match="killed"):
        ledger.acquire("name", "next", 60)
    clock.now = math.inf
    assert ledger.acquire("name", "next", 60).token == 2


def test_threads_that_record_at_once_lose_nothing(url: str, ledger: SqlLedger) -> None:
    def work(name: str) -> None:
        for number in range(25):
            ledger.record(entry("same", by=f"{name}{number}"))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(connect(url).entries()) == 100


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # Python 3.12, for any thread
def test_a_forked_child_opens_connections_of_its_own(url: str, ledger: SqlLedger) -> None:
    ledger.record(entry("parent"))
    child = os.fork()
    if child == 0:
        try:
            ledger.record(entry("child"))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    ledger.record(entry("after"))
    assert {one.key for one in ledger.entries()} == {"parent", "child", "after"}


def test_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    ledger = connect(f"sqlite:///{tmp_path / 'deep' / 'ledger.db'}")
    ledger.record(entry())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").iterdir()}
    assert modes
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be one" * 50, b"SQLite format 3\0" * 99]
)
def test_a_damaged_file_is_said_so_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises(CorruptError, match="landbridge run") as caught:
        connect(f"sqlite:///{path}")
    assert str(path) in caught.value.message
    assert path.read_bytes() == content


def test_a_page_that_was_overwritten_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = connect(f"sqlite:///{path}")
    for number in range(300):
        ledger.record(entry(str(number), text="x" * 200))
    ledger.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096 * 4)
        file.write(os.urandom(size - 4096 * 4))
    with pytest.raises(CorruptError):
        connect(f"sqlite:///{path}").entries()


def test_another_programs_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "prefect.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE flow_run (id INTEGER)")
    other.close()
    with pytest.raises(CorruptError, match="another program"):
        connect(f"sqlite:///{path}")
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("flow_run",)]
    other.close()


def test_a_ledger_of_a_newer_landbridge_is_refused(url: str, ledger: SqlLedger) -> None:
    from sqlalchemy import text

    with ledger._writer.begin() as connection:
        connection.execute(text("UPDATE landbridge_schema SET version = 2"))
    with pytest.raises(PermanentError, match="newer landbridge"):
        connect(url)


@pytest.mark.parametrize("bad", ["nonsense", "sqlite://", "sqlite:///:memory:", "mysql://h/d", ""])
def test_a_url_that_is_no_place_for_a_ledger_is_refused(bad: str) -> None:
    with pytest.raises(InputError, match="LANDBRIDGE_DATABASE_URL"):
        connect(bad)


def test_a_place_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="ledger"):
        connect(f"sqlite:///{tmp_path / 'file' / 'ledger.db'}")


def test_a_file_that_another_process_keeps_locked_may_heal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landbridge.ledger.engine.BUSY_SECONDS", 0.2)
    path = tmp_path / "ledger.db"
    ledger = connect(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TargetUnavailableError, match="locked"):
        ledger.record(entry())
    other.execute("ROLLBACK")
    other.close()
    ledger.record(entry())


@pytest.mark.services
def test_postgresql_refuses_a_wrong_password_without_telling_it(postgres_server: object) -> None:
    with pytest.raises(AuthError) as caught:
        connect(postgres_server.url(password="wrong-secret"))  # type: ignore[attr-defined]
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.services
def test_a_database_that_is_not_there_is_named(postgres_server: object) -> None:
    with pytest.raises(InputError, match="createdb"):
        connect(postgres_server.url("nosuch"))  # type: ignore[attr-defined]


def test_a_postgresql_that_does_not_answer_may_heal() -> None:
    with pytest.raises(TargetUnavailableError) as caught:
        connect("postgresql://user:topsecret@127.0.0.1:1/db")
    assert "topsecret" not in str(caught.value)


def test_importing_the_ledger_imports_no_sqlalchemy() -> None:
    """The CLI's commands import it, and must start fast."""
    code = "import sys, landbridge.ledger; sys.exit('sqlalchemy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
