"""Expressions in a job's command: `${{inputs.x}}`, `${{outputs.y}}` and optional parts `$[[ --lr ${{inputs.lr}} ]]`.

How values enter the command:
- A **literal** goes in as it is, as in Azure ML: `${{inputs.flags}}` with `--fast --lr 1` is three words for the shell.
- A **path** is always one word. Azure ML's paths never need quotes, ours may: one that holds a space or another
  character that the shell would read is quoted for the place where it stands (bare, in '…' or in "…"). What needs no
  quotes goes in as it is, so a command looks the same on every target.

Optional parts may not be nested. `]]` outside an optional part is the shell's own.
Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-core-syntax (expression syntax).
"""

import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from landbridge.domain.errors import InputError
from landbridge.domain.nearest import nearest

_MARK = re.compile(r"\$\{\{(?P<inside>[^{}]*)\}\}|(?P<open>\$\[\[)|(?P<close>\]\])|(?P<broken>\$\{\{)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ELSEWHERE = {
    "parent": ("a pipeline", "Name the job's own input: landbridge runs command jobs, not pipelines."),
    "search_space": ("a sweep", "Give the value as a literal input: landbridge runs command jobs, not sweeps."),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """One expression of a command.

    Attributes:
        kind: `inputs` or `outputs`; any other word is refused by `faults`.
        part: number of the optional part it stands in, or -1.
        offset: where it starts in the command.
    """

    kind: str
    name: str
    part: int
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Declared:
    """What a job declares, as far as its command is concerned.

    Attributes:
        optional: inputs that may have no value.
        unset: those of them that have none now.
    """

    inputs: Collection[str]
    outputs: Collection[str]
    optional: Collection[str] = frozenset()
    unset: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at `offset` of the command, and one sentence that mends it."""

    offset: int
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """Plain text (`reference` is None) or one expression; `part` as in Reference."""

    text: str
    part: int
    offset: int
    reference: Reference | None = None


@dataclass(frozen=True, slots=True)
class _Parsed:
    pieces: tuple[_Piece, ...]
    parts: tuple[int, ...]  # where each optional part starts
    faults: tuple[Fault, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(piece.reference for piece in self.pieces if piece.reference)


def references(command: str) -> tuple[Reference, ...]:
    """Every expression of `command`, in its order; broken syntax is left to `faults`."""
    return _parse(command).references


def faults(command: str, declared: Declared) -> tuple[Fault, ...]:
    """Everything that is wrong with the expressions of `command`, in its order."""
    parsed = _parse(command)
    found = [*parsed.faults, *_undeclared(parsed.references, declared), *_unguarded(parsed.references, declared)]
    found += _needless(parsed, declared)
    return tuple(sorted(found, key=lambda fault: fault.offset))


def render(
    command: str, inputs: Mapping[str, str], outputs: Mapping[str, str], literals: Collection[str] = frozenset()
) -> str:
    """Put values into `command`. An optional part with an input that has no value is left out.

    Args:
        inputs: input name → path or literal as text; an optional input without a value is absent.
        outputs: output name → path.
        literals: the inputs that go in as they are; all others are paths, each one word for the shell.

    Raises:
        InputError: a broken expression, or one without a value outside an optional part.
    """
    parsed = _parse(command)
    if parsed.faults:
        raise InputError(parsed.faults[0].message, parsed.faults[0].hint)
    dropped = {found.part for found in parsed.references if found.part >= 0 and _missing(found, inputs)}
    rendered, quotes = "", _Quotes()
    for piece in parsed.pieces:
        if piece.part in dropped:
            continue
        text = piece.text
        if piece.reference:
            value = _value(piece.reference, inputs, outputs)
            verbatim = piece.reference.kind == "inputs" and piece.reference.name in literals
            text = value if verbatim else quotes.word(value)
        quotes.read(text)
        rendered += text
    return rendered


def without_unset_parts(command: str, inputs: Collection[str]) -> str:
    """Decide the optional parts of `command` by which `inputs` have a value, and leave its expressions as they are.

    Raises:
        InputError: a broken expression.
    """
    parsed = _parse(command)
    if parsed.faults:
        raise InputError(parsed.faults[0].message, parsed.faults[0].hint)
    dropped = {
        found.part
        for found in parsed.references
        if found.part >= 0 and found.kind == "inputs" and found.name not in inputs
    }
    return "".join(piece.text for piece in parsed.pieces if piece.part not in dropped)


def _parse(command: str) -> _Parsed:
    pieces: list[_Piece] = []
    parts: list[int] = []
    found: list[Fault] = []
    part, end = -1, 0
    for mark in _MARK.finditer(command):
        pieces.append(_Piece(command[end : mark.start()], part, end))
        end = mark.end()
        if mark["inside"] is not None:
            pieces.append(_expression(mark, part, found))
        elif mark["broken"]:
            hint = "Write it as `${{inputs.NAME}}`, with both closing braces."
            found.append(Fault(mark.start(), "The expression `${{` is not closed.", hint))
        elif mark["open"]:
            if part >= 0:
                hint = "Close the first `$[[` with `]]` before the next one opens."
                found.append(Fault(mark.start(), "An optional part `$[[` stands inside another one.", hint))
            parts.append(mark.start())
            part = len(parts) - 1
        elif part >= 0:
            part = -1
        else:  # the shell's own [[ … ]]
            pieces.append(_Piece("]]", part, mark.start()))
    pieces.append(_Piece(command[end:], part, end))
    if part >= 0:
        found.append(Fault(parts[part], "The optional part `$[[` is not closed.", "Add `]]` where the part ends."))
    return _Parsed(tuple(pieces), tuple(parts), tuple(found))


def _expression(mark: re.Match[str], part: int, found: list[Fault]) -> _Piece:
    kind, _, name = mark["inside"].strip().partition(".")
    if kind in _ELSEWHERE:
        where, hint = _ELSEWHERE[kind]
        found.append(Fault(mark.start(), f"`{mark[0]}` has a meaning only in {where}.", hint))
    elif kind not in {"inputs", "outputs"} or not _NAME.fullmatch(name):
        hint = "Write `${{inputs.NAME}}` or `${{outputs.NAME}}`, with a declared name."
        found.append(Fault(mark.start(), f"`{mark[0]}` is no expression of a command job.", hint))
    return _Piece(mark[0], part, mark.start(), Reference(kind, name, part, mark.start(), mark[0]))


def _undeclared(found: tuple[Reference, ...], declared: Declared) -> Iterator[Fault]:
    for item in found:
        known = {"inputs": declared.inputs, "outputs": declared.outputs}.get(item.kind)
        if known is not None and item.name not in known and _NAME.fullmatch(item.name):
            message = f"`{item.text}` names {item.kind.removesuffix('s')} {item.name!r}, which the job does not declare"
            hint = f"Declare it under `{item.kind}:`, or name one of: {', '.join(known) or 'none is declared'}."
            yield Fault(item.offset, f"{message}{nearest(item.name, known)}.", hint)


def _unguarded(found: tuple[Reference, ...], declared: Declared) -> Iterator[Fault]:
    for item in found:
        if item.kind == "inputs" and item.part < 0 and item.name in declared.unset:
            message = f"The optional input {item.name!r} has no value and stands outside an optional part."
            hint = f"Write `$[[ … {item.text} ]]` around what shall be left out, or give the input a `default`."
            yield Fault(item.offset, message, hint)


def _needless(parsed: _Parsed, declared: Declared) -> Iterator[Fault]:
    for number, offset in enumerate(parsed.parts):
        names = [item.name for item in parsed.references if item.part == number and item.kind == "inputs"]
        if all(name in declared.inputs for name in names) and not any(name in declared.optional for name in names):
            message = "The optional part `$[[ … ]]` holds no optional input, so it would never be left out."
            yield Fault(offset, message, "Remove `$[[` and `]]`, or mark the input inside with `optional: true`.")


def _missing(item: Reference, inputs: Mapping[str, str]) -> bool:
    return item.kind == "inputs" and item.name not in inputs


def _value(item: Reference, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    values = inputs if item.kind == "inputs" else outputs
    if item.name not in values:
        raise InputError(
            f"`{item.text}` has no value{nearest(item.name, values)}.",
            f"Give {item.kind.removesuffix('s')} {item.name!r} a value, or put it into an optional part `$[[ … ]]`.",
        )
    return values[item.name]


class _Quotes:
    """Follows the shell's quotes and comments, so that a value fits the place where it goes in.

    It does not follow `$(…)` inside "…", nor here-documents: a path with a space needs its own quotes there.
    """

    def __init__(self) -> None:
        self._open = ""  # what is open: ', ", # (a comment) or nothing
        self._last = ""
        self._starts_word = True

    def read(self, text: str) -> None:
        for character in text:
            escaped = self._last == "\\" and self._open not in {"'", "#"}
            self._last = "" if escaped else character
            if not escaped:
                self._turn(character)

    def _turn(self, character: str) -> None:
        if self._open:
            if character == ("\n" if self._open == "#" else self._open):
                self._open = ""
        elif character in "'\"" or (character == "#" and self._starts_word):
            self._open = character
        self._starts_word = character.isspace() or character in ";|&("

    def word(self, value: str) -> str:
        """`value` as part of one word, here."""
        if shlex.quote(value) == value:
            return value
        if self._open == "'":
            return value.replace("'", "'\"'\"'")
        if self._open == '"':
            return re.sub(r'([\\"$`])', r"\\\1", value)
        return shlex.quote(value)
