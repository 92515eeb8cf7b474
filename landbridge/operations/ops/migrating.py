"""From exports of Azure ML's v1 to the files of its v2."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from landbridge.domain.azure.v1.service import Wishes
from landbridge.domain.errors import InputError
from landbridge.files.v1 import Drafts, load_v1
from landbridge.files.v1_report import NAME, report
from landbridge.files.v1_writing import Made, make

MAX_COPIED = 10_000  # files; more is no scoring code
_LEFT_OUT = shutil.ignore_patterns(".git", "__pycache__", "*.pyc")


@dataclass(frozen=True, slots=True)
class Migration:
    """What was read and written. `files`: below the folder, the report last."""

    drafts: Drafts
    made: Made
    files: tuple[str, ...]


def migrate(paths: list[Path], to: Path, wishes: Wishes, overwrite: bool) -> Migration:
    """Read the files, and write endpoints, deployments, environments, adapters, computes and the report below `to`.

    Raises:
        InputError: a file is wrong, or something to be written is there already and `overwrite` is not said; nothing was
            written then.
    """
    drafts = load_v1(paths, wishes)
    made = make(drafts)
    texts = {**made.texts, NAME: report(drafts, made)}
    copies = dict(_copies(made))
    _refuse_overwriting([to / path for path in (*copies, *texts)], overwrite)
    for path, origin in copies.items():
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin, to / path)
    for path, text in texts.items():
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        (to / path).write_text(text, encoding="utf-8")
    return Migration(drafts, made, (*copies, *texts))


def _copies(made: Made) -> Iterator[tuple[str, Path]]:
    """Path below the folder → the user's own file that is copied there."""
    for folder, origin in made.copies.items():
        for path in _sources(origin):
            inside = path.relative_to(origin).as_posix() if origin.is_dir() else path.name
            name = f"{folder}/{inside}"
            if name in made.texts:
                hint = "Rename the file in the source folder."
                raise InputError(f"{path} has the name of a file that is written.", hint)
            yield name, path


def _sources(origin: Path) -> list[Path]:
    if origin.is_file():
        return [origin]
    found: list[Path] = []
    for folder, names, files in os.walk(origin):
        ignored = _LEFT_OUT(folder, [*names, *files])
        names[:] = [name for name in names if name not in ignored]
        found += [Path(folder) / name for name in files if name not in ignored]
        if len(found) > MAX_COPIED:
            message = f"The source folder {origin} holds more than {MAX_COPIED} files."
            raise InputError(message, "Name a folder that holds only the scoring code.")
    return sorted(found)


def _refuse_overwriting(paths: list[Path], overwrite: bool) -> None:
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        more = f", and {len(there) - 1} more," if len(there) > 1 else ""
        message = f"{there[0]}{more} would be overwritten; nothing was written."
        raise InputError(message, "Name another folder with --to, or say --overwrite.")
