"""The blob store, as azure-storage-blob and adlfs use it. With LANDBRIDGE_AZURITE=…/azurite/dist/src/blob/main.js each test
runs against Azurite too: both must answer alike.
"""

import base64
import contextlib
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.identity import DefaultAzureCredential
from azure.storage.blob import (
    BlobClient,
    ContainerClient,
    ContainerSasPermissions,
    ContentSettings,
    generate_container_sas,
)

from tests.azure.double.double import Double

AZURITE = os.environ.get("LANDBRIDGE_AZURITE", "")
START_SECONDS = 20.0


class Store:
    """An account to ask: its address and its key."""

    def __init__(self, url: str, account: str, key: str) -> None:
        self.url, self.account, self.key = url, account, key

    def container(self, **options: Any) -> ContainerClient:
        """A new one."""
        client = ContainerClient(self.url, f"c{uuid.uuid4().hex[:12]}", self.key, retry_total=0, **options)
        client.create_container()
        return client


@contextlib.contextmanager
def azurite(key: str) -> Iterator[Store]:
    """Azurite on a port of its own, in memory; telemetry off, or it calls home."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--silent"]
    command = ["node", AZURITE, *options, "--skipApiVersionCheck", "--disableTelemetry"]
    process = subprocess.Popen(command, env={**os.environ, "AZURITE_ACCOUNTS": f"lab:{key}"})
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
    try:
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(url)
                break
            assert time.monotonic() < deadline, "Azurite does not answer"
            time.sleep(0.05)
        yield Store(f"{url}/lab", "lab", key)
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def other() -> Iterator[Store]:
    with azurite(base64.b64encode(os.urandom(64)).decode()) as store:
        yield store


@pytest.fixture(params=["double", "azurite"] if AZURITE else ["double"])
def store(request: pytest.FixtureRequest, azure: Double) -> Store:
    if request.param == "azurite":
        made: Store = request.getfixturevalue("other")
        return made
    return Store(f"https://{azure.places.blob_host}", azure.places.account, azure.world.account_key)


def code(error: pytest.ExceptionInfo[HttpResponseError]) -> tuple[int | None, str]:
    return error.value.status_code, str(getattr(error.value.error_code, "value", error.value.error_code))


def test_a_blob_is_put_read_and_deleted(store: Store) -> None:
    box = store.container()
    blob = box.get_blob_client("a folder/b ü+&.txt")
    blob.upload_blob(b"hello", metadata={"run": "7"}, content_settings=ContentSettings(content_type="text/plain"))
    found = blob.get_blob_properties()
    assert (found.size, found.metadata, found.blob_type) == (5, {"run": "7"}, "BlockBlob")
    assert found.content_settings.content_type == "text/plain"
    assert bytes(found.content_settings.content_md5).hex() == "5d41402abc4b2a76b9719d911017c592"
    assert blob.download_blob().readall() == b"hello"
    assert blob.download_blob(offset=1, length=3).readall() == b"ell"
    blob.delete_blob()
    assert not blob.exists()


def test_an_empty_blob_is_read(store: Store) -> None:
    """A ranged read of it is answered 416; the client then asks without a range."""
    blob = store.container().get_blob_client("empty")
    blob.upload_blob(b"")
    assert blob.download_blob().readall() == b""


def test_a_large_blob_goes_up_in_blocks_and_comes_down_in_pieces(store: Store) -> None:
    data = os.urandom(9 << 20)
    sizes = {
        "max_single_put_size": 1 << 20,
        "max_block_size": 1 << 20,
        "max_single_get_size": 1 << 20,
        "max_chunk_get_size": 1 << 20,
    }
    blob = store.container(**sizes).get_blob_client("large")
    blob.upload_blob(data, max_concurrency=8)
    assert blob.get_blob_properties().size == len(data)
    assert blob.download_blob(max_concurrency=4).readall() == data


def test_blobs_are_listed_by_prefix_and_by_folder(store: Store) -> None:
    box = store.container()
    for name in ("a/1.txt", "a/2.txt", "a/b/3.txt", "c.txt"):
        box.upload_blob(name, name.encode(), metadata={"name": name.replace("/", "")})
    assert [one.name for one in box.list_blobs()] == ["a/1.txt", "a/2.txt", "a/b/3.txt", "c.txt"]
    assert [(one.name, one.size) for one in box.list_blobs(name_starts_with="a/b")] == [("a/b/3.txt", 9)]
    assert [one.name for one in box.walk_blobs()] == ["a/", "c.txt"]
    assert sorted(one.name for one in box.walk_blobs("a/")) == ["a/1.txt", "a/2.txt", "a/b/"]
    assert {one.name: one.metadata for one in box.list_blobs(include=["metadata"])}["c.txt"] == {"name": "c.txt"}
    pages = [[one.name for one in page] for page in box.list_blobs(results_per_page=3).by_page()]
    assert pages == [["a/1.txt", "a/2.txt", "a/b/3.txt"], ["c.txt"]]


def test_what_is_there_is_not_overwritten_unless_asked(store: Store) -> None:
    blob = store.container().get_blob_client("once")
    blob.upload_blob(b"1")
    with pytest.raises(ResourceExistsError) as caught:
        blob.upload_blob(b"2")
    assert code(caught) == (409, "BlobAlreadyExists")
    blob.upload_blob(b"2", overwrite=True)
    assert blob.download_blob().readall() == b"2"


def test_a_change_in_between_is_noticed(store: Store) -> None:
    blob = store.container().get_blob_client("shared")
    blob.upload_blob(b"1")
    etag = blob.get_blob_properties().etag
    blob.upload_blob(b"2", overwrite=True)
    with pytest.raises(ResourceModifiedError) as caught:
        blob.upload_blob(b"3", overwrite=True, etag=etag, match_condition=MatchConditions.IfNotModified)
    assert code(caught) == (412, "ConditionNotMet")


def test_metadata_is_replaced(store: Store) -> None:
    blob = store.container().get_blob_client("marked")
    blob.upload_blob(b"1", metadata={"old": "1"})
    blob.set_blob_metadata({"upload_status": "completed"})
    assert blob.get_blob_properties().metadata == {"upload_status": "completed"}


def test_a_blob_is_copied(store: Store) -> None:
    box = store.container()
    box.upload_blob("from", b"data", metadata={"kept": "yes"})
    copy = box.get_blob_client("to")
    assert copy.start_copy_from_url(box.get_blob_client("from").url)["copy_status"] == "success"
    assert (copy.download_blob().readall(), copy.get_blob_properties().metadata) == (b"data", {"kept": "yes"})


@pytest.mark.parametrize(
    ("ask", "status", "word"),
    [
        (lambda box: box.get_blob_client("none").download_blob(), 404, "BlobNotFound"),
        (lambda box: box.get_blob_client("none").get_blob_properties(), 404, "BlobNotFound"),
        (lambda box: box.get_blob_client("none").delete_blob(), 404, "BlobNotFound"),
        (lambda box: box.create_container(), 409, "ContainerAlreadyExists"),
        (lambda box: box.get_blob_client("b").commit_block_list(["bm9uZQ=="]), 400, "InvalidBlockList"),
    ],
)
def test_what_fails_says_so_in_azures_words(
    store: Store, ask: Callable[[ContainerClient], Any], status: int, word: str
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        ask(store.container())
    assert code(caught) == (status, word)


def test_a_container_that_is_not_there_says_so(store: Store) -> None:
    with pytest.raises(ResourceNotFoundError) as caught:
        list(ContainerClient(store.url, "none", store.key, retry_total=0).list_blobs())
    assert code(caught) == (404, "ContainerNotFound")


def test_a_signed_address_is_good_until_it_expires(store: Store) -> None:
    box = store.container()
    box.upload_blob("b", b"data")
    for minutes, is_good in ((5, True), (-5, False)):
        expiry = datetime.now(UTC) + timedelta(minutes=minutes)
        token = generate_container_sas(
            store.account,
            box.container_name,
            account_key=store.key,
            permission=ContainerSasPermissions(read=True),
            expiry=expiry,
        )
        answer = httpx.get(f"{box.get_blob_client('b').url}?{token}")
        assert (answer.status_code, answer.content == b"data") == ((200, True) if is_good else (403, False))


def test_nobody_gets_in_without_a_credential(azure: Double) -> None:
    """Azure and Azurite differ in the status of a private container: 401 or 404."""
    azure.seeds.blob("x", b"1")
    container = azure.world.container("workspaceblobstore")
    blob = partial(BlobClient, f"https://{azure.places.blob_host}", container, "x", retry_total=0)
    with pytest.raises(ClientAuthenticationError):
        blob().download_blob()
    with pytest.raises(ClientAuthenticationError):
        blob(credential=base64.b64encode(b"another key").decode()).download_blob()
    credential = DefaultAzureCredential()
    assert blob(credential=credential).download_blob().readall() == b"1"
    azure.login.revoke()
    with pytest.raises(ClientAuthenticationError):
        blob(credential=credential).download_blob()  # it keeps its token


def test_adlfs_moves_whole_folders(azure: Double, tmp_path: Path) -> None:
    """As landbridge does with data and models."""
    import fsspec

    (tmp_path / "up/deep").mkdir(parents=True)
    (tmp_path / "up/1.txt").write_text("one")
    (tmp_path / "up/deep/2.txt").write_text("two")
    options = {
        "account_name": azure.places.account,
        "account_key": azure.world.account_key,
        "skip_instance_cache": True,
    }
    files = fsspec.filesystem("abfs", **options)
    azure.world.blobs.make("lake")
    files.put(f"{tmp_path}/up", "lake/data", recursive=True)
    assert sorted(files.find("lake/data")) == ["lake/data/1.txt", "lake/data/deep/2.txt"]
    assert files.cat("lake/data/deep/2.txt") == b"two"
    assert sorted(one["name"] for one in files.ls("lake/data", detail=True)) == ["lake/data/1.txt", "lake/data/deep"]
    files.get("lake/data", f"{tmp_path}/down", recursive=True)
    assert (tmp_path / "down/deep/2.txt").read_text() == "two"
    with files.open("lake/data/3.txt", "wb") as stream:
        stream.write(b"three")
    files.rm("lake/data", recursive=True)
    assert files.find("lake/data") == []
