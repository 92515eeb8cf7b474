"""Errors keep their class over the socket, and a follower sees whole events only."""

import inspect
import json
from pathlib import Path

import pytest

from landbridge.client import Client, decode_error, encode_error, events_path
from landbridge.domain import errors
from landbridge.domain.errors import LandbridgeError, PermanentError

ERRORS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, LandbridgeError)]


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_an_error_arrives_as_it_left(kind: type[LandbridgeError]) -> None:
    sent = kind("It broke.", "Mend it.", "file.yaml:3")
    came = decode_error(json.loads(json.dumps(encode_error(sent))))
    assert type(came) is kind
    assert str(came) == str(sent)


def test_an_unknown_error_is_permanent() -> None:
    assert type(decode_error({"error": "os", "message": "m", "hint": "h"})) is PermanentError


def test_a_follower_waits_for_the_end_of_a_half_written_line(tmp_path: Path) -> None:
    path = events_path(tmp_path, "r")
    path.parent.mkdir(parents=True)
    whole = json.dumps({"step": "train", "state": "done"}) + "\n"
    end = json.dumps({"step": "run", "state": "finished"}) + "\n"
    path.write_text(whole + end[:10])
    events = Client(tmp_path).follow("r")
    assert next(events)["step"] == "train"
    with path.open("a") as file:
        file.write(end[10:])
    assert [event["state"] for event in events] == ["finished"]
