"""Literal inputs of a job: what a value may be, and how one is replaced. Pure.

A fault of a value is a `ValueError(message, hint)`, so that a file's loader can say where it stands.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from landbridge.domain.errors import InputError
from landbridge.domain.expressions import faults
from landbridge.domain.job import CommandJob, JobInput
from landbridge.domain.nearest import nearest
from landbridge.domain.values import Json

Literal = str | int | float | bool


def literal_type(value: Literal) -> str:
    """What a bare value looks like, as Azure ML sees it."""
    return {bool: "boolean", int: "integer", float: "number"}.get(type(value), "string")


def literal_value(kind: str, value: Json) -> Literal:
    """`value` as a literal of type `kind`. Text that reads as such a value counts as one, as in Azure ML.

    Raises:
        ValueError: it is none; with a hint as its second argument.
    """
    try:
        return _READERS[kind](value)
    except (ValueError, TypeError, OverflowError, KeyError):
        raise ValueError(f"{value!r} is not {_WANTED[kind]}", f"Write {_WANTED[kind]}.") from None


def check_range(value: Literal, options: Mapping[str, Json]) -> None:
    """Hold `value` against the `min`, `max` and `enum` of its input.

    Raises:
        ValueError: it is out of range; with a hint as its second argument.
    """
    low, high, words = options.get("min"), options.get("max"), options.get("enum")
    if isinstance(value, int | float):
        if isinstance(low, int | float) and value < low:
            raise ValueError(f"{value!r} is less than the smallest allowed value {low!r}", f"Write {low!r} or more.")
        if isinstance(high, int | float) and value > high:
            raise ValueError(f"{value!r} is more than the largest allowed value {high!r}", f"Write {high!r} or less.")
    if isinstance(words, list) and str(value) not in {str(word) for word in words}:
        listed = ", ".join(str(word) for word in words)
        raise ValueError(f"{value!r} is not one of: {listed}", f"Use one of: {listed}.")


def with_inputs(job: CommandJob, values: Mapping[str, Json]) -> CommandJob:
    """Replace literal inputs; None takes the value of an optional one away.

    Raises:
        InputError: no such input, data instead of a literal, or a value of another type or out of range.
    """
    changed = replace(
        job, inputs={**job.inputs, **{name: _replaced(job, name, value) for name, value in values.items()}}
    )
    for fault in faults(changed.command, changed.declared):
        raise InputError(fault.message, fault.hint, job.path)
    return changed


def _replaced(job: CommandJob, name: str, value: Json) -> JobInput:
    if name not in job.inputs:
        raise InputError(
            f"The job has no input {name!r}{nearest(name, job.inputs)}.",
            f"Name one of its literal inputs: {', '.join(sorted(job.literals)) or 'it has none'}.",
            job.path,
        )
    item = job.inputs[name]
    if item.is_data:
        raise InputError(
            f"Input {name!r} is data ({item.type}); only a literal can be replaced by a value.",
            f"Set the `uri` of {name!r} under `data:` in the scenario.",
            job.path,
        )
    if value is None and item.optional:
        return replace(item, value=None)
    kind = _kind_for(item, value)
    try:
        new = literal_value(kind, value)
        check_range(new, item.options)
    except ValueError as error:
        raise InputError(f"Input {name!r} ({kind}): {error.args[0]}.", str(error.args[1]), job.path) from None
    return replace(item, value=new, type=kind)


def _kind_for(item: JobInput, value: Json) -> str:
    """A bare `1` in a file declares no type: another number may take its place, also a fraction."""
    if item.shorthand and item.type == "integer":
        try:
            literal_value("integer", value)
        except ValueError:
            return "number"
    return item.type


def _boolean(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}[_as_text(value).lower()]


def _integer(value: Json) -> int:
    if isinstance(value, str):
        value = float(value) if not value.strip().lstrip("+-").isdigit() else int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise TypeError
    return int(value)


def _number(value: Json) -> int | float:
    if isinstance(value, str):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return value


def _as_text(value: Json) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    return str(value)


_READERS: Mapping[str, Callable[[Json], Literal]] = {
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "string": _as_text,
}
_WANTED = {"boolean": "true or false", "integer": "a whole number", "number": "a number", "string": "text"}
