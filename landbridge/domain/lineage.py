"""What every model version says of its origin: registry tags, keys `landbridge.*`. Read back, they are the last run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from landbridge.domain.retrain import RunParts, run_key

RUN_KEY: Final = "landbridge.run_key"
SCENARIO: Final = "landbridge.scenario"
DATA: Final = "landbridge.data."  # + asset name → digest
FILES: Final = "landbridge.files."  # + asset name → number of files
CODE: Final = "landbridge.code"
ENVIRONMENT: Final = "landbridge.environment"
JOB: Final = "landbridge.job"
NONCE: Final = "landbridge.nonce"
TARGET: Final = "landbridge.target"
SITE: Final = "landbridge.site"
TRIGGER: Final = "landbridge.trigger"
DIGEST: Final = "landbridge.digest"  # of the model's files
TOKEN: Final = "landbridge.token"  # noqa: S105 - the lease's fencing token, a number
EXPORTED_METRICS: Final = "landbridge.exported_metrics"  # JSON list of names


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a model version comes from.

    Attributes:
        target, site: where it was trained.
        trigger: what started the run: `run`, `retrain`, `new-data:<name>`, `schedule` …
        digest: of the model's files.
        token: the fencing token under which it was registered; 0 = none.
        exported_metrics: names of the metrics that may be outside the data's residency.
    """

    parts: RunParts
    target: str = ""
    site: str = ""
    trigger: str = ""
    digest: str = ""
    token: int = 0
    exported_metrics: tuple[str, ...] = ()

    @property
    def run_key(self) -> str:
        return run_key(self.parts)


def lineage_tags(lineage: Lineage) -> dict[str, str]:
    """The tags of a model version. `parse_lineage` reads them back, equal."""
    parts = lineage.parts
    tags = {
        RUN_KEY: lineage.run_key,
        SCENARIO: parts.scenario,
        CODE: parts.code,
        ENVIRONMENT: parts.environment,
        JOB: parts.job,
        TARGET: lineage.target,
        SITE: lineage.site,
        TRIGGER: lineage.trigger,
        DIGEST: lineage.digest,
        TOKEN: str(lineage.token),
        EXPORTED_METRICS: json.dumps(lineage.exported_metrics),
    }
    if parts.nonce:
        tags[NONCE] = parts.nonce
    tags |= {f"{DATA}{name}": digest for name, digest in parts.data.items()}
    return tags | {f"{FILES}{name}": str(count) for name, count in parts.files.items()}


def parse_lineage(tags: Mapping[str, str]) -> Lineage | None:
    """Read the tags of a version; None when landbridge did not make it. Missing or foreign values become empty ones."""
    if RUN_KEY not in tags:
        return None
    parts = RunParts(
        scenario=tags.get(SCENARIO, ""),
        data=_below(DATA, tags),
        code=tags.get(CODE, ""),
        environment=tags.get(ENVIRONMENT, ""),
        job=tags.get(JOB, ""),
        nonce=tags.get(NONCE, ""),
        files={name: int(count) for name, count in _below(FILES, tags).items() if _is_number(count)},
    )
    token = tags.get(TOKEN, "")
    return Lineage(
        parts,
        target=tags.get(TARGET, ""),
        site=tags.get(SITE, ""),
        trigger=tags.get(TRIGGER, ""),
        digest=tags.get(DIGEST, ""),
        token=int(token) if _is_number(token) else 0,
        exported_metrics=_names(tags.get(EXPORTED_METRICS, "")),
    )


def _below(prefix: str, tags: Mapping[str, str]) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in tags.items() if key.startswith(prefix)}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def _names(text: str) -> tuple[str, ...]:
    try:
        names = json.loads(text or "[]")
    except ValueError:
        return ()
    return tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else ()
