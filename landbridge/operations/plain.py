"""Frozen values as JSON, for whoever asks from another process."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from landbridge.domain.values import Json


def as_json(value: object) -> Json:
    """The JSON form of a value: dataclasses become objects, sets sorted lists, NaN and infinity the words for them."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return str(value)  # a StrEnum is more than its text
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    return _container(value)


def as_object(value: object) -> dict[str, Json]:
    """As `as_json`, of a dataclass or a mapping."""
    found = as_json(value)
    if not isinstance(found, dict):
        raise TypeError(f"{type(value).__name__} is no JSON object")
    return found


def _container(value: object) -> Json:
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return [as_json(item) for item in sorted(value)]
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")
