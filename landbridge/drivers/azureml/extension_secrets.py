"""Protected settings: their values are read from the environment, or from the files that it names, at the last moment.

No value is ever part of a message, and none is kept.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from landbridge.domain.azure.extension import CERTIFICATE, KEY
from landbridge.domain.azure.extension_wire import of_secrets
from landbridge.domain.errors import AuthError, InputError, LandbridgeError
from landbridge.drivers.azureml.router_tls import check_pair

FILES = (CERTIFICATE, KEY)


def read_secrets(protected: Mapping[str, str], name: str) -> dict[str, str]:
    """What is sent for `protected` (setting → variable). `name`: DNS name of the router, "" = not said.

    Raises:
        AuthError: a variable is not set.
        InputError: a file cannot be read, or certificate and key are not fit for the router.
    """
    values = {setting: _value(variable) for setting, variable in protected.items()}
    pems = {setting: _content(values[setting], protected[setting]) for setting in FILES if setting in values}
    if len(pems) == len(FILES):
        check_pair(pems[CERTIFICATE], pems[KEY], name)
    return of_secrets(values, pems)


@contextmanager
def hushed(secrets: Mapping[str, str]) -> Iterator[None]:
    """Take the values out of whatever error leaves: nobody promises that Azure repeats none of what it was sent."""
    try:
        yield
    except LandbridgeError as error:
        message, hint = (_without(text, secrets) for text in (error.message, error.hint))
        if (message, hint) == (error.message, error.hint):
            raise
        raise type(error)(message, hint) from None


def _without(text: str, secrets: Mapping[str, str]) -> str:
    for value in secrets.values():
        text = text.replace(value, "***") if value else text
    return text


def _value(variable: str) -> str:
    if not os.environ.get(variable):
        raise AuthError(f"The secret {variable!r} is not set.", f"Set the environment variable {variable}.")
    return os.environ[variable]


def _content(path: str, variable: str) -> bytes:
    """Shows the variable, not its value: somebody may have put the key itself into it."""
    try:
        return Path(path).expanduser().read_bytes()
    except (OSError, ValueError):
        hint = f"Set {variable} to the path of a PEM file that this account may read."
        raise InputError(f"${variable} names no file that can be read (its value is not shown).", hint) from None
