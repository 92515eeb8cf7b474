"""Train again or not. The run key names one run for ever: same parts, same key, same result."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from landbridge.domain.digests import digest_value, short
from landbridge.domain.plan import Decision

RUN_KEY_LENGTH = 16


@dataclass(frozen=True, slots=True)
class RunParts:
    """All that decides what a run yields.

    Attributes:
        data: asset name → digest of its content.
        code, job: digests of the job's folder and of its file with the literal inputs.
        environment: what the job's environment became, as text or digest.
        nonce: makes a forced run differ from the one before; else "".
        files: asset name → number of files, for people; not part of the key.
    """

    scenario: str
    data: Mapping[str, str]
    code: str
    environment: str
    job: str
    nonce: str = ""
    files: Mapping[str, int] = field(default_factory=dict)


def run_key(parts: RunParts) -> str:
    """Name a run: 16 hex digits."""
    return short(
        digest_value(
            {
                "scenario": parts.scenario,
                "data": dict(parts.data),
                "code": parts.code,
                "environment": parts.environment,
                "job": parts.job,
                "nonce": parts.nonce,
            }
        ),
        RUN_KEY_LENGTH,
    )


def decide(parts: RunParts, last: RunParts | None, forced: str = "") -> Decision:
    """Say whether to train, and what changed since the last run that left a model.

    Args:
        forced: why somebody asks for it anyway, or "". Nonces are not compared: forcing is said here.
    """
    if last is None:
        return Decision(True, _also("no model of this scenario is registered yet", forced), ("first run",))
    changes = (*_data_changes(parts, last), *_other_changes(parts, last))
    if forced:
        return Decision(True, _also("; ".join(changes), forced), (*changes, f"forced: {forced}"))
    if changes:
        return Decision(True, "; ".join(changes), changes)
    return Decision(False, "data, code, environment and job are those of the last run")


def _also(why: str, forced: str) -> str:
    return "; ".join(filter(None, (why, forced and f"forced: {forced}")))


def _data_changes(parts: RunParts, last: RunParts) -> tuple[str, ...]:
    changes = []
    for name in sorted({*parts.data, *last.data}):
        if name not in last.data:
            changes.append(f"data {name} is new")
        elif name not in parts.data:
            changes.append(f"data {name} is used no more")
        elif parts.data[name] != last.data[name]:
            changes.append(f"data {name} changed: {_from_to(name, parts, last)}")
    return tuple(changes)


def _from_to(name: str, parts: RunParts, last: RunParts) -> str:
    before, after = last.files.get(name), parts.files.get(name)
    if before is None or after is None:
        return f"{short(last.data[name])} → {short(parts.data[name])}"
    return f"{_files(before)} → {_files(after)}"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _other_changes(parts: RunParts, last: RunParts) -> tuple[str, ...]:
    pairs = (
        ("scenario", last.scenario, parts.scenario),
        ("code", last.code, parts.code),
        ("environment", last.environment, parts.environment),
        ("job", last.job, parts.job),
    )
    return tuple(f"{what} changed: {short(old)} → {short(new)}" for what, old, new in pairs if old != new)
