"""Write what follows from the keys' declarations: the JSON Schemas and the reference pages.

`python -m landbridge.files.schema` writes scenarios/schema/; with `--docs docs/reference` the reference pages.
A test compares both with what is committed.
"""

import argparse
import ast
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from landbridge.files import inventory_keys, scenario_keys
from landbridge.files.inventory_keys import InventoryKeys
from landbridge.files.markdown import row
from landbridge.files.scenario_keys import ScenarioKeys

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEFAULT_FOLDER = Path("scenarios/schema")
MODELS: Mapping[str, type[BaseModel]] = {"scenario": ScenarioKeys, "inventory": InventoryKeys}
REGENERATE = "python -m landbridge.files.schema"

_NAMED_TYPES = frozenset({"memory", "CPU", "GPUs", "duration", "time of day", "day of the week"})
_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "nothing",
}
_AMOUNTS = (
    "## How amounts are written",
    "",
    "| type | written as |",
    "|---|---|",
    "| CPU | cores `2`, `0.5`, or thousandths of a core `500m` |",
    "| memory | `512Mi`, `2Gi` (powers of 1024), `1G` (powers of 1000), or bytes |",
    "| duration | `500ms`, `2s`, `1m30s`, `2h`, `1d`, or seconds |",
    '| time of day | `"02:00"`, UTC |',
)


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of `scenario` or `inventory` files."""
    model = MODELS[name]
    raw = model.model_json_schema(by_alias=True)
    definitions = raw.pop("$defs", {})
    _describe(raw, model.__name__)
    for definition, body in definitions.items():
        _describe(body, definition)
    head = {"$schema": DIALECT, "$id": f"{name}.schema.json"}
    whole = {**head, **raw, "title": f"landbridge {name}", "$defs": definitions}
    cleaned: dict[str, Any] = _tidy(whole)
    return cleaned


def schema_text(name: str) -> str:
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


def reference(name: str) -> str:
    """The reference page: one table for each group of keys."""
    whole = schema(name)
    lines = [
        f"# {name.capitalize()} file",
        "",
        f"<!-- Generated: {REGENERATE} --docs docs/reference. Do not edit. -->",
        "",
        whole["description"],
        f"The schema for editors is `scenarios/schema/{name}.schema.json`. Unknown keys are refused.",
    ]
    for path, body in groups(whole):
        lines += ["", *_table(path, body, whole["$defs"])]
    return "\n".join([*lines, "", *_AMOUNTS]) + "\n"


@cache
def _docstrings() -> Mapping[tuple[str, str], str]:
    """(class, field) → the text below the field. Read from the source only here: at import it would cost 40 ms."""
    found: dict[tuple[str, str], str] = {}
    for module in (scenario_keys, inventory_keys):
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef):
                found.update({(node.name, field): text for field, text in _field_texts(node)})
    return found


def _field_texts(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, text in pairwise(node.body):
        is_field = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if is_field and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            yield field.target.id, inspect.cleandoc(str(text.value.value))  # type: ignore[attr-defined]


def _describe(body: dict[str, Any], name: str) -> None:
    model = next((getattr(module, name) for module in (scenario_keys, inventory_keys) if hasattr(module, name)), None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return  # an enum of the domain
    for field, info in model.model_fields.items():
        body["properties"][info.alias or field]["description"] = _docstrings()[name, field]


def _tidy(value: Any) -> Any:
    """Drop the titles that pydantic makes of names, which say nothing; close mappings whose names follow a pattern."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    closed = {"additionalProperties": False} if "patternProperties" in value else {}
    return closed | {
        key: _tidy(item)
        for key, item in value.items()
        if not (
            key == "title" and isinstance(item, str) and item not in _NAMED_TYPES and not item.startswith("landbridge")
        )
    }


def groups(whole: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every mapping of a schema with its dotted path, in the file's order; the top level has the path ""."""
    return _groups(whole, whole["$defs"])


def _groups(body: Mapping[str, Any], definitions: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    yield path, body
    for key, inner in body["properties"].items():
        for suffix, name in _references(key, inner):
            if "properties" in definitions[name]:
                below = f"{path}.{suffix}" if path else suffix
                yield from _groups(definitions[name], definitions, below)


def _references(key: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "$ref" in body:
        yield key, body["$ref"].rsplit("/", 1)[1]
    if inner := _values(body):
        yield from _references(f"{key}.<name>", inner)
    if isinstance(body.get("items"), dict):
        yield from _references(f"{key}[]", body["items"])
    for branch in body.get("anyOf", []):
        yield from _references(key, branch)


def _values(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the values of a name → value mapping are, or nothing."""
    for found in (*body.get("patternProperties", {}).values(), body.get("additionalProperties")):
        if isinstance(found, dict):
            return found
    return {}


def _table(path: str, body: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[str]:
    yield f"## `{path}`" if path else "## Top level"
    yield ""
    if path and "description" in body:
        yield from [body["description"], ""]
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for key, inner in body["properties"].items():
        default = "required" if key in body.get("required", []) else _default(inner)
        cells = [f"`{key}`", _type(inner, definitions), default, inner.get("description", "")]
        yield row(*cells)


def _default(body: Mapping[str, Any]) -> str:
    value = body.get("default")
    return "" if value in (None, "", [], {}) or isinstance(value, dict) else f"`{json.dumps(value)}`"


def _type(body: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if body.get("title") in _NAMED_TYPES:
        return str(body["title"])
    if "$ref" in body:
        return _referred(definitions[body["$ref"].rsplit("/", 1)[1]])
    if "anyOf" in body:
        branches = [branch for branch in body["anyOf"] if branch.get("type") != "null"]
        return " or ".join(dict.fromkeys(_type(branch, definitions) for branch in branches))
    if "enum" in body:
        return _referred(body)
    if body.get("type") == "array":
        item = _type(body["items"], definitions)
        return f"list of {item.replace('number', 'numbers', 1).replace('day ', 'days ', 1)}"
    if body.get("type") == "object":
        inner = _values(body)
        return f"name → {_type(inner, definitions)}" if inner else "keys and values"
    return f"{_WORDS[body['type']]}{_bounds(body)}"


def _referred(body: Mapping[str, Any]) -> str:
    return " or ".join(f"`{word}`" for word in body["enum"]) if "enum" in body else "keys below"


def _bounds(body: Mapping[str, Any]) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤"}
    found = [f"{sign} {body[key]}" for key, sign in words.items() if key in body]
    return f" ({', '.join(found)})" if found else ""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="Write the JSON Schemas, or the reference pages.")
    parser.add_argument("--out", type=Path, default=DEFAULT_FOLDER, help="folder of the JSON Schemas")
    parser.add_argument("--docs", type=Path, help="write the reference pages into this folder instead")
    given = parser.parse_args(arguments)
    folder: Path = given.docs or given.out
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        if given.docs:
            (folder / f"{name}.md").write_text(reference(name), encoding="utf-8")
        else:
            (folder / f"{name}.schema.json").write_text(schema_text(name), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
