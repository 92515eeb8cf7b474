"""A fault plan: which calls of a memory driver fail, and how. It lies in a file, so it holds for every process.

`faults.json` in a driver's folder: `{"<method>": ["<error class or empty>", …]}`. Each call of the method takes the
first entry; an empty one lets the call through. A test writes the file; nothing is planned without it.
"""

import json
from pathlib import Path

from landbridge.domain import errors


class FaultPlan:
    """Reads `folder/faults.json` at each call: a test may change it while the driver lives."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "faults.json"

    def plan(self, **faults: list[str]) -> None:
        """Write the plan: method → errors of the next calls."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(faults))

    def meet(self, method: str) -> None:
        """Raise the error that is planned for this call of `method`, if there is one."""
        try:
            planned = json.loads(self._path.read_text())
        except FileNotFoundError:
            return
        name, *planned[method] = planned.get(method) or [""]
        self._path.write_text(json.dumps(planned))
        if name:
            raise _error(name, method)


def _error(name: str, method: str) -> errors.LandbridgeError:
    found = getattr(errors, name, None)
    if not (isinstance(found, type) and issubclass(found, errors.LandbridgeError)):
        raise errors.InputError(
            f"The fault plan names {name!r}, which is no error of landbridge.", "Correct faults.json."
        )
    return found(f"{method} failed as planned.", "Take it out of faults.json.")
