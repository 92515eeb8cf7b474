"""Each pattern's whole life on one machine."""

import pytest

from tests.e2e.conftest import Playground
from tests.e2e.lives import PATTERNS, Flights, Tiny, lives

pytestmark = pytest.mark.slow
LIVES = [
    pytest.param((pattern, store), job, id=f"{pattern}-{job.__name__}")
    for pattern, store in PATTERNS
    for job in (Tiny, Flights)
]


@pytest.mark.timeout(280)
@pytest.mark.parametrize(("playground", "job"), LIVES, indirect=["playground"])
def test_a_pattern_lives_its_whole_life(playground: Playground, job: type[Tiny] | type[Flights]) -> None:
    lives(playground, job)
