"""The runner of scoring jobs with a script of their own, with real scripts in real processes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from landbridge.runner.mini_batches import score_mini_batches as runner

SETTINGS: dict[str, Any] = {
    "scoring_script": "batch_driver.py",
    "model_name": "model",
    "error_threshold": 0,
    "mini_batch_size": 10,
    "max_concurrency_per_instance": 1,
    "max_retries": 0,
    "timeout": 20,
    "logging_level": "info",
    "output_action": "append_row",
    "output_file_name": "predictions.csv",
}
NAMES = (
    "import os\ndef init(): pass\ndef run(mini_batch):\n    return [os.path.basename(path) for path in mini_batch]\n"
)
TABLE = """
import os, pandas as pd
def init():
    global slope
    slope = float(open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "slope")).read())
def run(mini_batch):
    rows = [(os.path.basename(path), slope * len(open(path).read()), "two words") for path in mini_batch]
    return pd.DataFrame(rows, columns=["file", "prediction", "note"])
"""
ONCE = """
import os
def init():
    global calls
    calls = 0
def run(mini_batch):
    global calls
    calls += 1
    seen = os.environ["AZUREML_BI_OUTPUT_PATH"] + "/.seen"
    if "b.txt" in mini_batch[0] and not os.path.exists(seen):
        open(seen, "w").close()
        {trouble}
    return [f"{{os.path.basename(path)}} {{os.getpid()}} {{calls}}" for path in mini_batch]
"""
HANG = "import time; time.sleep(600)"
CRASH = "os._exit(9)"


class Place:
    def __init__(self, folder: Path) -> None:
        self.code, self.model, self.data, self.out = (folder / name for name in ("code", "model", "data", "out"))
        for each in (self.code / "beside", self.model, self.data):
            each.mkdir(parents=True)
        (self.model / "slope").write_text("2.0")
        self.said = ""

    def files(self, *names: str) -> None:
        for name in names:
            (self.data / name).parent.mkdir(parents=True, exist_ok=True)
            (self.data / name).write_text("xyz")

    def score(self, script: str, **settings: Any) -> int:
        whole = SETTINGS | settings
        file = self.code / whole["scoring_script"]
        file.parent.mkdir(exist_ok=True)
        file.write_text(script)
        (self.code / "beside" / "settings.json").write_text(json.dumps(whole))
        words = ["--settings", "beside/settings.json", "--model", str(self.model), "--data", str(self.data)]
        done = subprocess.run(
            [sys.executable, runner.__file__, *words, "--out", str(self.out)],
            cwd=self.code,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        self.said = done.stdout
        return done.returncode

    def lines(self, name: str = "predictions.csv") -> list[str]:
        return (self.out / name).read_text().splitlines()

    @property
    def summary(self) -> Any:
        return json.loads((self.out / "summary.json").read_text())

    @property
    def left(self) -> list[str]:
        return sorted(path.name for path in self.out.iterdir())

    @property
    def counts(self) -> tuple[int, int, int]:
        """Files, failed files, items."""
        return self.summary["files"], self.summary["failed_files"], self.summary["rows"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.files("a.txt", "b.txt", "c.txt")
    return made


class TestReturned:
    def test_a_table_is_written_as_azure_writes_it_without_names_and_with_blanks_between(self, place: Place) -> None:
        assert place.score(TABLE, mini_batch_size=2) == 0
        assert place.lines() == [f'{name}.txt 6.0 "two words"' for name in "abc"]
        assert place.counts == (3, 0, 3)

    def test_a_list_is_a_line_for_each_item_in_one_file_of_the_wanted_name(self, place: Place) -> None:
        place.files("deep/d.bin")
        assert place.score(NAMES, output_file_name="my scores.txt") == 0
        assert place.lines("my scores.txt") == ["a.txt", "b.txt", "c.txt", "d.bin"]

    def test_an_array_is_a_list(self, place: Place) -> None:
        script = "import numpy\ndef init(): pass\ndef run(mini_batch): return numpy.ones(len(mini_batch))"
        assert (place.score(script), place.lines()) == (0, ["1.0"] * 3)

    def test_a_call_gets_as_many_files_as_a_mini_batch_has(self, place: Place) -> None:
        script = "def init(): pass\ndef run(mini_batch): return [len(mini_batch)] * len(mini_batch)"
        assert (place.score(script, mini_batch_size=2), place.lines()) == (0, ["2", "2", "1"])

    def test_hidden_files_are_no_data_and_one_file_is_a_data_set(self, place: Place) -> None:
        place.files(".hidden", ".tmp/x.txt")
        assert (place.score(NAMES), place.counts[0]) == (0, 3)
        place.data = place.data / "b.txt"
        assert (place.score(NAMES), place.lines()) == (0, ["b.txt"])

    def test_fewer_items_than_files_are_failed_files_and_more_are_not(self, place: Place) -> None:
        script = "def init(): pass\ndef run(mini_batch): return mini_batch[1:]"
        assert (place.score(script, error_threshold=1), place.counts) == (0, (3, 1, 2))
        assert place.summary["errors"] == [
            {"file": "a.txt, b.txt, c.txt", "failed_rows": 0, "error": "run() returned 2 items for 3 files"}
        ]
        assert place.score(script, error_threshold=0) == runner.FAILED_FILES
        assert "1 of 3 files failed; 0 may." in place.said
        script = "def init(): pass\ndef run(mini_batch): return mini_batch * 2"
        assert (place.score(script), place.counts) == (0, (3, 0, 6))

    @pytest.mark.parametrize("answer", ["None", "'text'", "{'a': 1}", "3"])
    def test_what_is_no_list_is_a_failure_that_says_what_it_must_be(self, place: Place, answer: str) -> None:
        assert place.score(f"def init(): pass\ndef run(mini_batch): return {answer}", error_threshold=2) == 1
        assert place.counts == (3, 3, 0)
        assert "it must be a DataFrame or a list" in place.summary["errors"][0]["error"]

    def test_summary_only_leaves_writing_to_the_script(self, place: Place) -> None:
        script = NAMES.replace(
            "    return", "    open(os.environ['AZUREML_BI_OUTPUT_PATH'] + '/own', 'w').close()\n    return"
        )
        assert (place.score(script, output_action="summary_only"), place.counts) == (0, (3, 0, 3))
        assert place.left == ["own", "summary.json"]


@pytest.mark.slow
class TestScript:
    def test_init_is_called_once_for_each_of_two_processes(self, place: Place) -> None:
        """Each waits for the other, so one process alone would never end."""
        script = """
import os, time
def init():
    open(f"{os.environ['AZUREML_BI_OUTPUT_PATH']}/.{os.getpid()}", "x").close()
def run(mini_batch):
    while len([name for name in os.listdir(os.environ["AZUREML_BI_OUTPUT_PATH"]) if name[1:].isdigit()]) < 2:
        time.sleep(0.01)
    return [os.getpid()] * len(mini_batch)
"""
        place.files(*(f"{number}.txt" for number in range(8)))
        assert place.score(script, mini_batch_size=1, max_concurrency_per_instance=2) == 0
        assert place.counts == (11, 0, 11)
        assert len([name for name in place.left if name[1:].isdigit()]) == 2

    def test_a_script_in_a_folder_imports_what_lies_beside_it_and_at_the_top(self, place: Place) -> None:
        (place.code / "top.py").write_text("A = 'top'")
        (place.code / "deep").mkdir()
        (place.code / "deep" / "near.py").write_text("B = 'near'")
        script = "import top, near\ndef init(): pass\ndef run(mini_batch): return [top.A + near.B] * len(mini_batch)"
        assert (place.score(script, scoring_script="deep/score.py"), place.lines()) == (0, ["topnear"] * 3)

    def test_the_model_lies_in_a_folder_of_its_own_name_and_a_file_by_itself(self, place: Place) -> None:
        script = """
import os
def init(): pass
def run(mini_batch):
    return [os.path.relpath(os.path.join(at, name), os.environ["AZUREML_MODEL_DIR"])
            for at, _, names in os.walk(os.environ["AZUREML_MODEL_DIR"]) for name in names] * len(mini_batch)
"""
        assert (place.score(script, model_name="mnist"), set(place.lines())) == (0, {"mnist/slope"})
        assert (place.score(script, model_name="slope"), set(place.lines())) == (0, {"slope"})

    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ("def init(): raise ValueError('no weights')\ndef run(mini_batch): pass", "ValueError: no weights"),
            ("import os\ndef init(): os._exit(7)\ndef run(mini_batch): pass", "its process ended with exit code 7"),
            ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
            ("def init(): pass", "has no attribute 'run'"),
        ],
    )
    def test_a_script_that_cannot_begin_ends_the_job_whatever_may_fail(
        self, place: Place, script: str, words: str
    ) -> None:
        assert place.score(script, error_threshold=-1, mini_batch_size=1) == runner.UNFIT
        assert words in place.said
        assert place.counts == (3, 3, 0)

    def test_debug_shows_what_info_and_warning_do_not(self, place: Place) -> None:
        place.score(NAMES)
        assert "a.txt, b.txt, c.txt: 3 items" in place.said
        place.score(NAMES, logging_level="warning")
        assert place.said == ""

    def test_no_file_is_an_error(self, place: Place) -> None:
        for file in place.data.iterdir():
            file.unlink()
        assert place.score(NAMES) == runner.NO_FILES


@pytest.mark.slow
class TestTrouble:
    @pytest.mark.parametrize("trouble", ["raise ValueError('once')", HANG, CRASH, "raise SystemExit(3)"])
    def test_a_mini_batch_in_trouble_is_tried_again(self, place: Place, trouble: str) -> None:
        script = ONCE.format(trouble=trouble)
        assert place.score(script, mini_batch_size=1, max_retries=1, timeout=3) == 0
        assert place.counts == (3, 0, 3)
        found = [line.split() for line in place.lines()]
        assert [name for name, _, _ in found] == ["a.txt", "b.txt", "c.txt"]
        is_new = trouble in {HANG, CRASH}
        assert (found[0][1] != found[1][1]) is is_new  # the process is another where the first was ended
        assert found[2][2] == ("2" if is_new else "4")

    @pytest.mark.parametrize(
        ("trouble", "words"),
        [
            ("raise ValueError('always')", "ValueError: always"),
            (HANG, "it took longer than 2 s"),
            (CRASH, "its process ended with exit code 9"),
            ("os.kill(os.getpid(), 9)", "its process was killed by signal 9"),
        ],
    )
    def test_tries_are_bounded_and_the_other_files_are_scored(self, place: Place, trouble: str, words: str) -> None:
        script = f"""
import os
def init(): pass
def run(mini_batch):
    if "b.txt" in mini_batch[0]:
        open(os.environ["AZUREML_BI_OUTPUT_PATH"] + "/.tries", "a").write("x")
        {trouble}
    return [os.path.basename(path) for path in mini_batch]
"""
        assert place.score(script, mini_batch_size=1, max_retries=1, timeout=2, error_threshold=1) == 0
        assert (place.counts, place.lines()) == ((3, 1, 2), ["a.txt", "c.txt"])
        assert (place.out / ".tries").read_text() == "xx"
        assert place.summary["errors"] == [{"file": "b.txt", "failed_rows": 0, "error": words}]
        assert "b.txt: try 2 of 2 failed" in place.said

    def test_the_files_of_a_failed_mini_batch_have_all_failed(self, place: Place) -> None:
        script = "def init(): pass\ndef run(mini_batch): raise ValueError(len(mini_batch))"
        assert place.score(script, mini_batch_size=2, error_threshold=2) == runner.FAILED_FILES
        assert [(item["file"], item["error"]) for item in place.summary["errors"]] == [
            ("a.txt", "ValueError: 2"),
            ("b.txt", "ValueError: 2"),
            ("c.txt", "ValueError: 1"),
        ]

    def test_no_process_is_left_when_the_script_cannot_begin_beside_one_that_works(self, place: Place) -> None:
        script = f"""
import os, time
def init():
    global pid
    pid = os.environ["AZUREML_BI_OUTPUT_PATH"] + "/.pid"
    try:
        os.close(os.open(pid, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        while not open(pid).read():
            time.sleep(0.01)
        raise ValueError("two are too many")
def run(mini_batch):
    with open(pid, "w") as stream:
        stream.write(str(os.getpid()))
    {HANG}
"""
        assert place.score(script, mini_batch_size=1, max_concurrency_per_instance=2, timeout=60) == runner.UNFIT
        with pytest.raises(ProcessLookupError):
            os.kill(int((place.out / ".pid").read_text()), 0)
