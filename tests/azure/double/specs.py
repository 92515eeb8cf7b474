"""Holds recorded exchanges against Azure's official OpenAPI documents (tests/azure/specs).

An exchange is led to an operation by its api-version and path; its request body, status and response body are checked
with JSON Schema, into which Swagger 2.0 is turned as it is read: `allOf` is flattened, discriminators choose the
definition, objects are closed, `x-nullable` allows null, read-only properties may not be sent.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import jsonschema

from tests.azure.double.record import Exchange
from tests.azure.double.wire import Json

FOLDER = Path(__file__).parents[1] / "specs"
_LATER = {
    # What azure-ai-ml and the management clients send, but the snapshot of February 2024 does not have yet.
    "Microsoft.MachineLearningServices": {
        "2024-01-01-preview": "2023-08-01-preview",
        "2024-04-01-preview": "2023-08-01-preview",
        "2024-10-01-preview": "2023-08-01-preview",
        "2025-01-01-preview": "2023-08-01-preview",
        "2022-10-01": "2023-10-01",
        "2022-10-01-preview": "2023-08-01-preview",
        "2023-02-01-preview": "2023-04-01-preview",
        "2023-06-01-preview": "2023-08-01-preview",
    },
    "Microsoft.Kubernetes": {"2026-05-01": "2024-01-01"},
    "Microsoft.KubernetesConfiguration": {"2025-03-01": "2023-05-01"},
}
"""Provider → api-version → the one it is held against. Other providers have no document here, and are not checked."""
_OPERATION = re.compile(r"/operation(?:result)?s/[^/]+$", re.IGNORECASE)
"""ARM's own way to ask for the end of an operation: the documents do not name these paths, answers do."""
_COMMON = FOLDER / "specification/common-types/resource-management/v3/types.json"
_TYPES = {"string", "integer", "number", "boolean", "array", "object"}
_MANY = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the specification says: `where` is request, status, response, header or path."""

    exchange: Exchange
    where: str
    place: str
    text: str

    def __str__(self) -> str:
        version = self.exchange.query.get("api-version", "none")
        return f"{self.exchange.method} {self.exchange.path} ({version}): {self.where} {self.place}: {self.text}"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document: `value` is Swagger's, `file` where it stands."""

    method: str
    pattern: re.Pattern[str]
    value: Mapping[str, Json]
    file: Path


def check(exchange: Exchange) -> list[Finding]:
    """Everything that is wrong with one exchange of the management service; [] for other services and injected answers."""
    provider = _provider(exchange.path)
    if exchange.service != "management" or exchange.is_injected or provider not in _LATER:
        return []
    if _OPERATION.search(exchange.path):
        schema = _Schema(_COMMON, {"$ref": "#/definitions/OperationStatusResult"}, is_request=False)
        is_status = exchange.status == 200 and exchange.answered is not None
        return list(_valid(exchange, "response", exchange.answered, schema)) if is_status else []
    version = exchange.query.get("api-version", "")
    version = _LATER.get(provider, {}).get(version, version)
    found = [one for one in operations(provider, version) if one.pattern.fullmatch(exchange.path)]
    if not found:
        return [Finding(exchange, "path", version, "no such path in the specification")]
    operation = next((one for one in found if one.method == exchange.method), None)
    if operation is None:
        return [Finding(exchange, "path", exchange.method, "no such operation")]
    return list(judge(exchange, operation))


def judge(exchange: Exchange, operation: Operation) -> Iterator[Finding]:
    """Hold an exchange against one operation."""
    sent = body_parameter(operation)
    if sent is not None and exchange.status < 400 and exchange.sent is not None:
        yield from _valid(exchange, "request", exchange.sent, _Schema(operation.file, sent["schema"], is_request=True))
    responses = operation.value["responses"]
    if (answer := responses.get(str(exchange.status))) is None:
        if exchange.status < 400:
            yield Finding(exchange, "status", str(exchange.status), f"not among {', '.join(responses)}")
            return
        answer = responses["default"]
    if "schema" in answer:
        yield from _valid(
            exchange, "response", exchange.answered, _Schema(operation.file, answer["schema"], is_request=False)
        )
    if operation.value.get("x-ms-long-running-operation") and exchange.status in (201, 202):
        told = {name.lower() for name in exchange.answer_headers} & {"azure-asyncoperation", "location"}
        if not told:
            yield Finding(
                exchange, "header", "Azure-AsyncOperation", "a long-running operation tells no way to ask for its end"
            )


def body_parameter(operation: Operation) -> Mapping[str, Json] | None:
    """What is sent. It always stands in the operation itself; references are to parts of the path, in files left out here."""
    return next((one for one in operation.value.get("parameters", []) if one.get("in") == "body"), None)


@dataclass(frozen=True, slots=True)
class _Schema:
    """A schema of Swagger 2.0 in the file that it stands in."""

    file: Path
    value: Mapping[str, Json]
    is_request: bool


def _valid(exchange: Exchange, where: str, value: Json, schema: _Schema) -> Iterator[Finding]:
    translated = _json_schema(schema, value)
    for error in jsonschema.Draft202012Validator(translated).iter_errors(value):
        place = "/".join(str(one) for one in error.absolute_path)
        yield Finding(exchange, where, place, error.message[:_MANY])


def _json_schema(schema: _Schema, value: Json) -> dict[str, Json]:
    """JSON Schema for this very value: a discriminator is looked up in it, so no `if … then` is needed."""
    file, swagger = _resolved(schema.file, schema.value)
    here = _Schema(file, swagger, schema.is_request)
    if swagger.get("x-nullable") or schema.value.get("x-nullable"):
        if value is None:
            return {}
    elif value is None:
        return {"not": {}, "description": "null is not allowed"}
    if swagger.get("type") == "array":
        return _array(here, value)
    return _object(here, value) if _is_object(swagger) else _plain(swagger)


def _is_object(swagger: Mapping[str, Json]) -> bool:
    """Enumerations carry `additionalProperties` in these documents, and some objects no type."""
    kind = swagger.get("type", "string" if "enum" in swagger else "object")
    return kind == "object" and any(key in swagger for key in ("type", "properties", "allOf", "additionalProperties"))


def _plain(swagger: Mapping[str, Json]) -> dict[str, Json]:
    made: dict[str, Json] = {
        key: swagger[key] for key in ("pattern", "minLength", "maxLength", "minimum", "maximum") if key in swagger
    }
    if swagger.get("type") in _TYPES:
        made["type"] = swagger["type"]
    if "enum" in swagger:
        made["enum"] = swagger["enum"]
    return made


def _array(schema: _Schema, value: Json) -> dict[str, Json]:
    items = schema.value.get("items", {})
    if not isinstance(value, list):
        return {"type": "array"}
    return {"prefixItems": [_json_schema(_Schema(schema.file, items, schema.is_request), one) for one in value]}


def _object(schema: _Schema, value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        return {"type": "object"}
    chosen = _chosen(schema, value)
    if isinstance(chosen, str):
        return {"not": {}, "description": chosen}
    known, required, extra = _properties(chosen)
    made: dict[str, Json] = {}
    for name, one in value.items():
        if name in known:
            file, described, is_read_only = known[name]
            made[name] = (
                {"not": {}}
                if schema.is_request and is_read_only
                else _json_schema(_Schema(file, described, schema.is_request), one)
            )
        elif extra is not None and extra[1] is not True:
            made[name] = _json_schema(_Schema(extra[0], extra[1], schema.is_request), one)
    is_open = extra is not None or not known
    return {"type": "object", "properties": made, "required": sorted(required), "additionalProperties": is_open}


def _chosen(schema: _Schema, value: Mapping[str, Json]) -> _Schema | str:
    """The definition that a discriminator names; a sentence when it names none."""
    found = _discriminator(schema)
    if found is None:
        return schema
    name, root = found
    kind = value.get(name)
    derived = _derived(root.file)
    for file, definition, tag in derived:
        if str(tag).lower() == str(kind).lower() and _inherits(file, definition, root):
            return _Schema(file, definition, schema.is_request)
    return schema if kind in (schema.value.get("x-ms-discriminator-value"), None) else f"{kind!r} is no {name}"


def _discriminator(schema: _Schema) -> tuple[str, _Schema] | None:
    for file, one in _lineage(schema.file, schema.value):
        if "discriminator" in one:
            return str(one["discriminator"]), _Schema(file, one, schema.is_request)
    return None


def _inherits(file: Path, definition: Mapping[str, Json], root: _Schema) -> bool:
    return any(one is root.value for _, one in _lineage(file, definition))


def _lineage(file: Path, schema: Mapping[str, Json]) -> Iterator[tuple[Path, Mapping[str, Json]]]:
    """The schema and all that its `allOf` brings."""
    file, schema = _resolved(file, schema)
    yield file, schema
    for parent in schema.get("allOf", []):
        yield from _lineage(file, parent)


def _properties(schema: _Schema) -> tuple[dict[str, tuple[Path, Json, bool]], set[str], tuple[Path, Json] | None]:
    """Properties with their file and whether they are read-only; the required ones; what others may be (None = nothing)."""
    known: dict[str, tuple[Path, Json, bool]] = {}
    required: set[str] = set()
    extra: tuple[Path, Json] | None = None
    for file, one in _lineage(schema.file, schema.value):
        for name, described in one.get("properties", {}).items():
            _, target = _resolved(file, described)
            is_read_only = bool(described.get("readOnly") or target.get("readOnly"))
            known.setdefault(name, (file, described, is_read_only))
        required |= set(one.get("required", []))
        if "additionalProperties" in one and one["additionalProperties"] is not False:
            extra = (file, one["additionalProperties"])
    if schema.is_request:
        required = {name for name in required if name in known and not known[name][2]}
    return known, required, extra


def _provider(path: str) -> str:
    """The namespace whose document describes `path`; a namespace itself (`…/providers/NAME`) is described by none here."""
    name, slash, _ = path.rpartition("/providers/")[2].partition("/")
    return name if "/providers/" in path and slash else ""


@functools.cache
def _load(file: Path) -> Mapping[str, Json]:
    value: Mapping[str, Json] = json.loads(file.read_text(encoding="utf-8"))
    return value


def _resolved(file: Path, schema: Mapping[str, Json]) -> tuple[Path, Mapping[str, Json]]:
    """Follow `$ref`s, over files."""
    while "$ref" in schema:
        name, _, pointer = schema["$ref"].partition("#")
        file = (file.parent / name).resolve() if name else file
        schema = functools.reduce(lambda value, key: value[key], pointer.strip("/").split("/"), _load(file))
    return file, schema


@functools.cache
def _derived(file: Path) -> tuple[tuple[Path, Mapping[str, Json], str], ...]:
    definitions = _load(file).get("definitions", {})
    return tuple(
        (file, one, one.get("x-ms-discriminator-value", name)) for name, one in definitions.items() if "allOf" in one
    )


@functools.cache
def operations(provider: str, version: str) -> tuple[Operation, ...]:
    found = []
    for file in sorted(FOLDER.rglob(f"{provider}/*/{version}/*.json")):
        for template, methods in _load(file).get("paths", {}).items():
            pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", template), re.IGNORECASE)
            found += [
                Operation(method.upper(), pattern, value, file.resolve())
                for method, value in methods.items()
                if method != "parameters"
            ]
    return tuple(found)
