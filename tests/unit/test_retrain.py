"""The run key, the retrain decision, and the lineage tags that carry both."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain.lineage import Lineage, lineage_tags, parse_lineage
from landbridge.domain.retrain import RunParts, decide, run_key

PARTS = RunParts("delay", {"flights": "sha256:aa"}, "sha256:c1", "env", "sha256:j1", files={"flights": 3})

texts = st.text(max_size=12)
parts = st.builds(
    RunParts,
    texts,
    st.dictionaries(texts, texts),
    texts,
    texts,
    texts,
    texts,
    st.dictionaries(texts, st.integers(0, 99)),
)


def test_the_same_parts_are_the_same_run_and_files_do_not_count() -> None:
    assert run_key(PARTS) == run_key(replace(PARTS, files={}))
    assert len(run_key(PARTS)) == 16
    assert int(run_key(PARTS), 16) >= 0


@given(parts, parts)
def test_two_runs_share_a_key_only_when_all_parts_are_equal(one: RunParts, two: RunParts) -> None:
    equal = replace(one, files={}) == replace(two, files={})
    assert (run_key(one) == run_key(two)) is equal


def test_the_first_run_is_due() -> None:
    decision = decide(PARTS, None)
    assert decision.due
    assert "no model" in decision.reason


def test_nothing_changed_nothing_retrains_and_it_says_so() -> None:
    decision = decide(PARTS, PARTS)
    assert not decision.due
    assert decision.reason == "data, code, environment and job are those of the last run"


def test_changed_data_is_named_with_its_files() -> None:
    new = replace(PARTS, data={"flights": "sha256:bb", "weather": "sha256:ww"}, files={"flights": 4})
    assert decide(new, PARTS).changes == ("data flights changed: 3 files → 4 files", "data weather is new")


def test_every_other_part_is_named() -> None:
    new = replace(PARTS, data={}, code="sha256:c2", environment="env2", job="sha256:j2")
    assert decide(new, PARTS).changes == (
        "data flights is used no more",
        "code changed: c1 → c2",
        "environment changed: env → env2",
        "job changed: j1 → j2",
    )


def test_digests_are_told_when_the_files_are_not_known() -> None:
    new = replace(PARTS, data={"flights": "sha256:bb"}, files={})
    assert decide(new, PARTS).reason == "data flights changed: aa → bb"


def test_force_is_enough() -> None:
    decision = decide(PARTS, PARTS, "asked on the command line")
    assert decision.due
    assert decision.changes == ("forced: asked on the command line",)


def test_a_nonce_alone_is_another_run_but_not_a_change() -> None:
    forced = replace(PARTS, nonce="n1")
    assert run_key(forced) != run_key(PARTS)
    assert not decide(forced, PARTS).due


@given(st.builds(Lineage, parts, texts, texts, texts, texts, st.integers(0, 10**9), st.lists(texts).map(tuple)))
def test_lineage_comes_back_as_it_was_written(lineage: Lineage) -> None:
    tags = lineage_tags(lineage)
    assert parse_lineage(tags) == lineage
    assert tags["landbridge.run_key"] == lineage.run_key
    assert all(key.startswith("landbridge.") for key in tags)


@given(
    st.dictionaries(st.sampled_from(["landbridge.token", "landbridge.exported_metrics", "landbridge.files.x"]), texts)
)
def test_foreign_tags_never_break_the_reader(tags: dict[str, str]) -> None:
    assert parse_lineage(tags) is None
    assert parse_lineage({**tags, "landbridge.run_key": "k"}) is not None
