"""Turn a database's errors into ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from landbridge.domain.errors import (
    AuthError,
    ConflictError,
    CorruptError,
    InputError,
    LandbridgeError,
    PermanentError,
    TargetUnavailableError,
)
from landbridge.ledger.schema import RECOVER

_DAMAGED = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
_NOT_ALLOWED = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")
_FULL = ("SQLITE_FULL", "SQLITE_IOERR")
_REFUSED = ("28", "42501")  # invalid authorization; insufficient privilege
_PASSING = ("08", "40", "53", "55P03", "57")  # connection, serialization, resources, lock timeout, shutdown or cancel


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Let only errors of ours out. `name` is the ledger's URL without its password."""
    try:
        yield
    except SQLAlchemyError as error:
        raise translate(error, name) from error


def translate(error: SQLAlchemyError, name: str) -> LandbridgeError:
    cause = getattr(error, "orig", None)
    text = (str(cause or error).strip().splitlines() or [""])[0]
    if isinstance(error, IntegrityError):
        return ConflictError(f"Another process wrote the same row of the ledger {name} ({text}).", "Run again.")
    code = getattr(cause, "sqlite_errorname", None)
    if code is not None:
        return _of_sqlite(code, text, name)
    return _of_postgresql(error, getattr(cause, "sqlstate", None) or "", text, name)


def _of_sqlite(code: str, text: str, name: str) -> LandbridgeError:
    if code.startswith(_DAMAGED):
        return CorruptError(f"The ledger {name} is damaged ({code}: {text}).", RECOVER)
    if code.startswith(_BUSY):
        return TargetUnavailableError(
            f"The ledger {name} stayed locked by another process ({code}).", "End the process that holds it open."
        )
    if code.startswith(_FULL):
        return TargetUnavailableError(f"The ledger {name} cannot be written ({code}: {text}).", "Free some disk space.")
    if code.startswith(_NOT_ALLOWED):
        return InputError(
            f"The ledger {name} cannot be opened for writing ({code}).", "Give this user write access to it."
        )
    return PermanentError(f"The ledger {name} refused a statement ({code}: {text}).", "Report this as a bug.")


def _of_postgresql(error: SQLAlchemyError, state: str, text: str, name: str) -> LandbridgeError:
    # While connecting, psycopg gives no SQLSTATE, only the server's sentence.
    if state.startswith(_REFUSED) or "authentication failed" in text or "permission denied" in text:
        return AuthError(
            f"The ledger {name} refused the credentials ({text}).",
            "Check user and password in LANDBRIDGE_DATABASE_URL.",
        )
    if state == "3D000" or (not state and 'database "' in text and "does not exist" in text):
        return InputError(f"The ledger's database {name} does not exist.", "Create it with `createdb`.")
    if state.startswith(_PASSING) or (not state and isinstance(error, OperationalError)):
        return TargetUnavailableError(
            f"The ledger {name} does not answer ({state or text}).", "Start the database server, then run again."
        )
    return PermanentError(
        f"The ledger {name} refused a statement ({state or type(error).__name__}: {text}).", "Report this as a bug."
    )
