"""`Ledger` and `Leases` of `landbridge.ports` over SQL. Each method is one transaction: a kill leaves no half of it."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, select

from landbridge.domain.ledger import Entry, Lease, Release
from landbridge.ledger import leases, rows
from landbridge.ledger.engine import open_engine
from landbridge.ledger.schema import entries, prepare, releases
from landbridge.ledger.translate import translated


class SqlLedger:
    """Safe to share between threads, and between processes by URL."""

    def __init__(self, url: str, now: Callable[[], float]) -> None:
        self._reader, self._writer, self.name = open_engine(url)
        self._now = now
        weakref.finalize(self, self._reader.dispose)  # a pool leaves its connections open
        with translated(self.name):
            prepare(self._reader, self._writer, self.name)

    def record(self, entry: Entry) -> None:
        """Append, unless the newest attempt of this (scenario, run key, kind, key) has an equal payload.

        `at` does not count: a resumed run repeats what it said, later. The first time stays.
        """
        with self._write() as connection:
            rows.append(connection, entry)

    def entries(self, kind: str = "", scenario: str = "", run_key: str = "", limit: int = 1000) -> tuple[Entry, ...]:
        query = select(entries).order_by(entries.c.id.desc()).limit(limit)
        for column, value in ((entries.c.kind, kind), (entries.c.scenario, scenario), (entries.c.run_key, run_key)):
            if value:
                query = query.where(column == str(value))
        with self._read() as connection:
            return tuple(rows.entry_of(row, self.name) for row in connection.execute(query))

    def save_release(self, release: Release, lease: Lease) -> None:
        with self._write() as connection:
            leases.require(connection, lease)
            rows.upsert_release(connection, release)

    def releases(self, scenario: str = "", endpoint: str = "", limit: int = 100) -> tuple[Release, ...]:
        query = select(releases).order_by(releases.c.id.desc()).limit(limit)
        for column, value in ((releases.c.scenario, scenario), (releases.c.endpoint, endpoint)):
            if value:
                query = query.where(column == value)
        with self._read() as connection:
            return tuple(rows.release_of(row, self.name) for row in connection.execute(query))

    def acquire(self, name: str, holder: str, ttl_seconds: float) -> Lease:
        with self._write() as connection:
            return leases.acquire(connection, Lease(name, holder, 0, self._now() + ttl_seconds), self._now())

    def renew(self, lease: Lease, ttl_seconds: float) -> Lease:
        with self._write() as connection:
            return leases.renew(connection, lease, self._now() + ttl_seconds)

    def release(self, lease: Lease) -> None:
        with self._write() as connection:
            leases.give_back(connection, lease)

    def check(self, lease: Lease) -> None:
        with self._read() as connection:
            leases.require(connection, lease)

    def current(self, name: str) -> Lease | None:
        with self._read() as connection:
            return leases.current(connection, name)

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._reader.dispose()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with translated(self.name), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with translated(self.name), self._writer.begin() as connection:
            yield connection
