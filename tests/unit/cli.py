"""Run a command in this process, as the console script does."""

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any

from landbridge.cli import main


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def landbridge(*arguments: str) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([*arguments])
        except SystemExit as end:
            code = int(str(end.code or 0))
    return Said(code, out.getvalue(), err.getvalue())
