"""`landbridge score` on the local driver: a real model over real files, and the same order again."""

import csv
import json
from pathlib import Path

import pytest

from landbridge.domain.ledger import Kind
from tests.e2e.conftest import Playground
from tests.e2e.tiny_story import make_tiny


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.parametrize("playground", [("hybrid_train_deploy", "lake")], indirect=True)
def test_the_champion_scores_a_data_set_once_and_a_bad_file_is_told(playground: Playground) -> None:
    tiny = make_tiny(playground)
    missing = tiny.run("--data", "flights", command="score")
    assert missing.code == 7, missing.err
    assert "has no champion" in missing.err
    tiny.good()
    report = tiny.good("--data", "flights", command="score")
    details = report["details"]
    assert (report["outcome"], report["version"]) == ("Scored", "1")
    assert details["counts"] == {"files": 1, "failed_files": 0, "rows": 1, "failed_rows": 0, "skipped_files": 0}
    folder = Path(details["output"])
    assert folder.is_relative_to(playground.home / "sites" / details["site"])
    with (folder / "flights-2013-01.csv.predictions.csv").open(newline="") as stream:
        assert list(csv.DictReader(stream)) == [{"row": "0", "prediction": "1.0"}]
    assert tiny.good("--data", "flights", command="score")["details"] == details
    jobs = [path for path in playground.home.glob(f"sites/*/jobs/*/{tiny.name}-score-*")]
    assert [path.name for path in jobs] == [details["job"]]
    (playground.lake / "broken.parquet").write_text("no parquet")
    failed = tiny.run("--data", "flights", command="score")
    assert failed.code == 4, failed.err
    log = playground.landbridge("logs", str(playground.scenario), "-i", str(playground.inventory), "--scoring")
    assert "1 of 2 files failed; 0 may" in log.out
    borne = tiny.good("--data", "flights", "--error-threshold", "1", command="score")["details"]
    assert (borne["counts"]["files"], borne["counts"]["failed_files"]) == (2, 1)
    summary = json.loads((Path(borne["output"]) / "summary.json").read_text())
    assert [error["file"] for error in summary["errors"]] == ["broken.parquet"]
    assert {str(entry.payload["site"]) for entry in tiny.entries(Kind.SCORING)} == {details["site"]}
