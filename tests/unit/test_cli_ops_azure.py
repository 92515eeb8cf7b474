"""Who may name what: `landbridge ops` over Azure takes nothing of data science, and data science nothing of operations."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from landbridge.cli.app import app
from landbridge.files.kinds import OPERATIONS, OWNER, kind_of
from tests.unit.cli import landbridge

ROOT = Path(__file__).parents[2]
INVENTORY = {
    "name": "test",
    "sites": {"cloud": {"kind": "cloud", "registry": {"driver": "mlflow", "port": 5510}}},
    "targets": {
        "aml": {
            "site": "cloud",
            "driver": "azureml",
            "roles": ["train"],
            "options": {
                "subscription_id": "00000000-0000-0000-0000-000000000000",
                "resource_group": "ml",
                "workspace": "contoso",
            },
        },
        "here": {"site": "cloud", "driver": "memory", "roles": ["train"]},
    },
}
EXTENSION = "name: azureml\ncluster: {kind: arc, name: edge, resource_group: rg}\nfeatures: training\n"
KUBECONFIG = "apiVersion: v1\nkind: Config\nclusters: []\n"
COMMANDS = (
    ("cluster", "check"),
    ("extension", "install"),
    ("extension", "update"),
    ("extension", "status"),
    ("extension", "remove"),
    ("attach",),
    ("detach",),
    ("router",),
    ("troubleshoot",),
)
WITH_FILE = {("extension", "install"), ("extension", "update")}
CREDENTIALS = {"--kubeconfig", "--context", "--write-kubeconfig"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LANDBRIDGE_INVENTORY", raising=False)
    texts = {"inventory.yaml": yaml.safe_dump(INVENTORY), "extension.yaml": EXTENSION, "admin.kubeconfig": KUBECONFIG}
    for name, text in texts.items():
        Path(name).write_text(text)


def ops(command: tuple[str, ...], target: str, *more: str) -> Any:
    file = ("extension.yaml",) if command in WITH_FILE else ()
    return landbridge("ops", *command, target, *file, *more)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
class TestOperations:
    @pytest.mark.parametrize(
        ("text", "kind"), [("pattern: private_aks\n", "a scenario"), ("command: python x\n", "a job")]
    )
    def test_a_file_of_data_science_is_no_inventory(self, command: tuple[str, ...], text: str, kind: str) -> None:
        Path("theirs.yaml").write_text(text)
        said = ops(command, "aml", "--inventory", "theirs.yaml")
        assert (said.code, f"{kind} file, which belongs to data science" in said.err) == (2, True)

    def test_a_scenario_is_no_target(self, command: tuple[str, ...]) -> None:
        said = ops(command, str(ROOT / "scenarios" / "private_aks.yaml"))
        assert (said.code, "not the name of a target" in said.err) == (2, True)

    def test_a_target_without_a_workspace_is_refused(self, command: tuple[str, ...]) -> None:
        said = ops(command, "here")
        assert (said.code, "azureml" in said.err) == (3, True)

    def test_a_target_without_a_cluster_says_where_to_name_it(self, command: tuple[str, ...]) -> None:
        if command in {("detach",), ("troubleshoot",)}:  # which ask Azure of the compute first
            return
        said = ops(command, "aml")
        assert said.code == 2
        assert "`operations: {cluster: " in said.err or "Add `compute:`" in said.err


@pytest.mark.parametrize("verb", ["install", "update"])
@pytest.mark.parametrize(("text", "kind"), [("pattern: private_aks\n", "a scenario"), ("command: python x\n", "a job")])
def test_a_file_of_data_science_orders_no_extension(verb: str, text: str, kind: str) -> None:
    Path("theirs.yaml").write_text(text)
    said = landbridge("ops", "extension", verb, "aml", "theirs.yaml")
    assert (said.code, f"{kind} file, which belongs to data science" in said.err) == (2, True)


@pytest.mark.parametrize("file", ["inventory.yaml", "extension.yaml", "admin.kubeconfig"])
@pytest.mark.parametrize("command", ["plan", "run", "why-not"])
def test_a_file_of_operations_is_no_scenario(command: str, file: str) -> None:
    more = ("aml",) if command == "why-not" else ()
    said = landbridge(command, file, *more, "--inventory", "inventory.yaml")
    assert (said.code, "belongs to IT operations" in said.err) == (2, True), said
    assert f"{kind_of(Path(file))} file" in said.err


@pytest.mark.parametrize("file", ["extension.yaml", "admin.kubeconfig"])
def test_a_file_of_operations_is_no_job_of_a_scenario(file: str, tmp_path: Path) -> None:
    assert landbridge("new", "glucose", "--pattern", "hybrid_train_deploy").code == 0
    [scenario] = [path for path in tmp_path.rglob("*.yaml") if kind_of(path) == "scenario"]
    job = next(path for path in scenario.parent.rglob("*.yaml") if kind_of(path) == "job")
    job.write_text(Path(file).read_text())
    said = landbridge("plan", str(scenario))
    assert (said.code, "belongs to IT operations" in said.err) == (2, True), said


def test_no_command_of_data_science_takes_credentials_of_a_cluster() -> None:
    found = [name for name, options in _commands(typer.main.get_command(app)) if options & CREDENTIALS]
    assert found
    assert not [name for name in found if not name.startswith("ops ")]


@pytest.mark.parametrize("option", sorted(CREDENTIALS))
def test_data_science_is_refused_an_option_for_credentials(option: str) -> None:
    said = landbridge("plan", "scenario.yaml", option, "x")
    assert (said.code, "No such option" in said.err) == (2, True)


def test_every_kind_of_file_has_an_owner() -> None:
    assert OWNER["kubeconfig"] == OWNER["extension"] == OWNER["inventory"] == OPERATIONS


def _commands(command: Any, name: str = "") -> Iterator[tuple[str, set[str]]]:
    for word, one in getattr(command, "commands", {}).items():
        yield from _commands(one, f"{name}{word} ")
    if not hasattr(command, "commands"):
        yield name, {option for parameter in command.params for option in parameter.opts}
