"""From Azure's words to the errors that they are: sentences before codes, the ground first, nothing from what is well."""

from landbridge.domain.azure.troubleshooting import Evidence, name
from landbridge.domain.operating import Verdict

FAIL = Verdict.FAIL


def test_the_ground_goes_first_and_each_error_once() -> None:
    evidence = (
        Evidence("job", FAIL, "ClusterNotReachable: The Kubernetes cluster is not reachable."),
        Evidence("extension", FAIL, "E40001 LOAD_BALANCER_NOT_SUPPORT: no"),
        Evidence("job again", FAIL, "ClusterNotReachable"),
    )
    assert [(item.fault.code, item.source) for item in name(evidence)] == [
        ("ClusterNotReachable", "job"),
        ("E40001", "extension"),
    ]


def test_a_sentence_says_more_than_a_word_beside_it() -> None:
    said = "BadArgument: something. The Kubernetes cluster is not reachable."
    assert [item.fault.code for item in name((Evidence("job", FAIL, said),))] == ["ClusterNotReachable"]


def test_what_is_well_or_unseen_means_no_error() -> None:
    words = "The Kubernetes cluster is not reachable."
    assert name((Evidence("a", Verdict.PASS, words), Evidence("b", Verdict.UNSEEN, words))) == ()


def test_remedies_are_not_read_as_errors() -> None:
    assert name((Evidence("cluster", FAIL, "old", "`landbridge ops explain E45005` lists what to delete."),)) == ()
