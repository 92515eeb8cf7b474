"""Golden files: `LANDBRIDGE_GOLDEN=write` rewrites them; the diff is the review."""

import os
from pathlib import Path

GOLDEN = Path(__file__).parents[2] / "golden" / "azure"


def same(path: str, text: str) -> None:
    file = GOLDEN / path
    if os.environ.get("LANDBRIDGE_GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert file.is_file(), f"LANDBRIDGE_GOLDEN=write writes {path}"
    assert file.read_text() == text, "LANDBRIDGE_GOLDEN=write rewrites the golden files"
