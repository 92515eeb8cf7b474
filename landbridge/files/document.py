"""A user's YAML file: plain values, the line of every key, and a check that speaks the user's language."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from landbridge.domain.errors import InputError
from landbridge.domain.values import Json
from landbridge.files.problems import Problem, problems_of
from landbridge.files.yaml_tree import Keys, parse

__all__ = ["Document", "Problem", "check", "place", "read", "refuse"]

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """One file, read.

    Attributes:
        path: as the caller gave it; errors show it so.
        data: plain dicts, lists, text, numbers, booleans and None.
    """

    path: str
    data: dict[str, Json]
    lines: Mapping[Keys, int] = field(repr=False, default_factory=dict)

    def line(self, *keys: str | int) -> int:
        """The 1-based line of that key or list item, else of its nearest parent that stands in the file."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.lines:
                return self.lines[keys[:length]]
        return self.lines.get((), 1)

    def where(self, *keys: str | int) -> str:
        """`file:line`, for an error's `where`."""
        return f"{self.path}:{self.line(*keys)}"


def read(path: Path) -> Document:
    """Read a YAML mapping.

    Raises:
        InputError: missing, unreadable, not UTF-8, not YAML 1.2, a duplicate key, empty or not a mapping.
    """
    data, lines = parse(path)
    return Document(str(path), data, lines)


def place(path: str, *keys: str | int) -> str:
    """`file:line` of a key, for what is found wrong long after the file was read; the file alone when it is gone."""
    try:
        return read(Path(path)).where(*keys)
    except InputError:
        return path


def check(model: type[Model], document: Document, hint_docs: str = "") -> Model:
    """Turn the document into `model`, or name every fault.

    Types are read as in JSON: a strict model still takes lists for tuples and words for enums. A validator may raise
    `ValueError(message, hint)`.

    Args:
        hint_docs: where the keys are explained; ends the hint if given.

    Raises:
        InputError: all problems, the first at the head with its own line and hint.
    """
    try:
        return model.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        problems = problems_of(error, model, document.data)
    raise refuse(document, problems, hint_docs)


def refuse(document: Document, problems: Sequence[Problem], hint_docs: str = "") -> InputError:
    """One error for all `problems`, in the file's order."""
    first, *others = sorted(problems, key=lambda problem: document.line(*problem.keys))
    message = first.message
    if others:
        listed = [
            f"  {number}. {document.where(*problem.keys)}: {problem.message} {problem.hint}"
            for number, problem in enumerate(others, start=2)
        ]
        message = "\n".join([f"{first.message} And {len(others)} more:", *listed, " "])
    hint = f"{first.hint} See {hint_docs}." if hint_docs else first.hint
    return InputError(message, hint, document.where(*first.keys))
