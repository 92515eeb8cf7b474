"""A model that brings code of its own is left as it was ordered, so that the next start finds the same digest."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from landbridge.drivers.trees import digest_folder
from landbridge.runner import model_server

CODE = Path(__file__).parents[1] / "e2e" / "tiny" / "src" / "constant.py"
MLMODEL = """\
flavors:
  python_function: {loader_module: constant, code: code, data: value.json}
mlflow_version: 3.17.2
"""
BODY = {"dataframe_split": {"columns": ["x"], "data": [[1]]}}


def model_with_code(folder: Path) -> Path:
    (folder / "code").mkdir(parents=True)
    shutil.copy(CODE, folder / "code" / "constant.py")
    (folder / "value.json").write_text("3.0")
    (folder / "MLmodel").write_text(MLMODEL)
    return folder


def test_serving_a_model_writes_no_bytecode_beside_its_code(tmp_path: Path) -> None:
    model = model_with_code(tmp_path / "model")
    digest = digest_folder(model)
    address = tmp_path / "s"
    order = {
        "flavour": "mlflow", "model": str(model), "digest": digest, "scoring": None, "socket": str(address), "colour": "blue",
        "environment": {}, "request_timeout_ms": 5000, "max_queue_wait_ms": 500, "max_concurrent": 1,
        "reason": str(tmp_path / "reason"),
    }  # fmt: skip
    (tmp_path / "order.json").write_text(json.dumps(order))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, model_server.__file__, str(tmp_path / "order.json")]
    with subprocess.Popen(command, env=environment) as server:
        try:
            await_listening(address)
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(address)), timeout=10.0) as http:
                answer = http.post("http://model/invocations", json=BODY).json()
        finally:
            server.terminate()
    assert answer == {"predictions": [3.0]}
    assert digest_folder(model) == digest


def await_listening(address: Path) -> None:
    deadline = time.monotonic() + 60
    with socket.socket(socket.AF_UNIX) as probe:
        while probe.connect_ex(str(address)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
