"""What Azure does not keep of a colour: where the operation that made it is told, and why landbridge refused to make one.

    <home>/sites/<site>/serving/<target>/<endpoint>/<colour>.json

Nothing depends on a note: without it a failed colour has only its log to tell why.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.requests import ColourSpec, ColourStatus
from landbridge.domain.values import ColourPhase


@dataclass(frozen=True, slots=True)
class Note:
    """Of one order of one colour.

    Attributes:
        process: names the order (`serving_bodies.process_of`).
        operation: URL under which Azure tells how making it ended.
        reason: why it failed, once that was found out.
        refused: it was never sent to Azure; `reason` says why.
    """

    process: str
    operation: str = ""
    reason: str = ""
    refused: bool = False
    version: Mapping[str, str] = field(default_factory=dict)

    def status(self, colour: str) -> ColourStatus:
        """Of a colour that was refused."""
        model, version, digest = (self.version.get(key, "") for key in ("model", "version", "digest"))
        return ColourStatus(colour, ColourPhase.FAILED, model, version, digest, self.reason)


def refusal(spec: ColourSpec, process: str, reason: str) -> Note:
    told = {"model": spec.model, "version": spec.version, "digest": spec.model_digest}
    return Note(process, reason=reason, refused=True, version=told)


class Notes:
    """The notes of one target. A note that cannot be read is none."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._root = Path(inventory.home) / "sites" / target.site / "serving" / target.name

    def of(self, endpoint: str) -> dict[str, Note]:
        paths = (self._root / endpoint).glob("[a-zA-Z]*.json")
        return {path.stem: note for path in paths if (note := _read(path))}

    def write(self, endpoint: str, colour: str, note: Note) -> None:
        path = self._path(endpoint, colour)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        draft.write_text(json.dumps(asdict(note)), encoding="utf-8")
        draft.replace(path)

    def drop(self, endpoint: str, colour: str) -> None:
        self._path(endpoint, colour).unlink(missing_ok=True)

    def drop_refusal(self, endpoint: str, colour: str) -> None:
        note = _read(self._path(endpoint, colour))
        if note and note.refused:
            self.drop(endpoint, colour)

    def _path(self, endpoint: str, colour: str) -> Path:
        return self._root / endpoint / f"{colour}.json"


def _read(path: Path) -> Note | None:
    try:
        return Note(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
