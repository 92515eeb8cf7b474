"""The score adapter: a script written for v1 runs unchanged, in a process of its own, with the folders that v2 gives it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from landbridge.domain.azure.v1.draft import Code, DeploymentDraft, ModelRef
from landbridge.files.v1_writing import ADAPTER, adapter
from tests.unit.cli import landbridge

HERE = Path(__file__).parent / "v1"
CALL = "import json, landbridge_score as it; it.init(); print(json.dumps(it.run('[1]')))"
SCRIPT = """import os
from pathlib import Path
def init():
    global seen
    root = Path(os.environ["AZUREML_MODEL_DIR"])
    seen = {path.relative_to(root).as_posix(): path.read_text() for path in sorted(root.rglob("*.txt"))}
    seen["cwd"] = sorted(path.as_posix() for path in Path("azureml-models").glob("*/*"))
def run(raw_data):
    return seen
"""


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def call(code: Path, mounted: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "AZUREML_MODEL_DIR": str(mounted), "PYTHONPATH": str(code)}
    return subprocess.run(
        [sys.executable, "-c", CALL], env=environment, capture_output=True, text=True, timeout=60, cwd="/", check=False
    )


def adapted(folder: Path, code: Code, *models: ModelRef) -> Path:
    place = folder / "code"
    put(place, ADAPTER, adapter(DeploymentDraft("blue", {}, models, code)))
    return place


def test_a_migrated_script_answers_as_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way: configurations of v1, the migration, the written folder, a mounted model."""
    monkeypatch.chdir(HERE)
    config = json.loads((HERE / "deploymentconfig.json").read_text()) | {"models": ["greeter:4"]}
    put(tmp_path, "dc.json", json.dumps(config))
    arguments = (str(tmp_path / "dc.json"), "inferenceconfig.json", "--name", "scoring", "--to", str(tmp_path / "out"))
    assert landbridge("ops", "migrate", "akscompute", *arguments).code == 0
    put(tmp_path, "mounted/model.txt", "weights\n")
    said = call(tmp_path / "out/scoring/code", tmp_path / "mounted")
    assert json.loads(said.stdout) == {"model": "weights", "greeting": "hello", "given": [1]}, said.stderr


def test_one_model_lies_where_v1_laid_it(tmp_path: Path) -> None:
    code = adapted(tmp_path, Code("score.py"), ModelRef("m", "3"))
    put(code, "score.py", SCRIPT)
    put(tmp_path, "mounted/weights.txt", "w")
    found = json.loads(call(code, tmp_path / "mounted").stdout)
    assert found == {"weights.txt": "w", "cwd": ["azureml-models/m/3"]}


@pytest.mark.parametrize("below", ["", "models/"])
def test_several_models_are_found_in_the_bundle(below: str, tmp_path: Path) -> None:
    """v2 keeps the name of a folder that was registered, or not: both are understood."""
    code = adapted(tmp_path, Code("score.py"), ModelRef("a", "1"), ModelRef("b", "2"))
    put(code, "score.py", SCRIPT)
    put(tmp_path, f"mounted/{below}a/1/x.txt", "A")
    put(tmp_path, f"mounted/{below}b/2/y.txt", "B")
    found = json.loads(call(code, tmp_path / "mounted").stdout)
    assert found["cwd"] == ["azureml-models/a/1", "azureml-models/b/2"]


def test_a_model_that_is_missing_in_the_bundle_is_named(tmp_path: Path) -> None:
    code = adapted(tmp_path, Code("score.py"), ModelRef("a", "1"), ModelRef("b", "2"))
    put(code, "score.py", SCRIPT)
    put(tmp_path, "mounted/a/1/x.txt", "A")
    said = call(code, tmp_path / "mounted")
    assert said.returncode != 0
    assert "holds no b/2" in said.stderr


def test_a_script_in_a_folder_finds_its_neighbours(tmp_path: Path) -> None:
    code = adapted(tmp_path, Code("serving/score.py", "src", "./src"))
    put(code, "serving/score.py", "import helper\nimport top\ndef init(): pass\ndef run(d): return [helper.X, top.Y]\n")
    put(code, "serving/helper.py", "X = 1\n")
    put(code, "top.py", "Y = 2\n")
    (tmp_path / "mounted").mkdir()
    assert json.loads(call(code, tmp_path / "mounted").stdout) == [1, 2]


@pytest.mark.slow
def test_azure_s_inference_server_serves_it(tmp_path: Path) -> None:
    """The server that an online deployment runs takes init() and run() of the adapter, decorated ones too."""
    code = adapted(tmp_path, Code("score.py"), ModelRef("m", "1"))
    put(
        code,
        "score.py",
        "from azureml_inference_server_http.api.aml_request import rawhttp\n"
        "def init(): pass\n@rawhttp\ndef run(request): return {'raw': request.get_data().decode()}\n",
    )
    (tmp_path / "mounted").mkdir()
    ask = (
        "from azureml_inference_server_http.server.create_app import create\n"
        "answer = create().test_client().post('/score', data='hello')\nprint(answer.status_code, answer.json)\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "AML_APP_ROOT": str(code),
        "AZUREML_ENTRY_SCRIPT": ADAPTER,
        "AZUREML_MODEL_DIR": str(tmp_path / "mounted"),
    }
    said = subprocess.run(
        [sys.executable, "-c", ask],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        cwd=tmp_path,
        check=False,
    )
    assert said.stdout.rstrip().endswith("200 {'raw': 'hello'}"), said.stderr
