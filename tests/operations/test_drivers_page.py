"""The tables of docs/reference/drivers.md: each cell is what a driver says, and where it says nothing the field has an effect.

"Honoured" is held to what a driver makes of two files that differ by the field alone: the objects of a cluster, the record
of a local job, the order to a model server.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from landbridge.domain.errors import InputError
from landbridge.domain.requests import ColourSpec, ResolvedEnvironment, TrainingJob
from landbridge.drivers import findings as shared
from landbridge.drivers.azureml import serving_bodies
from landbridge.drivers.azureml.assets import environment_body
from landbridge.drivers.azureml.job_body import Parts, job_body
from landbridge.drivers.azureml.options import ComputeKind
from landbridge.drivers.azureml.training_submit import environment_of
from landbridge.drivers.kubernetes import colour_manifests as manifests
from landbridge.drivers.kubernetes.artifacts import ArtifactStore
from landbridge.drivers.kubernetes.cluster import Cluster, connect
from landbridge.drivers.kubernetes.colour_files import make_order
from landbridge.drivers.kubernetes.colours import PROCESS, backend_of
from landbridge.drivers.kubernetes.options import read_options
from landbridge.drivers.kubernetes.routes import Gateway, http_route
from landbridge.drivers.kubernetes.training_submit import Site, objects
from landbridge.drivers.local import agent, agent_colour, training_findings
from landbridge.drivers.local.serving_record import Wanted
from landbridge.drivers.local.training import _start
from landbridge.drivers.local.training_findings import OUTPUT_MODES
from landbridge.drivers.local.training_record import JobFolder
from landbridge.drivers.memory.training import MemoryTraining
from landbridge.drivers.trees import digest_folder
from landbridge.files.job_keys import DATA_TYPES
from landbridge.operations import probe_files, staging, training
from landbridge.operations.drivers_page import REGENERATE, about, main, said_of_colour, said_of_job
from landbridge.operations.planning import planned_colour
from landbridge.operations.probe_files import IMAGE, JOB, SCENARIO, drivers_that, least_story, probes, story_with
from landbridge.operations.sites import find_environment
from landbridge.operations.story import Story, _home
from landbridge.settings import HOME_VARIABLE

PAGE = Path(__file__).parents[2] / "docs/reference/drivers.md"


class Signing(MemoryFileSystem):  # type: ignore[misc]
    """An object store in memory that signs URLs, alike for any time."""

    protocol = ("signing", "s3")
    store: ClassVar[dict[str, Any]] = {}

    def sign(self, path: str, expiration: int = 100, **more: str) -> str:
        return f"https://store.test{path}?{more}"


fsspec.register_implementation("signing", Signing, clobber=True)


@pytest.fixture(scope="module")
def least(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("probe")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(folder / "home"))
        for name in ("data", "other"):
            (folder / "home/lake" / name).mkdir(parents=True)
            (folder / "home/lake" / name / "a.csv").write_text(name)
        yield least_story(folder)


def job_of(story: Story, target: str) -> TrainingJob:
    """What operations give to a driver. The run key follows from the job as it is written: here it must not tell."""
    [data] = story.data.values()
    story = replace(
        story, run_key="key", data={data.asset.name: _home(replace(data.asset, uri=""), story.job, story.inventory)}
    )
    run = training._tracking_run(story, 1)
    inputs = staging.stage(story, data.site).values
    return training.job_of(story, training.Attempt(1, target, "job", run.run_id), inputs, run.environment)


def kubernetes_job(story: Story) -> Any:
    target = story.inventory.targets["kubernetes"]
    options = read_options(target, story.inventory)
    cluster = idle_cluster(str(Path(story.inventory.path).parent))
    site = Site(target, story.inventory, options, cluster, ArtifactStore("signing://bucket", {}))
    return objects(job_of(story, "kubernetes"), "runner", {}, site)


@cache
def idle_cluster(folder: str) -> Cluster:
    """One that is never asked."""
    path = Path(folder) / "kubeconfig"
    cluster, context = "{name: a, cluster: {server: 'http://127.0.0.1:9'}}", "{name: a, context: {cluster: a, user: a}}"
    path.write_text(
        f"apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{cluster}]\ncontexts: [{context}]\n"
        "users: [{name: a, user: {token: x}}]\n"
    )
    return connect(str(path), "", "team")


def azureml_job(story: Story) -> Any:
    """What is sent, and what is registered and uploaded before."""
    job, target = job_of(story, "azureml"), story.inventory.targets["azureml"]
    environment = environment_of(job, target.name)
    context = f"{environment.build['path']}" if environment.build else ""
    data = {name: value for name, value in job.inputs.items() if job.job.inputs[name].is_data}
    registered = environment.reference or environment_body(environment, context), environment.options.get("datastore")
    parts = Parts("environment", job.code, "compute", data, ComputeKind.KUBERNETES)
    return job_body(job, parts, target.name), registered


def local_job(story: Story) -> Any:
    """All that lies in the job's folder but `job.json`, which nobody acts by but for names and resources."""
    job, folder = job_of(story, "local"), JobFolder(Path(story.inventory.home) / "local-job")
    folder.claim(job, _start(job, folder.path))
    left = {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.path.rglob("*")}
    acted_by = folder._submitted()
    shutil.rmtree(folder.path)
    return left | {str(folder.path / "job.json"): repr(acted_by).encode()}


def memory_job(story: Story) -> Any:
    target = MemoryTraining(story.inventory.targets["memory"], story.inventory)
    target.submit(job_of(story, "memory"))
    path = target._path("job")
    record = json.loads(path.read_text())
    path.unlink()
    return {key: value for key, value in record.items() if key != "submitted_at"}


def colour_of(story: Story, target: str) -> ColourSpec:
    environment = find_environment(story.inventory, IMAGE, target) or ResolvedEnvironment(IMAGE)
    return replace(planned_colour(story, environment), model_url="s3://models/1", model_digest="sha256:" + "a" * 64)


def kubernetes_colour(story: Story) -> Any:
    """All objects of the colour and its endpoint; not the digest of the order, in which every field tells."""
    target = story.inventory.targets["kubernetes"]
    options = read_options(target, story.inventory)
    order = make_order(colour_of(story, "kubernetes"), "1", target, options)
    deployment = manifests.deployment(order, target, options)
    route = http_route("endpoint", Gateway("edge", "edges"), [backend_of(deployment)], {"blue": 100})
    del deployment["metadata"]["annotations"][PROCESS]
    parts = (manifests.order_config, manifests.service, manifests.disruption_budget, manifests.autoscaler)
    return deployment, route, [make(order, target) for make in parts]


def local_colour(story: Story) -> Any:
    """What the agent starts and how often, how it asks its health, and what the router is told."""
    spec = colour_of(story, "local")
    places = agent_colour.Places("/tmp/socket", Path("/tmp/log"))
    running = agent_colour.RunningColour(Wanted(spec, 1), places, None, lambda: None)  # type: ignore[arg-type]
    asked = [(process._launch.liveness, process._launch.readiness) for process in running._processes]
    order = agent_colour._order(spec, Path("socket"), Path("reason"))
    return order, asked, running.upstream, agent._timeout_seconds(spec)


def azureml_colour(story: Story) -> Any:
    """The deployment that Azure is asked for, its scoring code by content; not the digest of the order, in which all tells."""
    spec = colour_of(story, "azureml")
    code = digest_folder(Path(spec.scoring.folder)) if spec.scoring else ""
    assets = serving_bodies.Assets("/models/1", "/environments/1", code, "entry.py")
    made = serving_bodies.deployment(spec, serving_bodies.Where("azureml", "/computes/cluster"), "here", assets, 0.0)
    del made["tags"][serving_bodies.PROCESS]
    return made


MADE: Mapping[tuple[str, str], Callable[[Story], Any]] = {
    (JOB, "azureml"): azureml_job,
    (JOB, "kubernetes"): kubernetes_job,
    (JOB, "local"): local_job,
    (JOB, "memory"): memory_job,
    (SCENARIO, "azureml"): azureml_colour,
    (SCENARIO, "kubernetes"): kubernetes_colour,
    (SCENARIO, "local"): local_colour,
    (SCENARIO, "memory"): lambda _story: None,
}

# Legal values of these change nothing; what they forbid is refused before a driver is asked: see the test below.
OF_THE_LOADER = {f"inputs.<name>.{key}" for key in ("optional", *(shared.CHECKED_BY_THE_LOADER - {"default"}))}

FOLDERS = set(DATA_TYPES) - {"uri_folder", "uri_file"}
# (driver, field) → values with the effect that the field has without them, and that is what they ask for.
AS_WITHOUT: Mapping[tuple[str, str], set[str]] = {
    ("azureml", "environment.build.path"): {"docker"},  # what stands there without it
    ("azureml", "identity.type"): {"managed", "managed_identity"},  # the same
    ("azureml", "inputs.<name>.type"): {"uri_folder"},  # the same
    ("kubernetes", "inputs.<name>.type"): set(DATA_TYPES),  # all data is given as a path; what is no data is a literal
    ("local", "inputs.<name>.type"): set(DATA_TYPES),
    ("kubernetes", "outputs.<name>.type"): FOLDERS,  # uri_file is none
    ("local", "outputs.<name>.type"): FOLDERS,
    ("kubernetes", "outputs.<name>.mode"): {"upload"},
    ("local", "outputs.<name>.mode"): {"mount", *OUTPUT_MODES} - {""},
    ("kubernetes", "distribution.worker_count"): {"2"},  # follows from the number of instances; another is refused
}


def silent(
    least: Story, file: str, role: str, ask: Callable[[Story, str], Any], within: str = ""
) -> dict[tuple[str, str], set[str]]:
    """(driver, field) → values of which the driver says nothing, and makes nothing. `within`: only fields that begin so."""

    @cache
    def made(name: str, tree: str) -> Any:
        return MADE[file, name](story_with(least, json.loads(tree), file))

    found: dict[tuple[str, str], set[str]] = {}
    names = drivers_that(role)
    for probe in (probe for probe in probes(file) if probe.path not in OF_THE_LOADER and probe.path.startswith(within)):
        story = story_with(least, probe.tree, file)
        for name in (name for name in names if not about(probe, ask(story, name))):
            if MADE[file, name](story) == made(name, json.dumps(probe.beside)):
                found.setdefault((name, probe.path), set()).add(str(probe.value))
    return found


def test_no_field_of_a_job_is_dropped_in_silence(least: Story) -> None:
    assert silent(least, JOB, "training", said_of_job) == AS_WITHOUT


def test_no_field_of_a_deployment_is_dropped_in_silence(least: Story) -> None:
    assert silent(least, SCENARIO, "serving", said_of_colour) == {}


@pytest.mark.parametrize(
    "given", [{"type": "number"}, {"default": 1, "min": 2}, {"default": 1, "max": 0}, {"default": 1, "enum": [2]}]
)
def test_what_the_loader_checks_is_refused_there(least: Story, given: dict[str, Any]) -> None:
    """The first has no value, and is not `optional`."""
    with pytest.raises(InputError):
        story_with(least, {"inputs": {"rate": given}}, JOB)


def test_every_value_and_context_belongs_to_a_field() -> None:
    paths = {probe.path for file in (JOB, SCENARIO) for probe in probes(file)}
    assert set(probe_files._VALUES) <= paths
    assert [start for start in probe_files._CONTEXTS if not any(path.startswith(start) for path in paths)] == []


def test_the_page_is_what_the_drivers_say(tmp_path: Path) -> None:
    main([str(tmp_path / "drivers.md")])
    assert PAGE.read_text() == (tmp_path / "drivers.md").read_text(), f"Run: {REGENERATE}"


def test_a_driver_that_falls_silent_is_found(least: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_findings, "_container", lambda _job: ())
    found = silent(least, JOB, "training", said_of_job, "resources.")
    assert found == {("local", "resources.docker_args"): {"example"}, ("local", "resources.shm_size"): {"2g", "2.5g"}}
