"""The scenarios of scenarios/ on two real clusters through the command line: nothing but the inventory is another."""

from pathlib import Path

import pytest

from tests.cluster.scenario_sites import Sites
from tests.e2e.lives import PATTERNS, Flights, Tiny, lives

pytestmark = pytest.mark.timeout(900, func_only=True)
CASES = [pytest.param(*pattern, Tiny, id=f"{pattern[0]}-Tiny") for pattern in PATTERNS]
CASES += [pytest.param("hybrid_train_deploy", "lake", Flights, id="hybrid_train_deploy-Flights")]


@pytest.mark.parametrize(("pattern", "store", "job"), CASES)
def test_a_pattern_lives_its_whole_life(
    two_sites: Sites, tmp_path: Path, pattern: str, store: str, job: type[Tiny] | type[Flights]
) -> None:
    lives(two_sites.playground(tmp_path / "scenarios", pattern, store), job)
