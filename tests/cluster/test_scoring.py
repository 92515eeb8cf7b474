"""`landbridge score` on clusters: where the data is, or elsewhere if it may be; also with a script of one's own."""

import csv
from pathlib import Path

import pytest

from landbridge.domain.ledger import Kind
from tests.cluster.scenario_sites import Sites, pods
from tests.e2e.test_scoring import add_batch
from tests.e2e.tiny_story import make_tiny

WHOLE = {"files": 1, "failed_files": 0, "rows": 1, "failed_rows": 0, "skipped_files": 0}


@pytest.mark.timeout(600, func_only=True)
def test_a_model_scores_where_its_data_is_and_where_it_is_told(two_sites: Sites, tmp_path: Path) -> None:
    playground = two_sites.playground(tmp_path / "scenarios", "hybrid_train_deploy", "lake")
    story = make_tiny(playground)
    story.good()

    for site, target, words in (("cloud", "cloud-cpu", ()), ("onprem", "onprem-rack", ("--target", "onprem-rack"))):
        details = story.good("--data", "flights", *words, command="score")["details"]
        assert (details["site"], details["target"], details["counts"]) == (site, target, WHOLE)
        folder = Path(details["output"])
        assert folder.is_relative_to(playground.home / "sites" / site)
        with (folder / "flights-2013-01.csv.predictions.csv").open(newline="") as stream:
            assert list(csv.DictReader(stream)) == [{"row": "0", "prediction": "1.0"}]
        before = [pods(team) for team in (two_sites.cloud, two_sites.rack)]
        assert story.good("--data", "flights", *words, command="score")["details"] == details
        assert [pods(team) for team in (two_sites.cloud, two_sites.rack)] == before
    assert {str(entry.payload["site"]) for entry in story.entries(Kind.SCORING)} == {"cloud", "onprem"}

    add_batch(playground.scenario)
    details = story.good("--data", "flights", command="score")["details"]
    assert (details["site"], details["counts"]) == ("cloud", WHOLE)
    assert (Path(details["output"]) / "scores.csv").read_text().splitlines() == ["flights-2013-01.csv 2.0 hello"]


@pytest.mark.timeout(600, func_only=True)
def test_what_may_not_leave_its_site_is_not_scored_elsewhere(two_sites: Sites, tmp_path: Path) -> None:
    playground = two_sites.playground(tmp_path / "scenarios", "onprem_lifecycle", "plant")
    story = make_tiny(playground)
    story.good()
    moved, before = story.entries(Kind.MOVEMENT), pods(two_sites.cloud)

    refused = story.run("--data", "flights", "--target", "cloud-cpu", command="score")

    assert refused.code == 3, refused.err
    assert pods(two_sites.cloud) == before
    assert story.entries(Kind.MOVEMENT) == moved
