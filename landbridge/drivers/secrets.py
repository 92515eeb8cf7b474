"""Secrets of a driver's options: files name an environment variable, and its value is read at the last moment."""

import os
from collections.abc import Mapping
from typing import Any

from landbridge.domain.errors import AuthError
from landbridge.domain.values import Json

SECRET = "secret:"  # noqa: S105 - the prefix of a name, not a secret


def with_secrets(options: Mapping[str, Json]) -> dict[str, Any]:
    """Replace each `secret:NAME`, at any depth, by the environment variable NAME; ask at the last moment.

    Raises:
        AuthError: a variable is not set.
    """
    return {key: _with_secrets(value) for key, value in options.items()}


def _with_secrets(value: Json) -> Any:
    if isinstance(value, dict):
        return with_secrets(value)
    if isinstance(value, list):
        return [_with_secrets(item) for item in value]
    if isinstance(value, str) and value.startswith(SECRET):
        name = value.removeprefix(SECRET)
        if name not in os.environ:
            raise AuthError(f"The secret {name!r} is not set.", f"Set the environment variable {name}.")
        return os.environ[name]
    return value
