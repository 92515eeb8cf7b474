"""What a serving agent keeps on disk: the wanted colours and traffic, its port, and the processes it started."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from landbridge.domain.errors import CorruptError
from landbridge.domain.inventory import Target
from landbridge.domain.requests import ColourSpec
from landbridge.domain.values import Json
from landbridge.drivers.local.serving_wire import spec_from_json, spec_to_json


@dataclass(frozen=True, slots=True)
class Wanted:
    """One colour as ordered. `generation` tells two orders of the same name apart."""

    spec: ColourSpec
    generation: int

    @property
    def cluster(self) -> str:
        return f"{self.spec.endpoint}_{self.spec.colour}_{self.generation}"


@dataclass(slots=True)
class Endpoint:
    """One endpoint as ordered; `traffic` has a percentage for every colour."""

    name: str
    colours: dict[str, Wanted] = field(default_factory=dict)
    traffic: dict[str, int] = field(default_factory=dict)


class ServingRecord:
    """The files of one serving target. Every write appears whole or not at all."""

    def __init__(self, home: str, target: Target) -> None:
        self.folder = Path(home) / "sites" / target.site / "serving" / target.name
        self._endpoints = self.folder / "endpoints"

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def prepare(self) -> None:
        for folder in (self._endpoints, self.folder / "logs", self.folder / "envoy"):
            folder.mkdir(parents=True, exist_ok=True)

    def load(self) -> dict[str, Endpoint]:
        """Every endpoint as ordered.

        Raises:
            CorruptError: a file cannot be read.
        """
        return {path.stem: _read_endpoint(path) for path in sorted(self._endpoints.glob("*.json"))}

    def save(self, endpoint: Endpoint) -> None:
        """Write the endpoint; one without colours is gone."""
        path = self._endpoints / f"{endpoint.name}.json"
        if endpoint.colours:
            write_whole(path, asdict(endpoint) | {"colours": _colours(endpoint)})
        else:
            path.unlink(missing_ok=True)

    @property
    def port(self) -> int:
        """The port of the last start; 0 before the first."""
        port = self._read("router.json").get("port")
        return port if isinstance(port, int) else 0

    @port.setter
    def port(self, port: int) -> None:
        write_whole(self.folder / "router.json", {"port": port})

    def processes(self) -> list[Json]:
        """What was started, as `{"name", "pid", "create_time"}`."""
        found = self._read("processes.json").get("processes")
        return found if isinstance(found, list) else []

    def save_processes(self, processes: list[Json]) -> None:
        write_whole(self.folder / "processes.json", {"processes": processes})

    def _read(self, name: str) -> dict[str, Json]:
        try:
            found = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise CorruptError(
                f"{self.folder / name} cannot be read.", "Delete the file; it is written anew."
            ) from error
        return found if isinstance(found, dict) else {}


def write_whole(path: Path, content: Mapping[str, Any]) -> None:
    """Replace the file by a rename, which is also what Envoy watches for."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(path)


def _colours(endpoint: Endpoint) -> dict[str, Json]:
    return {
        name: {"generation": wanted.generation, "spec": spec_to_json(wanted.spec)}
        for name, wanted in endpoint.colours.items()
    }


def _read_endpoint(path: Path) -> Endpoint:
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        colours = {
            name: Wanted(spec_from_json(colour["spec"]), int(colour["generation"]))
            for name, colour in written["colours"].items()
        }
        return Endpoint(path.stem, colours, {name: int(written["traffic"].get(name, 0)) for name in colours})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptError(
            f"The record of endpoint {path.stem!r} ({path}) cannot be read.",
            "Delete the file, then run the scenario again.",
        ) from error
