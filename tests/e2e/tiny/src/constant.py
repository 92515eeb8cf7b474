"""The tiny model, as MLflow loads it: whatever is asked, the answer is the number that is in its file."""

import json
from pathlib import Path
from typing import Any


class Constant:
    def __init__(self, value: float) -> None:
        self._value = value

    def predict(self, model_input: Any, params: Any = None) -> list[float]:
        return [self._value] * len(model_input)


def _load_pyfunc(path: str) -> Constant:
    return Constant(json.loads(Path(path).read_text()))
