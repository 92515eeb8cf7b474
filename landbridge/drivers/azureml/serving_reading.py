"""What Azure's answers say of an endpoint and its colours; pure but for `keep_pace`."""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from landbridge.domain.requests import ColourStatus
from landbridge.domain.values import ColourPhase
from landbridge.drivers.azureml.serving_bodies import APPLIED, DIGEST, MODEL, PROCESS, TARGET, VERSION

Object = dict[str, Any]

ONLINE = (
    "2023-10-01"  # the API version of endpoints, deployments and models: the newest stable one that is documented here
)
LIMIT_SECONDS = 20 * 60.0  # Azure's, on creating a deployment: image, model and init() together
SLACK_SECONDS = 60.0  # so long Azure may need to say so itself
BUSY = frozenset({"Creating", "Updating", "Deleting", "Scaling"})
ENDED = frozenset({"Failed", "Canceled"})
CALM_SECONDS, LONGEST_PAUSE_SECONDS = 20.0, 5.0  # of `keep_pace`
_BEGINS = frozenset({"Creating"})
_LEAVES = "Deleting"


@dataclass(frozen=True, slots=True)
class Seen:
    """An endpoint as Azure told it. `deployments`: by colour, without those on their way out."""

    endpoint: str
    resource: Object | None = None
    deployments: Mapping[str, Object] = field(default_factory=dict)

    @property
    def traffic(self) -> dict[str, int]:
        """Colour → percent, for every colour that is there."""
        told = (self.resource or {"properties": {}})["properties"].get("traffic") or {}
        return {colour: int(told.get(colour, 0)) for colour in self.deployments}

    @property
    def url(self) -> str:
        return str((self.resource or {"properties": {}})["properties"].get("scoringUri") or "")


def seen(endpoint: str, resource: Object | None, deployments: Iterable[Object]) -> Seen:
    """Put together; an endpoint on its way out is none any more."""
    if resource is None or state_of(resource) == _LEAVES:
        return Seen(endpoint)
    here = {str(item["name"]): item for item in deployments if state_of(item) != _LEAVES}
    return Seen(endpoint, resource, here)


def is_busy(resource: Object | None, deployments: Iterable[Object]) -> bool:
    """Whether an operation goes on, on the endpoint or on a colour: until its end Azure begins no other."""
    return resource is not None and any(state_of(item) in BUSY for item in (resource, *deployments))


def state_of(resource: Mapping[str, Any]) -> str:
    return str(resource["properties"].get("provisioningState") or "")


def tag(resource: Mapping[str, Any], key: str) -> str:
    return str((resource.get("tags") or {}).get(key, ""))


def is_ours(resource: Mapping[str, Any], target: str) -> bool:
    return tag(resource, TARGET) == target


def process(deployment: Mapping[str, Any]) -> str:
    return tag(deployment, PROCESS)


def age_seconds(deployment: Mapping[str, Any], now: float) -> float:
    """Since it was applied; 0 when nobody wrote that down."""
    applied = tag(deployment, APPLIED)
    return max(0.0, now - float(applied)) if applied.isdecimal() else 0.0


def colour_status(deployment: Mapping[str, Any], why: str, now: float) -> ColourStatus:
    """The colour as it is now. `why`: what is known of a failure. Azure does not tell restarts."""
    phase, reason = _phase(deployment, why, now)
    told = {key: tag(deployment, key) for key in (MODEL, VERSION, DIGEST)}
    return ColourStatus(str(deployment["name"]), phase, told[MODEL], told[VERSION], told[DIGEST], reason)


def _phase(deployment: Mapping[str, Any], why: str, now: float) -> tuple[ColourPhase, str]:
    """A colour that is `Updating` or `Scaling` was made before, and serves on as it was."""
    state = state_of(deployment)
    if state in ENDED:
        return ColourPhase.FAILED, why or f"{state}: Azure tells no reason"
    if state not in _BEGINS:
        return ColourPhase.READY, ""
    if age_seconds(deployment, now) > LIMIT_SECONDS + SLACK_SECONDS:
        return ColourPhase.FAILED, f"StartTimeout: not Ready within {LIMIT_SECONDS:.0f} s"
    return ColourPhase.PENDING, state


def keep_pace(place: tuple[str, ...], found: Seen, now: float) -> None:
    """Wait a little before a colour that has been starting for long is looked at again in this process.

    Azure needs minutes to make one, and counts requests; whoever follows it may ask four times a second.
    """
    starting = [age_seconds(item, now) for item in found.deployments.values() if state_of(item) in _BEGINS]
    pause = min(LONGEST_PAUSE_SECONDS, max(starting, default=0.0) / CALM_SECONDS)
    key = (str(os.getpid()), *place)
    since = time.monotonic() - _LOOKED.get(key, -LONGEST_PAUSE_SECONDS)
    if pause > 1 and since < pause:
        time.sleep(pause - since)
    _LOOKED[key] = time.monotonic()


_LOOKED: dict[tuple[str, ...], float] = {}
