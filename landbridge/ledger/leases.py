"""Leases with fencing tokens: a holder that dies is succeeded after its time, and refused when it returns."""

from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, CursorResult, Row, select

from landbridge.domain.errors import BusyError, FencedError
from landbridge.domain.ledger import Lease
from landbridge.ledger.schema import leases


def acquire(connection: Connection, wanted: Lease, now: float) -> Lease:
    """Give `wanted` its token: the next one, or the holder's own again."""
    _ensure_row(connection, wanted.name)
    row = _select(connection, wanted.name).one()
    if row.holder not in ("", wanted.holder) and row.expires_at > now:
        raise _busy(wanted.name, row)
    token = row.token if row.holder == wanted.holder else row.token + 1
    lease = Lease(wanted.name, wanted.holder, token, wanted.expires_at)
    _write(connection, lease)
    return lease


def renew(connection: Connection, lease: Lease, expires_at: float) -> Lease:
    require(connection, lease)
    renewed = Lease(lease.name, lease.holder, lease.token, expires_at)
    _write(connection, renewed)
    return renewed


def give_back(connection: Connection, lease: Lease) -> None:
    mine = (leases.c.name == lease.name) & (leases.c.token == lease.token)
    connection.execute(leases.update().where(mine).values(holder="", expires_at=0.0))


def require(connection: Connection, lease: Lease) -> None:
    """Raise FencedError unless `lease` is the newest of its name and was not given back."""
    row = _select(connection, lease.name).first()
    if row is not None and (row.token, row.holder) == (lease.token, lease.holder):
        return
    newest = f"{row.holder or 'nobody'} (token {row.token})" if row else "nobody"
    raise FencedError(
        f"{lease.holder} (token {lease.token}) lost the lease {lease.name!r}; it belongs to {newest} now.",
        "Let the newer run finish; start this one again if its result is still wanted.",
    )


def current(connection: Connection, name: str) -> Lease | None:
    """Who holds `name`, whether its time is over or not; None when nobody does."""
    row = _select(connection, name).first()
    return Lease(name, row.holder, row.token, row.expires_at) if row is not None and row.holder else None


def _ensure_row(connection: Connection, name: str) -> None:
    # Not both at the top: the one that is not used costs a tenth of a start.
    dialect: Any = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    row = {"name": name, "holder": "", "token": 0, "expires_at": 0.0}
    connection.execute(dialect.insert(leases).values(row).on_conflict_do_nothing())


def _select(connection: Connection, name: str) -> CursorResult[Any]:
    """Read the row and, on PostgreSQL, lock it until the end of the transaction. On SQLite the writer has the file."""
    return connection.execute(select(leases).where(leases.c.name == name).with_for_update())


def _write(connection: Connection, lease: Lease) -> None:
    values = {"holder": lease.holder, "token": lease.token, "expires_at": lease.expires_at}
    connection.execute(leases.update().where(leases.c.name == lease.name).values(values))


def _busy(name: str, row: Row[Any]) -> BusyError:
    until = datetime.fromtimestamp(row.expires_at, UTC).isoformat(timespec="seconds")
    return BusyError(
        f"{row.holder} holds the lease {name!r} until {until}.",
        "Wait until it ends; if its process is dead, the lease ends by itself at that time.",
    )
