"""`landbridge ops`: whose files it takes, how it answers, and that nobody else needs it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import landbridge as package
from landbridge import drivers
from landbridge.domain.inventory import InstanceType, Inventory, Target
from landbridge.domain.operating import (
    Action,
    Change,
    Diagnosis,
    Examination,
    NamespacePlan,
    OfferedType,
    Verdict,
)
from landbridge.domain.values import Resources
from landbridge.ports import CanDiagnose, Driver, HasInstanceTypes, HasNamespaces
from tests.unit.cli import landbridge
from tests.unit.kubernetes.operated import INVENTORY

ROOT = Path(__file__).parents[2]
SMALL = InstanceType("small", Resources(500, 1 << 30), Resources(1000, 2 << 30), {"pool": "ml"})
COMMANDS = (
    *(("instance-types", verb) for verb in ("list", "apply", "check")),
    *(("namespaces", verb) for verb in ("plan", "apply")),
    ("doctor",),
)


class Operated:
    """A target on no cluster: it writes down what it was asked, and answers what the test says."""

    label = "a cluster of paper"
    diagnoses: tuple[Diagnosis, ...] = ()
    asked: list[Any] = []  # noqa: RUF012 - emptied for each test

    def __init__(self, target: Target, inventory: Inventory) -> None:
        del inventory
        self.asked.append(dict(target.options))

    def instance_types(self) -> tuple[OfferedType, ...]:
        return (OfferedType(SMALL, "cluster", ("a",)),)

    def apply_instance_types(self, wanted: tuple[InstanceType, ...]) -> tuple[Change, ...]:
        return tuple(Change(Action.CREATE, "InstanceType", item.name) for item in wanted)

    def check_instance_types(self) -> tuple[Diagnosis, ...]:
        return self.diagnoses

    def plan_namespace(self) -> NamespacePlan:
        return NamespacePlan("team-a", (Change(Action.KEEP, "Role", "landbridge"),), ({"kind": "Role"},))

    apply_namespace = plan_namespace

    def credentials(self, seconds: int) -> str:
        return f"valid {seconds} s\n"

    def diagnose(self, order: Examination) -> Iterator[Diagnosis]:
        self.asked.append(order)
        yield from self.diagnoses


@pytest.fixture(autouse=True)
def paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An inventory here, and a driver that reaches nobody."""
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LANDBRIDGE_INVENTORY", raising=False)
    real = drivers.driver
    monkeypatch.setattr(
        drivers, "driver", lambda name: Driver(operations=Operated) if name == "kubernetes" else real(name)
    )
    Operated.asked.clear()
    Operated.diagnoses = ()
    return


def test_the_paper_target_has_every_power() -> None:
    assert issubclass(Operated, HasInstanceTypes)
    assert issubclass(Operated, HasNamespaces)
    assert issubclass(Operated, CanDiagnose)


class TestRoles:
    @pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
    @pytest.mark.parametrize(
        ("text", "kind"), [("pattern: private_aks\n", "a scenario"), ("command: python train.py\n", "a job")]
    )
    def test_a_file_of_data_science_is_no_inventory(self, command: tuple[str, ...], text: str, kind: str) -> None:
        Path("theirs.yaml").write_text(text)
        said = landbridge("ops", *command, "train", "--inventory", "theirs.yaml")
        assert said.code == 2
        assert f"{kind} file, which belongs to data science" in said.err

    @pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
    def test_a_scenario_is_no_target(self, command: tuple[str, ...]) -> None:
        said = landbridge("ops", *command, str(ROOT / "scenarios" / "private_aks.yaml"))
        assert said.code == 2
        assert "not the name of a target" in said.err
        assert "takes no scenarios or jobs" in said.err

    def test_no_run_calls_anything_of_operations(self) -> None:
        """Data science never needs what `ops` needs: only its own commands import it."""
        folder = Path(package.__file__).parent
        outside = [
            path
            for path in (*folder.rglob("*.py"), *(ROOT / "flows").rglob("*.py"), *(ROOT / "tasks").rglob("*.py"))
            if "operations/ops" not in str(path) and not path.name.startswith("ops")
        ]
        guilty = []
        for path in outside:
            for node in ast.walk(ast.parse(path.read_text())):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [item.name for item in node.names] if isinstance(node, ast.Import) else []
                guilty += [f"{path.name}: {name}" for name in names if name.startswith("landbridge.operations.ops")]
        assert guilty == []

    def test_a_target_of_another_driver_is_refused_with_those_that_can(self) -> None:
        text = INVENTORY.replace(
            "  alone:\n    site: onprem\n    driver: kubernetes", "  alone:\n    site: onprem\n    driver: memory"
        )
        Path("inventory.yaml").write_text(text)
        said = landbridge("ops", "doctor", "alone")
        assert said.code == 3
        assert "has no operations part" in said.err
        assert "kubernetes" in said.err

    def test_an_unknown_target_names_those_that_are_there(self) -> None:
        said = landbridge("ops", "doctor", "nobody")
        assert said.code == 2
        assert "train" in said.err


class TestCredentials:
    def test_without_more_the_target_s_own_are_used(self) -> None:
        landbridge("ops", "instance-types", "list", "train")
        [options] = Operated.asked
        assert (options.get("kubeconfig"), options["context"]) == (None, "leipzig")

    def test_an_administrator_s_replace_them_with_their_context(self, tmp_path: Path) -> None:
        Path("admin").write_text("{}")
        landbridge("ops", "namespaces", "plan", "train", "--kubeconfig", "admin")
        landbridge("ops", "namespaces", "plan", "train", "--kubeconfig", "admin", "--context", "root")
        [first, second] = Operated.asked
        assert (first["kubeconfig"], first["context"]) == (str(tmp_path / "admin"), "")
        assert second["context"] == "root"

    def test_a_kubeconfig_that_is_not_there_is_named(self) -> None:
        said = landbridge("ops", "doctor", "train", "--kubeconfig", "nowhere")
        assert said.code == 2
        assert "no kubeconfig nowhere" in said.err

    def test_the_doctor_keeps_the_target_s_own_for_its_rights(self) -> None:
        Path("admin").write_text("{}")
        landbridge("ops", "doctor", "train", "--kubeconfig", "admin", "--image", "x:1", "--no-probe")
        options, order = Operated.asked
        assert "kubeconfig" not in options
        assert order.access.kubeconfig.endswith("/admin")
        assert (order.image, order.probe) == ("x:1", False)

    def test_the_orchestrator_s_are_for_its_owner_only(self, tmp_path: Path) -> None:
        said = landbridge(
            "ops", "namespaces", "apply", "train", "--write-kubeconfig", "made", "--days", "2", "-o", "json"
        )
        assert said.code == 0
        made = tmp_path / "made"
        assert made.read_text() == f"valid {2 * 86400} s\n"
        assert made.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in tmp_path.glob(".*.part")] == []
        assert "valid" not in said.out + said.err


class TestAnswers:
    @pytest.mark.parametrize("command", [("doctor",), ("instance-types", "check")], ids=" ".join)
    def test_a_failed_check_is_1_with_its_remedy(self, command: tuple[str, ...]) -> None:
        Operated.diagnoses = (
            Diagnosis("version", Verdict.PASS, "v1.34"),
            Diagnosis("nodes", Verdict.UNSEEN, "may not look", "Give --kubeconfig."),
        )
        said = landbridge("ops", *command, "train")
        assert said.code == 0
        assert "1 of 2 checks passed. 1 could not be looked at." in said.out
        Operated.diagnoses = (*Operated.diagnoses, Diagnosis("quota", Verdict.FAIL, "full", "Raise it."))
        said = landbridge("ops", *command, "train")
        assert said.code == 1
        assert "FAIL" in said.out
        assert "Raise it." in said.out
        assert "1 of 3 checks failed. 1 could not be looked at." in said.out
        answer = landbridge("ops", *command, "train", "-o", "json")
        assert answer.code == 1
        assert answer.json["healthy"] is False
        assert [item["verdict"] for item in answer.json["checks"]] == ["pass", "unseen", "fail"]

    def test_types_are_listed(self) -> None:
        assert "pool=ml" in landbridge("ops", "instance-types", "list", "train").out
        [found] = landbridge("ops", "instance-types", "list", "train", "-o", "json").json["instance_types"]
        assert found["type"]["name"] == "small"
        assert found["nodes"] == ["a"]

    def test_types_come_from_the_inventory_or_a_file(self) -> None:
        changes = landbridge("ops", "instance-types", "apply", "train", "-o", "json").json["changes"]
        assert [item["name"] for item in changes] == ["cpu", "gpu"]
        said = landbridge("ops", "instance-types", "apply", "alone")
        assert said.code == 2
        assert "declares no instance types for target 'alone'" in said.err
        said = landbridge("ops", "instance-types", "apply", "train", "inventory.yaml")
        assert said.code == 2
        assert "an inventory file, which belongs to IT operations" in said.err

    def test_a_plan_tells_every_object_whole_in_json(self) -> None:
        said = landbridge("ops", "namespaces", "plan", "train")
        assert "Nothing differs." in said.out
        found = landbridge("ops", "namespaces", "plan", "train", "-o", "json").json
        assert found["namespace"] == "team-a"
        assert found["manifests"] == [{"kind": "Role"}]
        assert [item["action"] for item in found["changes"]] == ["keep"]
