"""How drivers are found, and what is said when one is not, or lacks something."""

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from landbridge import drivers
from landbridge.domain.errors import CapabilityMissingError, InputError, TargetUnavailableError
from landbridge.domain.inventory import Datastore, InstanceType, Inventory, RegistrySpec, Role, Target
from landbridge.domain.job import CommandJob, JobEnvironment, JobInput, JobOutput, JobResources
from landbridge.domain.plan import FindingKind
from landbridge.domain.requests import ResolvedEnvironment, TrainingJob
from landbridge.domain.values import JobPhase, Resources
from landbridge.drivers.faults import translated
from landbridge.drivers.local.training_findings import findings
from landbridge.drivers.memory.training import MemoryTraining

INVENTORY = Inventory("test", "inventory.yaml", "/nowhere", {}, {}, {})
OURS = ("azureml", "fsspec", "kubernetes", "local", "memory", "mlflow")


@pytest.fixture(autouse=True)
def fresh_lookup() -> Iterator[None]:
    drivers.driver.cache_clear()
    yield
    drivers.driver.cache_clear()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a distribution that announces one driver, as a third party would."""

    def make(name: str, code: str, extras: tuple[str, ...] = ()) -> None:
        (tmp_path / f"{name}_driver.py").write_text(code)
        info = tmp_path / f"acme_{name}-1.0.dist-info"
        info.mkdir()
        provided = "".join(f"Provides-Extra: {extra}\n" for extra in extras)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-{name}\nVersion: 1.0\n{provided}")
        (info / "entry_points.txt").write_text(f"[landbridge.drivers]\n{name} = {name}_driver:DRIVER\n")
        monkeypatch.syspath_prepend(tmp_path)
        sys.modules.pop(f"{name}_driver", None)
        importlib.invalidate_caches()

    return make


def target(driver: str) -> Target:
    return Target("box", "onprem", driver, frozenset({Role.TRAIN}), "box")


def test_our_drivers_are_announced() -> None:
    assert set(OURS) <= set(drivers.known_drivers())


@pytest.mark.parametrize("name", ["local", "memory", "fsspec", "kubernetes", "azureml"])
def test_a_driver_imports_no_heavy_library(name: str) -> None:
    heavy = (
        "{'mlflow', 'prefect', 'sqlalchemy', 'httpx', 'fsspec', 'psutil', 'uvicorn', 'pydantic', 'kubernetes', 'azure'}"
    )
    script = f"import sys; from landbridge import drivers; drivers.driver({name!r}); print({heavy} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert answer.stdout.decode().strip() == "set()"


def test_an_unknown_driver_names_the_nearest_and_all(install: Callable[..., None]) -> None:
    with pytest.raises(InputError) as caught:
        drivers.training_target(target("locl"), INVENTORY)
    assert "did you mean 'local'" in caught.value.message
    assert all(name in caught.value.message for name in OURS)
    assert "'box'" in caught.value.message
    assert caught.value.where == "inventory.yaml"


def test_a_driver_without_the_port_names_those_that_have_it() -> None:
    with pytest.raises(CapabilityMissingError) as caught:
        drivers.training_target(target("fsspec"), INVENTORY)
    assert "no training part" in caught.value.message
    assert "local" in caught.value.hint
    assert "memory" in caught.value.hint
    with pytest.raises(CapabilityMissingError):
        drivers.data_store(Datastore("d", "cloud", "/x", "local"), INVENTORY)
    with pytest.raises(CapabilityMissingError):
        drivers.model_registry(RegistrySpec("cloud", "local"), INVENTORY)
    with pytest.raises(CapabilityMissingError):
        drivers.serving_target(target("fsspec"), INVENTORY)


def test_a_third_party_joins_with_an_entry_point(install: Callable[..., None]) -> None:
    install("moon", "from landbridge.ports import Driver\nDRIVER = Driver(training=lambda target, inventory: target)\n")
    assert drivers.training_target(target("moon"), INVENTORY) == target("moon")


def test_nobody_takes_over_our_names(install: Callable[..., None]) -> None:
    install("local", "raise SystemExit('the wrong one')")
    assert drivers.driver("local").training is not None


def test_a_missing_library_names_the_line_that_installs_it(install: Callable[..., None]) -> None:
    install("moon", "import moon_sdk\n", extras=("moon",))
    with pytest.raises(CapabilityMissingError) as caught:
        drivers.driver("moon")
    assert "pip install 'acme-moon[moon]'" in caught.value.hint
    assert "moon_sdk" in caught.value.message
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_library_that_is_missing_when_connecting_is_told_alike(install: Callable[..., None]) -> None:
    code = "from landbridge.ports import Driver\ndef make(t, i):\n    import moon_sdk\nDRIVER = Driver(training=make)\n"
    install("moon", code)
    with pytest.raises(CapabilityMissingError) as caught:
        drivers.training_target(target("moon"), INVENTORY)
    assert "moon_sdk" in caught.value.hint
    assert "acme-moon" in caught.value.hint


def test_an_entry_point_to_something_else_is_told(install: Callable[..., None]) -> None:
    install("moon", "DRIVER = 3\n")
    with pytest.raises(CapabilityMissingError) as caught:
        drivers.driver("moon")
    assert "moon_driver:DRIVER" in caught.value.hint


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (FileNotFoundError(2, "No such file"), "NotFoundError"),
        (PermissionError(13, "Permission denied"), "AuthError"),
        (OSError(28, "No space left on device"), "QuotaExceededError"),
        (ConnectionRefusedError(111, "refused"), "TargetUnavailableError"),
        (TimeoutError("too late"), "TargetUnavailableError"),
        (OSError(24, "Too many open files"), "TargetUnavailableError"),
        (ImportError("no moon", name="moon"), "CapabilityMissingError"),
        (KeyError("what"), "PermanentError"),
    ],
)
def test_each_error_becomes_one_of_ours_and_keeps_its_cause(error: Exception, name: str) -> None:
    with pytest.raises(Exception, match="Reading failed") as caught, translated("reading"):
        raise error
    assert type(caught.value).__name__ == name
    assert caught.value.__cause__ is error


PLAIN = CommandJob("job.yaml", "true", "", JobEnvironment("any"))


@pytest.mark.parametrize(
    ("changes", "field", "kind"),
    [
        ({"code": "https://github.com/acme/code"}, "code", FindingKind.REFUSED),
        ({"resources": JobResources(instance_count=4)}, "resources.instance_count", FindingKind.REFUSED),
        ({"resources": JobResources(max_instance_count=4)}, "resources.max_instance_count", FindingKind.NOTE),
        ({"resources": JobResources(docker_args=("-v",))}, "resources.docker_args", FindingKind.REFUSED),
        ({"resources": JobResources(shm_size="2g")}, "resources.shm_size", FindingKind.NOTE),
        ({"resources": JobResources(instance_type="big")}, "resources.instance_type", FindingKind.REFUSED),
        ({"resources": JobResources(locations=("westeurope",))}, "resources.locations", FindingKind.SUBSTITUTED),
        ({"resources": JobResources(properties={"x": 1})}, "resources.properties.x", FindingKind.REFUSED),
        ({"distribution": {"type": "pytorch", "process_count_per_instance": 2}}, "distribution", FindingKind.REFUSED),
        ({"distribution": {"type": "mpi", "process_count_per_instance": 1}}, "distribution", FindingKind.SUBSTITUTED),
        ({"distribution": {"type": "tensorflow", "worker_count": 2}}, "distribution", FindingKind.REFUSED),
        ({"distribution": {"type": "ray"}}, "distribution", FindingKind.REFUSED),
        ({"services": {"ssh": {"type": "ssh"}}}, "services.ssh", FindingKind.REFUSED),
        ({"identity": {"type": "managed"}}, "identity", FindingKind.SUBSTITUTED),
        ({"queue_settings": {"job_tier": "spot"}}, "queue_settings", FindingKind.NOTE),
        ({"compute": "azureml:gpu"}, "compute", FindingKind.SUBSTITUTED),
        ({"extra": {"component": "x"}}, "component", FindingKind.NOTE),
        ({"name": "mine"}, "name", FindingKind.SUBSTITUTED),
        ({"display_name": "mine"}, "display_name", FindingKind.NOTE),
        ({"description": "what it is"}, "description", FindingKind.NOTE),
        ({"tags": {"a": "b"}}, "tags", FindingKind.NOTE),
        ({"properties": {"a": "b"}}, "properties", FindingKind.NOTE),
        ({"resources": JobResources(instance_type="small")}, "resources.instance_type", FindingKind.NOTE),
        ({"inputs": {"d": JobInput("d", "uri_folder", mode="ro_mount")}}, "inputs.d.mode", FindingKind.SUBSTITUTED),
        ({"inputs": {"d": JobInput("d", "uri_folder", mode="download")}}, "inputs.d.mode", FindingKind.SUBSTITUTED),
        ({"inputs": {"d": JobInput("d", "uri_folder", mode="direct")}}, "inputs.d.mode", FindingKind.SUBSTITUTED),
        (
            {"inputs": {"d": JobInput("d", "number", 1, options={"description": "x"})}},
            "inputs.d.description",
            FindingKind.NOTE,
        ),
        ({"outputs": {"m": JobOutput("m", mode="direct")}}, "outputs.m.mode", FindingKind.SUBSTITUTED),
        (
            {"inputs": {"d": JobInput("d", "uri_folder", path="/d", mode="rw_mount")}},
            "inputs.d.mode",
            FindingKind.REFUSED,
        ),
        (
            {"inputs": {"d": JobInput("d", "uri_folder", path="/d", options={"path_on_compute": "/x"})}},
            "inputs.d.path_on_compute",
            FindingKind.REFUSED,
        ),
        ({"outputs": {"m": JobOutput("m", path="azureml://x")}}, "outputs.m.path", FindingKind.REFUSED),
        ({"outputs": {"m": JobOutput("m", mode="odd")}}, "outputs.m.mode", FindingKind.REFUSED),
        ({"outputs": {"m": JobOutput("m", options={"name": "asset"})}}, "outputs.m.name", FindingKind.REFUSED),
    ],
)
def test_a_local_target_names_every_field_it_does_not_honour(
    changes: dict[str, object], field: str, kind: FindingKind
) -> None:
    here = replace(target("local"), instance_types=(InstanceType("small", Resources(), Resources()),))
    found = findings(replace(PLAIN, **changes), here)  # type: ignore[arg-type]
    assert [(finding.field, finding.kind) for finding in found] == [(field, kind)]
    assert found[0].detail
    assert found[0].hint or kind is not FindingKind.REFUSED


def test_a_plain_job_has_no_findings() -> None:
    inputs = {"lr": JobInput("lr", "number", value=0.1, options={"min": 0, "max": 1, "enum": [0.1]})}
    outputs = {"m": JobOutput("m"), "n": JobOutput("n", mode="rw_mount"), "o": JobOutput("o", mode="upload")}
    assert findings(replace(PLAIN, inputs=inputs, outputs=outputs), target("local")) == ()


def test_a_job_on_several_nodes_is_not_one_process() -> None:
    job = replace(PLAIN, distribution={"type": "pytorch"}, resources=JobResources(instance_count=2))
    refused = {item.field for item in findings(job, target("local")) if item.kind is FindingKind.REFUSED}
    assert refused == {"resources.instance_count", "distribution"}


def memory_target(tmp_path: Path, **options: object) -> MemoryTraining:
    made = replace(target("memory"), options=options)  # type: ignore[arg-type]
    return MemoryTraining(made, replace(INVENTORY, home=str(tmp_path)))


JOB = TrainingJob("job", PLAIN, "", {}, ResolvedEnvironment("any", python="current"), {}, 60.0)


def test_a_memory_target_refuses_what_its_options_say_when_the_job_has_it(tmp_path: Path) -> None:
    made = memory_target(tmp_path, refuses={"distribution": "one node only", "services": "none"})
    found = made.findings(replace(PLAIN, distribution={"type": "mpi"}))
    assert [finding.field for finding in found if finding.kind is FindingKind.REFUSED] == ["distribution"]


def test_a_memory_target_says_of_every_field_that_nothing_is_run(tmp_path: Path) -> None:
    job = replace(PLAIN, distribution={"type": "mpi"}, tags={"a": "b"}, timeout_seconds=9)
    said = {item.field: item.kind for item in memory_target(tmp_path).findings(job)}
    nothing = dict.fromkeys(("command", "environment", "distribution"), FindingKind.SUBSTITUTED)
    assert said == {**nothing, "tags": FindingKind.NOTE}


def test_a_memory_target_can_be_out_of_reach(tmp_path: Path) -> None:
    assert memory_target(tmp_path, unreachable="cable cut").capacity().detail == "cable cut"


def test_a_planned_fault_meets_one_call(tmp_path: Path) -> None:
    made = memory_target(tmp_path)
    made.faults.plan(submit=["TargetUnavailableError"], capacity=["AuthError"])
    with pytest.raises(TargetUnavailableError):
        made.submit(JOB)
    assert made.observe(made.submit(JOB)).phase is JobPhase.SUCCEEDED
    assert not made.capacity().reachable
    assert made.capacity().reachable


@pytest.mark.parametrize("plan", ["text", {"unknown_key": 1}])
def test_a_wrong_plan_of_a_memory_target_is_an_input_error(tmp_path: Path, plan: object) -> None:
    with pytest.raises(InputError, match=r"options\.jobs"):
        memory_target(tmp_path, jobs={"*": plan}).submit(JOB)


def test_a_planned_job_waits_and_fails_with_its_own_word(tmp_path: Path) -> None:
    plan = {"pending_seconds": 60, "reason": "OutOfMemory", "detail": "The node ran out of memory."}
    made = memory_target(tmp_path, jobs={"waits": plan, "*": {**plan, "pending_seconds": 0}})
    assert made.observe(made.submit(replace(JOB, name="waits"))).phase is JobPhase.PENDING
    assert made.observe(made.submit(JOB)).reason == "OutOfMemory"
