"""Write docs/reference/cli.md from the commands themselves: `python -m landbridge.cli.reference FILE`.

A test compares the page with what is committed.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from landbridge.files.markdown import row

REGENERATE = "python -m landbridge.cli.reference docs/reference/cli.md"

_EXTENSION = (
    *("extension", "cluster", "settings", "protected", "version", "pinned", "state", "has_identity", "said", "errors"),
)
_EXTENSION_DONE = ("changed", "verb", *_EXTENSION, "plan")
JSON_KEYS: Mapping[str, tuple[str, ...]] = {
    "new": ("folder", "files"),
    "validate": ("valid", "files", "problems"),
    "plan": (
        *("scenario", "pattern", "run_key", "decision", "placement", "serving", "steps", "movements", "findings"),
        *("checks", "refusals", "scenario_file", "inventory", "refused"),
    ),
    "run": (
        *("outcome", "text", "scenario", "run_key", "model", "version", "trained", "seconds", "serving", "details"),
        *("flow_run_id", "url", "followed", "error"),
    ),
    "status": ("host", "home", "scenarios", "operator_states", "runs"),
    "releases": ("releases",),
    "why": (
        *("endpoint", "scenario", "scenario_file", "inventory", "pattern", "model", "registry", "serving", "versions"),
    ),
    "why-not": ("target", "eligible", "changes"),
    "stop": ("stopped",),
    "up": ("state", "home", "inventory", "prefect", "registries", "services", "was_up"),
    "down": ("was_up", "ended"),
    "doctor": ("healthy", "checks"),
    "targets": ("inventory", "targets"),
    "targets set": ("target", "said"),
    "ops doctor": ("target", "healthy", "checks"),
    "ops instance-types list": ("target", "instance_types"),
    "ops instance-types apply": ("target", "changes"),
    "ops instance-types check": ("target", "healthy", "checks"),
    "ops namespaces plan": ("target", "namespace", "manifests", "changes"),
    "ops extension plan": (
        *("extension", "cluster", "verb", "settings", "protected", "parts", "room", "notes", "command", "az"),
    ),
    "ops extension install": _EXTENSION_DONE,
    "ops extension update": _EXTENSION_DONE,
    "ops extension status": _EXTENSION,
    "ops extension remove": ("target", "removed"),
    "ops cluster check": ("target", "healthy", "checks"),
    "ops attach": ("target", "healthy", "checks"),
    "ops detach": ("target", "detached"),
    "ops router": ("target", "settings", "healthy", "checks"),
    "ops troubleshoot": ("target", "healthy", "evidence", "errors"),
    "ops network plan": ("region", "cloud", "cluster", "outbound", "service_tags", "inside", "checklist", "checks"),
    "ops explain": ("errors",),
    "ops migrate akscompute": ("folder", "files", "values", "defaults", "todo", "steps"),
    "ops namespaces apply": ("target", "namespace", "manifests", "changes"),
}
"""The top-level keys of `--output json`: they stay. Objects below may gain keys."""

AS_RUN = ("retrain", "rollback", "replicate", "score", "reconcile")

_HEAD = f"""# Command line

<!-- Generated: {REGENERATE}. Do not edit. -->

`landbridge COMMAND --help` shows the same. Answers go to standard output, progress and errors to standard error; a run's
progress goes to standard output unless `--output json` is given. No command asks a question.

`SCENARIO` is a scenario file, or the name of a scenario that was run here. Without `--inventory`, a command takes
`$LANDBRIDGE_INVENTORY`, else the nearest of `inventory.yaml`, `inventories/local.yaml` and `../inventories/local.yaml`
beside the scenario. A command without a scenario takes the inventory of the services that are up, else the nearest to the
working directory, else the last one used here. State is kept in `$LANDBRIDGE_HOME`, `~/.landbridge` by default.

Exit codes: [errors and exit codes](../errors.md). `--debug` may stand anywhere and shows the trace of an error.
`landbridge --install-completion` makes the shell complete commands and options.
"""


def reference() -> str:
    """The whole page."""
    lines = [_HEAD.rstrip()]
    for name, command in commands():
        lines += ["", *_section(name, command)]
    return "\n".join(lines) + "\n"


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, in the order of `--help`."""
    import typer.main

    from landbridge.cli.app import app

    yield from _below(typer.main.get_command(app), "")


def _below(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        yield f"{prefix}{name}", command
        if getattr(command, "commands", None):
            yield from _below(command, f"{prefix}{name} ")


def _section(name: str, command: Any) -> Iterator[str]:
    yield f"## `landbridge {name}`"
    yield ""
    yield " ".join((command.help or "").split("\n\n", 1)[0].split())
    for paragraph in (command.help or "").split("\n\n")[1:]:
        yield ""
        yield " ".join(paragraph.split())
    rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
    if rows:
        yield from ("", "| argument or option | default | meaning |", "|---|---|---|", *rows)
    same = "run" if name in AS_RUN else name
    if same in JSON_KEYS:
        keys = ", ".join(f"`{key}`" for key in JSON_KEYS[same])
        yield from ("", f"JSON: an object with {keys}.")


def _row(parameter: Any) -> str:
    options = [*parameter.opts, *parameter.secondary_opts]
    is_argument = parameter.param_type_name == "argument"
    metavar = "" if is_argument or getattr(parameter, "is_flag", False) else f" {_metavar(parameter)}"
    shown = (parameter.metavar or parameter.name.upper()) if is_argument else " / ".join(options)
    default = "required" if parameter.required else _default(parameter.default)
    return row(f"`{shown}{metavar}`", default, " ".join((parameter.help or "").split()))


def _metavar(parameter: Any) -> str:
    choices = parameter.type_descriptor.choices
    if choices:
        return "|".join(str(getattr(choice, "value", choice)) for choice in choices)
    return str(parameter.metavar or "N")


def _default(value: object) -> str:
    if value in (None, "", False, 0) or callable(value):
        return ""
    return f"`{getattr(value, 'value', value)}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
