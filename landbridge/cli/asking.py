"""One way to every answer: the host's warm process when it is up, the same function in this process when not."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from landbridge import settings
from landbridge.client import Client, JsonObject
from landbridge.domain.errors import InputError
from landbridge.lock import is_held
from landbridge.record import UP, lives, read_record

PLUGINS_VARIABLE = "PYDANTIC_DISABLE_PLUGINS"


def home() -> str:
    return str(settings.home())


def is_up() -> bool:
    """Whether the host of this home is ready. Asks no service: the lock tells that it lives, its record how it is."""
    record = read_record(home())
    return is_held(home()) and record.get("state") == UP and lives(record)


def ask(name: str, **params: Any) -> JsonObject:
    """Ask one of `landbridge.operations.queries`; a parameter that is empty is not sent."""
    given = {key: value for key, value in params.items() if value not in ("", None)}
    if is_up():
        return cast(JsonObject, Client(home()).query(name, **{"inventory": "", **given}))
    with without_plugins():
        from landbridge.operations.queries import QUERIES

        return QUERIES[name](home=home(), **given)


@contextmanager
def without_plugins() -> Iterator[None]:
    """Keep pydantic from looking for plugins, which costs 20 ms when the first model is made; files need none."""
    before = os.environ.get(PLUGINS_VARIABLE)
    os.environ[PLUGINS_VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[PLUGINS_VARIABLE]
        else:
            os.environ[PLUGINS_VARIABLE] = before


def scenario_facts(scenario: str, inventory: str, inputs: Mapping[str, Any]) -> JsonObject:
    """What a scenario is; fails like `landbridge validate` when one of its files is wrong."""
    return ask("scenario", scenario=scenario_word(scenario), inventory=given_inventory(inventory), inputs=dict(inputs))


def scenario_word(scenario: str) -> str:
    """A file by its absolute path, because the host stands elsewhere; a name as it is."""
    if "/" in scenario or Path(scenario).is_file() or scenario.endswith((".yaml", ".yml")):
        return os.path.abspath(Path(scenario).expanduser())  # noqa: PTH100 - not resolved: a linked file stays where its link is
    return scenario


def given_inventory(option: str) -> str:
    """The inventory named by the option or the environment, absolute; "" when none is.

    Raises:
        InputError: there is no such file.
    """
    named, source = option or os.environ.get(settings.INVENTORY_VARIABLE, ""), "--inventory"
    if not named:
        return ""
    if not option:
        source = f"${settings.INVENTORY_VARIABLE}"
    path = Path(named).expanduser().absolute()
    if not path.is_file():
        raise InputError(f"There is no inventory {path} (named by {source}).", f"Name an inventory file with {source}.")
    return str(path)


def home_inventory(option: str) -> str:
    """The inventory of commands without a scenario: the named one, the one that is up, the nearest, the last one used.

    Raises:
        InputError: there is none of them; says where it looked.
    """
    named, last = given_inventory(option), str(read_record(home()).get("inventory") or "")
    if named or (last and is_held(home())):
        return named or last
    from landbridge.files.inventory import find_inventory

    try:
        return str(find_inventory(Path.cwd() / "scenario.yaml", None))
    except InputError as error:
        if Path(last).is_file():
            return last
        hint = f"Pass --inventory FILE, set ${settings.INVENTORY_VARIABLE}, or go where an inventory is."
        raise InputError(error.message.replace(f" for {Path.cwd() / 'scenario.yaml'}", " here"), hint) from None


def inputs_of(sets: list[str] | None) -> dict[str, Any]:
    """`--set inputs.NAME=VALUE`, with the value read as JSON where it is JSON, else as text.

    Raises:
        InputError: anything else than an input is set.
    """
    import json

    found: dict[str, Any] = {}
    for item in sets or []:
        key, equals, text = item.partition("=")
        name = key.removeprefix("inputs.")
        if not equals or name == key or not name:
            raise InputError(f"--set {item!r} sets no input of the job.", "Write it as --set inputs.NAME=VALUE.")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found
