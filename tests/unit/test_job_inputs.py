"""Literals can be replaced, checked against what the job says of them; the digest follows what decides training."""

from dataclasses import replace
from pathlib import Path

import pytest

from landbridge.domain.errors import InputError
from landbridge.domain.job import CommandJob, JobResources, job_digest
from landbridge.files.job import load_job, with_inputs

TEXT = """\
command: python train.py ${{inputs.count}} $[[ --rate ${{inputs.rate}} ]] ${{inputs.word}} ${{inputs.rows}}
environment: azureml:e:1
code: .
inputs:
  bare: 1
  fraction: 0.5
  word: plain
  flag: false
  count: {type: integer, default: 2, min: 1, max: 9}
  rate: {type: number, optional: true}
  kind: {type: string, default: a, enum: [a, b]}
  rows: {type: uri_folder, path: data}
"""


@pytest.fixture
def job(tmp_path: Path) -> CommandJob:
    return _load(tmp_path)


def _load(folder: Path, text: str = TEXT) -> CommandJob:
    folder.mkdir(exist_ok=True)
    (folder / "job.yml").write_text(text)
    return load_job(folder / "job.yml")


@pytest.mark.parametrize(
    ("name", "value", "kind", "expected"),
    [
        ("bare", 3, "integer", 3),
        ("bare", 0.5, "number", 0.5),
        ("bare", "7", "integer", 7),
        ("fraction", 1, "number", 1),
        ("fraction", "1e-3", "number", 0.001),
        ("word", "two words", "string", "two words"),
        ("word", 3, "string", "3"),
        ("flag", True, "boolean", True),
        ("flag", "True", "boolean", True),
        ("count", 9, "integer", 9),
        ("count", 3.0, "integer", 3),
        ("rate", 0.1, "number", 0.1),
        ("kind", "b", "string", "b"),
    ],
)
def test_a_literal_is_replaced(job: CommandJob, name: str, value: object, kind: str, expected: object) -> None:
    changed = with_inputs(job, {name: value}).inputs[name]  # type: ignore[dict-item]
    assert (changed.type, changed.value) == (kind, expected)
    assert type(changed.value) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("cuont", 1, "did you mean 'count'"),
        ("rows", "elsewhere", "is data"),
        ("bare", "many", "is not a number"),
        ("bare", True, "is not a number"),
        ("fraction", float("nan"), "is not a number"),
        ("flag", "maybe", "is not true or false"),
        ("flag", 1, "is not true or false"),
        ("word", True, "is not text"),
        ("word", None, "is not text"),
        ("word", ["a"], "is not text"),
        ("count", 0, "less than the smallest"),
        ("count", 10, "more than the largest"),
        ("count", 2.5, "is not a whole number"),
        ("kind", "c", "not one of: a, b"),
    ],
)
def test_a_wrong_value_is_refused(job: CommandJob, name: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        with_inputs(job, {name: value})  # type: ignore[dict-item]
    assert caught.value.hint
    assert caught.value.where == job.path


def test_none_takes_an_optional_value_away(job: CommandJob) -> None:
    given = with_inputs(job, {"rate": 0.1})
    assert with_inputs(given, {"rate": None}).inputs["rate"].value is None


def test_taking_a_value_away_that_the_command_needs_is_refused(job: CommandJob) -> None:
    with pytest.raises(InputError, match="outside an optional part"):
        with_inputs(job, {"count": None})


def test_the_job_itself_is_not_changed(job: CommandJob) -> None:
    with_inputs(job, {"bare": 5})
    assert job.inputs["bare"].value == 1


def test_the_digest_is_the_same_in_every_checkout(tmp_path: Path) -> None:
    assert job_digest(_load(tmp_path / "one")) == job_digest(_load(tmp_path / "two"))


@pytest.mark.parametrize("change", [{"name": "n"}, {"tags": {"a": "b"}}, {"compute": "azureml:x"}, {"path": "p"}])
def test_names_do_not_change_the_digest(job: CommandJob, change: dict[str, object]) -> None:
    assert job_digest(replace(job, **change)) == job_digest(job)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"command": "other"},
        {"environment_variables": {"A": "1"}},
        {"distribution": {"type": "mpi"}},
        {"resources": JobResources(instance_count=2)},
    ],
)
def test_what_decides_training_changes_the_digest(job: CommandJob, change: dict[str, object]) -> None:
    assert job_digest(replace(job, **change)) != job_digest(job)  # type: ignore[arg-type]


def test_a_literal_changes_the_digest(job: CommandJob) -> None:
    assert job_digest(with_inputs(job, {"bare": 2})) != job_digest(job)


def test_a_changed_build_folder_changes_the_digest_but_its_place_does_not(tmp_path: Path) -> None:
    digests = []
    for name, content in (("one", "FROM a\n"), ("two", "FROM a\n"), ("three", "FROM b\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(content)
        digests.append(job_digest(_load(tmp_path / name, "command: echo\nenvironment: {build: {path: .}}\n")))
        (tmp_path / name / "job.yml").unlink()
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]
