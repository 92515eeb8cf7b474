"""An azureml target over the double, and jobs for it."""

import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from landbridge.domain.inventory import Datastore, Inventory, Role, Site, Target
from landbridge.domain.job import CommandJob, JobEnvironment, JobInput, JobOutput
from landbridge.domain.requests import ResolvedEnvironment, TrainingJob
from landbridge.domain.values import JobRef, JobStatus, Resources, SiteKind
from landbridge.drivers.azureml.training import AzureTraining
from tests.azure.double.double import Double

IMAGE = ResolvedEnvironment("any", image="mcr.microsoft.com/azureml/minimal:latest")
OWN = ResolvedEnvironment("inline")  # the inventory says nothing: the job's own
SECONDS = 30.0
SUBMIT = (
    "import pickle, sys; from landbridge import drivers\n"
    "target, inventory, job = pickle.loads(sys.stdin.buffer.read())\n"
    "drivers.training_target(target, inventory).submit(job)"
)


@dataclass(frozen=True)
class AzureWorld:
    """A target in a folder of its own."""

    azure: Double
    target: Target
    inventory: Inventory

    def connect(self) -> AzureTraining:
        return AzureTraining(self.target, self.inventory)

    def settle(self, ref: JobRef) -> JobStatus:
        return self.wait(ref, lambda status: status.phase.is_final)

    def wait(self, ref: JobRef, done: Callable[[JobStatus], bool]) -> JobStatus:
        deadline, target = time.monotonic() + SECONDS, self.connect()
        while time.monotonic() < deadline:
            status = target.observe(ref)
            if done(status):
                return status
            time.sleep(0.05)
        raise AssertionError(f"still {status}")

    def elsewhere(self, job: TrainingJob) -> subprocess.Popen[bytes]:
        """Submit in a process of its own, which is started and not waited for."""
        child = subprocess.Popen([sys.executable, "-c", SUBMIT], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        assert child.stdin
        child.stdin.write(pickle.dumps((self.target, self.inventory, job)))
        child.stdin.close()
        child.stdin = None
        return child


def ground(azure: Double, home: Path, capacity: Resources = Resources(), **options: str) -> AzureWorld:
    """`options` beside those that name the workspace."""
    places = azure.places
    named = places.options(**options)
    target = Target("aml", "cloud", "azureml", frozenset({Role.TRAIN}), "aml", named, capacity=capacity)
    site = Site("cloud", SiteKind.CLOUD, f"{home}/models", f"{home}/cache", 0)
    account = f"{places.account}.dfs.{places.cloud.storage}"
    container = azure.world.container("workspaceblobstore")
    stores = {
        "lake": Datastore("lake", "cloud", f"abfs://{container}@{account}/lake"),
        "plain": Datastore("plain", "cloud", f"az://{container}/lake", options={"account_name": places.account}),
    }
    inventory = Inventory("test", f"{home}/inventory.yaml", str(home), {"cloud": site}, {"aml": target}, stores)
    return AzureWorld(azure, target, inventory)


def a_job(command: str, name: str = "job", said: Mapping[str, object] | None = None, **changes: object) -> TrainingJob:
    """`said`: further fields of the file; `changes`: of the order."""
    file = CommandJob("job.yaml", command, "", JobEnvironment("azureml:any:1"))
    job = TrainingJob(name, replace(file, **(said or {})), "", {}, IMAGE, {}, 60.0)  # type: ignore[arg-type]
    return replace(job, **changes)  # type: ignore[arg-type]


def data(kind: str = "uri_folder", mode: str = "") -> dict[str, JobInput]:
    return {"data": JobInput("data", kind, mode=mode)}


def output(kind: str = "uri_folder", path: str = "") -> dict[str, JobOutput]:
    return {"model": JobOutput("model", kind, path)}
