"""What pydantic found, in the words of the person who wrote the file."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from landbridge.domain.values import Json
from landbridge.files.yaml_tree import Keys

_SECRETIVE = ("password", "secret", "token", "key", "credential", "connection_string", "sas")
_MOMENT = "a date and time with its zone, such as 2026-03-01T02:00:00Z"
_OLDER = {"local_path": "path", "file": "path", "folder": "path", "dataset": "path"}
"""Words of Azure ML's preview format that published samples still have, and what is written now."""
_EXPECTED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "keys and values",
    "model": "keys and values",
    "model_attributes": "keys and values",
    "none_required": "nothing",
    "datetime": _MOMENT,
    "datetime_from_date": _MOMENT,
    "timezone_aware": _MOMENT,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a file: where it stands, what is wrong, and one sentence that mends it."""

    keys: Keys
    message: str
    hint: str


def problems_of(error: ValidationError, model: type[BaseModel], data: Mapping[str, Json]) -> tuple[Problem, ...]:
    """Translate every error; several of one place (the branches of a union) become one.

    Where a branch of a union was entered, what it found deeper says more than that the other branch does not fit.
    A key that is missing because it is misspelt is one fault, not two.
    """
    grouped: dict[Keys, list[Mapping[str, Any]]] = {}
    for detail in error.errors(include_url=False, include_context=True):
        grouped.setdefault(_real_keys(detail, data), []).append(detail)
    parents = {keys[:length] for keys in grouped for length in range(len(keys))}
    misspelt = {_meant(keys, model) for keys, details in grouped.items() if _has(details, "extra_forbidden")}
    return tuple(
        _problem(keys, details, model, data)
        for keys, details in grouped.items()
        if keys not in parents and not (keys in misspelt and _has(details, "missing"))
    )


def _has(details: Sequence[Mapping[str, Any]], kind: str) -> bool:
    return any(detail["type"] == kind for detail in details)


def _meant(keys: Keys, model: type[BaseModel]) -> Keys:
    return (*keys[:-1], _likely(str(keys[-1]), known_keys(model, keys[:-1])))


def dotted(keys: Sequence[str | int]) -> str:
    """`("steps", 2, "weight")` → `steps[2].weight`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".")


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that `word` most likely means, or ""."""
    choices = {choice.lower(): choice for choice in known}
    close = difflib.get_close_matches(word.lower(), choices, n=1, cutoff=0.6)
    return choices[close[0]] if close else ""


def _likely(key: str, known: Sequence[str]) -> str:
    newer = _OLDER.get(key, "")
    return newer if newer in known else nearest(key, known)


def unknown_word(word: str, known: Sequence[str], what: str) -> str:
    """The hint for a word that is not among `known`: the nearest one, or all of them."""
    close = nearest(word, known)
    if close:
        return f"Write {close!r} instead of {word!r}."
    return f"Use one of: {', '.join(known)}." if known else f"Declare the {what} {word!r}, or remove it here."


def _real_keys(detail: Mapping[str, Any], data: Json | Mapping[str, Json]) -> Keys:
    """Drop the parts of pydantic's location that name union branches instead of places in the file."""
    keys: list[str | int] = []
    here: Any = data
    for part in detail["loc"]:
        if not _holds(here, part):
            continue
        here = here[part]
        keys.append(part)
    if detail["type"] == "missing":
        keys.append(detail["loc"][-1])
    return tuple(keys)


def _holds(here: object, part: str | int) -> bool:
    if isinstance(here, list):
        return isinstance(part, int) and part < len(here)
    return isinstance(here, Mapping) and part in here


def _problem(keys: Keys, details: list[Mapping[str, Any]], model: type[BaseModel], data: Mapping[str, Json]) -> Problem:
    name = dotted(keys) or "the file"
    if _has(details, "extra_forbidden"):
        return _unknown_key(keys, known_keys(model, keys[:-1]))
    if _has(details, "missing"):
        return Problem(keys, f"The key `{name}` is missing.", f"Add `{keys[-1]}:` {_below(keys[:-1])}.")
    for detail in details:
        if detail["type"] == "value_error":
            return _own_words(keys, name, detail["ctx"]["error"])
    wanted = " or ".join(dict.fromkeys(_expected(detail) for detail in details))
    return Problem(keys, f"`{name}`: expected {wanted}, got {_shown(keys, data)}.", f"Write {wanted} at `{name}`.")


def _own_words(keys: Keys, name: str, error: Exception) -> Problem:
    """A validator of ours raised ValueError(message, hint), or with a message alone."""
    message = str(error.args[0]) if error.args else str(error)
    hint = str(error.args[1]) if len(error.args) > 1 else f"Mend `{name}`."
    return Problem(keys, f"`{name}`: {message.removesuffix('.')}.", hint)


def _unknown_key(keys: Keys, known: Sequence[str]) -> Problem:
    word = str(keys[-1])
    close = _likely(word, known)
    name = dotted(keys)
    if close:
        return Problem(keys, f"`{name}` is not a known key.", f"Write `{close}` instead of `{word}`.")
    listed = ", ".join(f"`{key}`" for key in known) or "none"
    return Problem(keys, f"`{name}` is not a known key.", f"Remove `{word}`; known keys {_below(keys[:-1])}: {listed}.")


def _below(keys: Keys) -> str:
    return f"below `{dotted(keys)}`" if keys else "at the top of the file"


def _expected(detail: Mapping[str, Any]) -> str:
    kind, context = str(detail["type"]), detail.get("ctx", {})
    if kind in {"enum", "literal_error"}:
        return f"one of {context['expected']}"
    bounds = {
        "greater_than": ("gt", "a number greater than"),
        "greater_than_equal": ("ge", "a number of at least"),
        "less_than": ("lt", "a number less than"),
        "less_than_equal": ("le", "a number of at most"),
        "string_too_short": ("min_length", "text of a length of at least"),
        "string_too_long": ("max_length", "text of a length of at most"),
        "too_short": ("min_length", "a count of at least"),
        "too_long": ("max_length", "a count of at most"),
    }
    if kind in bounds:
        key, words = bounds[kind]
        return f"{words} {context[key]}"
    if kind == "string_pattern_mismatch":
        return f"text like {context['pattern']}"
    base = kind.removesuffix("_type").removesuffix("_parsing").removesuffix("_from_float")
    return _EXPECTED.get(base) or str(detail["msg"]).removeprefix("Input should be ").lower()


def _shown(keys: Keys, data: Mapping[str, Json]) -> str:
    value: Any = data
    for key in keys:
        value = value[key]
    if any(word in str(key).lower() for key in keys for word in _SECRETIVE):
        return "something else (not shown here: it may be a secret)"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "keys and values"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def known_keys(model: type[BaseModel], keys: Keys) -> tuple[str, ...]:
    """The keys that may stand below `keys`, of every model that the place may hold."""
    places: list[Any] = [model]
    for key in keys:
        places = [inner for place in places for inner in _step(place, key)]
    models = [place for place in places if isinstance(place, type) and issubclass(place, BaseModel)]
    return tuple(dict.fromkeys(name for found in models for name in _names(found)))


def _names(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _step(place: Any, key: str | int) -> list[Any]:
    if isinstance(place, type) and issubclass(place, BaseModel):
        fields = {info.alias or name: info for name, info in place.model_fields.items()}
        return _open(fields[str(key)].annotation) if str(key) in fields else []
    return [inner for argument in get_args(place)[-1:] for inner in _open(argument)]


def _open(annotation: Any) -> list[Any]:
    """Unwrap Annotated, Optional and unions; keep containers, whose last argument is the item."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    origin = getattr(annotation, "__origin__", None)
    if hasattr(annotation, "__metadata__"):
        return _open(origin)
    if isinstance(origin, type):
        return [annotation]
    return [inner for part in get_args(annotation) if part is not NoneType for inner in _open(part)]
