"""Book-keeping of a migration: every key of a v1 description ends in exactly one entry, whatever became of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from landbridge.domain.values import Json

Keys = tuple[str | int, ...]

ENVELOPE = frozenset({"id", "name", "type", "location", "tags", "identity", "sku", "systemData"})
HIDDEN = "(a secret, not shown)"
_QUERY = re.compile(r"(?<=[\w/])\?\S*=\S*")
_USER = re.compile(r"://[^/\s@]+@")
_SECRETIVE = ("key", "secret", "password", "token", "credential", "connectionstring", "sas", "cert", "url")
_LONGEST = 100  # characters of a value in a report


class Outcome(StrEnum):
    WRITTEN = "written"  # the same, under v2's name
    CHANGED = "changed"  # written, but not the same
    NO_TWIN = "without twin"  # v2 has nothing like it
    REPORTED = "reported"  # the service said it of itself; nobody sets it
    EMPTY = "not set"
    UNKNOWN = "unknown"  # no key of v1 that is known here


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one value.

    Attributes:
        keys: its place in the file.
        value: as shown; a secret's is HIDDEN.
        target: where it went, `file: field`; "" = nowhere.
        note: what differs, or what to do.
    """

    keys: Keys
    value: str
    outcome: Outcome
    target: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        return dotted(self.keys)


@dataclass(frozen=True, slots=True)
class Breach:
    """A value that v1 itself would refuse, or that v2 cannot take."""

    keys: Keys
    message: str
    hint: str


class Account:
    """The entries of one description. Each value is claimed once; `close` lists what nobody claimed.

    Args:
        data: the description.
        inner: the key below which a resource of Azure keeps its own fields; "" = the description is flat. Paths are given
            without it.
    """

    def __init__(self, data: Mapping[str, Json], inner: str = "") -> None:
        self.entries: list[Entry] = []
        self._leaves: dict[Keys, Json] = dict(_leaves(data))
        self._open = dict.fromkeys(self._leaves)
        self._inner = inner
        self._data = data

    def get(self, *path: str | int) -> Json:
        """The value at `path`; None when there is none."""
        return next((found for place in self._places(path) if (found := _at(self._data, place)) is not None), None)

    def keys(self, *path: str | int) -> Keys:
        """The place of `path` in the file."""
        places = self._places(path)
        return next((place for place in places if _at(self._data, place) is not None), places[0])

    def claim(self, path: Keys, outcome: Outcome, target: str = "", note: str = "", secret: bool = False) -> None:
        """Say what became of the value at `path`, or of all values below it. What is claimed already keeps its entry."""
        for place in self._places(path):
            for keys in [leaf for leaf in self._open if leaf[: len(place)] == place]:
                del self._open[keys]
                value = self._leaves[keys]
                is_set = _is_set(value)
                shown = (HIDDEN if secret else show(value)) if is_set else ""
                what = outcome if is_set else Outcome.EMPTY
                self.entries.append(Entry(keys, shown, what, target if is_set else "", note if is_set else ""))

    def _places(self, path: Keys) -> tuple[Keys, ...]:
        """Where `path` may stand: in a resource of Azure inside, and if it belongs to the envelope outside as well."""
        if not self._inner:
            return (path,)
        inside = (self._inner, *path)
        return (inside, path) if path and path[0] in ENVELOPE else (inside,)

    def close(self) -> tuple[Entry, ...]:
        """All entries in the order of the file; what nobody claimed is unknown."""
        for keys in [*self._open]:
            value = self._leaves[keys]
            empty = not _is_set(value)
            note = "" if empty else "no key of v1 that is known; nothing was made of it"
            shown = "" if empty else HIDDEN if is_secretive(keys) else show(value)
            self.entries.append(Entry(keys, shown, Outcome.EMPTY if empty else Outcome.UNKNOWN, "", note))
        self._open.clear()
        order = {keys: number for number, keys in enumerate(self._leaves)}
        return tuple(sorted(self.entries, key=lambda entry: order[entry.keys]))


def _is_set(value: Json) -> bool:
    return value not in (None, {}, [], "")


def has_credentials(text: str) -> bool:
    """Whether an address in `text` carries a password or a signature."""
    return _USER.search(text) is not None or re.search(r"[?&]sig=|(AccountKey|SharedAccessKey)=", text) is not None


def is_secretive(keys: Keys) -> bool:
    """Whether a value might be a secret, by the words of its place."""
    return any(word in str(key).lower().replace("_", "") for key in keys for word in _SECRETIVE)


def dotted(keys: Keys) -> str:
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".")


def show(value: Json) -> str:
    """A value for people, on one line and not too long; without what may be secret in an address."""
    text = str(value).lower() if isinstance(value, bool) else " ".join(str(value).split())
    text = _QUERY.sub("?(not shown)", _USER.sub("://", text))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _leaves(value: Json | Mapping[str, Json], keys: Keys = ()) -> Iterator[tuple[Keys, Json]]:
    """Every value that holds no others; an empty list or mapping is one."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*keys, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*keys, index))
    elif keys:
        yield keys, {} if isinstance(value, Mapping) else value


def _at(value: Json | Mapping[str, Json], path: Keys) -> Json:
    found: Json | Mapping[str, Json] = value
    for key in path:
        if isinstance(found, Mapping):
            found = found.get(str(key))
        elif isinstance(found, list) and isinstance(key, int) and key < len(found):
            found = found[key]
        else:
            return None
    return found if not isinstance(found, Mapping) else dict(found)
