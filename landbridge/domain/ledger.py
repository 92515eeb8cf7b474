"""What the ledger keeps. It copies nothing that Prefect (run states) or the registry (models, metrics) keep."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from landbridge.domain.values import Json


class Kind(StrEnum):
    """Kinds of entries."""

    SCENARIO = "scenario"  # a scenario was run here: its file, inventory, triggers
    PLAN = "plan"  # what was planned and why
    DECISION = "decision"  # placement, retrain or not
    MOVEMENT = "movement"  # bytes that crossed a site border, with the rule that allowed it
    JOB = "job"  # a training job: target, name, outcome
    SCORING = "scoring"  # a scoring job: model version, data, target, outcome, where the predictions are
    VERDICT = "verdict"  # what the gate said
    VERSION = "version"  # a model version came of a run key
    PREFLIGHT = "preflight"  # network and other checks with their evidence
    TARGET_STATE = "target-state"  # drained, maintenance, capacity: said by an operator


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit trail. `key` tells entries of one kind in one run apart. `at`: Unix time, s."""

    kind: Kind
    scenario: str
    run_key: str
    key: str
    at: float
    payload: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Lease:
    """`token` rises with every new holder of `name`; writers show it, and an old one is refused."""

    name: str
    holder: str
    token: int
    expires_at: float


class Outcome(StrEnum):
    RUNNING = "Running"
    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    ABANDONED = "Abandoned"  # a newer release took over


@dataclass(frozen=True, slots=True)
class Release:
    """One model version put on one or more sites' endpoints, with one verdict for all.

    Attributes:
        key: unique; `<run key>-<n>`.
        colours: site → colour that carries the version.
        previous: site → colour that served before, or "".
        phase: the rollout machine's phase (`landbridge.domain.rollout.Phase`), so a resumed run goes on there.
        trigger: what started it: `run`, `retrain`, `new-data:<name>`, `schedule`, `model-version`, `rollback`.
    """

    key: str
    scenario: str
    run_key: str
    endpoint: str
    model: str
    version: str
    colours: Mapping[str, str]
    previous: Mapping[str, str]
    phase: str
    step: int
    outcome: Outcome
    reason: str
    trigger: str
    started_at: float
    updated_at: float
    details: Mapping[str, Json] = field(default_factory=dict)


def target_states(entries: Iterable[Entry]) -> Mapping[str, Mapping[str, Json]]:
    """What operators said of targets and did not take back: target → state → payload.

    An entry of kind TARGET_STATE has the target's name as its key and the payload
    `{"state": "drained" | "maintenance" | "busy" | "gpu", "value": …, "reason": …, "cleared": bool}`.
    `entries` come newest first, as the ledger gives them; the newest of each target and state counts.
    """
    newest: dict[str, dict[str, Mapping[str, Json]]] = {}
    for entry in entries:
        if entry.kind is Kind.TARGET_STATE:
            newest.setdefault(entry.key, {}).setdefault(str(entry.payload.get("state", "")), entry.payload)
    held = {
        target: {state: dict(said) for state, said in states.items() if said.get("cleared") is not True}
        for target, states in newest.items()
    }
    return {target: states for target, states in held.items() if states}
