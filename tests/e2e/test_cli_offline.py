"""The installed command as a user types it, with no service up: exit codes, streams, and what it says then."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).with_name("landbridge"))


@dataclass(frozen=True)
class Shell:
    """A folder with a scenario as `landbridge new` writes it, its data, and a home of its own."""

    folder: Path

    def __call__(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        mine = {"LANDBRIDGE_HOME": str(self.folder / "home"), "LANDBRIDGE_PREFECT_PORT": "0"}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("LANDBRIDGE_")}
        return subprocess.run(
            [COMMAND, *arguments],
            capture_output=True,
            text=True,
            env=kept | mine | environment,
            cwd=self.folder,
            timeout=60,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        done = self(*arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new")
    done = Shell(folder)("new", "patients", "--pattern", "hybrid_train_deploy", "--dir", ".")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def shell(written: Path, tmp_path: Path) -> Shell:
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    (tmp_path / "data" / "patients").mkdir(parents=True)
    (tmp_path / "data" / "patients" / "rows.csv").write_text("a,b\n1,2\n")
    return Shell(tmp_path)


def test_a_new_scenario_is_valid_and_can_be_planned_at_once(shell: Shell) -> None:
    assert shell("validate", "scenario.yaml").returncode == 0
    plan = shell.json("plan", "scenario.yaml")
    assert plan["placement"]["chosen"] == "onprem-rack"
    assert not plan["refused"]


def test_a_wrong_scenario_is_2_with_file_and_line_and_no_trace(shell: Shell) -> None:
    path = shell.folder / "scenario.yaml"
    path.write_text(path.read_text().replace("min_rows:", "min_row:"))
    line = 1 + path.read_text()[: path.read_text().index("min_row:")].count("\n")
    for command in ("validate", "plan", "run"):
        done = shell(command, "scenario.yaml")
        assert done.returncode == 2
        assert f"scenario.yaml:{line}: " in done.stderr
        assert "Traceback" not in done.stderr
    assert not (shell.folder / "home" / "services").exists()  # `run` starts nothing for a scenario that is wrong


def test_an_unknown_target_is_2_with_the_nearest(shell: Shell) -> None:
    done = shell("targets", "set", "onprem-rak", "--drain")
    assert done.returncode == 2
    assert "did you mean 'onprem-rack'?" in done.stderr


def test_a_drained_target_is_left_and_come_back_to(shell: Shell) -> None:
    assert shell("targets", "set", "onprem-rack", "--drain", "firmware update").returncode == 0
    plan = shell.json("plan", "scenario.yaml")["placement"]
    assert (plan["chosen"], plan["spilled"]) == ("cloud-cpu", "maintenance")
    assert shell("targets", "set", "onprem-rack", "--undrain").returncode == 0
    assert shell.json("plan", "scenario.yaml")["placement"]["chosen"] == "onprem-rack"


def test_a_plan_that_has_nowhere_to_go_is_3(shell: Shell) -> None:
    for target in ("onprem-rack", "cloud-cpu"):
        shell("targets", "set", target, "--drain")
    done = shell("plan", "scenario.yaml")
    assert done.returncode == 3
    assert "no target is eligible" in done.stdout


def test_a_job_that_was_never_run_is_7(shell: Shell) -> None:
    done = shell("logs", "scenario.yaml")
    assert done.returncode == 7
    assert "landbridge run" in done.stderr


def test_a_damaged_ledger_is_9_and_says_how_to_go_on(shell: Shell) -> None:
    (shell.folder / "home").mkdir(exist_ok=True)
    (shell.folder / "home" / "ledger.db").write_bytes(b"no database" * 100)
    done = shell("status")
    assert done.returncode == 9
    assert "To fix: Move the file away" in done.stderr


def test_a_home_that_cannot_be_made_is_told_without_a_trace(shell: Shell) -> None:
    (shell.folder / "taken").write_text("a file")
    done = shell("status", LANDBRIDGE_HOME=str(shell.folder / "taken"))
    assert done.returncode not in (0, 70)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["status"], {"host", "scenarios", "runs"}),
        (["targets"], {"inventory", "targets", "offers"}),
        (["releases"], {"releases"}),
        (["why-not", "scenario.yaml", "cloud-cpu"], {"eligible", "changes"}),
        (["down"], {"was_up", "ended"}),
    ],
)
def test_json_is_all_there_is_on_standard_output(shell: Shell, arguments: list[str], keys: set[str]) -> None:
    assert keys <= set(shell.json(*arguments))


def test_with_the_host_down_status_says_how_to_start_it(shell: Shell) -> None:
    done = shell("status")
    assert done.returncode == 0
    assert "landbridge up" in done.stdout


def test_doctor_names_what_is_wrong_and_is_1(shell: Shell) -> None:
    path = shell.folder / "inventory.yaml"
    path.write_text(
        path.read_text().replace("driver: local\n    roles: [train]", "driver: locl\n    roles: [train]", 1)
    )
    done = shell("doctor")
    assert done.returncode == 1
    assert "FAIL" in done.stdout
    assert "locl" in done.stdout


@pytest.mark.parametrize("scenario", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_scenarios_are_valid(shell: Shell, scenario: Path) -> None:
    done = shell("validate", str(scenario))
    assert done.returncode == 0, done.stderr


def test_the_company_s_inventory_is_valid(shell: Shell) -> None:
    done = shell("validate", str(ROOT / "scenarios" / "inventories" / "company.yaml"))
    assert done.returncode == 0, done.stderr


def test_the_shell_can_complete_commands(shell: Shell) -> None:
    done = shell("", _LANDBRIDGE_COMPLETE="complete_bash", COMP_WORDS="landbridge why", COMP_CWORD="1")
    assert {"why", "why-not"} <= set(done.stdout.split())
