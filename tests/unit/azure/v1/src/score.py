"""As v1's pages show it: the model's folder, and a file beside the script by a path from the working directory."""

import json
import os
from pathlib import Path

loaded = {}


def init():
    loaded["model"] = (Path(os.environ["AZUREML_MODEL_DIR"]) / "model.txt").read_text().strip()
    loaded["words"] = json.loads(Path("src/words.json").read_text())


def run(raw_data):
    return {"model": loaded["model"], "greeting": loaded["words"]["greeting"], "given": json.loads(raw_data)}
