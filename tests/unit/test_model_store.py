"""A site's model store: copies are content-addressed, verified, whole or absent, and without rows beyond a border."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landbridge.domain.errors import CapabilityMissingError, CorruptError, InputError, NotFoundError
from landbridge.domain.inventory import Inventory, Site
from landbridge.domain.values import ModelVersion, SiteKind
from landbridge.drivers.fsspec.models import SiteModels, strip_model
from landbridge.drivers.trees import digest_folder

ROW = 4711.25  # stands in every place where a model can hold a row of its training data


@pytest.fixture(params=["file", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        yield f"file://{tmp_path / 'store'}"
        return
    import fsspec

    yield f"memory://{tmp_path.name}/store"
    fsspec.filesystem("memory").store.clear()


def models_at(url: str) -> SiteModels:
    site = Site("onprem", SiteKind.ONPREM, url, "", 0)
    return SiteModels(site, Inventory("test", "inventory.yaml", "/nowhere", {}, {}, {}))


@pytest.fixture
def models(url: str) -> SiteModels:
    return models_at(url)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """model/ {MLmodel, input_example.json, data/weights.bin}"""
    root = tmp_path / "model"
    (root / "data").mkdir(parents=True)
    (root / "MLmodel").write_text("flavors: {}\nsaved_input_example_info:\n  artifact_path: input_example.json\n")
    (root / "input_example.json").write_text("[1]")
    (root / "data" / "weights.bin").write_bytes(bytes(range(256)) * 1000)
    return str(root)


@pytest.fixture
def version(folder: str) -> ModelVersion:
    tags = {"landbridge.scenario": "flights"}
    return ModelVersion("flights", "3", digest_folder(Path(folder)), "", "run", tags, ("champion",), {"rmse": 1.0})


def tree(folder: str) -> dict[str, bytes]:
    root = Path(folder)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_shipped_copy_holds_the_same_files_and_is_found_again(url: str, version: ModelVersion, folder: str) -> None:
    copy = models_at(url).ship(version, folder, strip=False)
    size = sum(len(content) for content in tree(folder).values())
    assert (copy.digest, copy.size_bytes, copy.stripped) == (version.digest, size, ())
    assert copy.url.startswith(url)
    assert models_at(url).find(version) == copy
    models_at(url).verify(copy)


def test_shipping_again_changes_nothing(models: SiteModels, version: ModelVersion, folder: str) -> None:
    first = models.ship(version, folder, strip=False)
    assert models.ship(version, folder, strip=False) == first
    assert len(models.copies()) == 1


def test_what_was_never_shipped_is_not_found(models: SiteModels, version: ModelVersion) -> None:
    assert models.find(version) is None
    assert models.copies() == ()


def test_another_content_under_the_same_number_is_another_copy(
    models: SiteModels, version: ModelVersion, folder: str
) -> None:
    models.ship(version, folder, strip=False)
    assert models.find(replace(version, digest="sha256:" + "0" * 64)) is None


def test_a_version_that_others_registered_is_named_by_what_came(
    models: SiteModels, version: ModelVersion, folder: str
) -> None:
    foreign = replace(version, digest="")
    copy = models.ship(foreign, folder, strip=False)
    assert copy.version.digest == version.digest
    found = models.find(foreign)
    assert found is not None
    assert found.url == copy.url


def test_a_folder_that_is_not_the_version_is_refused(models: SiteModels, version: ModelVersion, folder: str) -> None:
    (Path(folder) / "MLmodel").write_text("something else")
    with pytest.raises(CorruptError, match="flights"):
        models.ship(version, folder, strip=False)
    assert models.copies() == ()


def test_an_empty_folder_is_no_model(models: SiteModels, version: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        models.ship(version, str(tmp_path / "nothing"), strip=False)


def test_a_damaged_copy_is_noticed_and_shipped_anew(url: str, version: ModelVersion, folder: str) -> None:
    models = models_at(url)
    copy = models.ship(version, folder, strip=False)
    damage(copy.url)
    with pytest.raises(CorruptError, match=copy.url):
        models.verify(copy)
    assert models.ship(version, folder, strip=False) == copy
    models.verify(copy)


def test_a_copy_whose_marker_was_never_written_does_not_exist(url: str, version: ModelVersion, folder: str) -> None:
    """As a kill between the files and the marker leaves it; the next ship completes it."""
    copy = models_at(url).ship(version, folder, strip=False)
    remove_file(f"{copy.url}.json")
    assert models_at(url).find(version) is None
    assert models_at(url).ship(version, folder, strip=False) == copy


def test_a_removed_copy_is_gone_and_removing_it_again_is_silent(
    models: SiteModels, version: ModelVersion, folder: str
) -> None:
    copy = models.ship(version, folder, strip=False)
    for _ in range(2):
        models.remove(copy)
        assert models.find(version) is None
        assert models.copies() == ()


def test_a_stripped_copy_and_a_whole_one_are_two(models: SiteModels, version: ModelVersion, folder: str) -> None:
    """A border asks for no rows: the whole copy, if there is one, does not do."""
    whole = models.ship(version, folder, strip=False)
    stripped = models.ship(version, folder, strip=True)
    assert stripped.url != whole.url
    assert stripped.digest != version.digest
    assert stripped.version.digest == version.digest
    assert stripped.stripped == ("input_example.json", "MLmodel:saved_input_example_info")
    models.remove(whole)
    assert models.find(version) == stripped


def test_the_store_keeps_no_metrics_tags_or_run(url: str, version: ModelVersion, folder: str) -> None:
    models_at(url).ship(version, folder, strip=False)
    (found,) = models_at(url).copies()
    assert found.version == ModelVersion("flights", "3", version.digest, "")


@pytest.mark.parametrize("name", ["a/b", "..", "modèle 1", ".hidden", "a:b"])
def test_any_model_name_stays_inside_the_store(tmp_path: Path, version: ModelVersion, folder: str, name: str) -> None:
    models = models_at(f"file://{tmp_path / 'store'}")
    copy = models.ship(replace(version, model=name), folder, strip=False)
    assert Path(models.local_path(copy)).resolve().is_relative_to(tmp_path / "store")
    assert models.find(replace(version, model=name)) == copy
    assert len(models.copies()) == 1


def test_a_local_copy_has_a_path_and_a_remote_one_says_what_to_do(
    url: str, models: SiteModels, version: ModelVersion, folder: str
) -> None:
    copy = models.ship(version, folder, strip=False)
    if url.startswith("file"):
        assert tree(models.local_path(copy)) == tree(folder)
    else:
        with pytest.raises(CapabilityMissingError, match="memory://"):
            models.local_path(copy)


def test_a_store_leaves_no_scratch_behind(tmp_path: Path, version: ModelVersion, folder: str) -> None:
    models = models_at(f"file://{tmp_path / 'store'}")
    models.ship(version, folder, strip=True)
    models.remove(models.ship(version, folder, strip=False))
    assert [path for path in (tmp_path / "store").rglob(".*")] == []


def test_an_unknown_protocol_is_refused_with_what_to_install() -> None:
    with pytest.raises(CapabilityMissingError, match="onprem"):
        models_at("nosuch://store")


def test_stripping_leaves_the_original_alone(folder: str, tmp_path: Path) -> None:
    before = tree(folder)
    strip_model(folder, str(tmp_path / "out"))
    assert tree(folder) == before


def test_stripping_refuses_a_folder_that_holds_something(folder: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "rows.csv").touch()
    with pytest.raises(InputError):
        strip_model(folder, str(tmp_path / "out"))


def test_a_model_without_rows_is_copied_unchanged(folder: str, tmp_path: Path) -> None:
    (Path(folder) / "input_example.json").unlink()
    (Path(folder) / "MLmodel").write_text("flavors:   {}  # as it was\nmetadata: {task: llm/v1/chat}\n")
    assert strip_model(folder, str(tmp_path / "out")) == ()
    assert tree(str(tmp_path / "out")) == tree(folder)


@pytest.mark.parametrize("text", ["a: [", "- a list", "\x00"])
def test_an_unreadable_mlmodel_is_named(folder: str, tmp_path: Path, text: str) -> None:
    (Path(folder) / "MLmodel").write_text(text)
    with pytest.raises(CorruptError, match="MLmodel"):
        strip_model(folder, str(tmp_path / "out"))


@pytest.fixture(scope="module")
def real_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A scikit-learn model as MLflow saves it, with a row wherever MLflow lets one in."""
    import mlflow.sklearn
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression

    frame = pd.DataFrame({"distance": [ROW, 2.0, 3.0], "hour": [3.0, 1.0, 2.0]})
    model = LinearRegression().fit(frame, [1.0, 2.0, 3.0])
    folder = str(tmp_path_factory.mktemp("real") / "model")
    mlflow.sklearn.save_model(
        model,
        folder,
        signature=infer_signature(frame, model.predict(frame), params={"horizon": 3}),
        input_example=(frame, {"horizon": 3}),
        metadata={"rows": [[ROW, 3.0]], "note": f"first row {ROW}", "task": "regression"},
        pip_requirements=["scikit-learn"],
    )
    return folder


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning")  # mlflow's, about its own classes
def test_a_stripped_model_holds_no_row_and_predicts_the_same(real_model: str, tmp_path: Path) -> None:
    import mlflow.pyfunc
    import pandas as pd

    whole, stripped = str(tmp_path / "whole"), str(tmp_path / "stripped")
    shutil.copytree(real_model, whole)
    assert any(str(ROW).encode() in content for content in tree(whole).values())
    left_out = strip_model(whole, stripped)
    assert left_out == (
        "input_example.json",
        "serving_input_example.json",
        "MLmodel:saved_input_example_info",
        "MLmodel:metadata.note",
        "MLmodel:metadata.rows",
    )
    assert not [name for name, content in tree(stripped).items() if str(ROW).encode() in content]
    frame = pd.DataFrame({"distance": [1.0, 100.0], "hour": [5.0, 6.0]})
    before, after = (loaded(mlflow.pyfunc, folder) for folder in (whole, stripped))
    assert list(after.predict(frame)) == list(before.predict(frame))
    assert after.metadata.signature == before.metadata.signature
    assert after.metadata.metadata == {"task": "regression"}


def loaded(pyfunc: Any, folder: str) -> Any:
    return pyfunc.load_model(folder)


def damage(url: str) -> None:
    import fsspec

    with fsspec.open(f"{url}/MLmodel", "wb") as file:
        file.write(b"damaged")


def remove_file(url: str) -> None:
    import fsspec

    fs, path = fsspec.core.url_to_fs(url)
    fs.rm(path)
