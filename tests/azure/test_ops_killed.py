"""`ops` killed right after Azure took a request, and run again: one extension, one relay, one compute, as ordered."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.azure.double.double import Double
from tests.azure.operated import write_inventory
from tests.unit.cli import landbridge

COMMAND = "import sys; from landbridge.cli import main; sys.exit(main(sys.argv[1:]))"
ORDER = {
    "name": "azureml",
    "features": "both",
    "settings": {"inferenceRouterServiceType": "NodePort", "allowInsecureConnections": True},
}
CASES = [
    ("install", "PUT", "/Microsoft.Relay/namespaces/[^/]+\\?"),
    ("install", "PUT", "/hybridConnections/[^/]+\\?"),
    ("install", "PUT", "/authorizationRules/"),
    ("install", "PUT", "/extensions/"),
    ("attach", "PUT", "/computes/"),
    ("attach", "PUT", "/jobs/"),
    ("detach", "DELETE", "/computes/"),
    ("remove", "DELETE", "/extensions/"),
]


class Place:
    """An Arc cluster, and the words of each command for it."""

    def __init__(self, azure: Double, folder: Path) -> None:
        self.azure = azure
        self.cluster = azure.seeds.cluster("one", settings={})
        self.inventory = write_inventory(azure, folder, compute="team", operations={"cluster": self.cluster})
        of = {"kind": "arc", "name": "one", "resource_group": azure.places.resource_group}
        (folder / "extension.yaml").write_text(yaml.safe_dump({**ORDER, "cluster": of}, sort_keys=False))
        self.order = str(folder / "extension.yaml")

    def words(self, verb: str) -> list[str]:
        given = ["aml", "--inventory", str(self.inventory)]
        if verb == "install":
            return ["ops", "extension", "install", *given, self.order]
        return ["ops", "extension", "remove", *given] if verb == "remove" else ["ops", verb, *given]

    def done(self, *verbs: str) -> None:
        for verb in verbs:
            said = landbridge(*self.words(verb))
            assert said.code == 0, said

    def there(self) -> tuple[list[str], list[str]]:
        """Names of extensions and of computes."""
        extensions = f"{self.cluster}/providers/Microsoft.KubernetesConfiguration/extensions"
        found = self.azure.world.resources.children
        return (
            [one["name"] for one in found(extensions) if one["properties"]["provisioningState"] == "Succeeded"],
            [one["name"] for one in found(self.azure.world.ml("computes"))],
        )


@pytest.fixture
def place(azure: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("LANDBRIDGE_HOME", str(tmp_path / "home"))
    return Place(azure, tmp_path)


@pytest.mark.parametrize(("verb", "method", "pattern"), CASES, ids=[f"{verb} {what}" for verb, _, what in CASES])
def test_killed_and_run_again_it_is_as_if_nothing_had_happened(
    place: Place, verb: str, method: str, pattern: str
) -> None:
    azure = place.azure
    place.done(*{"install": (), "attach": ("install",), "detach": ("install", "attach"), "remove": ("install",)}[verb])
    held = azure.faults.add(method, pattern)
    child = subprocess.Popen([sys.executable, "-c", COMMAND, *place.words(verb)], stderr=subprocess.DEVNULL)
    held.then = child.kill  # it is still importing
    assert child.wait(timeout=120) == -9
    place.done(verb)
    wanted = {
        "install": (["azureml"], []),
        "attach": (["azureml"], ["team"]),
        "detach": (["azureml"], []),
        "remove": ([], []),
    }
    assert place.there() == wanted[verb]
    relays = {one.path.lower() for one in azure.record.asked("PUT", "/Microsoft.Relay/namespaces/")}
    assert len({path.split("/hybridconnections")[0] for path in relays}) == 1
    assert not azure.world.resources.children(azure.world.ml("jobs")), "no probe is left"
