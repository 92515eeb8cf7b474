"""What the tests of batch endpoints share: a target that scores by one, and orders for it."""

import pickle
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from landbridge import drivers
from landbridge.domain.inventory import Target
from landbridge.domain.requests import BatchOrder
from landbridge.domain.values import JobRef, JobStatus
from landbridge.drivers.azureml.batch import AzureBatch
from landbridge.drivers.trees import digest_folder
from tests.azure.azure_jobs import SECONDS
from tests.azure.double.double import Double
from tests.azure.double.places import Places
from tests.azure.serving import inventory
from tests.services.tiny_models import make_line

BATCH = "line-batch"
SUBMIT = "import pickle, sys; bench, order = pickle.loads(sys.stdin.buffer.read()); bench.connect().submit(order)"
ROOT = Path(__file__).parents[2]
FILES = {"a.csv": "x\n1.0\n2.0\n", "b.csv": "x\n3.0\n"}


@dataclass(frozen=True)
class Bench:
    """A target of one workspace, with its files below `home`."""

    home: Path
    places: Places
    options: tuple[tuple[str, str], ...] = ()

    def connect(self) -> AzureBatch:
        made = inventory(self.places, self.home, "kubernetes", **{"batch_scoring": "endpoint", **dict(self.options)})
        target: Target = made.targets["serving"]
        found = drivers.batch_target(target, made)
        assert isinstance(found, AzureBatch)
        return found

    def order(self, name: str = "score", files: dict[str, str] | None = None, **changes: Any) -> BatchOrder:
        """A line of slope 2, over two files."""
        texts = FILES if files is None else files
        data, model = self.home / "data" / name, Path(str(changes.pop("model_url", self.home / "model")))
        for file, text in texts.items():
            path = data / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        if not model.exists():
            make_line(model, 2.0)
        order = BatchOrder(name, BATCH, "line", "3", str(model), digest_folder(model), str(data), tuple(sorted(texts)))
        return replace(order, timeout_seconds=60.0, **changes)

    def elsewhere(self, order: BatchOrder) -> subprocess.Popen[bytes]:
        """Submit in a process of its own, which is started and not waited for."""
        child = subprocess.Popen(
            [sys.executable, "-c", SUBMIT], cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert child.stdin
        child.stdin.write(pickle.dumps((self, order)))
        child.stdin.close()
        child.stdin = None
        return child

    def settle(self, ref: JobRef) -> JobStatus:
        deadline, target = time.monotonic() + SECONDS, self.connect()
        while time.monotonic() < deadline:
            status = target.observe(ref)
            if status.phase.is_final:
                return status
            time.sleep(0.05)
        raise AssertionError(f"still {status}")


def rows(status: JobStatus) -> list[str]:
    """The predictions, line by line."""
    folder = Path(status.outputs["predictions"].removeprefix("file://"))
    return [line for path in sorted(folder.iterdir()) for line in path.read_text().splitlines()]


def deployments(azure: Double) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = azure.world.resources.children(azure.world.ml("batchEndpoints/deployments", BATCH))
    return found


def scorings(azure: Double) -> list[str]:
    """The names of the pipelines that invocations made."""
    found = azure.world.resources.children(azure.world.ml("jobs"))
    return [one["name"] for one in found if one["properties"]["jobType"] == "Pipeline"]
