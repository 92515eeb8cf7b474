"""A pattern of scenarios/ with the tiny job in it: a whole run in a second or two, on two numbers of data."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from landbridge.client import Client
from landbridge.domain.ledger import Entry, Kind
from landbridge.operations import connections
from tests.e2e.conftest import COMMAND, Playground, Said

TINY = Path(__file__).parent / "tiny"
HEADER = "month,arr_delay"
BODY = json.dumps({"dataframe_split": {"columns": ["distance"], "data": [[1], [2]]}})
JOB_COMMAND = re.compile(r"command: >-\n(  .*\n)+")
TRACE = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Going:
    """A command that was not waited for."""

    command: "subprocess.Popen[str]"

    def ends(self, seconds: float = 90.0) -> Said:
        out, err = self.command.communicate(timeout=seconds)
        return Said(self.command.returncode, out, err)


@dataclass(frozen=True)
class TinyStory:
    """What a test does to one scenario, and asks of it."""

    playground: Playground

    @property
    def client(self) -> Client:
        return Client(self.playground.home)

    @property
    def job(self) -> Path:
        return self.playground.folder / "tiny" / "job.yaml"

    @property
    def name(self) -> str:
        return self._named("")

    @property
    def model(self) -> str:
        return self._named("model: {")

    @property
    def endpoint(self) -> str:
        return self._named("endpoint:\n  ")

    def _named(self, before: str) -> str:
        found = re.search(
            rf"^{re.escape(before)}name: ([a-z0-9-]+)", self.playground.scenario.read_text(), re.MULTILINE
        )
        assert found
        return found[1]

    def month(self, number: int, header: str = HEADER) -> Path:
        """Let a month's batch arrive, whole at once."""
        self.playground.lake.mkdir(parents=True, exist_ok=True)
        file = self.playground.lake / f"flights-2013-{number:02}.csv"
        partial = file.with_name(f".{file.name}")
        partial.write_text(f"{header}\n{number},{number}\n")
        return partial.replace(file)

    def run(self, *arguments: str, command: str = "run") -> Said:
        return self.playground.run(*arguments, command=command)

    def good(self, *arguments: str, command: str = "run") -> dict[str, Any]:
        """Run, and expect exit code 0; returns the report."""
        said = self.run(*arguments, command=command)
        assert said.code == 0, said.err
        report: dict[str, Any] = said.json
        return report

    @contextmanager
    def going(self, *arguments: str) -> Iterator[Going]:
        """A run that goes on while the block does something to it."""
        words = [*COMMAND, "run", str(self.playground.scenario), "-i", str(self.playground.inventory)]
        with subprocess.Popen(
            [*words, *arguments, "--output", "json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.playground.environment,
        ) as command:
            try:
                yield Going(command)
            finally:
                command.kill()

    def ask(self, command: str, *arguments: str) -> Said:
        return self.playground.landbridge(command, *arguments, "--output", "json")

    @contextmanager
    def changed(self, path: Path, new: Callable[[str], str]) -> Iterator[None]:
        """A file as it is only within the block."""
        before = path.read_text()
        after = new(before)
        assert after != before
        path.write_text(after)
        try:
            yield
        finally:
            path.write_text(before)

    def with_command(self, shell: str) -> Any:
        """The job runs `shell` instead."""
        return self.changed(self.job, lambda text: JOB_COMMAND.sub(lambda _: f"command: |-\n  {shell}\n", text))

    def urls(self) -> dict[str, str]:
        """Site → the endpoint's URL."""
        return {row["site"]: row["url"] for row in self.serving()}

    def serving(self) -> list[dict[str, Any]]:
        said = self.ask("status", str(self.playground.scenario))
        assert said.code == 0, said.err
        found: list[dict[str, Any]] = said.json["scenarios"][0]["serving"]
        return found

    def versions(self) -> list[str]:
        """The numbers of the registered versions, as MLflow itself tells them."""
        url = self.registry_url() + "/api/2.0/mlflow/model-versions/search"
        found = httpx.get(url, params={"filter": f"name='{self.model}'"}, trust_env=False, timeout=20.0)
        found.raise_for_status()
        return sorted(row["version"] for row in found.json().get("model_versions", []))

    def champion(self) -> str:
        url = self.registry_url() + "/api/2.0/mlflow/registered-models/alias"
        found = httpx.get(url, params={"name": self.model, "alias": "champion"}, trust_env=False, timeout=20.0)
        found.raise_for_status()
        return str(found.json()["model_version"]["version"])

    def registry_url(self, site: str = "cloud") -> str:
        registries: Any = self.client.health()["registries"]
        return str(registries[site]["url"])

    def jobs(self) -> list[Path]:
        """Every job directory that this scenario ever made, on any target."""
        return sorted(self.playground.home.glob(f"sites/*/jobs/*/{self.name}-*"))

    def job_processes(self) -> list[psutil.Process]:
        """What still runs of them."""
        folders = {str(folder) for folder in self.jobs()}
        return [one for one in living() if variable(one, "LANDBRIDGE_JOB_DIRECTORY") in folders]

    def entries(self, kind: Kind) -> tuple[Entry, ...]:
        return connections.ledger(str(self.playground.home)).entries(kind=kind, scenario=self.name)

    def runs(self) -> list[dict[str, Any]]:
        """Runs of this scenario, the newest first."""
        found: list[dict[str, Any]] = self.client.runs(limit=100)
        return [run for run in found if f"scenario:{self.name}" in run["tags"]]


def living() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except psutil.Error:
            continue


def variable(process: psutil.Process, name: str) -> str:
    try:
        return process.environ().get(name, "")
    except psutil.Error:
        return ""


def predict(url: str) -> float:
    """What the endpoint answers to one real request."""
    answer = httpx.post(url, content=BODY, headers={"content-type": "application/json"}, trust_env=False, timeout=10.0)
    assert answer.status_code == 200, answer.text
    first, second = answer.json()["predictions"]
    assert first == second
    return float(first)


def make_tiny(playground: Playground) -> TinyStory:
    """Put the tiny job into the playground's scenario; one month of data is there."""
    shutil.copytree(TINY, playground.folder / "tiny")
    text = playground.scenario.read_text()
    playground.scenario.write_text(re.sub(r"^job: .*$", "job: tiny/job.yaml", text, flags=re.MULTILINE))
    story = TinyStory(playground)
    story.month(1)
    return story
