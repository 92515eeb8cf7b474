"""The limits of docs/architecture.md, as failing checks: sizes that no stable ruff rule counts."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for top in ("landbridge", "flows", "tasks") for path in (ROOT / top).rglob("*.py"))
FUNCTION_LINES, MODULE_LINES, PARAMETERS, PUBLIC_METHODS = 40, 400, 5, 10

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def parameters(function: Function) -> int:
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([argument for argument in given if argument.arg not in {"self", "cls"}])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_keeps_the_limits(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    found = [f"{len(text.splitlines())} lines"] if len(text.splitlines()) > MODULE_LINES else []
    is_command = "cli" in path.relative_to(ROOT).parts  # a command's parameters are its options, read by typer
    for function in functions(tree):
        lines = (function.end_lineno or 0) - function.lineno + 1
        if lines > FUNCTION_LINES:
            found.append(f"{function.name}: {lines} lines")
        if parameters(function) > PARAMETERS and not is_command:
            found.append(f"{function.name}: {parameters(function)} parameters")
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            public = [item.name for item in node.body if isinstance(item, Function) and not item.name.startswith("_")]
            if len(public) > PUBLIC_METHODS:
                found.append(f"class {node.name}: {len(public)} public methods")
    assert not found
