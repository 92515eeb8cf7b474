"""Who runs where: workers share the files; tests that share a host go to one of them."""

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import settings
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

HERE = Path(__file__).parent

# A busy machine is no fault: nothing has a deadline. `make test-slow` tries three times as many.
settings.register_profile("quick", max_examples=30, deadline=None)
settings.register_profile("thorough", max_examples=100, deadline=None)
settings.load_profile("quick")

SHARED = {  # file → whose host it shares; the longest first
    "test_patterns_memory.py": "host",
    "test_host.py": "host",
    "test_cli_follow.py": "host",
    "test_model_registry.py": "host",
    "test_mlflow_driver.py": "host",
    "test_local_serving.py": "serving",
    "test_serving_target.py": "serving",
}
FIRST = ["e2e", "chaos", *dict.fromkeys(SHARED.values()), "unit/test_pod_job.py", "unit/test_runner_job.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _rank(group(*item.path.relative_to(HERE).parts)))


def _rank(name: str) -> int:
    """What takes longest begins first."""
    folder = name.partition("/")[0]
    return next((rank for rank, first in enumerate(FIRST) if first in {name, folder}), len(FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Not xdist's own groups: since pytest 9.2 its marks are without effect (pytest-xdist 3.8.0 renames tests in vain)."""
    config.option.loadscopereorder = False
    return ByHost(config, log)


class ByHost(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return group(*PurePosixPath(nodeid.split("::", 1)[0]).parts[1:])


def group(folder: str, *rest: str) -> str:
    """All of e2e has one host, but for what needs none. Of chaos, what kills runs has one, and the rest has another."""
    if rest and rest[-1] in SHARED:
        return SHARED[rest[-1]]
    if folder in {"e2e", "chaos"} and rest not in {("test_cli_offline.py",), ("test_killed_runs.py",)}:
        return folder
    return "/".join([folder, *rest])
