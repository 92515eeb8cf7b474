"""What every data store promises. A driver joins with one row in ROWS."""

import os
import pickle
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import fsspec
import pytest

from landbridge import drivers
from landbridge.domain.digests import digest_bytes, digest_tree
from landbridge.domain.errors import AuthError, ConflictError, InputError, LandbridgeError, NotFoundError
from landbridge.domain.inventory import Datastore, Inventory
from landbridge.domain.requests import Snapshot
from landbridge.drivers.memory.data import MemoryData
from landbridge.ports import DataStore

from .conftest import assert_same_signatures

BATCHES = {"batches/jan.csv": b"1,2\n", "batches/deep/feb.csv": b"3,4\n" * 1000, "other/x": b"x"}


class World:
    """A data store in a place of its own. `put` with None removes."""

    def __init__(self, store: Datastore, inventory: Inventory, put: Callable[[str, bytes | None], None]) -> None:
        self.store = store
        self.inventory = inventory
        self.put = put

    def connect(self) -> DataStore:
        return drivers.data_store(self.store, self.inventory)

    def fill(self, files: Mapping[str, bytes] = BATCHES) -> None:
        for path, content in files.items():
            self.put(path, content)


def files_row(inventory: Inventory, folder: Path) -> World:
    def put(path: str, content: bytes | None) -> None:
        target = folder / "store" / path
        if content is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    return World(Datastore("flights", "cloud", f"file://{folder}/store"), inventory, put)


def fsspec_memory_row(inventory: Inventory, folder: Path) -> World:
    root = f"/{uuid.uuid4().hex}"
    system = fsspec.filesystem("memory")

    def put(path: str, content: bytes | None) -> None:
        if content is None:
            system.rm(f"{root}/{path}")
        else:
            system.pipe(f"{root}/{path}", content)

    return World(Datastore("flights", "cloud", f"memory:/{root}"), inventory, put)


def memory_row(inventory: Inventory, folder: Path) -> World:
    store = Datastore("flights", "cloud", f"memory-data://{uuid.uuid4().hex}", "memory")
    made = MemoryData(store, inventory)
    return World(store, inventory, made.put)


ROWS = [
    pytest.param(files_row, id="fsspec-file"),
    pytest.param(fsspec_memory_row, id="fsspec-memory"),
    pytest.param(memory_row, id="memory"),
]


@pytest.fixture(params=ROWS)
def world(request: pytest.FixtureRequest, make_inventory: Callable[..., Inventory], tmp_path: Path) -> World:
    made: World = request.param(make_inventory(), tmp_path)
    return made


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def quiet(_size_bytes: int) -> None:
    return None


def test_signatures_are_those_of_the_port(world: World) -> None:
    assert isinstance(world.connect(), DataStore)
    assert_same_signatures(DataStore, type(world.connect()))


def test_a_snapshot_names_a_folder_by_its_content(world: World) -> None:
    world.fill()
    snapshot = world.connect().snapshot("batches")
    content = {"jan.csv": BATCHES["batches/jan.csv"], "deep/feb.csv": BATCHES["batches/deep/feb.csv"]}
    assert {file.path: file.digest for file in snapshot.files} == {
        name: digest_bytes(data) for name, data in content.items()
    }
    assert snapshot.digest == digest_tree((name, digest_bytes(data)) for name, data in content.items())
    assert snapshot.size_bytes == sum(map(len, content.values()))
    assert [file.path for file in snapshot.files] == sorted(content)


def test_slashes_around_a_path_do_not_matter(world: World) -> None:
    world.fill()
    assert world.connect().snapshot("/batches/") == world.connect().snapshot("batches")


def test_a_snapshot_of_a_file_has_one_entry_of_its_name(world: World) -> None:
    world.fill()
    snapshot = world.connect().snapshot("batches/jan.csv")
    assert [(file.path, file.size_bytes) for file in snapshot.files] == [("jan.csv", 4)]


def test_the_whole_store_is_a_path_too(world: World) -> None:
    world.fill()
    assert {file.path for file in world.connect().snapshot("").files} == set(BATCHES)


def test_the_same_content_has_the_same_digest_again(world: World) -> None:
    world.fill()
    first = world.connect().snapshot("batches")
    world.put("batches/jan.csv", BATCHES["batches/jan.csv"])
    assert world.connect().snapshot("batches") == first


@pytest.mark.parametrize("path", ["batches/jan.csv", "batches/mar.csv"])
def test_changed_or_added_content_changes_the_digest(world: World, path: str) -> None:
    world.fill()
    first = world.connect().snapshot("batches")
    world.put(path, b"9,9\n")  # as long as before
    assert world.connect().snapshot("batches").digest != first.digest


def test_a_missing_path_is_named_with_a_remedy(world: World) -> None:
    world.fill()
    with pytest.raises(NotFoundError) as caught:
        world.connect().snapshot("batches/never")
    assert "batches/never" in caught.value.message
    assert caught.value.hint


def test_a_path_may_not_leave_its_store(world: World) -> None:
    for ask in (world.connect().snapshot, world.connect().url):
        with pytest.raises(InputError):
            ask("batches/../../secret")


def test_fetch_makes_the_folder_equal_and_tells_the_bytes(world: World, tmp_path: Path) -> None:
    world.fill()
    snapshot = world.connect().snapshot("batches")
    told: list[int] = []
    folder = tmp_path / "here" / "batches"
    assert world.connect().fetch(snapshot, str(folder), told.append) == snapshot.size_bytes == sum(told)
    assert tree(folder) == {"jan.csv": BATCHES["batches/jan.csv"], "deep/feb.csv": BATCHES["batches/deep/feb.csv"]}


def test_fetch_of_a_file_puts_it_into_the_folder(world: World, tmp_path: Path) -> None:
    world.fill()
    snapshot = world.connect().snapshot("batches/jan.csv")
    world.connect().fetch(snapshot, str(tmp_path / "here"), quiet)
    assert tree(tmp_path / "here") == {"jan.csv": b"1,2\n"}


def test_a_second_fetch_moves_nothing(world: World, tmp_path: Path) -> None:
    world.fill()
    snapshot = world.connect().snapshot("batches")
    world.connect().fetch(snapshot, str(tmp_path / "here"), quiet)
    assert world.connect().fetch(snapshot, str(tmp_path / "here"), quiet) == 0


def test_only_the_new_file_moves(world: World, tmp_path: Path) -> None:
    world.fill()
    world.connect().fetch(world.connect().snapshot("batches"), str(tmp_path / "here"), quiet)
    world.put("batches/mar.csv", b"new batch")
    assert world.connect().fetch(world.connect().snapshot("batches"), str(tmp_path / "here"), quiet) == 9


def test_what_is_no_part_of_the_snapshot_goes(world: World, tmp_path: Path) -> None:
    world.fill()
    folder = tmp_path / "here"
    (folder / "old" / "deeper").mkdir(parents=True)
    (folder / "old" / "deeper" / "stale.csv").write_text("stale")
    (folder / "jan.csv").write_text("9,9\n")
    world.connect().fetch(world.connect().snapshot("batches"), str(folder), quiet)
    assert set(tree(folder)) == {"jan.csv", "deep/feb.csv"}
    assert tree(folder)["jan.csv"] == b"1,2\n"
    assert not (folder / "old").exists()


@pytest.mark.parametrize("content", [b"7,7\n", b"longer than before", None])
def test_a_change_since_the_snapshot_is_a_conflict(world: World, tmp_path: Path, content: bytes | None) -> None:
    world.fill()
    snapshot = world.connect().snapshot("batches")
    world.put("batches/jan.csv", content)
    with pytest.raises(ConflictError) as caught:
        world.connect().fetch(snapshot, str(tmp_path / "here"), quiet)
    assert caught.value.hint
    assert "jan.csv" not in tree(tmp_path / "here")


def test_a_fetch_that_broke_off_goes_on(world: World, tmp_path: Path) -> None:
    world.fill()
    snapshot = world.connect().snapshot("batches")
    folder = tmp_path / "here"

    def broken(_size_bytes: int) -> None:
        raise ConnectionResetError("the line went dead")

    with pytest.raises(LandbridgeError):
        world.connect().fetch(snapshot, str(folder), broken)
    assert world.connect().fetch(snapshot, str(folder), quiet) <= snapshot.size_bytes
    assert len(tree(folder)) == 2


def test_a_destination_that_cannot_be_written_is_our_error(world: World, tmp_path: Path) -> None:
    world.fill()
    (tmp_path / "file").write_text("")
    with pytest.raises(LandbridgeError) as caught:
        world.connect().fetch(world.connect().snapshot("batches"), str(tmp_path / "file" / "here"), quiet)
    assert isinstance(caught.value.__cause__, OSError)


def test_missing_rights_are_an_auth_error(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.fill()
    snapshot = world.connect().snapshot("batches")

    def denied(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(AuthError):
        world.connect().fetch(snapshot, str(tmp_path / "here"), quiet)


def test_url_names_the_path(world: World) -> None:
    assert world.connect().url("batches").endswith("/batches")
    assert "://" in world.connect().url("batches")
    assert not world.connect().url("").endswith("/")


def test_a_snapshot_can_be_fetched_by_another_process(tmp_path: Path, make_inventory: Callable[..., Inventory]) -> None:
    """Of the stores here only files are shared by processes."""
    world = files_row(make_inventory(), tmp_path)
    world.fill()
    script = (
        "import pickle, sys; from landbridge import drivers\n"
        "store, inventory, snapshot, folder = pickle.loads(sys.stdin.buffer.read())\n"
        "print(drivers.data_store(store, inventory).fetch(snapshot, folder, lambda n: None))"
    )
    snapshot: Snapshot = world.connect().snapshot("batches")
    given = pickle.dumps((world.store, world.inventory, snapshot, str(tmp_path / "here")))
    answer = subprocess.run(
        [sys.executable, "-c", script], input=given, capture_output=True, check=True, env=os.environ
    )
    assert int(answer.stdout) == snapshot.size_bytes
