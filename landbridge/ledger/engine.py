"""Open the database: one place for what SQLite and PostgreSQL need to be safe under many processes."""

import os
import weakref
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from landbridge.domain.errors import CapabilityMissingError, InputError

BUSY_SECONDS = 15.0  # a writer waits this long for another; each holds the file for milliseconds
_WRITE = "landbridge_write"  # execution option of a transaction that will write
_CHOICES = "Set LANDBRIDGE_DATABASE_URL to `sqlite:////absolute/file.db` or `postgresql://user@host/database`."


def open_engine(url: str) -> tuple[Engine, Engine, str]:
    """An engine for reading, one for writing over the same connections, and the URL without its password."""
    parsed = _parse(url)
    name = parsed.render_as_string(hide_password=True)
    engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed, name)
    _forget_connections_after_fork(engine)
    return engine, engine.execution_options(**{_WRITE: True}), name


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InputError("The ledger's database URL cannot be read.", _CHOICES) from error
    if parsed.drivername in {"postgresql", "postgres"}:  # the plain name means psycopg2, which we do not bring
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise InputError(f"The ledger cannot be in a {parsed.get_backend_name()} database.", _CHOICES)
    return parsed


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise InputError("A ledger in memory would be forgotten by the next process.", _CHOICES)
    _create_private(Path(url.database))
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_private(path: Path) -> None:
    """Make the file before SQLite does, with mode 0600; its -wal and -shm files inherit the mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise InputError(
            f"The ledger {path} cannot be opened: {error.strerror}.", "Give this user write access to it."
        ) from error


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late and cannot be IMMEDIATE
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")  # in WAL: no killed process loses a commit, only a power cut may


def _begin_sqlite(connection: Connection) -> None:
    # A read that later writes cannot wait for another writer (SQLITE_BUSY at once); so writers say so first.
    immediate = connection.get_execution_options().get(_WRITE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _postgresql(url: URL, name: str) -> Engine:
    limits = f"-c lock_timeout={int(BUSY_SECONDS * 1000)} -c statement_timeout=60000"
    try:
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 5, "options": limits})
    except ModuleNotFoundError as error:
        raise CapabilityMissingError(
            f"The ledger {name} needs a PostgreSQL driver, which is not installed ({error.name}).",
            'Install it: `pip install "landbridge[postgres]"`.',
        ) from error


def _forget_connections_after_fork(engine: Engine) -> None:
    """A connection shared by parent and child breaks both (SQLite's locks, PostgreSQL's protocol)."""
    reference = weakref.ref(engine)

    def forget() -> None:
        found = reference()
        if found is not None:
            found.dispose(close=False)

    os.register_at_fork(after_in_child=forget)
