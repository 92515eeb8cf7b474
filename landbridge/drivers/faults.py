"""Turn the operating system's errors, and those of a vendor that we do not know, into ours."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from landbridge.domain.errors import (
    AuthError,
    CapabilityMissingError,
    LandbridgeError,
    NotFoundError,
    PermanentError,
    QuotaExceededError,
    TargetUnavailableError,
)

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
MAY_HEAL = frozenset({errno.EAGAIN, errno.EBUSY, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.ESTALE})

# Errors of object stores' clients that are no OSError, by name: to import a client that is not in use is not worth it.
NO_ANSWER = frozenset({
    "ConnectTimeoutError", "ConnectionClosedError", "EndpointConnectionError", "HTTPClientError", "ReadTimeoutError",
    "ServiceRequestError", "ServiceResponseError",
})  # fmt: skip
NO_RIGHT = frozenset(
    {"ClientAuthenticationError", "CredentialRetrievalError", "NoCredentialsError", "PartialCredentialsError"}
)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Let only errors of `landbridge.domain.errors` out; `doing` begins the message ("reading data store 'x'").

    An error that nobody here knows is permanent: repeating what we do not understand makes duplicates.
    """
    try:
        yield
    except LandbridgeError:
        raise
    except Exception as error:
        raise _ours(error, f"{doing[0].upper()}{doing[1:]} failed: {_words(error)}.") from error


def _ours(error: Exception, message: str) -> LandbridgeError:
    if isinstance(error, ImportError):
        return CapabilityMissingError(message, f"Install the package that brings {error.name or 'it'!r}.")
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return NotFoundError(message, "Check that the path exists and is spelled as it is there.")
    if isinstance(error, PermissionError) or type(error).__name__ in NO_RIGHT:
        return AuthError(message, "Give this user the right to it, or the credentials that have it.")
    if number in NO_SPACE:
        return QuotaExceededError(message, "Free some disk space, or move the state to a larger disk.")
    if isinstance(error, ConnectionError | TimeoutError) or number in MAY_HEAL or type(error).__name__ in NO_ANSWER:
        return TargetUnavailableError(message, "Wait and try again; check the network if it stays so.")
    return PermanentError(message, "Read the error's own words; if they do not help, report them with this message.")


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).rstrip('.') or 'no further words'}"
