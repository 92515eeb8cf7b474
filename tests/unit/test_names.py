"""Names as people see them."""

import pytest

from landbridge.domain.names import (
    colour_name,
    endpoint_problem,
    is_legal_deployment,
    is_legal_endpoint,
    is_legal_pair,
    job_name,
    lease_name,
    release_key,
    tracking_run_name,
)

KEY = "0123456789abcdef"


def test_a_plain_name_stays_readable() -> None:
    assert job_name("flight-delay", KEY) == f"flight-delay-{KEY}-1"
    assert tracking_run_name("flight-delay", KEY, 2) == job_name("flight-delay", KEY, 2)


def test_a_long_name_keeps_its_beginning() -> None:
    name = job_name("a-very-long-scenario-name-that-does-not-fit-into-a-label-at-all", KEY)
    assert name.startswith("a-very-long-scenario-name-that-does-not-")
    assert len(name) <= 63


def test_a_name_without_any_letter_still_gets_one() -> None:
    assert job_name("日本", "", 1).startswith("1-x")


def test_colours_alternate() -> None:
    assert [colour_name(""), colour_name("blue"), colour_name("green")] == ["blue", "green", "blue"]


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("abc", True),
        ("ab", False),
        ("a" * 32, True),
        ("a" * 33, False),
        ("1abc", False),
        ("abc-", False),
        ("a_b", False),
    ],
)
def test_azure_takes_3_to_32_characters_from_a_letter_to_a_letter_or_digit(name: str, legal: bool) -> None:
    assert is_legal_endpoint(name) is legal
    assert is_legal_deployment(name) is legal


def test_endpoint_and_deployment_fit_62_together() -> None:
    assert is_legal_pair("a" * 32, "b" * 30)
    assert not is_legal_pair("a" * 32, "b" * 31)


@pytest.mark.parametrize(
    ("name", "said"), [("ab", "2 characters"), ("9ab", "start with a letter"), ("Abc", "capitals")]
)
def test_a_bad_endpoint_name_is_explained(name: str, said: str) -> None:
    assert said in endpoint_problem(name)


def test_keys_of_releases_and_leases() -> None:
    assert release_key(KEY, 2) == f"{KEY}-2"
    assert lease_name("scenario", "flights") == "scenario/flights"
