"""Serving that serves nothing: phases and answers come from a plan in the target's options.

    options:
      colours:                    # glob over "<endpoint>/<model version>" → what becomes of such a colour; the first that fits
        "flights/3":
          pending_seconds: 0      # not Ready before; very many: never
          reason: ""              # Failed with this reason instead of Ready
          crash_after_seconds: 0  # above 0: Failed with `CrashLoop`, so long after it was Ready
          answers: [[200, '{"predictions": [1.0]}']]  # status and body, in turn; the last one again and again
          milliseconds: 1         # how long an answer takes; above the caller's timeout: none
      percents: [0, 100]          # what its router can give to a colour; absent: any percent
      foresees: {environment.image: why}  # what would delay a colour
      refuses: {instance_type: why}  # settings that this target refuses when they are set; `scoring` is one

An endpoint is one JSON file under the home, so every process sees it. `faults.json` beside them fails single calls
(`landbridge.drivers.memory.faults`).
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from landbridge.domain.errors import (
    CapabilityMissingError,
    ConflictError,
    CorruptError,
    InputError,
    NotFoundError,
    TargetUnavailableError,
)
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.plan import Finding, FindingKind
from landbridge.domain.requests import ColourSpec, ColourStatus, EndpointStatus, Prediction, RequestCounts
from landbridge.domain.scenario import ServingSettings
from landbridge.domain.values import ColourPhase, Json
from landbridge.drivers.faults import translated
from landbridge.drivers.findings import require_possible
from landbridge.drivers.memory.faults import FaultPlan
from landbridge.ports import ServingTarget

GOOD: tuple[int, str] = (200, '{"predictions": [1.0]}')


@dataclass(frozen=True, slots=True)
class ColourPlan:
    """What becomes of a colour."""

    pending_seconds: float = 0.0
    reason: str = ""
    crash_after_seconds: float = 0.0
    answers: tuple[tuple[int, str], ...] = (GOOD,)
    milliseconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Colour:
    """One colour as it lies in the file. `answered`/`failed` count its predictions."""

    model: str
    version: str
    digest: str
    process: str  # names all that decides what runs
    applied_at: float
    plan: ColourPlan
    answered: int = 0
    failed: int = 0

    def status(self, name: str) -> ColourStatus:
        """Where it is now, by the clock."""
        ready_at = self.applied_at + self.plan.pending_seconds
        crash = self.plan.crash_after_seconds
        phase, reason = ColourPhase.READY, ""
        if time.time() < ready_at:
            phase, reason = ColourPhase.PENDING, "Starting"
        elif self.plan.reason:
            phase, reason = ColourPhase.FAILED, self.plan.reason
        elif crash and time.time() >= ready_at + crash:
            phase, reason = ColourPhase.FAILED, "CrashLoop: it crashes, as planned"
        return ColourStatus(name, phase, self.model, self.version, self.digest, reason)


@dataclass(slots=True)
class Endpoint:
    colours: dict[str, Colour] = field(default_factory=dict)
    traffic: dict[str, int] = field(default_factory=dict)


def connect(target: Target, inventory: Inventory) -> ServingTarget:
    """Connect to `target`; asks nobody."""
    return MemoryServing(target, inventory)


class MemoryServing:
    """`ServingTarget` and every optional port beside it, without a process."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._target = target
        self._root = Path(inventory.home) / "sites" / target.site / "serving" / target.name
        self.faults = FaultPlan(self._root)

    def apply(self, colour: ColourSpec) -> None:
        with self._doing("apply"):
            require_possible(colour, self.findings(colour))
            endpoint = self._read(colour.endpoint)
            before, process = endpoint.colours.get(colour.colour), _process(colour)
            goes_on = before and before.process == process
            if before and goes_on and before.status("").phase is not ColourPhase.FAILED:
                new = replace(before, model=colour.model, version=colour.version, digest=colour.model_digest)
            elif before and endpoint.traffic[colour.colour]:
                raise _has_traffic(colour.endpoint, colour.colour, endpoint.traffic[colour.colour])
            else:
                plan = self._plan(colour)
                new = Colour(colour.model, colour.version, colour.model_digest, process, time.time(), plan)
            endpoint.colours[colour.colour] = new
            endpoint.traffic.setdefault(colour.colour, 0)
            self._write(colour.endpoint, endpoint)

    def observe(self, endpoint: str) -> EndpointStatus:
        with self._doing("observe"):
            found = self._read(endpoint)
            url = f"memory://{self._target.name}/{endpoint}" if found.colours else ""
            colours = {name: colour.status(name) for name, colour in found.colours.items()}
            return EndpointStatus(endpoint, url, colours, found.traffic)

    def predict(self, endpoint: str, colour: str, body: str, timeout_seconds: float) -> Prediction:
        with self._doing("predict"):
            found = self._read(endpoint)
            name = colour or _next(found)
            asked = found.colours.get(name)
            if asked is None:
                which = f"{colour or 'colour with traffic'} of endpoint {endpoint} on {self._target.name}"
                kind = NotFoundError if colour or not found.colours else TargetUnavailableError
                raise kind(f"There is no {which}.", "Apply it first, or shift traffic to one.")
            answers = asked.plan.answers
            status, text = (
                (400, "The body is not JSON.") if not _is_json(body) else answers[min(asked.answered, len(answers) - 1)]
            )
            late = asked.plan.milliseconds > timeout_seconds * 1000
            is_up = asked.status(name).phase is ColourPhase.READY
            bad = status >= 500 or late or not is_up
            found.colours[name] = replace(asked, answered=asked.answered + 1, failed=asked.failed + bad)
            self._write(endpoint, found)
            if late or not is_up:
                raise TargetUnavailableError(
                    f"{name} of endpoint {endpoint} gave no answer.", "Wait until it is Ready."
                )
            return Prediction(status, text, asked.plan.milliseconds, name)

    def remove(self, endpoint: str, colour: str) -> None:
        with self._doing("remove"):
            found = self._read(endpoint)
            if found.traffic.get(colour):
                raise _has_traffic(endpoint, colour, found.traffic[colour])
            found.colours.pop(colour, None)
            found.traffic.pop(colour, None)
            self._write(endpoint, found)

    def findings(self, colour: ColourSpec) -> tuple[Finding, ...]:
        said = "Nothing is served: options plan the answers."
        given = {"deployment": colour.settings != ServingSettings(), "scoring": colour.scoring is not None}
        nothing = [Finding(name, FindingKind.SUBSTITUTED, said) for name, is_given in given.items() if is_given]
        refuses = self._target.options.get("refuses")
        refused = (
            Finding(name, FindingKind.REFUSED, str(why), f"Remove {name}, or choose another target.")
            for name, why in (refuses.items() if isinstance(refuses, dict) else ())
            if _is_set(colour, name)
        )
        return (*nothing, *refused)

    def percents(self) -> frozenset[int]:
        given = self._target.options.get("percents")
        return frozenset(item for item in (given if isinstance(given, list) else range(101)) if isinstance(item, int))

    def foresee(self, colour: ColourSpec) -> tuple[Finding, ...]:  # noqa: ARG002 - it foresees the same for all
        with self._doing("foresee"):
            given = self._target.options.get("foresees")
            told = given.items() if isinstance(given, dict) else ()
            return tuple(Finding(name, FindingKind.NOTE, str(why)) for name, why in told)

    def shift(self, endpoint: str, weights: Mapping[str, int]) -> None:
        with self._doing("shift"):
            if sum(weights.values()) not in (0, 100) or any(weight < 0 for weight in weights.values()):
                raise InputError(f"Traffic {dict(weights)} does not sum to 0 or 100.", "Give percentages that do.")
            if not self.percents().issuperset(weights.values()):
                raise CapabilityMissingError(f"Traffic {dict(weights)} is too fine here.", "Use its `percents`.")
            found = self._read(endpoint)
            if not found.colours:
                raise NotFoundError(f"There is no endpoint {endpoint} on {self._target.name}.", "Apply a colour first.")
            for name in (name for name, weight in weights.items() if weight):
                colour = found.colours.get(name)
                if colour is None or colour.status(name).phase is not ColourPhase.READY:
                    raise ConflictError(f"{name} of endpoint {endpoint} is not Ready.", "Wait until it is.")
            found.traffic = {name: weights.get(name, 0) for name in found.colours}
            self._write(endpoint, found)

    def counts(self, endpoint: str) -> Mapping[str, RequestCounts]:
        with self._doing("counts"):
            return {
                name: RequestCounts(colour.answered, colour.failed, colour.plan.milliseconds)
                for name, colour in self._read(endpoint).colours.items()
            }

    def endpoints(self) -> tuple[str, ...]:
        with self._doing("endpoints"):
            return tuple(sorted(path.stem for path in (self._root / "endpoints").glob("[a-zA-Z]*.json")))

    @contextmanager
    def _doing(self, method: str) -> Iterator[None]:
        with translated(f"{method} on target {self._target.name!r}"):
            self.faults.meet(method)
            yield

    def _plan(self, colour: ColourSpec) -> ColourPlan:
        plans = self._target.options.get("colours")
        for pattern, plan in plans.items() if isinstance(plans, dict) else ():
            if fnmatchcase(f"{colour.endpoint}/{colour.version}", pattern):
                return _colour_plan(plan, f"targets.{self._target.name}.options.colours.{pattern}")
        return ColourPlan()

    def _path(self, endpoint: str) -> Path:
        return self._root / "endpoints" / f"{endpoint}.json"

    def _read(self, endpoint: str) -> Endpoint:
        try:
            written: dict[str, Any] = json.loads(self._path(endpoint).read_text(encoding="utf-8"))
            colours = {
                name: Colour(**{**colour, "plan": _colour_plan(colour["plan"], endpoint)})
                for name, colour in written["colours"].items()
            }
            return Endpoint(colours, written["traffic"])
        except FileNotFoundError:
            return Endpoint()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CorruptError(
                f"The endpoint record {self._path(endpoint)} cannot be read.", "Delete it, then run the scenario again."
            ) from error

    def _write(self, endpoint: str, content: Endpoint) -> None:
        path = self._path(endpoint)
        if not content.colours:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        draft.write_text(json.dumps(asdict(content)), encoding="utf-8")
        draft.replace(path)


def _is_json(body: str) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _is_set(colour: ColourSpec, name: str) -> bool:
    """Whether a setting differs from its default, or the colour brings scoring code."""
    if name == "scoring":
        return colour.scoring is not None
    return getattr(colour.settings, name, None) != getattr(ServingSettings(), name, None)


def _has_traffic(endpoint: str, colour: str, percent: int) -> ConflictError:
    return ConflictError(
        f"{colour} of endpoint {endpoint} has {percent} percent of the traffic.", "Shift its traffic away first."
    )


def _next(endpoint: Endpoint) -> str:
    """The colour whose turn it is: the one that is furthest behind its share; "" when none has traffic."""
    total = 1 + sum(endpoint.colours[name].answered for name, weight in endpoint.traffic.items() if weight)
    behind = {
        name: weight * total / 100 - endpoint.colours[name].answered
        for name, weight in endpoint.traffic.items()
        if weight
    }
    return max(behind, key=lambda name: behind[name], default="")


def _process(spec: ColourSpec) -> str:
    """As a text, because it is only compared."""
    url = "" if spec.model_digest else spec.model_url
    return repr(replace(spec, model="", version="", model_url=url, labels={}))


def _colour_plan(written: Json, where: str) -> ColourPlan:
    known = {item.name for item in fields(ColourPlan)}
    if not isinstance(written, dict) or written.keys() - known:
        raise InputError(f"{where} is no plan of a colour.", f"Use only {', '.join(sorted(known))}.")
    values: dict[str, Any] = dict(written)
    answers = tuple((int(status), str(body)) for status, body in values.get("answers", [GOOD]))
    return ColourPlan(**{**values, "answers": answers})
