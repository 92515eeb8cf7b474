"""Real faults of clusters while a scenario runs on both: what serves keeps serving, and the run ends well or says truly why."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from landbridge.drivers.kubernetes.pod_template import MANAGED_BY, OURS
from tests.cluster.clusters import Cluster, eventually, named
from tests.cluster.lab import faults
from tests.cluster.lab.settings import Site
from tests.cluster.load import under_load
from tests.cluster.scenario_sites import RUN_SECONDS, Sites, pods
from tests.cluster.teams import Team, make_namespace
from tests.e2e.tiny_story import BODY, Going, TinyStory, make_tiny, predict

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900, func_only=True)]
RACK, CLOUD = "onprem-rack", "cloud-cpu"
PER_SECOND, CALLERS = 5.0, 2
"""What waited on a broken line comes all at once: more callers than a pod serves at a time would be told 429, rightly."""
SPILL_SECONDS = 10.0  # Kubernetes' stamps count whole seconds; on an idle machine it takes 1 to 3
HOG = "python -c 'x = bytearray(4 << 30)'"


class Story(TinyStory):
    """A hybrid scenario on both clusters. Each test brings a month more, and the next one goes on from there."""

    def trained_on(self) -> str:
        """The target that trained what serves."""
        versions = self.ask("why", self.endpoint).json["versions"]
        return str(versions[max(versions, key=int)]["lineage"]["target"])

    def new_month(self) -> int:
        number = len(list(self.playground.lake.glob("flights-*.csv"))) + 1
        self.month(number)
        return number

    def serves(self, number: int) -> None:
        """Both sites answer with the model of so many months, the champion, and nothing else has traffic."""
        assert self.answers() == {"onprem": number, "cloud": number}
        rows = [row for row in self.serving() if row["traffic"]]
        assert {(row["traffic"], row["version"]) for row in rows} == {(100, self.champion())}

    def answers(self) -> dict[str, float]:
        """Site → what its endpoint answers now; a site that cannot be asked is not in it."""
        return {str(row["site"]): predict(row["url"]) for row in self.serving() if row["traffic"]}

    def running_jobs(self, team: Team) -> list[str]:
        """Jobs of this scenario on the team's cluster that have not ended."""
        found = team.cluster.get("jobs", "-n", team.namespace, "-l", f"{MANAGED_BY}={OURS}")["items"]
        mine = [job for job in found if job["metadata"]["name"].startswith(self.name)]
        return [str(job["metadata"]["name"]) for job in mine if (job.get("status") or {}).get("active")]

    @contextmanager
    def training(self, team: Team, seconds: int) -> Iterator[Going]:
        """A run whose job works for so long; the block begins when it does."""
        with self.going("--set", f"inputs.seconds={seconds}") as run:
            eventually(lambda: pods(team), lambda found: "Running" in found, 60.0)
            yield run

    @contextmanager
    def reaching(self, step: str, *arguments: str) -> Iterator[Going]:
        """A run; the block begins in the middle of `step`."""
        runs = self.playground.home / "runs"
        before = {path.name for path in runs.iterdir()}
        with self.going(*arguments) as run:

            def told() -> str:
                own = [path for path in runs.glob("*/events.jsonl") if path.parent.name not in before]
                return "".join(path.read_text() for path in own)

            eventually(told, lambda events: f'"step": "{step}", "state": "started"' in events, 120.0)
            yield run


@pytest.fixture(scope="module")
def story(two_sites: Sites, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """It serves at both sites."""
    folder = tmp_path_factory.mktemp("faults") / "scenarios"
    made = Story(make_tiny(two_sites.playground(folder, "hybrid_train_deploy", "lake")).playground)
    assert made.good()["outcome"] == "Promoted"
    return made


@pytest.fixture
def steady(story: Story, two_sites: Sites) -> Iterator[Story]:
    """The same, under a small load at both sites that loses no request, and without a running job at its end."""
    urls = story.urls()
    with (
        under_load(urls["onprem"], BODY, PER_SECOND, CALLERS) as onprem,
        under_load(urls["cloud"], BODY, PER_SECOND, CALLERS) as cloud,
    ):
        yield story
    assert (onprem.failed, cloud.failed) == ([], [])
    assert story.running_jobs(two_sites.rack) == story.running_jobs(two_sites.cloud) == []


def good(run: Going) -> dict[str, Any]:
    said = run.ends(RUN_SECONDS)
    assert said.code == 0, said.err
    report: dict[str, Any] = said.json
    return report


@pytest.mark.parametrize("daemon", ["kube-apiserver", "kubelet", "containerd"])
def test_a_daemon_that_is_killed_while_a_job_trains_costs_nothing(steady: Story, two_sites: Sites, daemon: str) -> None:
    site = two_sites.rack.cluster.own_site()
    number = steady.new_month()
    with steady.training(two_sites.rack, 12) as run:
        faults.kill(site, daemon)
        try:
            time.sleep(3.0)  # so long it is away: what a crash and its supervisor take
        finally:
            faults.restart(site, daemon)
        assert good(run)["outcome"] == "Promoted"
    steady.serves(number)
    assert steady.trained_on() == RACK


def test_a_cut_line_between_the_sites_is_nothing_to_a_run(steady: Story, two_sites: Sites) -> None:
    """The orchestrator reaches both; data and models go through it."""
    number = steady.new_month()
    with cut(two_sites.rack.cluster.own_site(), faults.WAN):
        assert steady.good()["outcome"] == "Promoted"
    steady.serves(number)


@pytest.mark.parametrize("step", ["train", "ship_model", "deploy_beside", "shift_traffic"])
def test_a_line_to_a_site_that_breaks_for_moments_costs_nothing(steady: Story, two_sites: Sites, step: str) -> None:
    """The orchestrator, the registry and the callers are at its other end: requests wait, and none is lost."""
    number = steady.new_month()
    with steady.reaching(step) as run:
        with cut(two_sites.rack.cluster.own_site(), faults.HUB):
            time.sleep(4.0)  # a request waits so long; the load gives it 10 s
        assert good(run)["outcome"] == "Promoted"
    steady.serves(number)
    assert steady.trained_on() == RACK


def test_a_site_that_is_lost_for_long_keeps_both_sites_as_they_are_until_it_is_back(
    story: Story, two_sites: Sites
) -> None:
    """Its job is given up; a release goes to both sites or to none; the next run ends the story; nothing is orphaned."""
    number, champion = story.new_month(), story.champion()
    with under_load(story.urls()["cloud"], BODY, PER_SECOND, CALLERS) as load:
        with story.training(two_sites.rack, 40) as run, cut(two_sites.rack.cluster.own_site(), faults.HUB):
            said = run.ends(RUN_SECONDS)
            assert (said.code, story.champion()) == (69, champion), said.err
            assert "onprem" in said.err
        assert story.good()["outcome"] == "Promoted"
        assert story.good(command="reconcile")
    assert load.failed == []
    eventually(story.answers, lambda found: found == {"onprem": number, "cloud": number}, 30.0)
    story.serves(number)
    assert story.running_jobs(two_sites.rack) == story.running_jobs(two_sites.cloud) == []


def test_a_cordoned_node_sends_the_job_away_and_a_new_colour_waits_for_it(steady: Story, two_sites: Sites) -> None:
    """It is the only node of the site: nothing new can train there, nor serve there, until it takes pods again."""
    site = two_sites.rack.cluster.own_site()
    number = steady.new_month()
    faults.cordon(site)
    try:
        with steady.going() as run:
            eventually(lambda: json.dumps(steady.serving()), lambda told: "unschedulable" in told, 120.0)
            faults.uncordon(site)
            assert good(run)["outcome"] == "Promoted"
    finally:
        faults.uncordon(site)
    steady.serves(number)
    assert steady.trained_on() == CLOUD


def test_a_quota_that_was_lowered_sends_the_job_to_the_cloud(steady: Story, two_sites: Sites) -> None:
    rack = two_sites.rack
    number = steady.new_month()
    quota = {**named("ResourceQuota", "lowered", rack.namespace), "spec": {"hard": {"requests.cpu": "500m"}}}
    rack.cluster.apply(quota)
    try:
        eventually(
            lambda: rack.cluster.get("resourcequota", "lowered", "-n", rack.namespace),
            lambda found: (found.get("status") or {}).get("hard"),
            20.0,
        )
        assert steady.good()["outcome"] == "Promoted"
    finally:
        rack.cluster.kubectl("delete", "resourcequota", "lowered", "-n", rack.namespace)
    steady.serves(number)
    assert steady.trained_on() == CLOUD


def test_an_image_that_is_not_there_sends_the_job_to_the_cloud_within_seconds(
    steady: Story, two_sites: Sites, tmp_path: Path
) -> None:
    number = steady.new_month()
    inventory = tmp_path / "inventory.yaml"
    text = steady.playground.inventory.read_text().replace("${home}", str(two_sites.home))
    missing = '"environments": [{"name": "*", "image": "landbridge.test/removed:1", "targets": ["onprem-rack"]},'
    inventory.write_text(text.replace('"environments": [', missing))
    playground = steady.playground

    said = playground.landbridge("run", str(playground.scenario), "-i", str(inventory), "-o", "json")

    assert said.code == 0, said.err
    assert "ImagePullBackOff" in said.err
    steady.serves(number)
    assert steady.trained_on() == CLOUD
    assert begun(two_sites.cloud.cluster, steady) - begun(two_sites.rack.cluster, steady) <= SPILL_SECONDS


def test_a_job_that_takes_more_memory_than_its_limit_is_told_so(steady: Story) -> None:
    versions = steady.versions()
    with steady.with_command(HOG):
        said = steady.run()
    assert said.code == 4, said.err
    assert "OutOfMemory" in said.err
    assert steady.versions() == versions
    assert steady.good()["outcome"] == "Unchanged"


def test_a_namespace_that_is_deleted_under_a_job_sends_it_to_the_cloud(steady: Story, two_sites: Sites) -> None:
    rack = two_sites.rack
    number = steady.new_month()
    try:
        with steady.training(rack, 20) as run:
            rack.cluster.kubectl("delete", "namespace", rack.namespace, "--wait=false")
            assert good(run)["outcome"] == "Promoted"
        steady.serves(number)
        assert steady.trained_on() == CLOUD
        assert steady.good(command="reconcile")
    finally:
        rack.cluster.kubectl("wait", "--for=delete", f"namespace/{rack.namespace}", "--timeout=120s")
        make_namespace(rack.cluster, rack.namespace)


@contextmanager
def cut(site: Site, link: str) -> Iterator[None]:
    faults.cut(site, link)
    try:
        yield
    finally:
        faults.heal(site, link)


def begun(cluster: Cluster, story: Story) -> float:
    """When the newest job of the scenario was made there, Unix time, whole seconds."""
    from landbridge.drivers.kubernetes.training_state import unix_time

    found = cluster.get("jobs", "-A", "-l", f"{MANAGED_BY}={OURS}")["items"]
    mine = [job["metadata"] for job in found if job["metadata"]["name"].startswith(story.name)]
    return max(unix_time(item["creationTimestamp"]) or 0.0 for item in mine)
