"""One real `landbridge up` for the whole session, and a playground per test: own scenario, model and data names."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.services.hosts import free_port
from tests.services.prefect_database import give_database

ROOT = Path(__file__).parents[2]
COMMAND = [str(Path(sys.executable).with_name("landbridge"))]
RUN_SECONDS = 110


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Playground:
    """A copy of scenarios/ whose pattern, names and data belong to one test."""

    home: Path
    folder: Path
    scenario: Path
    inventory: Path
    lake: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "LANDBRIDGE_HOME": str(self.home)}

    def landbridge(self, *arguments: str, seconds: float = RUN_SECONDS) -> Said:
        done = subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            timeout=seconds,
            env=self.environment,
            cwd=self.folder,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def run(self, *arguments: str, command: str = "run") -> Said:
        return self.landbridge(command, str(self.scenario), "-i", str(self.inventory), "--output", "json", *arguments)

    def months(self, months: str) -> None:
        """Let the months (`1-2`) be all the data there is."""
        prepare = self.folder / "flight-delay" / "prepare.py"
        subprocess.run([sys.executable, str(prepare), "--months", months, "--out", str(self.lake)], check=True)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


@contextmanager
def a_host(place: Path, inventory: Path) -> Iterator[None]:
    """A host of the home `place`, on ports of its own; it must come up, and end in order."""
    os.environ["LANDBRIDGE_PREFECT_PORT"] = "0"
    operator = Playground(place, place, place, inventory, place)
    give_database(place)
    said = operator.landbridge("up", "-i", str(inventory), seconds=180)
    assert said.code == 0, said.err
    yield
    said = operator.landbridge("down", "--jobs")
    assert said.code == 0, said.err


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a host that is up, on ports of its own; it is brought down at the end, and must leave nothing."""
    place = tmp_path_factory.mktemp("home")
    inventory = place / "inventory.yaml"
    inventory.write_text(free_ports((ROOT / "scenarios/inventories/local.yaml").read_text()))
    with a_host(place, inventory):
        yield place


def free_ports(inventory: str) -> str:
    """The same inventory on free ports. Any free one will do, but for the registry that two sites share: its URI names it."""
    text = re.sub(r"port: \d+", "port: 0", inventory)
    shared = free_port()
    text = text.replace("registry: {driver: mlflow, port: 0}", f"registry: {{driver: mlflow, port: {shared}}}", 1)
    assert "http://127.0.0.1:5510" in text
    text = text.replace("http://127.0.0.1:5510", f"http://127.0.0.1:{shared}")
    return re.sub(r"^\$schema:.*\n", "", text, flags=re.MULTILINE)


@pytest.fixture
def playground(home: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Playground:
    """Give the pattern that the test names by `@pytest.mark.parametrize("playground", …, indirect=True)`."""
    pattern, store = request.param
    return make_playground(home, tmp_path / "scenarios", pattern, store)


def make_playground(home: Path, folder: Path, pattern: str, store: str) -> Playground:
    """Copy scenarios/ into `folder`; the pattern's names and data are those of this folder alone."""
    shutil.copytree(ROOT / "scenarios", folder)
    mark = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
    scenario = folder / f"{pattern}.yaml"
    text = scenario.read_text().replace(f"datastores/{store}/paths/flights", f"datastores/{store}/paths/{mark}/flights")
    text = re.sub(r"name: (flights|flight-delay)-[a-z-]+", rf"name: \1-{mark}", text)
    text = re.sub(r"triggers: .*", "triggers: {new_data: []}", text)
    scenario.write_text(re.sub(r"soak: \d+s", "soak: 200ms", re.sub(r"step: \d+s", "step: 200ms", text)))
    site = {"lake": "cloud", "plant": "onprem", "vault": "cloud-vnet"}[store]
    return Playground(home, folder, scenario, home / "inventory.yaml", home / "sites" / site / store / mark / "flights")
