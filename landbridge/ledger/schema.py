"""The ledger's tables and how a database gets them. Names carry `landbridge_`: a PostgreSQL database may be shared."""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    select,
    text,
)

from landbridge.domain.errors import CorruptError, PermanentError

VERSION = 1
_CREATION_LOCK = 0x1A4DB81D  # any fixed number: two first users of one PostgreSQL database take turns

_metadata = MetaData()
_row_id = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows only in a column of type INTEGER

schema = Table("landbridge_schema", _metadata, Column("version", Integer, nullable=False))

entries = Table(
    "landbridge_entries",
    _metadata,
    Column("id", _row_id, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("scenario", Text, nullable=False),
    Column("run_key", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("payload", Text, nullable=False),  # JSON text: PostgreSQL's own JSON types refuse NaN, which a metric may be
    UniqueConstraint("run_key", "kind", "key", "scenario", "attempt", name="landbridge_one_attempt"),
    Index("landbridge_entries_of_scenario", "scenario", "kind", "id"),
    Index("landbridge_entries_of_kind", "kind", "id"),
)

releases = Table(
    "landbridge_releases",
    _metadata,
    Column("id", _row_id, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, unique=True),
    Column("scenario", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("landbridge_releases_of_endpoint", "endpoint", "id"),
    Index("landbridge_releases_of_scenario", "scenario", "id"),
)

leases = Table(
    "landbridge_leases",
    _metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),  # "" = given back
    Column("token", BigInteger, nullable=False),
    Column("expires_at", Double, nullable=False),
)


def prepare(engine: Engine, writer: Engine, name: str) -> None:
    """Create the tables in an empty database, whole or not at all; refuse a database that is not ours."""
    with engine.connect() as connection:
        ready = _is_ready(connection, name)
    if ready:
        return
    with writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CREATION_LOCK})
        if not _is_ready(connection, name):
            _metadata.create_all(connection)
            connection.execute(schema.insert().values(version=VERSION))


def _is_ready(connection: Connection, name: str) -> bool:
    tables = inspect(connection)
    if tables.has_table(schema.name):
        _check_version(connection.scalar(select(schema.c.version)), name)
        return True
    if connection.dialect.name == "sqlite" and tables.get_table_names():
        raise CorruptError(
            f"The file {name} is a database of another program, not a ledger.",
            "Name another file in LANDBRIDGE_DATABASE_URL, or move this one away.",
        )
    return False


def _check_version(found: int | None, name: str) -> None:
    if found is None or found < 1:
        raise CorruptError(f"The ledger {name} does not say its schema version.", RECOVER)
    if found > VERSION:
        raise PermanentError(
            f"The ledger {name} has schema {found}; this landbridge knows {VERSION}.",
            "Use the newer landbridge that wrote it.",
        )


RECOVER = (
    "Move the file away and run each scenario once with `landbridge run`: what serves is read from registry and targets; "
    "the history stays in the old file."
)
