"""The ports of the services: taken by the host itself, kept over restarts."""

import errno
import socket

from landbridge.domain.errors import InputError

HOST = "127.0.0.1"
_BACKLOG = 1024


def listen(port: int, remembered: int, name: str, setting: str, host: str = HOST) -> socket.socket:
    """Take a port for service `name`.

    Args:
        port: the one that is asked for; 0 = any free one, if possible `remembered` (0 = none): URLs outlive restarts.
        setting: where the user changes the port, for the error.
        host: IP address of this machine.

    Raises:
        InputError: a stranger has the port that was asked for, or the address is not this machine's.
    """
    for candidate in [port] if port else [remembered, 0]:
        found = _bind(host, candidate)
        if found is not None:
            return found
    raise InputError(
        f"Port {port}, wanted for {name}, is in use by another program.",
        f"End that program, or choose another port with {setting} (0 = any free port).",
    )


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def url_of(listener: socket.socket) -> str:
    """Its IP address and port."""
    host = listener.getsockname()[0]
    return f"http://[{host}]:{port_of(listener)}" if ":" in host else f"http://{host}:{port_of(listener)}"


def _bind(host: str, port: int) -> socket.socket | None:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(
        socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
    )  # connections of a former host may linger in TIME_WAIT
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRNOTAVAIL:
            hint = "Name an address that `ip address` shows, or leave it out."
            raise InputError(f"{host} is no address of this machine.", hint) from error
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        return None
    return listener
