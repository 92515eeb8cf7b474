"""The command line as a whole: help, exit codes by class, no heavy import, the reference page."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from landbridge import cli, settings
from landbridge.cli import reference
from landbridge.domain import errors
from landbridge.domain.errors import LandbridgeError

ROOT = Path(__file__).parents[2]
COMMANDS = list(reference.commands())
HEAVY = ("prefect", "mlflow", "sqlalchemy", "fsspec", "httpx")
CLASSES = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, LandbridgeError)]


@pytest.mark.parametrize("command", [command for _, command in COMMANDS], ids=[name for name, _ in COMMANDS])
def test_every_command_and_option_has_a_help_text(command: Any) -> None:
    assert command.help
    assert [item.name for item in command.params if not (item.help or item.name == "help")] == []


def test_every_command_is_in_the_list_of_the_issue() -> None:
    wanted = "new validate plan run status targets releases why why-not rollback logs retrain replicate reconcile up down doctor"
    assert set(wanted.split()) <= {name for name, _ in COMMANDS}


def test_the_committed_reference_is_what_the_commands_say() -> None:
    committed = ROOT / "docs" / "reference" / "cli.md"
    assert committed.read_text() == reference.reference(), f"Run: {reference.REGENERATE}"


def test_every_command_with_json_output_documents_its_keys() -> None:
    told = {*reference.JSON_KEYS, *reference.AS_RUN}
    assert {name for name, command in COMMANDS if "--output" in [o for p in command.params for o in p.opts]} == told


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["validate", str(ROOT / "scenarios" / "hybrid_train_deploy.yaml")]]
)
def test_help_and_validate_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom landbridge.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit as end: assert not end.code, end.code\n"
        f"sys.exit(str([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"


class TestExitCodes:
    @pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
    def test_an_error_leaves_as_text_with_its_remedy_and_the_code_of_its_class(
        self, kind: type[LandbridgeError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        raising(monkeypatch, kind("It broke.", "Mend it.", "file.yaml:3"))
        assert cli.main(["status"]) == kind.exit_code
        said = capsys.readouterr()
        assert said.err == "Error: file.yaml:3: It broke.\nTo fix: Mend it.\n"
        assert said.out == ""

    def test_a_fault_of_ours_is_told_without_a_trace(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        raising(monkeypatch, KeyError("nowhere"))
        assert cli.main(["status"]) == cli.BUG
        said = capsys.readouterr().err
        assert "--debug" in said
        assert "Traceback" not in said

    def test_debug_shows_the_trace_wherever_it_stands(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        raising(monkeypatch, KeyError("nowhere"))
        assert cli.main(["status", "--debug"]) == cli.BUG
        assert "Traceback" in capsys.readouterr().err

    def test_what_the_system_refuses_names_the_path(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        raising(monkeypatch, PermissionError(13, "Permission denied", "/root/x"))
        assert cli.main(["status"]) == cli.SYSTEM
        assert "Permission denied: /root/x" in capsys.readouterr().err

    def test_an_interrupt_is_130_and_says_nothing(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        raising(monkeypatch, KeyboardInterrupt())
        assert code_of(["status"]) == cli.INTERRUPTED
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize(
        "arguments", [["nope"], ["plan"], ["new", "x", "--pattern", "sixth"], ["status", "-o", "xml"]]
    )
    def test_a_wrong_command_line_is_2_with_its_usage(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert code_of(arguments) == 2
        said = capsys.readouterr().err
        assert "Error:" in said
        assert "Usage:" in said


def test_no_garbage_is_looked_for_when_a_command_ends() -> None:
    watched = "import atexit, gc, os\natexit.register(gc.callbacks.append, lambda *_: os.write(2, b'looked'))\n"
    command = watched + "from landbridge.cli import main\nmain(['--version'])"
    assert subprocess.run([sys.executable, "-c", command], capture_output=True, check=True, text=True).stderr == ""


def test_a_reader_that_leaves_early_hears_no_complaint() -> None:
    command = f"{sys.executable} -c 'from landbridge.cli import main; main()' --help | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert code_of(["--version"]) == 0
    assert capsys.readouterr().out == f"landbridge {version('landbridge')}\n"


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let `landbridge status` meet `error`."""

    def home() -> None:
        raise error

    monkeypatch.setattr(settings, "home", home)


def code_of(arguments: list[str]) -> int:
    try:
        return cli.main(arguments)
    except SystemExit as end:
        return int(str(end.code or 0))
