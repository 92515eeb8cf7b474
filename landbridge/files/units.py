"""Amounts as people write them: memory, CPU, durations, times of day. Pure.

A fault is a `ValueError(message, hint)`, which `landbridge.files.document.check` shows with file and line.
"""

import ipaddress
import re
from decimal import ROUND_CEILING, Decimal

# Kubernetes' quantity suffixes: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_BYTES = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
}
_MEMORY_HINT = "Write an amount such as 512Mi, 2Gi or 1G."
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)([A-Za-z]*)")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_TIME = re.compile(r"(\d{1,2}):(\d{2})")

MAX_MEMORY_BYTES = 2**60
MAX_CPU_MILLICORES = 10**9
MAX_SECONDS = 365 * 86400

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def memory_bytes(value: object) -> int:
    """`512Mi`, `2Gi`, `1.5G` or a number of bytes."""
    size = _bytes(value)
    return _whole(size, MAX_MEMORY_BYTES, f"{value!r} is not a possible amount of bytes", _MEMORY_HINT)


def memory_bytes_up(value: object) -> int:
    """As `memory_bytes`; a part of a byte is rounded up, as Kubernetes does: Azure's samples write `0.1Gi`."""
    size = _bytes(value).to_integral_value(ROUND_CEILING)
    return _whole(size, MAX_MEMORY_BYTES, f"{value!r} is not a possible amount of bytes", _MEMORY_HINT)


def cpu_millicores(value: object) -> int:
    """`500m`, `2` or `0.5` of a core."""
    hint = "Write cores such as 2 or 0.5, or thousandths such as 500m."
    number, suffix = _amount(value, "CPU", hint)
    if suffix not in {"", "m"}:
        raise ValueError(f"the unit {suffix!r} of {value!r} is not known", hint)
    millicores = number if suffix == "m" else number * 1000
    return _whole(millicores, MAX_CPU_MILLICORES, f"{value!r} is not a whole number of thousandths of a core", hint)


def gpu_count(value: object) -> int:
    """A whole number; `null` means none, as Azure ML's instance types write it."""
    if value is None:
        return 0
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > 4:
        raise ValueError(f"expected a number of GPUs, got {value!r}", "Write a whole number such as 1.")
    return int(text)


def duration_seconds(value: object) -> float:
    """`2s`, `500ms`, `1m30s`, `2h`, `1d`, or a number of seconds."""
    hint = "Write a duration such as 2s, 1m or 1h30m."
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = Decimal(str(value))
    elif isinstance(value, str) and _DURATION.fullmatch(value):
        seconds = sum((Decimal(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(value)), Decimal(0))
    else:
        raise ValueError(f"{value!r} is not a duration", hint)
    if not seconds.is_finite() or not 0 <= seconds <= MAX_SECONDS:
        raise ValueError(f"{value!r} is not between 0 s and one year", hint)
    return float(seconds)


def minute_of_day(value: object) -> int:
    """`02:00` → 120; up to `24:00`."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    minute = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else -1
    if not 0 <= minute <= 24 * 60:
        raise ValueError(f"{value!r} is not a time of day", 'Write hours and minutes in UTC, such as "02:00".')
    return minute


def weekday(value: object) -> int:
    """`Mon` → 0, as `datetime.weekday()`."""
    if not isinstance(value, str) or value[:3].title() not in WEEKDAYS or len(value) > len("Wednesday"):
        raise ValueError(f"{value!r} is not a day of the week", f"Use one of: {', '.join(WEEKDAYS)}.")
    return WEEKDAYS.index(value[:3].title())


def _bytes(value: object) -> Decimal:
    number, suffix = _amount(value, "memory", _MEMORY_HINT)
    if suffix not in _BYTES:
        raise ValueError(f"the unit {suffix!r} of {value!r} is not known", _MEMORY_HINT)
    return number * _BYTES[suffix]


def _amount(value: object, what: str, hint: str) -> tuple[Decimal, str]:
    found = None if isinstance(value, bool) else _AMOUNT.fullmatch(str(value))
    if not isinstance(value, int | float | str) or found is None:
        raise ValueError(f"expected an amount of {what}, got {value!r}", hint)
    return Decimal(found[1]), found[2]


def _whole(amount: Decimal, largest: int, message: str, hint: str) -> int:
    if amount != amount.to_integral_value() or amount > largest:
        raise ValueError(message, hint)
    return int(amount)


def own_address(value: object) -> str:
    """An IP address that others can reach: not `0.0.0.0`, which means all of them.

    Raises:
        ValueError: with what is wrong and what mends it.
    """
    hint = "Name the one IP address of this machine that the clusters reach."
    try:
        address = ipaddress.ip_address(str(value))
    except ValueError as error:
        raise ValueError(f"{value!r} is no IP address", hint) from error
    if address.is_unspecified:
        raise ValueError(f"{value!r} is no address that a cluster could reach", hint)
    return str(address)
