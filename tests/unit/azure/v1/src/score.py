"""As v1's pages show it: the model's folder, and a file beside the script by a path from the working directory."""

import json
import os


def init():
    global model, words
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.txt")) as file:
        model = file.read().strip()
    with open("src/words.json") as file:
        words = json.load(file)


def run(raw_data):
    return {"model": model, "greeting": words["greeting"], "given": json.loads(raw_data)}
