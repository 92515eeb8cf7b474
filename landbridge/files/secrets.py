"""Secrets never stand in files: only their names do, as `secret:NAME`. Pure; a found value is never shown."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from landbridge.domain.values import Json
from landbridge.files.problems import Problem, dotted
from landbridge.files.yaml_tree import Keys

_REFERENCE = re.compile(r"secret:[A-Za-z0-9][A-Za-z0-9_.\-/]*")
_IN_TEXT = re.compile(
    r"[A-Za-z][A-Za-z0-9+.\-]*://[^/\s@:]*:[^/\s@]+@"  # user:password@ in a URL
    r"|(?:AccountKey|SharedAccessKey|SharedAccessSignature)="  # Azure connection strings
    r"|[?&]sig=[^&\s]",  # an Azure SAS URL
    re.IGNORECASE,
)
_ENDINGS = ("password", "passwd", "secret", "token", "key", "credential", "credentials", "connectionstring", "sas")
_NAMES = frozenset({"storage_secret"})  # the name of an object of a cluster, not a value
_HINT = "Put the value into an environment variable and write its name here: `secret:NAME`."


def literal_secrets(data: Mapping[str, Json], options: frozenset[str] = frozenset()) -> Iterator[Problem]:
    """Find values that look like secrets.

    Args:
        options: keys below which a key such as `password` or `account_key` may only hold `secret:NAME`.
    """
    for keys, value in _leaves(data, ()):
        named = any(key in options for key in keys[:-1]) and is_secret_key(str(keys[-1]))
        if named and not _is_harmless(value):
            yield Problem(keys, f"`{dotted(keys)}` holds a secret as it is (its value is not shown here).", _HINT)
        elif isinstance(value, str) and _IN_TEXT.search(value):
            yield Problem(keys, f"`{dotted(keys)}` holds a credential inside its text (not shown here).", _HINT)


def is_secret_key(key: str) -> bool:
    """Whether an option of this name is for a secret: its last word says so."""
    return key not in _NAMES and re.sub(r"[^a-z]", "", key.lower()).endswith(_ENDINGS)


def _is_harmless(value: Any) -> bool:
    return value is None or isinstance(value, bool) or (isinstance(value, str) and bool(_REFERENCE.fullmatch(value)))


def _leaves(value: Any, keys: Keys) -> Iterator[tuple[Keys, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*keys, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*keys, index))
    else:
        yield keys, value
