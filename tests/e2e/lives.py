"""A pattern's whole life through the command line: first run, nothing new, new data, a bad model, a broken one."""

from typing import Any

from tests.e2e.conftest import Playground
from tests.e2e.tiny_story import make_tiny

PATTERNS = [
    ("cloud_train_onprem_deploy", "lake"),
    ("hybrid_train_deploy", "lake"),
    ("onprem_train_cloud_deploy", "plant"),
    ("private_aks", "vault"),
    ("onprem_lifecycle", "plant"),
]
SITES = {
    "cloud_train_onprem_deploy": {"onprem"},
    "hybrid_train_deploy": {"onprem", "cloud"},
    "onprem_train_cloud_deploy": {"cloud"},
    "private_aks": {"cloud-vnet"},
    "onprem_lifecycle": {"onprem"},
}
BROKEN = """
    class Broken(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            raise RuntimeError("a column is missing")
    mlflow.pyfunc.save_model(arguments.model, python_model=Broken(), pip_requirements=["mlflow"])
"""


class Flights:
    """The job of scenarios/ as it is, on real flights."""

    bad = ("--set", "inputs.max_iter=1", "--set", "inputs.learning_rate=0.001")

    def __init__(self, playground: Playground) -> None:
        self._playground = playground
        playground.months("1-2")

    def new_data(self) -> None:
        self._playground.months("3")

    def break_the_model(self) -> None:
        saves = "        save(model, held_out[FEATURES].head(3), arguments.model)\n"
        self._playground.edit("flight-delay/src/train.py", saves, BROKEN.replace("\n    ", "\n        "))


class Tiny:
    """The same scenario with a job that takes a tenth of a second."""

    bad = ("--set", "inputs.mae=30")

    def __init__(self, playground: Playground) -> None:
        self._story = make_tiny(playground)

    def new_data(self) -> None:
        self._story.month(2)

    def break_the_model(self) -> None:
        answers = "return [self._value] * len(model_input)"
        self._story.playground.edit("tiny/src/constant.py", answers, 'raise RuntimeError("a column is missing")')


def served(report: dict[str, Any]) -> dict[str, str]:
    """Site → version that has all its traffic."""
    return {row["site"]: row["version"] for row in report["serving"] if row["traffic"] == 100}


def lives(playground: Playground, job: type[Tiny] | type[Flights]) -> None:
    sites = SITES[playground.scenario.stem]
    training = job(playground)

    first = playground.run()
    assert first.code == 0, first.err
    assert first.json["outcome"] == "Promoted"
    assert served(first.json) == dict.fromkeys(sites, "1")

    again = playground.run()
    assert again.code == 0, again.err
    assert again.json["outcome"] == "Unchanged"
    assert "unchanged" in again.json["text"]

    training.new_data()
    second = playground.run()
    assert second.code == 0, second.err
    assert served(second.json) == dict.fromkeys(sites, "2")

    bad = playground.run(*training.bad)
    assert bad.code == 5, bad.err
    assert bad.json["outcome"] == "Refused"
    assert served(bad.json) == dict.fromkeys(sites, "2")

    training.break_the_model()
    broken = playground.run()
    assert broken.code == 6, broken.err
    assert broken.json["outcome"] == "RolledBack"
    assert served(broken.json) == dict.fromkeys(sites, "2")
