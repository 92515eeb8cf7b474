"""The audit trail and the leases, in one SQL database. SQLAlchemy is imported when a ledger is opened, not before."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landbridge.ledger.sql import SqlLedger


def connect(url: str, now: Callable[[], float] = time.time) -> "SqlLedger":
    """Open the ledger at the SQLAlchemy URL `url` (SQLite or PostgreSQL); a new SQLite file gets mode 0600.

    Args:
        now: Unix time, s. Leases end by this clock, whatever the database's own says.

    Raises:
        CorruptError: a damaged file, or the file of another program.
        PermanentError: written by a newer landbridge.
        InputError: not a URL that a ledger can be at.
        TargetUnavailableError: the database does not answer.
    """
    from landbridge.ledger.sql import SqlLedger

    return SqlLedger(url, now)
