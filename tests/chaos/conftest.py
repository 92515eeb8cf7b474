"""One host of a worker's own, whose runs have breakpoints; and a scenario per test that is killed on it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from landbridge import settings
from tests.chaos.victims import Victim, chaos_environment, make_victim
from tests.e2e.conftest import COMMAND, ROOT, free_ports
from tests.e2e.tiny_story import living, variable

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.chaos)


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a host that is up; tests may kill it, for every run brings it back. It must end in order."""
    place = tmp_path_factory.mktemp("home")
    inventory = place / "inventory.yaml"
    inventory.write_text(free_ports((ROOT / "scenarios/inventories/local.yaml").read_text()))
    landbridge(place, "up", "-i", str(inventory))
    yield place
    landbridge(place, "down", "--jobs")
    assert not [one for one in living() if variable(one, settings.HOME_VARIABLE) == str(place)]


@pytest.fixture
def victim(home: Path, tmp_path: Path) -> Victim:
    """A scenario that was never run."""
    return make_victim(home, tmp_path)


def landbridge(home: Path, *words: str) -> None:
    said = subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=180, env=chaos_environment(home), check=False
    )
    assert said.returncode == 0, said.stderr
