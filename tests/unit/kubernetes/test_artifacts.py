"""The site's object store: each content once, checked where it is read."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from landbridge.domain.errors import (
    CapabilityMissingError,
    CorruptError,
    InputError,
    NotFoundError,
    TargetUnavailableError,
)
from landbridge.drivers.kubernetes.artifacts import ArtifactStore, artifact_store, fetch_tree
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.trees import digest_folder


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(f"file://{tmp_path}/store", {"auto_mkdir": True})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data/deep").mkdir(parents=True)
    (tmp_path / "data/a.csv").write_text("a")
    (tmp_path / "data/deep/b.csv").write_text("bb")
    return tmp_path / "data"


def test_a_tree_is_kept_under_its_digest_and_comes_back(store: ArtifactStore, folder: Path, tmp_path: Path) -> None:
    tree = store.put_tree(folder)
    assert tree.digest == digest_folder(folder)
    assert store.tree(tree.digest) == tree
    assert tree.size_bytes == 3
    fetch_tree(store, tree, tmp_path / "back")
    assert digest_folder(tmp_path / "back") == tree.digest


def test_what_is_there_is_not_sent_again(store: ArtifactStore, folder: Path, tmp_path: Path) -> None:
    tree = store.put_tree(folder)
    written = tmp_path / "store" / tree.key(tree.files[0])
    before = written.stat().st_mtime_ns
    assert store.put_tree(folder) == tree
    assert written.stat().st_mtime_ns == before


def test_a_tree_without_its_manifest_is_not_there_and_is_completed(store: ArtifactStore, folder: Path) -> None:
    tree = store.put_tree(folder)
    store.remove(f"{tree.prefix}/manifest.json")
    store.remove(tree.key(tree.files[0]))
    assert store.tree(tree.digest) is None
    assert store.put_tree(folder) == tree
    assert store.size(tree.key(tree.files[0])) == 1


def test_a_damaged_file_is_found_where_it_is_read(store: ArtifactStore, folder: Path, tmp_path: Path) -> None:
    tree = store.put_tree(folder)
    (tmp_path / "store" / tree.key(tree.files[0])).write_text("x")
    with pytest.raises(CorruptError):
        fetch_tree(store, tree, tmp_path / "back")
    assert not (tmp_path / "back" / tree.files[0].path).exists()


def test_single_files_and_bytes(store: ArtifactStore, folder: Path) -> None:
    key = store.put_file(folder / "a.csv")
    assert store.read(key) == b"a"
    store.put_bytes("jobs/x", b"y")
    store.remove("jobs")
    store.remove("jobs")
    assert store.size("jobs/x") is None
    with pytest.raises(NotFoundError):
        store.read("jobs/x")


def test_a_store_that_cannot_sign_says_so(store: ArtifactStore) -> None:
    with pytest.raises(CapabilityMissingError, match="cannot sign"):
        store.sign_put("jobs/x", 60)


def test_without_a_store_the_option_is_named() -> None:
    with pytest.raises(InputError, match="no artifact store"):
        artifact_store(KubernetesOptions("ml"), "gpu")


def test_urls_for_pods_are_signed_for_the_address_that_pods_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANT_KEY", "very-secret")
    storage = {"key": "user", "secret": "secret:PLANT_KEY", "endpoint_url": "http://127.0.0.1:9"}
    store = ArtifactStore("s3://bucket/landbridge", storage, "http://minio.plant.test:9000")
    for signed, verb in ((store.sign_get("blobs/x", 60), "get"), (store.sign_put("jobs/y", 60), "put")):
        url = urlsplit(signed.url)
        assert url.netloc == "minio.plant.test:9000", verb
        assert url.path.startswith("/bucket/landbridge/")
        assert {key.lower() for key in parse_qs(url.query)} & {"x-amz-signature", "signature"}
        assert "very-secret" not in signed.url


def test_a_store_that_does_not_answer_may_heal() -> None:
    storage = {
        "key": "k",
        "secret": "s",
        "endpoint_url": "http://127.0.0.1:9",
        "config_kwargs": {"retries": {"max_attempts": 1}},
    }
    with pytest.raises(TargetUnavailableError):
        ArtifactStore("s3://bucket", storage).size("x")
