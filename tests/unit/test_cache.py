"""A site's cache, its digests and its locations: bytes once, safe for two, kept while in use."""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge import drivers
from landbridge.domain.digests import digest_bytes, digest_tree
from landbridge.domain.errors import (
    AuthError,
    BusyError,
    CapabilityMissingError,
    ConflictError,
    InputError,
    NotFoundError,
    PermanentError,
    QuotaExceededError,
)
from landbridge.domain.inventory import Datastore, Inventory, Site
from landbridge.domain.requests import Snapshot
from landbridge.domain.values import SiteKind
from landbridge.drivers.fsspec import digests
from landbridge.drivers.fsspec.cache import SiteCache
from landbridge.drivers.fsspec.locations import local_path
from landbridge.drivers.fsspec.transfer import exclusive
from landbridge.drivers.secrets import with_secrets

MONTHS = {"jan.csv": b"1" * 1000, "feb.csv": b"2" * 2000}


def quiet(_size_bytes: int) -> None:
    return None


class Bench:
    """A cloud store of monthly files and the cache of an on-premises site."""

    def __init__(self, root: Path, limit: int = 0) -> None:
        self.data = root / "data"
        self.cached = root / "cache"
        self.site = Site("onprem", SiteKind.ONPREM, str(root / "models"), f"file://{self.cached}", limit)
        self.store = Datastore("flights", "cloud", str(self.data))
        self.inventory = Inventory(
            "t", "i.yaml", str(root / "home"), {"onprem": self.site}, {}, {"flights": self.store}
        )
        self.cache = SiteCache(self.site, self.inventory)
        self.put(MONTHS)

    def put(self, files: dict[str, bytes], under: str = "months") -> None:
        for name, content in files.items():
            path = self.data / under / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def snapshot(self, path: str = "months") -> Snapshot:
        return drivers.data_store(self.store, self.inventory).snapshot(path)

    def ensure(self, path: str = "months", hold_seconds: float = 0.0) -> Path:
        return Path(self.cache.ensure(self.store, self.snapshot(path), hold_seconds=hold_seconds).path)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_data_comes_once(bench: Bench) -> None:
    told: list[int] = []
    first = bench.cache.ensure(bench.store, bench.snapshot(), told.append)
    assert first.moved_bytes == sum(told) == 3000
    assert {path.name: path.read_bytes() for path in Path(first.path).iterdir()} == MONTHS
    again = bench.cache.ensure(bench.store, bench.snapshot())
    assert (again.path, again.moved_bytes) == (first.path, 0)


def test_the_next_month_moves_only_its_file(bench: Bench) -> None:
    bench.ensure()
    bench.put({"mar.csv": b"3" * 500})
    assert bench.cache.missing_bytes(bench.snapshot()) == 500
    cached = bench.cache.ensure(bench.store, bench.snapshot())
    assert cached.moved_bytes == 500
    assert len(list(Path(cached.path).iterdir())) == 3
    assert bench.cache.usage().size_bytes == 3500
    assert bench.cache.usage().snapshots == 2
    assert bench.cache.missing_bytes(bench.snapshot()) == 0


def test_equal_files_are_kept_once(bench: Bench) -> None:
    bench.put({"copy.csv": MONTHS["jan.csv"]})
    cached = bench.cache.ensure(bench.store, bench.snapshot())
    assert cached.moved_bytes == 3000
    assert (Path(cached.path) / "copy.csv").read_bytes() == MONTHS["jan.csv"]


def test_one_file_is_given_as_a_file(bench: Bench) -> None:
    assert bench.ensure("months/jan.csv").read_bytes() == MONTHS["jan.csv"]


def test_data_at_home_is_used_where_it_is(bench: Bench) -> None:
    home = replace(bench.store, site="onprem")
    cached = bench.cache.ensure(home, bench.snapshot())
    assert (cached.path, cached.moved_bytes) == (str(bench.data / "months"), 0)
    assert not bench.cached.exists()
    one = bench.cache.ensure(home, bench.snapshot("months/jan.csv"))
    assert one.path == str(bench.data / "months" / "jan.csv")


def test_data_at_home_that_changed_is_a_conflict(bench: Bench) -> None:
    snapshot = bench.snapshot()
    bench.put({"jan.csv": b"other"})
    with pytest.raises(ConflictError):
        bench.cache.ensure(replace(bench.store, site="onprem"), snapshot)


def test_data_that_changed_on_its_way_is_a_conflict_and_nothing_appears(bench: Bench) -> None:
    snapshot = bench.snapshot()
    bench.put({"jan.csv": b"other"})
    with pytest.raises(ConflictError):
        bench.cache.ensure(bench.store, snapshot)
    assert bench.cache.usage().snapshots == 0


def test_a_transfer_that_broke_off_is_resumed(bench: Bench) -> None:
    """Of 3 MB that came in 1 MB pieces, the 2 that arrived do not come again."""
    bench.put({"big.csv": os.urandom(3 << 20)}, under="big")
    snapshot, told = bench.snapshot("big"), []

    def dies_after_two(size_bytes: int) -> None:
        told.append(size_bytes)
        if len(told) == 2:
            raise ConnectionResetError("the line went dead")

    with pytest.raises(Exception, match="the line went dead"):
        bench.cache.ensure(bench.store, snapshot, dies_after_two)
    assert bench.cache.usage().snapshots == 0
    assert bench.cache.ensure(bench.store, snapshot).moved_bytes == 1 << 20


def test_a_damaged_part_is_thrown_away(bench: Bench, tmp_path: Path) -> None:
    snapshot = bench.snapshot("months/jan.csv")
    parts = tmp_path / ".here.parts"
    parts.mkdir()
    (parts / snapshot.files[0].digest.removeprefix("sha256:")).write_bytes(b"rubbish" * 400)
    drivers.data_store(bench.store, bench.inventory).fetch(snapshot, str(tmp_path / "here"), quiet)
    assert (tmp_path / "here" / "jan.csv").read_bytes() == MONTHS["jan.csv"]
    assert not parts.exists()


def test_what_a_job_wrote_into_the_cache_is_mended(bench: Bench) -> None:
    folder = bench.ensure()
    (folder / "jan.csv").chmod(0o644)
    (folder / "jan.csv").write_bytes(b"9" * 1000)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x").write_text("")
    (folder / "feb.csv").unlink()
    cached = bench.cache.ensure(bench.store, bench.snapshot())
    assert cached.moved_bytes == 1000
    assert {path.name: path.read_bytes() for path in Path(cached.path).iterdir()} == MONTHS


def test_a_touched_object_is_checked_not_fetched(bench: Bench) -> None:
    os.utime(bench.ensure() / "jan.csv")
    cached = bench.cache.ensure(bench.store, bench.snapshot())
    assert cached.moved_bytes == 0


def test_cached_files_cannot_be_written_by_mistake(bench: Bench) -> None:
    assert all(path.stat().st_mode & 0o222 == 0 for path in bench.ensure().iterdir())


def months(bench: Bench, *names: str) -> None:
    """Cache each as a snapshot of its own, the first used longest ago."""
    for age, name in enumerate(reversed(names)):
        bench.put({"data.csv": name.encode() * 100}, under=name)
        path = bench.ensure(name)
        os.utime(path, (1_000_000 - age, 1_000_000 - age))


def cached_names(bench: Bench) -> set[str]:
    names = {path.name for path in bench.data.iterdir()} & {"a", "b", "c"}
    return {name for name in names if (bench.cached / "snapshots" / key(bench, name)).is_dir()}


def key(bench: Bench, name: str) -> str:
    return bench.snapshot(name).digest.removeprefix("sha256:")


def test_what_was_used_longest_ago_goes_first(bench: Bench) -> None:
    months(bench, "a", "b", "c")
    assert bench.cache.evict(200) == 100
    assert cached_names(bench) == {"b", "c"}
    bench.ensure("b")
    assert bench.cache.evict(100) == 100
    assert cached_names(bench) == {"b"}
    assert bench.cache.usage().size_bytes == 100


def test_shared_bytes_stay_until_nobody_needs_them(bench: Bench) -> None:
    bench.ensure()
    bench.put({"mar.csv": b"3" * 500})
    bench.ensure()
    os.utime(bench.cached / "snapshots" / key(bench, "months"), (10, 10))
    assert bench.cache.evict(3000) == 500
    assert bench.cache.evict(0) == 3000
    assert bench.cache.usage().size_bytes == 0


def test_what_is_in_use_stays(bench: Bench) -> None:
    months(bench, "a", "b")
    with bench.cache.pin(bench.snapshot("a").digest):
        assert bench.cache.evict(0) == 100
        assert cached_names(bench) == {"a"}
    assert bench.cache.evict(0) == 100


def test_what_was_just_asked_for_stays_for_its_time(bench: Bench) -> None:
    months(bench, "a", "b")
    bench.ensure("a", hold_seconds=60)
    assert bench.cache.evict(0) == 100
    assert cached_names(bench) == {"a"}
    for pin in (bench.cached / "pins").iterdir():
        os.utime(pin, (10, 10))
    assert bench.cache.evict(0) == 100


def test_the_pin_of_a_dead_process_counts_no_more(bench: Bench) -> None:
    months(bench, "a")
    script = (
        "import pickle, sys, os, signal; from landbridge.drivers.fsspec.cache import SiteCache\n"
        "site, inventory, digest = pickle.loads(sys.stdin.buffer.read())\n"
        "with SiteCache(site, inventory).pin(digest): os.kill(os.getpid(), signal.SIGKILL)"
    )
    given = pickle.dumps((bench.site, bench.inventory, bench.snapshot("a").digest))
    subprocess.run([sys.executable, "-c", script], input=given, check=False)
    assert list((bench.cached / "pins").glob(f"{key(bench, 'a')}.*"))
    assert bench.cache.evict(0) == 100


def test_room_is_made_before_new_data_comes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limit=250)
    months(bench, "a", "b", "c")
    assert len(cached_names(bench)) == 2
    assert bench.cache.usage().size_bytes == 200


def test_data_larger_than_the_cache_is_refused_before_a_byte_moves(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limit=100)
    with pytest.raises(QuotaExceededError) as caught:
        bench.ensure()
    assert "cache.max_size" in caught.value.hint
    assert not bench.cached.exists()


def test_two_processes_bring_the_same_data_once(bench: Bench, tmp_path: Path) -> None:
    bench.put({f"{number}.csv": os.urandom(200_000) for number in range(10)}, under="many")
    script = (
        "import pickle, sys; from landbridge.drivers.fsspec.cache import SiteCache\n"
        "site, inventory, store, snapshot = pickle.loads(sys.stdin.buffer.read())\n"
        "print(SiteCache(site, inventory).ensure(store, snapshot).moved_bytes)"
    )
    given = tmp_path / "given"
    given.write_bytes(pickle.dumps((bench.site, bench.inventory, bench.store, bench.snapshot("many"))))
    command = [sys.executable, "-c", script]
    with given.open("rb") as one, given.open("rb") as other:
        both = [subprocess.Popen(command, stdin=stream, stdout=subprocess.PIPE) for stream in (one, other)]
    moved = [int(process.communicate()[0]) for process in both]
    assert sorted(moved) == [0, 2_000_000]


def test_a_lock_that_is_held_too_long_is_busy(tmp_path: Path) -> None:
    with exclusive(tmp_path / "lock"), pytest.raises(BusyError), exclusive(tmp_path / "lock", seconds=0.1):
        raise AssertionError("two holders")


def test_a_cache_elsewhere_is_refused(bench: Bench) -> None:
    with pytest.raises(CapabilityMissingError):
        SiteCache(replace(bench.site, cache="s3://bucket/cache"), bench.inventory)


def test_a_second_snapshot_reads_no_content(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await_quiet(bench)
    first = bench.snapshot()
    monkeypatch.setattr(digests, "digest_stream", lambda _stream: pytest.fail("content was read"))
    assert bench.snapshot() == first


def await_quiet(bench: Bench) -> None:
    """Wait until the files are older than one tick of the clock: until then their digests are not remembered."""
    newest = max(path.stat().st_ctime for path in bench.data.rglob("*.csv"))
    while time.time() < newest + digests.RACY_SECONDS + 0.01:
        time.sleep(0.01)


def test_a_change_of_equal_size_and_time_is_seen(bench: Bench) -> None:
    await_quiet(bench)
    path = bench.data / "months" / "jan.csv"
    before, first = path.stat(), bench.snapshot()
    path.write_bytes(b"7" * 1000)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert bench.snapshot().digest != first.digest


def test_damaged_memory_of_digests_only_costs_time(bench: Bench) -> None:
    await_quiet(bench)
    first = bench.snapshot()
    remembered = next((Path(bench.inventory.home)).rglob("flights.json"))
    for damage in ("{ broken", "[1]", '{"x": 3}'):
        remembered.write_text(damage)
        assert bench.snapshot() == first


def test_a_file_that_keeps_changing_is_a_conflict(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bench.data / "months" / "jan.csv"

    def grows(_stream: object) -> str:
        with path.open("ab") as stream:
            stream.write(b"more")
        return "sha256:0"

    monkeypatch.setattr(digests, "digest_stream", grows)
    with pytest.raises(ConflictError):
        bench.snapshot("months/jan.csv")


def test_linked_folders_are_followed_and_circles_refused(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.csv").write_text("x")
    (bench.data / "months" / "linked").symlink_to(tmp_path / "elsewhere")
    assert "linked/x.csv" in {file.path for file in bench.snapshot().files}
    (bench.data / "months" / "circle").symlink_to(bench.data)
    with pytest.raises(InputError):
        bench.snapshot()


def test_a_link_to_nothing_and_a_pipe_are_named(bench: Bench) -> None:
    (bench.data / "months" / "dangling").symlink_to("/nowhere")
    with pytest.raises(NotFoundError, match="dangling"):
        bench.snapshot()
    (bench.data / "months" / "dangling").unlink()
    os.mkfifo(bench.data / "months" / "pipe")
    with pytest.raises(InputError, match="pipe"):
        bench.snapshot()


def test_a_folder_with_a_file_of_its_own_name_is_refused(bench: Bench) -> None:
    bench.put({"twice": b"x", "other": b"y"}, under="twice")
    with pytest.raises(InputError, match="its own name"):
        bench.snapshot("twice")


@pytest.mark.parametrize(
    ("url", "path"),
    [("file:///a/b", "/a/b"), ("/a/b", "/a/b"), ("local:///a", "/a"), ("s3://a/b", ""), ("memory://a", "")],
)
def test_local_path(url: str, path: str) -> None:
    assert local_path(url) == path


def test_secrets_come_from_the_environment_at_the_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_KEY", "k")
    options = {"account": "a", "client": {"keys": ["secret:STORE_KEY"]}}
    assert with_secrets(options) == {"account": "a", "client": {"keys": ["k"]}}
    with pytest.raises(AuthError) as caught:
        with_secrets({"key": "secret:NOT_SET"})
    assert "NOT_SET" in caught.value.hint


@pytest.mark.parametrize("url", ["nosuch://x/y", "gs://bucket/x"])
def test_a_protocol_that_is_not_installed_is_named(bench: Bench, url: str) -> None:
    with pytest.raises(CapabilityMissingError):
        drivers.data_store(replace(bench.store, url=url), bench.inventory).snapshot("x")


def test_an_unknown_error_of_a_store_is_permanent(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    def strange(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("a bug of the vendor")

    monkeypatch.setattr(MemoryFileSystem, "find", strange)
    with pytest.raises(PermanentError) as caught:
        drivers.data_store(replace(bench.store, url="memory://x"), bench.inventory).snapshot("y")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_transfer_replaces_a_file_by_a_folder_and_back(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    (folder / "months").mkdir(parents=True)
    (folder / "months" / "jan.csv").mkdir()
    (folder / "months" / "jan.csv" / "inner").write_text("x")
    whole = bench.snapshot("")
    drivers.data_store(bench.store, bench.inventory).fetch(whole, str(folder), quiet)
    assert (folder / "months" / "jan.csv").read_bytes() == MONTHS["jan.csv"]
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "months").write_text("a file")
    drivers.data_store(bench.store, bench.inventory).fetch(whole, str(tmp_path / "there"), quiet)
    assert (tmp_path / "there" / "months" / "feb.csv").read_bytes() == MONTHS["feb.csv"]


@pytest.fixture
def ensure_speed(bench: Bench) -> Callable[[], float]:
    def measure() -> float:
        before = time.perf_counter()
        bench.cache.ensure(bench.store, bench.snapshot())
        return time.perf_counter() - before

    return measure


def test_data_that_is_there_costs_little(ensure_speed: Callable[[], float]) -> None:
    ensure_speed()
    assert min(ensure_speed() for _ in range(5)) < 0.05


NAMES = st.text("abc", min_size=1, max_size=2)
TREES = st.dictionaries(
    st.tuples(NAMES, NAMES).map(lambda parts: f"d{parts[0]}/f{parts[1]}"), st.binary(max_size=50), min_size=1
)


@given(before=TREES, after=TREES)
def test_whatever_was_there_a_fetch_ends_with_the_snapshot(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    with TemporaryDirectory() as root:
        bench = Bench(Path(root))
        folder = Path(root) / "here"
        for files, under in ((before, "before"), (after, "after")):
            bench.put(files, under=under)
            snapshot = bench.snapshot(under)
            moved = drivers.data_store(bench.store, bench.inventory).fetch(snapshot, str(folder), quiet)
            here = {
                path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
            }
            assert here == files
            assert moved <= snapshot.size_bytes
            assert snapshot.digest == digest_tree((name, digest_bytes(content)) for name, content in files.items())


def test_a_file_where_the_folder_should_be_is_left_alone(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(ConflictError):
        drivers.data_store(bench.store, bench.inventory).fetch(bench.snapshot(), str(tmp_path / "precious"), quiet)
    assert (tmp_path / "precious").read_text() == "mine"
