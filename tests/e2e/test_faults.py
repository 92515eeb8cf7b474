"""What goes wrong at the user's side: it is told with a remedy, nothing is half done, and what served serves on."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from landbridge.domain.ledger import Kind
from tests.e2e.conftest import COMMAND, Playground, Said, make_playground
from tests.e2e.tiny_story import HEADER, TRACE, TinyStory, make_tiny, predict
from tests.services.hosts import until

pytestmark = [pytest.mark.timeout(100), pytest.mark.slow]
HYBRID = [pytest.param(("hybrid_train_deploy", "lake"), id="hybrid")]


@pytest.fixture(scope="module")
def served(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyStory]:
    """A scenario whose version 1 serves; each test hands it back as it was, and the run after all of them is good."""
    folder = tmp_path_factory.mktemp("served") / "scenarios"
    story = make_tiny(make_playground(home, folder, "cloud_train_onprem_deploy", "lake"))
    assert story.good()["outcome"] == "Promoted"
    yield story
    assert story.good()["outcome"] == "Unchanged"


@pytest.fixture(scope="module")
def url(served: TinyStory) -> str:
    return served.urls()["onprem"]


@pytest.fixture
def steady(served: TinyStory, url: str) -> Iterator[TinyStory]:
    """The same, with the promise that nothing that the test does reaches what serves."""
    yield served
    assert predict(url) == 1.0
    assert (served.versions(), served.champion()) == (["1"], "1")
    assert not served.job_processes()


def told(said: Said, code: int, *words: str) -> None:
    """The exit code, every word of the message, a remedy, and no trace."""
    assert said.code == code, said.err + said.out
    for word in words:
        assert word in said.err
    assert "\nTo fix: " in said.err
    assert TRACE not in said.err + said.out


class TestData:
    def test_a_missing_data_folder_is_named(self, steady: TinyStory) -> None:
        lake = steady.playground.lake
        away = lake.rename(lake.with_name("away"))
        try:
            told(steady.run(), 7, str(lake))
            told(steady.playground.run(command="plan"), 7, str(lake))
        finally:
            away.rename(lake)

    def test_data_that_lost_a_column_fails_the_job_which_names_it(self, steady: TinyStory) -> None:
        file = steady.playground.lake / "flights-2013-01.csv"
        with steady.changed(file, lambda text: text.replace(HEADER, "month,delay")):
            told(steady.run(), 4, "no column 'arr_delay'", file.name)


class TestJob:
    """Jobs that fail in every way a job can."""

    @pytest.mark.parametrize(
        ("shell", "words"),
        [
            pytest.param("echo out of luck >&2; exit 1", ("exit code 1", "out of luck"), id="exits-1"),
            pytest.param("kill -9 $$", ("Signal 9 (Killed)",), id="is-killed"),
            pytest.param("true", ("left no model", "'model'"), id="writes-no-model"),
            pytest.param("echo 1 > ${{outputs.model}}/weights", ("no MLflow model", "MLmodel"), id="no-mlflow-model"),
            pytest.param(
                "ulimit -f 8; python -c \"open('${{outputs.model}}/MLmodel', 'wb').write(bytes(1 << 20))\"",
                ("DiskFull",),
                id="fills-the-disk",
            ),
            pytest.param("nonesuch --train", ("nonesuch", "not found"), id="no-such-program"),
        ],
    )
    def test_a_job_that_fails_is_4_with_the_reason(self, steady: TinyStory, shell: str, words: tuple[str, ...]) -> None:
        with steady.with_command(shell):
            told(steady.run(), 4, *words)

    def test_a_job_that_hangs_is_ended_at_its_limit_with_all_its_processes(self, steady: TinyStory) -> None:
        text = steady.job.read_text()
        hanging = text.replace("timeout: 60", "timeout: 2")
        with steady.changed(steady.job, lambda _: hanging), steady.with_command("sleep 600 & sleep 600"):
            told(steady.run(), 4, "Timeout", "its limit of 2 s", "limits.timeout")
        assert not steady.job_processes()

    def test_the_log_of_a_failed_job_is_one_command_away(self, steady: TinyStory) -> None:
        with steady.with_command("echo the last words; exit 3"):
            told(steady.run(), 4, "landbridge logs")
            said = steady.playground.landbridge("logs", str(steady.playground.scenario))
        assert (said.code, "the last words" in said.out) == (0, True)

    def test_a_job_that_failed_runs_again_when_it_is_asked_for_again(self, steady: TinyStory) -> None:
        """Its cause may have been outside: a full disk that was emptied."""
        with steady.with_command("exit 1 # again"):
            before = len(steady.jobs())
            told(steady.run(), 4)
            told(steady.run(), 4)
        assert len(steady.jobs()) == before + 2


class TestRules:
    def test_a_gate_on_a_metric_that_the_job_does_not_log_names_the_nearest(self, steady: TinyStory) -> None:
        scenario = steady.playground.scenario
        with steady.changed(scenario, lambda text: text.replace("{mae: {max: 18}}", "{maee: {max: 18}}")):
            told(steady.run(), 2, "'maee'", "mae", str(scenario))

    def test_a_bad_model_is_refused_by_the_gate(self, steady: TinyStory) -> None:
        told(steady.run("--set", "inputs.mae=30"), 5, "mae is 30", "What serves now keeps serving")

    def test_an_unknown_target_is_named_with_the_nearest(self, served: TinyStory) -> None:
        scenario = str(served.playground.scenario)
        told(served.playground.landbridge("why-not", scenario, "onprem-rak"), 2, "onprem-rak", "onprem-rack")
        told(served.playground.landbridge("targets", "set", "cloud-cpuu", "--drain"), 2, "cloud-cpu")

    def test_an_environment_that_is_only_an_image_is_refused_by_the_plan(self, steady: TinyStory) -> None:
        with steady.changed(steady.job, lambda text: re.sub("environment: .*", "environment: {image: a/b:1}", text)):
            said = steady.run(command="plan")
            assert said.code == 3
            assert said.json["refused"]
            assert "a/b:1" in said.out
            before = steady.jobs()
            told(steady.run(), 3, "a/b:1")
            assert steady.jobs() == before

    @pytest.mark.parametrize("command", ["validate", "run"])
    @pytest.mark.parametrize(
        ("file", "right", "wrong"),
        [
            ("tiny/job.yaml", "limits:", "limit:"),
            ("cloud_train_onprem_deploy.yaml", "min_rows:", "min_row:"),
        ],
    )
    def test_an_unknown_key_is_named_with_file_line_and_the_nearest(
        self, served: TinyStory, command: str, file: str, right: str, wrong: str
    ) -> None:
        path = served.playground.folder / file
        with served.changed(path, lambda text: text.replace(right, wrong)):
            line = 1 + path.read_text().split(wrong)[0].count("\n")
            inventory = ["-i", str(served.playground.inventory)]
            said = served.playground.landbridge(command, str(served.playground.scenario), *inventory)
            told(said, 2, f"{file}:{line}: ", wrong.rstrip(":"), right.rstrip(":"))

    def test_an_unknown_key_of_the_inventory_is_named_with_file_and_line(
        self, served: TinyStory, tmp_path: Path
    ) -> None:
        mine = tmp_path / "mine.yaml"
        mine.write_text(served.playground.inventory.read_text().replace("capacity:", "capcity:", 1))
        line = 1 + mine.read_text().split("capcity:")[0].count("\n")
        told(
            served.playground.landbridge("run", str(served.playground.scenario), "-i", str(mine)),
            *(2, f"{mine}:{line}: ", "capacity"),
        )


@pytest.mark.parametrize("playground", [pytest.param(("cloud_train_onprem_deploy", "lake"), id="p1")], indirect=True)
def test_cloud_training_on_data_that_must_stay_is_refused_before_a_byte_moves(playground: Playground) -> None:
    story = make_tiny(playground)
    data = Path(str(playground.lake).replace("/cloud/lake/", "/onprem/plant/"))
    shutil.copytree(playground.lake, data)
    text = playground.scenario.read_text().replace("datastores/lake/", "datastores/plant/")
    playground.scenario.write_text(text.replace("residency: cloud", "residency: onprem"))
    cached = sorted(playground.home.glob("sites/cloud/cache/**/*"))

    said = story.run()

    told(said, 3, "residency", "onprem")
    assert said.json["outcome"] == "Failed"
    assert sorted(playground.home.glob("sites/cloud/cache/**/*")) == cached
    assert not story.entries(Kind.MOVEMENT)
    assert not story.jobs()
    assert not story.versions()


@pytest.mark.parametrize("playground", HYBRID, indirect=True)
def test_two_runs_at_once_make_one_job_one_version_and_one_champion(playground: Playground) -> None:
    story = make_tiny(playground)
    words = [*COMMAND, "run", str(playground.scenario), "-i", str(playground.inventory), "--output", "json"]
    both = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=playground.environment)
        for _ in range(2)
    ]
    said = [Said(run.wait(60), *[pipe.read() for pipe in (run.stdout, run.stderr) if pipe]) for run in both]
    for run in both:
        run.communicate()
    assert [one.code for one in said] == [0, 0], said
    first, second = (one.json for one in said)
    assert first["flow_run_id"] == second["flow_run_id"]
    assert {first["followed"], second["followed"]} == {True, False}
    assert "going already" in "".join(one.err for one in said)
    assert (len(story.jobs()), story.versions(), story.champion()) == (1, ["1"], "1")


@pytest.mark.parametrize("playground", HYBRID, indirect=True)
def test_services_that_are_killed_come_back_and_the_next_run_is_good(playground: Playground) -> None:
    story = make_tiny(playground)
    before: Any = story.client.health()
    for service in before["services"]:
        if service["name"] in {"prefect", "registry cloud"}:
            psutil.Process(service["pid"]).kill()

    assert story.good()["outcome"] == "Promoted"

    after: Any = until(lambda: _all_ready(story))
    assert (after["prefect"], after["registries"]) == (before["prefect"], before["registries"])


def _all_ready(story: TinyStory) -> Any:
    health: Any = story.client.health()
    return health if all(service["state"] == "ready" for service in health["services"]) else None
