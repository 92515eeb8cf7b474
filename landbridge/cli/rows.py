"""Typed access to JSON answers: what a table needs of them, as text."""

from collections.abc import Mapping
from typing import Any

from landbridge.domain.values import Json


def rows_of(answer: Mapping[str, Json] | Any, key: str) -> list[dict[str, Any]]:
    """The objects of the list `answer[key]`; empty when there is none."""
    found = answer.get(key) if isinstance(answer, Mapping) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def object_of(answer: Mapping[str, Json] | Any, key: str) -> dict[str, Any]:
    """The object `answer[key]`; empty when there is none."""
    found = answer.get(key) if isinstance(answer, Mapping) else None
    return found if isinstance(found, dict) else {}


def text(value: Json) -> str:
    """A cell: "" for nothing, yes or no for a truth value, numbers short."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def cells(row: Mapping[str, Any], *keys: str) -> tuple[str, ...]:
    return tuple(text(row.get(key)) for key in keys)
