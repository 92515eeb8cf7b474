"""What of an attached compute is otherwise than wanted, and what of a cluster's check no compute gets over."""

from dataclasses import replace

import pytest

from landbridge.domain.azure.attaching import Attached, Attachment, differences, in_the_way
from landbridge.domain.azure.clusters import ClusterId
from landbridge.domain.azure.settings import ClusterKind
from landbridge.domain.operating import Diagnosis, Verdict

AT = ClusterId(ClusterKind.ARC, "s", "g", "one")
WANTED = Attachment("team", AT, "team-a", "system")
THERE = Attached("team", AT.id, "team-a", "system", "Succeeded")


def test_upper_and_lower_case_of_identifiers_is_no_difference() -> None:
    there = replace(THERE, cluster=AT.id.upper() + "/", identity="SYSTEM")
    assert list(differences(WANTED, there)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cluster": "/other"}, "cluster /other"),
        ({"namespace": "default"}, "namespace 'default', not 'team-a'"),
        ({"identity": ""}, "identity none, not system"),
    ],
)
def test_each_difference_is_named(change: dict[str, str], words: str) -> None:
    [found] = differences(WANTED, replace(THERE, **change))  # type: ignore[arg-type]
    assert words in found


def test_only_what_no_compute_gets_over_is_in_the_way() -> None:
    rows = [Diagnosis(name, Verdict.FAIL, "why") for name in ("version", "managed identity", "subscription")]
    rows.append(Diagnosis("running", Verdict.UNSEEN, "why"))
    assert [row.name for row in in_the_way(rows)] == ["managed identity", "subscription"]
