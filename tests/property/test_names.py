"""Names: legal for every input, the same for the same input, different for different ones."""

from hypothesis import example, given
from hypothesis import strategies as st

from landbridge.domain.names import (
    batch_endpoint_name,
    colour_name,
    endpoint_problem,
    is_legal_endpoint,
    is_legal_label,
    is_legal_pair,
    job_name,
    object_name,
)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=80) | st.text("abc0-X_", max_size=70)
keys = st.text("0123456789abcdef", min_size=16, max_size=16) | st.text("a1-", max_size=20)
inputs = st.tuples(words, keys, st.integers(1, 99))


@given(inputs)
def test_a_job_name_is_a_label_of_at_most_63_characters(given_: tuple[str, str, int]) -> None:
    assert is_legal_label(job_name(*given_))
    assert job_name(*given_) == job_name(*given_)


@given(inputs, inputs)
@example(("a-b", "c", 1), ("a", "b-c", 1))
@example(("Flights", "0" * 16, 1), ("flights", "0" * 16, 1))
@example(("a" * 60, "0" * 16, 1), ("a" * 61, "0" * 16, 1))
def test_two_different_jobs_never_share_a_name(one: tuple[str, str, int], two: tuple[str, str, int]) -> None:
    assert (job_name(*one) == job_name(*two)) is (one == two)


@given(words, keys, st.integers(1, 9))
def test_a_name_that_looks_digested_is_not_taken_by_the_original(scenario: str, key: str, attempt: int) -> None:
    name = job_name(scenario, key, attempt)
    assert object_name(name) != name or name == f"{scenario}-{key}-{attempt}"


@given(words, words)
def test_a_legal_pair_has_two_legal_names_and_fits_together(endpoint: str, deployment: str) -> None:
    if is_legal_pair(endpoint, deployment):
        assert is_legal_endpoint(endpoint)
        assert 6 <= len(endpoint + deployment) <= 62


@given(words)
def test_an_endpoint_without_a_problem_is_legal_here_and_on_azure_with_every_colour(name: str) -> None:
    if not endpoint_problem(name):
        assert is_legal_label(name)
        assert all(is_legal_pair(name, colour) for colour in ("blue", "green"))


@given(words, words)
@example("a" * 27, "a" * 28)
@example("a" * 16 + "-b" * 8, "a" * 16 + "-b" * 7 + "-c")
def test_the_batch_endpoint_beside_an_endpoint_is_legal_and_its_own(one: str, two: str) -> None:
    if is_legal_endpoint(one) and is_legal_endpoint(two):
        assert is_legal_endpoint(batch_endpoint_name(one))
        assert (batch_endpoint_name(one) == batch_endpoint_name(two)) is (one == two)


@given(words)
def test_the_next_colour_differs_from_the_previous(previous: str) -> None:
    assert colour_name(previous) != previous
    assert colour_name(previous) in {"blue", "green"}
