"""A scenario that is killed at will, and all of its world in one comparable value."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from landbridge import settings
from landbridge.domain.ledger import Kind
from landbridge.operations import connections
from landbridge.record import read_record
from tests.e2e.conftest import Playground, make_playground
from tests.e2e.tiny_story import TinyStory, living, make_tiny, predict, variable
from tests.services.hosts import until

FLOWS = Path(__file__).parent / "flows"


def chaos_environment(home: Path) -> dict[str, str]:
    """For the command line and for a host that it starts: the flows are those with breakpoints."""
    path = os.pathsep.join([str(FLOWS), os.environ.get("PYTHONPATH", "")])
    mine = {"PYTHONPATH": path, "LANDBRIDGE_FLOWS": "breakable_flows", "LANDBRIDGE_PREFECT_PORT": "0"}
    return {**os.environ, **mine, settings.HOME_VARIABLE: str(home)}


class BreakablePlayground(Playground):
    """Its commands start hosts whose runs can be broken."""

    @property
    def environment(self) -> dict[str, str]:
        return chaos_environment(self.home)


@dataclass(frozen=True)
class EndState:
    """What must be the same however often a run was killed. Names of the scenario are left out."""

    answers: dict[str, float]
    traffic: dict[str, dict[str, int]]
    jobs: int
    versions: list[str]
    aliases: dict[str, str]
    releases: list[tuple[str, str]]
    movements: list[str]
    job_processes: int
    model_servers: int


@dataclass(frozen=True)
class Victim(TinyStory):
    """A story with breakpoints (see flows/breakable_flows.py)."""

    def breaks(self, point: str, how: str = "SIGKILL") -> None:
        self._breakpoint.write_text(f"{how} {point}\n")

    @property
    def is_broken(self) -> bool:
        """Whether a run came to the breakpoint."""
        return not self._breakpoint.exists()

    @property
    def _breakpoint(self) -> Path:
        return Path(f"{self.playground.scenario}.break")

    def is_killed(self, point: str, command: str = "run", *arguments: str) -> None:
        """Run, and die at `point`: the command tells so, with a remedy."""
        self.is_left_alone()
        self.breaks(point)
        said = self.run(*arguments, command=command)
        assert self.is_broken, f"no run came to {point!r}: {said.err}"
        assert said.code == 69, said.err
        assert "signal 9" in said.err
        assert "\nTo fix: Run the scenario again" in said.err

    @contextmanager
    def held_jobs(self) -> Iterator[Path]:
        """Within the block, jobs wait as long as the file is there that it yields; their limit is beyond any host's start."""
        hold = self.playground.folder / "hold"
        hold.touch()
        words = {
            "python train.py": f"while [ -e {hold} ]; do sleep 0.05; done; python train.py",
            "timeout: 60": "timeout: 600",
        }
        before = self.job.read_text()
        assert all(word in before for word in words)
        for old, new in words.items():
            self.job.write_text(self.job.read_text().replace(old, new))
        try:
            yield hold
        finally:
            self.job.write_text(before)
            hold.unlink(missing_ok=True)

    def runner(self, target: str) -> psutil.Process | None:
        """The runner of the newest job on `target`, or None before it has begun its command."""
        for folder in reversed([folder for folder in self.jobs() if folder.parent.name == target]):
            if (folder / "pid").exists() and any(self.job_processes()):
                return psutil.Process(int((folder / "pid").read_text().split()[0]))
        return None

    def run_process(self) -> psutil.Process:
        """The process of the run that goes."""
        going = next(run["flow_run_id"] for run in self.runs() if not run["final"])
        recorded: Any = read_record(self.playground.home)["processes"]
        pid = until(lambda: next((one["pid"] for one in recorded if one["name"] == f"run {going}"), None))
        return psutil.Process(pid)

    def resumed_by(self, command: str) -> None:
        """What a user does next, and it is good."""
        self.is_left_alone()
        self.good(command=command)

    def is_left_alone(self) -> None:
        """Wait for what else goes on with it, such as the copy of its data that the host makes by itself."""
        until(lambda: all(run["final"] for run in self.runs()))

    def end_state(self) -> EndState:
        serving = self.serving()
        releases = connections.ledger(str(self.playground.home)).releases(endpoint=self.endpoint)
        return EndState(
            answers={row["site"]: predict(row["url"]) for row in serving},
            traffic=_traffic(serving),
            jobs=len(self.jobs()),
            versions=self.versions(),
            aliases=self.aliases(),
            releases=[(release.version, str(release.outcome)) for release in releases],
            movements=self.movements(),
            job_processes=len(self.job_processes()),
            model_servers=len(self.model_servers()),
        )

    def aliases(self) -> dict[str, str]:
        """Alias → version, as MLflow itself tells them."""
        url = self.registry_url() + "/api/2.0/mlflow/registered-models/get"
        found = httpx.get(url, params={"name": self.model}, trust_env=False, timeout=20.0)
        found.raise_for_status()
        return {row["alias"]: row["version"] for row in found.json()["registered_model"].get("aliases", [])}

    def movements(self) -> list[str]:
        """What crossed which border, and how much, each as often as it was recorded."""
        fields = ("kind", "name", "from_site", "to_site", "size_bytes", "allowed", "rule")
        rows = [{field: entry.payload[field] for field in fields} for entry in self.entries(Kind.MOVEMENT)]
        return sorted(json.dumps(row).replace(self.model, "<model>") for row in rows)

    def model_servers(self) -> list[psutil.Process]:
        """Processes that write into the log of one of this endpoint's colours."""
        home = str(self.playground.home)
        mine = [one for one in living() if variable(one, settings.HOME_VARIABLE) == home]
        return [one for one in mine if any(self.endpoint in path for path in _files(one))]


def make_victim(home: Path, folder: Path, pattern: str = "hybrid_train_deploy") -> Victim:
    plain = make_playground(home, folder / "scenarios", pattern, "lake")
    mine = BreakablePlayground(plain.home, plain.folder, plain.scenario, plain.inventory, plain.lake)
    return Victim(make_tiny(mine).playground)


def _traffic(serving: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Site → version → its share, of the colours that have any."""
    found: dict[str, dict[str, int]] = {}
    for row in serving:
        if row["traffic"]:
            found.setdefault(row["site"], {})[row["version"]] = row["traffic"]
    return found


def _files(process: psutil.Process) -> list[str]:
    try:
        return [file.path for file in process.open_files()]
    except psutil.Error:
        return []
