"""Between the ledger's rows and the domain's values."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Row, func, select, text

from landbridge.domain.errors import CorruptError
from landbridge.domain.ledger import Entry, Kind, Outcome, Release
from landbridge.ledger.schema import RECOVER, entries, releases


def append(connection: Connection, entry: Entry) -> None:
    """Insert `entry` as the next attempt of its key, unless the newest attempt says the same."""
    _take_turns(connection, entry)
    of_key = (
        (entries.c.run_key == entry.run_key)
        & (entries.c.kind == entry.kind.value)
        & (entries.c.key == entry.key)
        & (entries.c.scenario == entry.scenario)
    )
    newest = select(func.max(entries.c.attempt)).where(of_key).scalar_subquery()
    last = connection.execute(
        select(entries.c.attempt, entries.c.payload).where(of_key, entries.c.attempt == newest)
    ).first()
    payload = _dump(entry.payload)
    if last is not None and last.payload == payload:
        return
    connection.execute(
        entries.insert().values(
            kind=entry.kind.value,
            scenario=entry.scenario,
            run_key=entry.run_key,
            key=entry.key,
            attempt=last.attempt + 1 if last else 1,
            at=entry.at,
            payload=payload,
        )
    )


def _take_turns(connection: Connection, entry: Entry) -> None:
    """One writer of a key at a time: there may be no row yet to lock. On SQLite the writer has the whole file."""
    if connection.dialect.name == "postgresql":
        name = json.dumps([entry.run_key, entry.kind.value, entry.key, entry.scenario])
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def upsert_release(connection: Connection, release: Release) -> None:
    values = {"scenario": release.scenario, "endpoint": release.endpoint, "body": _dump_release(release)}
    changed = connection.execute(releases.update().where(releases.c.key == release.key).values(values))
    if changed.rowcount == 0:
        connection.execute(releases.insert().values(key=release.key, **values))


def entry_of(row: Row[Any], name: str) -> Entry:
    try:
        return Entry(Kind(row.kind), row.scenario, row.run_key, row.key, row.at, json.loads(row.payload))
    except ValueError as error:
        raise CorruptError(f"Entry {row.id} of the ledger {name} cannot be read.", RECOVER) from error


def release_of(row: Row[Any], name: str) -> Release:
    try:
        body = json.loads(row.body)
        return Release(**{**body, "outcome": Outcome(body["outcome"])})
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptError(f"Release {row.key!r} of the ledger {name} cannot be read.", RECOVER) from error


def _dump_release(release: Release) -> str:
    return _dump({field.name: getattr(release, field.name) for field in fields(release)})


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    """JSON for what is no JSON by itself: read-only mappings and tuples' kin."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
