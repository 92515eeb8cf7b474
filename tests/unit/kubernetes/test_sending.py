"""A transfer that cannot end in time is given up within seconds."""

from pathlib import Path

import pytest

from landbridge.domain.errors import RefusedError
from landbridge.drivers.kubernetes import sending
from landbridge.drivers.kubernetes.artifacts import ArtifactStore
from landbridge.drivers.kubernetes.sending import SURE_SECONDS, Sending

GIGABYTE = 10**9


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_link_that_is_too_slow_is_named_with_its_speed(clock: Clock) -> None:
    moving = Sending(40 * GIGABYTE, 1200.0, clock)
    clock.now = 10.0
    with pytest.raises(RefusedError, match=r"40\.0 GB would take 67 min at the 10\.0 MB/s .* has 20 min"):
        moving.sent(100_000_000)


def test_a_link_that_is_quick_enough_is_left_alone(clock: Clock) -> None:
    moving = Sending(10 * GIGABYTE, 1200.0, clock)
    for second in range(1, 1001):
        clock.now = float(second)
        moving.sent(10_000_000)


def test_the_first_seconds_say_nothing(clock: Clock) -> None:
    moving = Sending(40 * GIGABYTE, 1200.0, clock)
    clock.now = SURE_SECONDS / 2
    moving.sent(1)
    clock.now = 10.0
    moving.sent(400_000_000)


def test_a_store_gives_up_a_model_that_its_link_cannot_carry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights").write_bytes(bytes(4 << 20))
    monkeypatch.setattr(sending, "SURE_SECONDS", 0.0)
    store = ArtifactStore("memory://slow-link", {})
    with pytest.raises(RefusedError, match="measured on the way"):
        store.put_tree(tmp_path, limit_seconds=1e-9)
    assert store.tree(store.put_tree(tmp_path, limit_seconds=60.0).digest) is not None
