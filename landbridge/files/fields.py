"""Field types that scenario and inventory share: how each is written, what it becomes, and its part of the schema."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from landbridge.files import units

LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"  # DNS-1123, as Kubernetes names things
ENDPOINT = r"^[a-z](-?[a-z0-9])*$"
IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]*$"  # Azure ML's input and output names
STORE = r"^[A-Za-z0-9]([-_A-Za-z0-9]*[A-Za-z0-9])?$"

_LABEL_HINT = "Use at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends."
_ENDPOINT_HINT = (
    "Use 3 to 32 lower-case letters, digits and single dashes; start with a letter, end with a letter or digit."
)
_IDENTIFIER_HINT = "Use at most 63 letters, digits and underscores, not starting with a digit."
_STORE_HINT = "Use at most 63 letters, digits, dashes and underscores, with a letter or digit at both ends."


class Keys(BaseModel):
    """A mapping in a file: unknown keys are refused, types are as written."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True)


def legal(value: object, pattern: str, hint: str, lengths: tuple[int, int] = (1, 63)) -> object:
    """Pass text that matches; leave other types to pydantic."""
    if not isinstance(value, str):
        return value
    if not lengths[0] <= len(value) <= lengths[1] or not re.fullmatch(pattern, value):
        raise ValueError(f"{value!r} is not a legal name", hint)
    return value


def legal_endpoint(name: str) -> None:
    """Raises ValueError(message, hint) unless `name` may name an endpoint."""
    legal(name, ENDPOINT, _ENDPOINT_HINT, (3, 32))


def _rule(pattern: str, hint: str, lengths: tuple[int, int] = (1, 63)) -> tuple[BeforeValidator, WithJsonSchema]:
    schema: dict[str, Any] = {"type": "string", "pattern": pattern, "minLength": lengths[0], "maxLength": lengths[1]}
    return BeforeValidator(lambda value: legal(value, pattern, hint, lengths)), WithJsonSchema(schema)


_label, _label_schema = _rule(LABEL, _LABEL_HINT)
_endpoint, _endpoint_schema = _rule(ENDPOINT, _ENDPOINT_HINT, (3, 32))
_identifier, _identifier_schema = _rule(IDENTIFIER, _IDENTIFIER_HINT)
_store, _store_schema = _rule(STORE, _STORE_HINT)

Label = Annotated[str, _label, _label_schema]
EndpointName = Annotated[str, _endpoint, _endpoint_schema]
Identifier = Annotated[str, _identifier, _identifier_schema]
StoreName = Annotated[str, _store, _store_schema]
Word = Annotated[str, Field(min_length=1)]

Memory = Annotated[
    int,
    BeforeValidator(units.memory_bytes),
    WithJsonSchema({"type": ["string", "integer"], "pattern": r"^\d+(\.\d+)?([kMGTP]|[KMGTP]i)?$", "title": "memory"}),
]
Cpu = Annotated[
    int,
    BeforeValidator(units.cpu_millicores),
    WithJsonSchema({"type": ["string", "number"], "pattern": r"^\d+(\.\d+)?m?$", "title": "CPU"}),
]
Gpus = Annotated[
    int,
    BeforeValidator(units.gpu_count),
    WithJsonSchema({"type": ["integer", "string", "null"], "pattern": r"^\d+$", "title": "GPUs"}),
]
Duration = Annotated[
    float,
    BeforeValidator(units.duration_seconds),
    WithJsonSchema({"type": ["string", "number"], "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$", "title": "duration"}),
]
TimeOfDay = Annotated[
    int,
    BeforeValidator(units.minute_of_day),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,2}:\d{2}$", "title": "time of day"}),
]
OwnAddress = Annotated[
    str, BeforeValidator(units.own_address), WithJsonSchema({"type": "string", "title": "IP address"})
]
Weekday = Annotated[
    int,
    BeforeValidator(units.weekday),
    WithJsonSchema({"type": "string", "pattern": "^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*$", "title": "day of the week"}),
]
