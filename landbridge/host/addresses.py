"""The ports of the services: taken by the host itself, kept over restarts."""

import errno
import socket

from landbridge.domain.errors import InputError

HOST = "127.0.0.1"
_BACKLOG = 1024


def listen(port: int, remembered: int, name: str, setting: str) -> socket.socket:
    """Take a port for service `name`.

    Args:
        port: the one that is asked for; 0 = any free one, if possible `remembered` (0 = none): URLs outlive restarts.
        setting: where the user changes the port, for the error.

    Raises:
        InputError: a stranger has the port that was asked for.
    """
    for candidate in [port] if port else [remembered, 0]:
        found = _bind(candidate)
        if found is not None:
            return found
    raise InputError(
        f"Port {port}, wanted for {name}, is in use by another program.",
        f"End that program, or choose another port with {setting} (0 = any free port).",
    )


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def url_of(listener: socket.socket) -> str:
    return f"http://{HOST}:{port_of(listener)}"


def _bind(port: int) -> socket.socket | None:
    listener = socket.socket()
    listener.setsockopt(
        socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
    )  # connections of a former host may linger in TIME_WAIT
    try:
        listener.bind((HOST, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        return None
    return listener
