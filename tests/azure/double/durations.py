"""Durations as Azure writes them: ISO 8601 without days, such as `PT90S` or `PT1H30M`."""

import re

_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?")


def seconds(duration: str | None, default: float = 0.0) -> float:
    """Raises ValueError on anything else."""
    if not duration:
        return default
    if (match := _DURATION.fullmatch(duration)) is None:
        raise ValueError(f"{duration!r} is no duration.")
    hours, minutes, rest = (float(one or 0) for one in match.groups())
    return 3600 * hours + 60 * minutes + rest
