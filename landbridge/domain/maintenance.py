"""When maintenance windows are open. Times are timezone-aware; weekly windows are in UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from landbridge.domain.inventory import MaintenanceWindow

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Span:
    """From `begin` to `end`, prepared once for many windows: `first` and `last` are minutes after `midnight` (UTC)."""

    begin: datetime
    end: datetime
    midnight: datetime
    weekday: int
    first: float
    last: float


def span(begin: datetime, seconds: float) -> Span:
    end = begin + timedelta(seconds=seconds)
    midnight = begin.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = ((moment - midnight).total_seconds() / 60 for moment in (begin, end))
    return Span(begin, end, midnight, midnight.weekday(), first, last)


def opening(window: MaintenanceWindow, span: Span) -> tuple[datetime, datetime] | None:
    """The first time that `window` is open during `span`, or None. An end that touches does not count."""
    if window.weekdays:
        return _weekly(window, span)
    if window.start is None and window.end is None:
        return None
    opens, closes = window.start or _EARLIEST, window.end or _LATEST
    return (opens, closes) if opens < span.end and span.begin < closes and opens < closes else None


def _weekly(window: MaintenanceWindow, span: Span) -> tuple[datetime, datetime] | None:
    length = window.closes - window.opens
    if length <= 0:
        length += _DAY_MINUTES
    for offset in range(-1, 8):  # yesterday's may still be open; after a week it has been open once, whatever its days
        opens = offset * _DAY_MINUTES + window.opens
        if opens >= span.last:
            return None
        if (span.weekday + offset) % 7 in window.weekdays and span.first < opens + length:
            return span.midnight + timedelta(minutes=opens), span.midnight + timedelta(minutes=opens + length)
    return None
