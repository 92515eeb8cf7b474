"""Pattern 2 through the command line: work goes to the cloud for a reason and comes back; both sites move or none does."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import Playground, make_playground
from tests.e2e.tiny_story import TinyStory, make_tiny, predict

pytestmark = [pytest.mark.timeout(100), pytest.mark.slow]
RACK, CLOUD = "onprem-rack", "cloud-cpu"


@pytest.fixture
def story(home: Path, tmp_path: Path) -> TinyStory:
    return make_tiny(make_playground(home, tmp_path / "scenarios", "hybrid_train_deploy", "lake"))


@contextmanager
def said(playground: Playground, begin: str, end: str) -> Iterator[None]:
    """An operator says how the rack is, and takes it back."""
    target = ["targets", "set", RACK, "-i", str(playground.inventory)]
    assert playground.landbridge(*target, "new cooling", begin).code == 0
    try:
        yield
    finally:
        assert playground.landbridge(*target, end).code == 0


def trained_on(story: TinyStory) -> dict[str, str]:
    """Version that serves now → the target that trained it, as `landbridge why` tells."""
    found = story.ask("why", story.endpoint)
    assert found.code == 0, found.err
    return {version: origin["lineage"]["target"] for version, origin in found.json["versions"].items()}


@pytest.mark.parametrize(
    ("begin", "end", "reason"),
    [
        ("--drain", "--undrain", "maintenance"),
        ("--maintenance", "--no-maintenance", "maintenance"),
        ("--busy", "--not-busy", "busy"),
        ("--unreachable", "--reachable", "unreachable"),
    ],
)
def test_a_plan_leaves_the_rack_for_each_reason_and_stays_when_it_is_switched_off(
    story: TinyStory, begin: str, end: str, reason: str
) -> None:
    scenario = story.playground.scenario
    with said(story.playground, begin, end):
        spilled = story.good(command="plan")["placement"]
        assert (spilled["chosen"], spilled["spilled"]) == (CLOUD, reason)
        with story.changed(scenario, lambda text: text.replace(f"{reason}: true", f"{reason}: false")):
            held = story.run(command="plan")
        assert (held.code, held.json["placement"]["chosen"]) == (3, None)
        assert f"placement.failover.{reason}: true" in held.out
    assert story.good(command="plan")["placement"]["chosen"] == RACK


def test_a_run_spills_to_the_cloud_says_why_and_the_next_one_comes_back(story: TinyStory) -> None:
    with said(story.playground, "--drain", "--undrain"):
        assert story.good()["outcome"] == "Promoted"
        assert trained_on(story) == {"1": CLOUD}
        why = story.playground.landbridge("why", story.endpoint).out
        assert "new cooling" in why
        assert "The preferred site was left because: maintenance." in why
    story.month(2)
    assert story.good()["outcome"] == "Promoted"
    assert trained_on(story) == {"2": RACK}


def test_a_site_whose_new_colour_cannot_serve_keeps_both_where_they_are(story: TinyStory, tmp_path: Path) -> None:
    """On-premises the environment is an interpreter without the model's packages; the cloud's would serve well."""
    assert story.good()["outcome"] == "Promoted"
    bare = shutil.which("python3", path="/usr/bin:/bin")
    assert bare, "a plain interpreter of the system is part of this test"
    story.month(2)
    inventory = tmp_path / "inventory.yaml"
    text = story.playground.inventory.read_text()
    broken = f'environments:\n  - {{name: "*", python: {bare}, targets: [onprem-serving]}}'
    inventory.write_text(text.replace("environments:", broken).replace("${home}", str(story.playground.home)))

    told = story.playground.landbridge("run", str(story.playground.scenario), "-i", str(inventory), "-o", "json")

    assert told.code == 6, told.err
    assert told.json["outcome"] == "RolledBack"
    assert "onprem" in told.err
    assert {site: predict(url) for site, url in story.urls().items()} == {"onprem": 1.0, "cloud": 1.0}
    assert [(row["site"], row["version"], row["traffic"]) for row in story.serving() if row["traffic"]] == [
        ("cloud", "1", 100),
        ("onprem", "1", 100),
    ]
    assert story.champion() == "1"
