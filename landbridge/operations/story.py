"""Open a story: read its files, name its data and code by digest, and so name the run for ever."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from landbridge import settings
from landbridge.domain.digests import digest_bytes, digest_tree
from landbridge.domain.errors import InputError
from landbridge.domain.inventory import Datastore, Inventory
from landbridge.domain.job import NOT_CODE, CommandJob, job_digest
from landbridge.domain.nearest import nearest
from landbridge.domain.requests import Snapshot
from landbridge.domain.residency import Border, HomedData
from landbridge.domain.retrain import RunParts, run_key
from landbridge.domain.scenario import DataAsset, Scenario
from landbridge.domain.values import Json
from landbridge.files.document import place
from landbridge.files.inventory import load_inventory
from landbridge.files.job import load_job, with_inputs
from landbridge.files.scenario import load_scenario
from landbridge.operations import connections

DEFAULT_TIMEOUT_SECONDS = 6 * 3600.0  # a job without limits.timeout must end some day
STORE_PREFIX = "azureml://datastores/"


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for, in plain values: Prefect stores, shows and resends them.

    Attributes:
        trigger: `run`, `retrain`, `new-data:<name>`, `schedule`, `model-version`, `rollback`, `reconcile`.
        force: any text makes a run key of its own, so that unchanged data trains again; the same text twice is the same run.
        inputs: literal job inputs that replace the file's.
    """

    scenario: str
    inventory: str
    trigger: str = "run"
    force: str = ""
    inputs: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredData:
    """A data asset, where it is stored, and its content now."""

    asset: DataAsset
    store: Datastore
    path: str
    snapshot: Snapshot

    @property
    def site(self) -> str:
        return self.store.site


@dataclass(frozen=True, slots=True)
class Story:
    """Everything a run needs to know, in frozen values; no client, no secret."""

    request: Request
    scenario: Scenario
    inventory: Inventory
    job: CommandJob
    data: Mapping[str, StoredData]
    parts: RunParts
    run_key: str

    @property
    def homed(self) -> tuple[HomedData, ...]:
        """All data with its home site, as the residency rules want it."""
        return tuple(HomedData(item.asset, item.site) for item in self.data.values())

    def border(self, from_site: str, to_site: str) -> Border:
        return Border(from_site, to_site, self.inventory.sites, self.scenario.exports)

    @property
    def summary(self) -> str:
        size = sum(item.snapshot.size_bytes for item in self.data.values())
        files = sum(len(item.snapshot.files) for item in self.data.values())
        return f"run key {self.run_key}; {files} data files, {size / 1e6:.1f} MB"


def load(request: Request) -> tuple[Scenario, Inventory, CommandJob]:
    """Read and check the three files; asks no store and no service.

    Raises:
        InputError: with file and line.
    """
    scenario = load_scenario(Path(request.scenario))
    inventory = load_inventory(Path(request.inventory), str(settings.home()))
    job = with_inputs(load_job(scenario.job), {**scenario.job_inputs, **request.inputs})
    _check_bindings(scenario, job)
    _check_sites(scenario, inventory)
    _check_homes(scenario, inventory, job)
    return scenario, inventory, job


def open_story(request: Request) -> Story:
    """Load the files and take a snapshot of every data set. Changes nothing.

    Raises:
        InputError: a file is wrong.
        NotFoundError: data is missing.
        TransientError: a data store does not answer.
    """
    scenario, inventory, job = load(request)
    data = {name: _home(asset, job, inventory) for name, asset in scenario.data.items()}
    parts = RunParts(
        scenario=scenario.name,
        data={name: item.snapshot.digest for name, item in data.items()},
        code=code_digest(job.code),
        environment=job.environment.label,
        job=job_digest(job),
        nonce=request.force,
        files={name: len(item.snapshot.files) for name, item in data.items()},
    )
    return Story(request, scenario, inventory, job, data, parts, run_key(parts))


def timeout_seconds(story: Story) -> float:
    """How long the job may run, s."""
    return float(story.job.timeout_seconds) or DEFAULT_TIMEOUT_SECONDS


def data_location(asset: DataAsset, job: CommandJob, inventory: Inventory) -> tuple[Datastore, str]:
    """Where a data asset lives: its datastore and the path in it."""
    uri = asset.uri or job.inputs[asset.name].path
    if not uri.startswith(STORE_PREFIX) or "/paths/" not in uri:
        raise InputError(
            f"Data set {asset.name!r} has no home: {uri!r} names no datastore.",
            f"Write `{STORE_PREFIX}<store>/paths/<path>`; a site is known by its datastore.",
            inventory.path,
        )
    name, path = uri.removeprefix(STORE_PREFIX).split("/paths/", 1)
    if name not in inventory.datastores:
        raise InputError(
            f"Data set {asset.name!r} lives in datastore {name!r}, which the inventory lacks.",
            f"Add it under `datastores:`{nearest(name, inventory.datastores)}.",
            inventory.path,
        )
    return inventory.datastores[name], path.strip("/")


def code_digest(code: str) -> str:
    """Name the code folder by its files; a URL by itself. What no target copies is not code."""
    root = Path(code)
    if not code or not root.exists():
        return digest_bytes(code.encode())
    if root.is_file():
        return digest_bytes(root.read_bytes())
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and _is_code(path.relative_to(root)))
    return digest_tree((path.relative_to(root).as_posix(), digest_bytes(path.read_bytes())) for path in files)


def _is_code(path: Path) -> bool:
    return not any(part in NOT_CODE for part in path.parts)


def _home(asset: DataAsset, job: CommandJob, inventory: Inventory) -> StoredData:
    store, path = data_location(asset, job, inventory)
    snapshot = connections.data_store(inventory, store.name).snapshot(path)
    return StoredData(replace(asset, uri=f"{STORE_PREFIX}{store.name}/paths/{path}"), store, path, snapshot)


def _check_bindings(scenario: Scenario, job: CommandJob) -> None:
    """Every data input of the job has a declared home and residency, and nothing is declared in vain."""
    wanted = {name for name, given in job.inputs.items() if given.is_data and (given.path or not given.optional)}
    for name in sorted(wanted - set(scenario.data)):
        raise InputError(
            f"Job input {name!r} reads data that the scenario does not declare.",
            f"Add `data: {{{name}: {{residency: …}}}}` to the scenario; landbridge moves no data without a rule.",
            place(scenario.path, "data"),
        )
    read = {name for name, given in job.inputs.items() if given.is_data}
    if not read:
        raise InputError(
            f"The job {job.path} has no input of data; a scenario trains on data.",
            "Give the job an input of data, and name it below `data` of the scenario.",
            place(job.path, "inputs"),
        )
    for name in sorted(set(scenario.data) - read):
        raise InputError(
            f"Data set {name!r} is no data input of the job{nearest(name, job.inputs)}.",
            f"Name it after an input of {job.path}, or take it out.",
            place(scenario.path, "data", name),
        )
    if scenario.model.output not in job.outputs:
        raise _no_model(scenario, job)


def _no_model(scenario: Scenario, job: CommandJob) -> InputError:
    output = scenario.model.output
    if not job.outputs:
        message = f"The job {job.path} has no output; a scenario gates and serves the model that its job writes."
        hint = f"Give the job an output {output!r}, and let its command write the model to `${{{{outputs.{output}}}}}`."
        return InputError(message, hint, place(job.path, "outputs"))
    return InputError(
        f"The job has no output {output!r}{nearest(output, job.outputs)}.",
        "Set model.output to the job output that holds the model.",
        place(scenario.path, "model", "output"),
    )


def _check_homes(scenario: Scenario, inventory: Inventory, job: CommandJob) -> None:
    """Every data set lives in a known datastore; the file that says otherwise is named."""
    for asset in scenario.data.values():
        try:
            data_location(asset, job, inventory)
        except InputError as error:
            said_in = (scenario.path, "data", asset.name) if asset.uri else (job.path, "inputs", asset.name)
            raise InputError(error.message, error.hint, place(*said_in)) from error


def _check_sites(scenario: Scenario, inventory: Inventory) -> None:
    """Every site word of the scenario means a site of this inventory."""
    kinds = {str(site.kind) for site in inventory.sites.values()}
    words = {"endpoint.sites": set(scenario.endpoint.sites), "model.registry": {scenario.model.registry} - {""}}
    words |= {f"data.{asset.name}.residency": set(asset.residency) for asset in scenario.data.values()}
    for key, used in words.items():
        for word in sorted(used - set(inventory.sites) - kinds):
            raise InputError(
                f"{key} names {word!r}, which is no site and no kind of site here{nearest(word, inventory.sites)}.",
                f"Use one of: {', '.join([*inventory.sites, *sorted(kinds)])}.",
                place(scenario.path, *key.split(".")),
            )
