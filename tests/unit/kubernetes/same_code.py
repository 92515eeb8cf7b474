"""Training jobs that share one code, on a target whose store signs URLs and is never asked."""

from pathlib import Path
from typing import Any

from landbridge import drivers
from landbridge.domain.inventory import Inventory, Role, Site, Target
from landbridge.domain.job import CommandJob, JobEnvironment
from landbridge.domain.requests import ResolvedEnvironment, TrainingJob
from landbridge.domain.values import SiteKind

STORE = {"key": "none", "secret": "none", "endpoint_url": "http://127.0.0.1:1"}


def training_at(kubeconfig: Path | str, namespace: str, home: Path, **more: Any) -> Any:
    """The target; `more` are further options."""
    options = {"kubeconfig": str(kubeconfig), "namespace": namespace, "artifacts": "s3://bucket/jobs", "storage": STORE}
    target = Target("rack", "onprem", "kubernetes", frozenset({Role.TRAIN}), "rack", options | more)
    site = Site("onprem", SiteKind.ONPREM, f"{home}/models", f"{home}/cache", 0)
    return drivers.training_target(target, Inventory("test", "/i.yaml", str(home), {"onprem": site}, {}, {}))


def code_in(folder: Path) -> str:
    (folder / "code").mkdir()
    (folder / "code" / "train.py").write_text("print('trained')")
    return str(folder / "code")


def a_job(name: str, code: str, timeout_seconds: float = 60.0, **more: Any) -> TrainingJob:
    made = CommandJob("job.yaml", "python3 train.py", code, JobEnvironment("any"))
    image = ResolvedEnvironment("any", image="example.test/train:1")
    return TrainingJob(name, made, code, {}, image, {}, timeout_seconds, **more)
