"""What `landbridge new` writes: a commented scenario that is valid and runs as it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from landbridge.domain.errors import InputError
from landbridge.domain.values import Pattern
from landbridge.files.fields import legal_endpoint

_FOLDER = Path(__file__).parent / "template"
_FILES = {
    "scenario.yaml": "scenario.yaml",
    "job.yaml": "job.yaml",
    "src/train.py": "train.py",
    "smoke.json": "smoke.json",
    "prepare.py": "prepare.py",
}
_REPLICATION = (
    "    replication: lazy # when another site gets its copy: `lazy` on first use, `proactive` ahead of need\n"
)
_EXPORTS = "exports: {model: true, metrics: [mae, rows]} # what may leave the sites named in `residency`\n"


@dataclass(frozen=True, slots=True)
class _Words:
    """What differs between the patterns."""

    story: str
    store: str
    home: str
    residency: str
    sites: str
    replication: str = ""
    exports: str = ""
    inventory: str = "inventory.yaml"


_WORDS = {
    Pattern.CLOUD_TRAIN_ONPREM_DEPLOY: _Words(
        "train in the cloud, serve on-premises", "lake", "cloud", "cloud", "[onprem]", exports=_EXPORTS
    ),
    Pattern.HYBRID_TRAIN_DEPLOY: _Words(
        "train on-premises, in the cloud when that cannot; serve on both sides",
        *("lake", "cloud", "[cloud, onprem]", "[onprem, cloud]", _REPLICATION),
    ),
    Pattern.ONPREM_TRAIN_CLOUD_DEPLOY: _Words(
        "train where the data must stay, serve in the cloud", "plant", "onprem", "onprem", "[cloud]", exports=_EXPORTS
    ),
    Pattern.PRIVATE_AKS: _Words(
        "train and serve on one's own AKS inside a private network",
        *("vault", "cloud-vnet", "cloud-vnet", "[cloud-vnet]"),
        inventory="inventory-private.yaml",
    ),
    Pattern.ONPREM_LIFECYCLE: _Words("everything stays on-premises", "plant", "onprem", "onprem", "[onprem]"),
}


def new_scenario(pattern: Pattern, name: str) -> Mapping[str, str]:
    """The files of a new scenario folder: relative path → text. Nothing is written.

    Raises:
        InputError: `name` cannot name an endpoint.
    """
    try:
        legal_endpoint(name)
    except ValueError as error:
        raise InputError(f"{error.args[0]}.", error.args[1]) from None
    words = _WORDS[pattern]
    values = {
        "NAME": name,
        "PATTERN": str(pattern),
        "STORY": words.story,
        "STORE": words.store,
        "HOME_SITE": words.home,
        "RESIDENCY": words.residency,
        "SITES": words.sites,
        "REPLICATION": words.replication,
        "EXPORTS": words.exports,
    }
    sources = _FILES | {"inventory.yaml": words.inventory}
    return {path: _filled(source, values) for path, source in sources.items()}


def _filled(source: str, values: Mapping[str, str]) -> str:
    text = (_FOLDER / f"{source}.txt").read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text.rstrip("\n") + "\n"
