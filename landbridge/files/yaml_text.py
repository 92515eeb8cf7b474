"""Plain values as YAML that readers of version 1.1 and 1.2 understand alike."""

import io
import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from landbridge.domain.values import Json

_PLAIN = re.compile(r"(\./)?[A-Za-z_$/][\w./@=<>+-]*(:[\w./@=<>+-]+)*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})  # no text to a reader of YAML 1.1
_WIDTH = 120


def dump(value: Mapping[str, Json]) -> str:
    """Block style, keys in the given order; text that another reader might take for something else is quoted."""
    yaml = YAML()
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(_quoted(value), text)
    return text.getvalue()


def _quoted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_key(key): _quoted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_quoted(inner) for inner in value]
    return _key(value) if isinstance(value, str) else value


def _key(text: str) -> Any:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return DoubleQuotedScalarString(text)
