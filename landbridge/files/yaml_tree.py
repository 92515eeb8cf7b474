"""YAML 1.2 into plain values, with the line of every key and item.

The node tree is walked here instead of being constructed by ruamel, because then duplicate keys, tags and timestamps
are ours to judge: a timestamp stays text, so a file's value is what its author sees.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from landbridge.domain.errors import InputError
from landbridge.domain.values import Json

Keys = tuple[str | int, ...]

MAX_BYTES = 4_000_000  # a file that a person wrote is far smaller
KEPT_CHARACTERS = 50_000  # of a file whose nodes are kept
MAX_VALUES = 100_000  # aliases of aliases may multiply without end
MAX_DEPTH = 60  # Python's own stack holds this many levels with ease

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({f"{_TAG}str", f"{_TAG}timestamp"})
_PLAIN_TAGS = frozenset({f"{_TAG}null", f"{_TAG}bool", f"{_TAG}int", f"{_TAG}float"})
_KNOWN_TAGS = _TEXT_TAGS | _PLAIN_TAGS | {f"{_TAG}map", f"{_TAG}seq"}


class Tree:
    """The values of one file and where each stands. Built once by `parse`."""

    def __init__(self, path: str, depth: int = 0, count: int = 0) -> None:
        self.lines: dict[Keys, int] = {}
        self._path = path
        self._depth = depth  # of the place that a merged mapping goes to
        self._count = count
        self._scalars = YAML(typ="safe", pure=True).constructor

    def value(self, node: Node, keys: Keys = ()) -> Json:
        """Turn `node` into a plain value and remember the lines below `keys`."""
        self._guard(node, keys)
        if isinstance(node, MappingNode):
            return self._mapping(node, keys)
        if isinstance(node, SequenceNode):
            return [self._item(child, (*keys, index)) for index, child in enumerate(node.value)]
        return self._scalar(node)

    def _guard(self, node: Node, keys: Keys) -> None:
        self._count += 1
        if self._count > MAX_VALUES or self._depth + len(keys) > MAX_DEPTH:
            raise self._error(
                node, "The file holds too many or too deeply nested values.", "Use fewer aliases (`*name`)."
            )
        if node.tag not in _KNOWN_TAGS:
            raise self._error(
                node, f"The YAML tag {node.tag!r} is not understood.", "Write a plain value without a `!tag`."
            )

    def _item(self, node: Node, keys: Keys) -> Json:
        self.lines.setdefault(keys, _line(node))
        return self.value(node, keys)

    def _mapping(self, node: MappingNode, keys: Keys) -> dict[str, Json]:
        found: dict[str, Json] = {}
        merged: dict[str, Json] = {}
        for key_node, child in node.value:
            if key_node.tag == f"{_TAG}merge":
                merged.update(self._merge(child, keys))
                continue
            key = self._key(key_node)
            if key in found:
                first = self.lines[(*keys, key)]
                raise self._error(
                    key_node, f"The key {key!r} stands twice (first in line {first}).", "Remove one of the two."
                )
            self.lines[(*keys, key)] = _line(key_node)
            found[key] = self.value(child, (*keys, key))
        return {**merged, **found}

    def _merge(self, node: Node, keys: Keys) -> dict[str, Json]:
        """`<<: *name` or `<<: [*a, *b]`, where the earlier wins."""
        parts = node.value if isinstance(node, SequenceNode) else [node]
        merged: dict[str, Json] = {}
        for part in reversed(parts):
            if not isinstance(part, MappingNode):
                raise self._error(part, "`<<` can only merge a mapping.", "Name an anchor that holds keys and values.")
            inner = Tree(self._path, self._depth + len(keys) + 1, self._count)
            value = inner.value(part)
            merged.update(value if isinstance(value, dict) else {})
            self._count = inner._count
            for found, line in inner.lines.items():
                self.lines.setdefault((*keys, *found), line)
        return merged

    def _key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode) or node.tag == f"{_TAG}null":
            raise self._error(node, "A key must be plain text.", "Write the key as one word before the colon.")
        return str(node.value)

    def _scalar(self, node: Node) -> Json:
        if node.tag in _TEXT_TAGS:
            return str(node.value)
        try:
            value: Json = self._scalars.construct_object(node)
        except (ValueError, YAMLError):
            raise self._error(node, "This number cannot be read.", "Put quotes around it if it is text.") from None
        return value

    def _error(self, node: Node, message: str, hint: str) -> InputError:
        return InputError(message, hint, f"{self._path}:{_line(node)}")


def parse(path: Path) -> tuple[dict[str, Json], dict[Keys, int]]:
    """Read a YAML mapping: its plain values, and key path → 1-based line.

    Raises:
        InputError: the file is missing, not UTF-8, not YAML, empty or not a mapping; with file and line.
    """
    value, lines = parse_any(path)
    if not isinstance(value, dict):
        raise InputError(
            "The file does not hold keys and values.", "Start each line with `key: value`.", f"{path}:{lines[()]}"
        )
    return value, lines


def parse_any(path: Path) -> tuple[Json, dict[Keys, int]]:
    """As `parse`, of whatever stands at the top: exports of Azure are often lists."""
    shown = str(path)
    root = _compose(_text(path), shown)
    if root is None:
        raise InputError(
            "The file is empty.",
            "Write the file's keys into it; `landbridge new` makes a commented example.",
            f"{shown}:1",
        )
    tree = Tree(shown)
    tree.lines[()] = _line(root)
    return tree.value(root), tree.lines


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"There is no file {path}.", "Check the path.", f"{path}:1") from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}.", "Name a file that you may read.", f"{path}:1"
        ) from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{path} is larger than {MAX_BYTES} bytes.", "Name a file that a person wrote.", f"{path}:1")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            "The file is not UTF-8 text.", "Save the file with the encoding UTF-8.", f"{path}:{line}"
        ) from None


def _nodes(text: str) -> Node | None:
    """The nodes of `text`, which nobody changes."""
    node: Node | None = YAML(typ="safe", pure=True).compose(text)
    return node


_known_nodes = lru_cache(maxsize=64)(_nodes)
"""A process that lives on reads the same files again and again, and composing takes most of the time of it."""


def _compose(text: str, shown: str) -> Node | None:
    try:
        node = _known_nodes(text) if len(text) <= KEPT_CHARACTERS else _nodes(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InputError(_sentence(error), _syntax_hint(error), f"{shown}:{line}") from None
    except YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", None) or 0) + 1
        raise InputError(
            "The file holds a character that YAML does not allow.", "Remove the control character.", f"{shown}:{line}"
        ) from None
    except RecursionError:
        raise InputError(
            "The file is nested too deeply.", "Write fewer levels of brackets or lists.", f"{shown}:1"
        ) from None
    return node


def _sentence(error: Any) -> str:
    parts = [part.strip() for part in (error.context, error.problem) if part]
    return f"This is not valid YAML: {', '.join(parts) or 'unknown fault'}."


def _syntax_hint(error: Any) -> str:
    problem = str(error.problem or "")
    if "\\t" in problem or "\t" in problem:
        return "Replace the tab by spaces: YAML indents with spaces only."
    if "mapping values are not allowed" in problem:
        return "Put quotes around the text that holds a colon, or mend the indentation."
    if "single document" in str(error.context or "") + problem:
        return "Keep one document in the file: remove the second `---`."
    if "undefined alias" in problem:
        return "Define the anchor (`&name`) above the line that uses it."
    return "Mend the quotes, brackets or indentation in this line or the one above."


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
