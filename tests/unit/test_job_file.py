"""What is wrong in a command job is said with its file, its line and a sentence that mends it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from landbridge.domain.errors import InputError
from landbridge.domain.job import CommandJob
from landbridge.files.job import load_job

Load = Callable[[str], CommandJob]
HEAD = "command: echo hi\nenvironment: azureml:e:1\n"  # what follows starts in line 3


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def _load(text: str) -> CommandJob:
        file = tmp_path / "job.yml"
        file.write_text(text)
        return load_job(file)

    return _load


@pytest.fixture
def refused(load: Load, tmp_path: Path) -> Callable[[str], InputError]:
    def _refused(text: str) -> InputError:
        with pytest.raises(InputError) as caught:
            load(text)
        assert caught.value.hint
        assert caught.value.where.startswith(f"{tmp_path / 'job.yml'}:")
        return caught.value

    return _refused


def line(error: InputError) -> int:
    return int(error.where.rpartition(":")[2])


@pytest.mark.parametrize(
    ("text", "number", "message"),
    [
        ("type: pipeline\njobs: {}\n", 1, "type 'pipeline'"),
        ("display_name: x\ntype: sweep\n", 2, "type 'sweep'"),
        ("command: echo\n", 1, "`environment` is missing"),
        ("environment: azureml:e:1\n", 1, "`command` is missing"),
        ("command: ''\nenvironment: azureml:e:1\n", 1, "`command`"),
        (f"{HEAD}enviroment_variables: {{}}\n", 3, "`enviroment_variables` is not a known key"),
        (f"{HEAD}resources:\n  instance_cuont: 2\n", 4, "`resources.instance_cuont` is not a known key"),
        (f"{HEAD}inputs:\n  x:\n    typ: uri_file\n", 5, "`inputs.x.typ` is not a known key"),
        (f"{HEAD}outputs:\n  x:\n    modes: upload\n", 5, "`outputs.x.modes` is not a known key"),
        (f"{HEAD}services:\n  s:\n    type: ssh\n    ssh_public_key: k\n", 6, "ssh_public_key"),
        (f"{HEAD}inputs:\n  x-y: 1\n", 4, "not a legal name"),
        (f"{HEAD}outputs:\n  9x:\n", 4, "not a legal name"),
        (f"{HEAD}inputs:\n  x:\n    type: uri_fold\n", 5, "'uri_fold' is not one of"),
        (f"{HEAD}inputs:\n  x:\n    mode: rw_mount\n", 5, "cannot be given by rw_mount"),
        (f"{HEAD}inputs:\n  x:\n    type: uri_file\n    mode: eval_mount\n", 6, "cannot be given by eval_mount"),
        (f"{HEAD}inputs:\n  x:\n    type: mlflow_model\n    mode: eval_download\n", 6, "eval_download"),
        (f"{HEAD}inputs:\n  x:\n    type: integer\n    default: a\n", 6, "'a' is not a whole number"),
        (f"{HEAD}inputs:\n  x:\n    type: integer\n    default: 3\n    max: 2\n", 6, "more than the largest"),
        (f"{HEAD}inputs:\n  x:\n    type: number\n    default: 0.1\n    min: 1\n", 6, "less than the smallest"),
        (f"{HEAD}inputs:\n  x:\n    type: string\n    default: c\n    enum: [a, b]\n", 6, "not one of: a, b"),
        (f"{HEAD}inputs:\n  x:\n    type: boolean\n", 4, "the boolean has no value"),
        (f"{HEAD}inputs:\n  x:\n    type: string\n    path: y\n    default: z\n", 6, "belongs to data"),
        (f"{HEAD}inputs:\n  x:\n    path: y\n    default: 1\n", 6, "belongs to a literal"),
        (f"{HEAD}inputs:\n  x:\n    path: ${{{{parent.inputs.y}}}}\n", 5, "expression"),
        (f"{HEAD}outputs:\n  x:\n    path: azureml://datastores/d/paths/${{{{inputs.y}}}}\n", 5, "expression"),
        (f"{HEAD}environment_variables:\n  DATA: ${{{{inputs.x}}}}\n", 4, "`environment_variables.DATA`"),
        (f"{HEAD}tags:\n  n: 1\n", 4, "expected text"),
        (f"{HEAD}code: nowhere\n", 3, "there is no"),
        (f"{HEAD}limits:\n  timeout: soon\n", 4, "`limits.timeout`"),
        (f"{HEAD}limits:\n  timeout: 0\n", 4, "`limits.timeout`"),
        (f"{HEAD}resources:\n  shm_size: lots\n", 4, "`resources.shm_size`"),
        (f"{HEAD}resources:\n  instance_type: [a, b]\n", 4, "one instance type"),
        (f"{HEAD}resources:\n  instance_count: 3\n  max_instance_count: 2\n", 5, "less than instance_count"),
        (f"{HEAD}distribution:\n  type: pytorch\n  worker_count: 2\n", 5, "belongs to tensorflow, not to pytorch"),
        (f"{HEAD}distribution:\n  type: horovod\n", 4, "'horovod' is not one of"),
        (f"{HEAD}distribution:\n  process_count_per_instance: 1\n", 3, "`distribution.type` is missing"),
        (f"{HEAD}identity:\n  type: user_identity\n  client_id: c\n", 5, "belongs to a managed identity"),
        (f"{HEAD}identity:\n  type: nobody\n", 4, "'nobody' is not one of"),
        (f"{HEAD}queue_settings:\n  job_tier: luxury\n", 4, "'luxury' is not one of"),
        (f"{HEAD}services:\n  s:\n    type: vs_code\n    log_dir: x\n", 6, "belongs to a service of type tensor_board"),
        ("command: echo\nenvironment: python:3.11\n", 2, "no reference to an environment"),
        ("command: echo\nenvironment:\n  image: a\n  build:\n    path: .\n", 4, "not both"),
        ("command: echo\nenvironment:\n  conda_file: {}\n", 2, "one of `image` and `build`"),
        ("command: echo\nenvironment:\n  image: a\n  conda_file: no.yml\n", 4, "there is no file"),
        ("command: echo\nenvironment:\n  build:\n    path: .\n", 4, "Dockerfile"),
        ("command: echo\nenvironment:\n  imag: a\n", 3, "`environment.imag` is not a known key"),
    ],
)
def test_each_rule_names_its_line(refused: Callable[[str], InputError], text: str, number: int, message: str) -> None:
    error = refused(text)
    assert message in error.message
    assert line(error) == number


@pytest.mark.parametrize(
    ("word", "nearest"),
    [("comand", "command"), ("input", "inputs"), ("dispaly_name", "display_name"), ("enviroment", "environment")],
)
def test_an_unknown_key_is_answered_with_the_nearest(
    refused: Callable[[str], InputError], word: str, nearest: str
) -> None:
    assert f"`{nearest}`" in str(refused(f"{HEAD}{word}: x\n"))


@pytest.mark.parametrize(
    ("text", "older"),
    [
        ("environment:\n  build:\n    local_path: .\n", "local_path"),
        ("environment: azureml:e:1\ninputs:\n  rows:\n    file: rows.csv\n", "file"),
        ("environment: azureml:e:1\ninputs:\n  rows:\n    folder: rows\n", "folder"),
        ("environment: azureml:e:1\ninputs:\n  rows:\n    dataset: azureml:rows:1\n", "dataset"),
    ],
)
def test_a_word_of_azure_ml_s_preview_format_is_answered_with_todays(
    refused: Callable[[str], InputError], text: str, older: str
) -> None:
    error = refused(f"command: echo\n{text}")
    assert error.hint == f"Write `path` instead of `{older}`."
    assert "is missing" not in str(error)


def test_every_fault_is_told_at_once(refused: Callable[[str], InputError]) -> None:
    text = str(refused(f"{HEAD}code: nowhere\nlimits: {{}}\nresources: {{instance_type: [a, b]}}\n"))
    assert "there is no" in text
    assert "one instance type" in text


@pytest.mark.parametrize(
    ("command", "number", "message"),
    [
        ("|\n  echo one\n  echo ${{inputs.rats}}\n", 3, "did you mean 'rate'"),
        (">-\n  echo one\n  two\n  ${{inputs.rats}}\n", 4, "did you mean 'rate'"),
        ("echo ${{outputs.modle}}\n", 1, "did you mean 'model'"),
        ("|\n  echo ${{inputs.rate}}\n  echo ${{parent.inputs.x}}\n", 3, "only in a pipeline"),
        ("|\n  echo\n  echo ${{search_space.x}}\n", 3, "only in a sweep"),
        ("|\n  echo ${{rate}}\n", 2, "no expression of a command job"),
        ("|\n  echo ${{inputs.rate}}\n  echo ${{inputs.rate\n", 3, "is not closed"),
        ("|\n  echo\n  $[[ --rate ${{inputs.maybe}}\n", 3, "is not closed"),
        ("|\n  echo\n  $[[ $[[ ${{inputs.maybe}} ]] ]]\n", 3, "stands inside another one"),
        ("|\n  echo\n  $[[ --rate ${{inputs.rate}} ]]\n", 3, "no optional input"),
        ("|\n  echo $[[ ${{inputs.maybe}} ]]\n  echo ${{inputs.maybe}}\n", 3, "outside an optional part"),
    ],
)
def test_a_fault_of_the_command_names_the_line_within_it(
    refused: Callable[[str], InputError], command: str, number: int, message: str
) -> None:
    rest = (
        "environment: azureml:e:1\noutputs: {model: }\n"
        "inputs:\n  rate: 0.1\n  maybe: {type: number, optional: true}\n  given: {type: number, default: 1}\n"
    )
    error = refused(f"command: {command}{rest}")
    assert message in error.message
    assert line(error) == number


def test_an_optional_input_with_a_default_may_stand_anywhere(load: Load) -> None:
    inputs = "inputs:\n  given: {type: number, default: 1}\n"
    job = load(f"command: echo ${{{{inputs.given}}}} $[[ ${{{{inputs.given}}}} ]]\nenvironment: azureml:e:1\n{inputs}")
    assert job.inputs["given"].optional


def test_the_shells_own_brackets_are_left_alone(load: Load) -> None:
    assert load("command: '[[ -f x ]] && echo y'\nenvironment: azureml:e:1\n").command == "[[ -f x ]] && echo y"


def test_read_only_keys_of_a_shown_job_are_kept_apart(load: Load) -> None:
    job = load(f"{HEAD}id: azureml:/subscriptions/s/jobs/j\nstatus: Completed\nparent_job_name: p\n")
    assert job.extra == {"parent_job_name": "p", "id": "azureml:/subscriptions/s/jobs/j", "status": "Completed"}


def test_typed_literals_keep_their_bounds(load: Load) -> None:
    text = "inputs:\n  n: {type: Integer, default: '3', min: 1, max: 5, description: how many}\n"
    item = load(f"{HEAD}{text}").inputs["n"]
    assert (item.type, item.value, item.optional, item.shorthand) == ("integer", 3, True, False)
    assert item.options == {"default": "3", "min": 1, "max": 5, "description": "how many"}


def test_a_value_makes_a_literal(load: Load) -> None:
    item = load(f"{HEAD}inputs:\n  n:\n    value: 42\n").inputs["n"]
    assert (item.type, item.value) == ("integer", 42)


def test_an_input_without_type_is_a_folder(load: Load) -> None:
    item = load(f"{HEAD}inputs:\n  d:\n    path: file:./data\n").inputs["d"]
    assert item.type == "uri_folder"
    assert Path(item.path).is_absolute()


def test_numbers_may_be_written_as_text(load: Load) -> None:
    job = load(f"{HEAD}resources: {{instance_count: '2'}}\nlimits: {{timeout: '60'}}\n")
    assert (job.resources.instance_count, job.timeout_seconds) == (2, 60)


@pytest.mark.parametrize("word", ["AMLToken", "aml_token", "UserIdentity", "user_identity", "Managed"])
def test_identity_words_are_taken_in_either_case(load: Load, word: str) -> None:
    assert load(f"{HEAD}identity:\n  type: {word}\n").identity["type"] in {"aml_token", "user_identity", "managed"}


@pytest.mark.parametrize("code", ["git+https://x.org/r.git", "https://x.org/a.zip", "azureml:code:1"])
def test_remote_code_is_kept_as_written(load: Load, code: str) -> None:
    assert load(f"{HEAD}code: {code}\n").code == code


def test_a_fault_in_the_environments_own_file_names_that_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "env.yml").write_text("name: e\nimage: a\nimages: b\n")
    with pytest.raises(InputError) as caught:
        load("command: echo\nenvironment: file:env.yml\n")
    assert caught.value.where == f"{tmp_path / 'env.yml'}:3"


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        load_job(tmp_path / "no.yml")
