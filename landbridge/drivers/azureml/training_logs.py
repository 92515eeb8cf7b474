"""A job's log, from the files that its run names: one for each process. Each is read on from where the last reading ended."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from landbridge.drivers.azureml.blobs import read_from
from landbridge.drivers.log_following import followed

_LOG = re.compile(r"(?:.*/)?user_logs/std_log(?:_(?:process_)?(?P<who>.+))?\.txt")


@dataclass(slots=True)
class Place:
    """How far one file was read, bytes, and the begun line at its end."""

    offset: int = 0
    rest: bytes = b""


def lines(files: Callable[[], Mapping[str, str]], follow: bool, is_final: Callable[[], bool]) -> Iterator[str]:
    """Every line, oldest first, of several processes with their name in front.

    Args:
        files: name → URL that may be read, as they are now.
        is_final: asked before reading, so nothing comes after it.
    """
    places: dict[str, Place] = {}

    def read() -> Iterator[str]:
        for name, url, label in _logs(files()):
            yield from _labelled(_new(url, places.setdefault(name, Place())), label)

    yield from followed(read, follow, is_final)
    for name, place in places.items():
        yield from _labelled([place.rest] if place.rest else [], _label(name, len(places)))


def _logs(files: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Name, URL and label of each process's log, in the order of their names."""
    found = {name: url for name, url in sorted(files.items()) if _LOG.fullmatch(name)}
    return [(name, url, _label(name, len(found))) for name, url in found.items()]


def _label(name: str, count: int) -> str:
    match = _LOG.fullmatch(name)
    who = match["who"] if match else ""
    return f"[{who.lstrip('0') or '0'}] " if who and count > 1 else ""


def _new(url: str, place: Place) -> list[bytes]:
    content = read_from(url, place.offset)
    place.offset += len(content)
    *whole, place.rest = (place.rest + content).split(b"\n")
    return whole


def _labelled(found: list[bytes], label: str) -> Iterator[str]:
    for line in found:
        yield f"{label}{line.decode(errors='replace')}"
