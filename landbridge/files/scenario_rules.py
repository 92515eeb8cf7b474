"""What must hold between the keys of a scenario, and of the files it names. Reads; changes nothing."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from landbridge.files.problems import Problem, unknown_word
from landbridge.files.scenario_keys import ScenarioKeys

ANYWHERE = "anywhere"


def scenario_problems(keys: ScenarioKeys, folder: Path) -> Iterator[Problem]:
    """All faults that only show when several keys, or the files beside, are seen together."""
    for rule in _RULES:
        yield from rule(keys, folder)


def under(folder: Path, relative: str) -> Path:
    return (folder / Path(relative).expanduser()).resolve()


def job_file(keys: ScenarioKeys) -> str:
    return keys.job if isinstance(keys.job, str) else keys.job.file


def smoke_requests(file: Path) -> tuple[str, ...]:
    """Each body as JSON text; a fault is a ValueError(message, hint)."""
    hint = "Give a JSON list of request bodies; each is sent to the endpoint as it stands."
    try:
        bodies = json.loads(file.read_bytes())
    except OSError as error:
        raise ValueError(f"the file {file} cannot be read: {error.strerror}", "Check the path.") from error
    except ValueError as error:
        raise ValueError(f"{file} is not JSON: {error}", hint) from error
    if not isinstance(bodies, list) or not bodies:
        raise ValueError(f"{file} does not hold a list with at least one request", hint)
    return tuple(json.dumps(body) for body in bodies)


def _files_exist(keys: ScenarioKeys, folder: Path) -> Iterator[Problem]:
    job = under(folder, job_file(keys))
    place = ("job",) if isinstance(keys.job, str) else ("job", "file")
    if not job.is_file():
        yield Problem(place, f"There is no job file {job}.", "Name the command-job YAML, relative to this file.")
    scoring = keys.endpoint.scoring
    if scoring and not (under(folder, scoring.code) / scoring.script).is_file():
        missing = under(folder, scoring.code) / scoring.script
        yield Problem(
            ("endpoint", "scoring", "script"), f"There is no file {missing}.", "Check `code` (folder) and `script`."
        )
    batch = keys.endpoint.batch
    if batch and not (missing := under(folder, batch)).is_file():
        hint = "Name the YAML of a batch deployment, relative to this file."
        yield Problem(("endpoint", "batch"), f"There is no file {missing}.", hint)


def _smoke_is_usable(keys: ScenarioKeys, folder: Path) -> Iterator[Problem]:
    smoke, place = keys.endpoint.smoke, ("endpoint", "smoke")
    if smoke.requests:
        try:
            smoke_requests(under(folder, smoke.requests))
        except ValueError as error:
            message, hint = error.args
            yield Problem((*place, "requests"), f"`endpoint.smoke.requests`: {message}.", hint)
    if smoke.min is not None and smoke.max is not None and smoke.min > smoke.max:
        yield Problem(
            (*place, "min"), f"`endpoint.smoke`: min {smoke.min} is above max {smoke.max}.", "Swap min and max."
        )
    if smoke.timeout <= 0:
        yield Problem((*place, "timeout"), "`endpoint.smoke.timeout` is 0.", "Write a duration such as 5s.")


def _gate_is_decidable(keys: ScenarioKeys, _: Path) -> Iterator[Problem]:
    gate = keys.gate
    if not gate.thresholds and gate.better_than_champion is None and gate.min_rows == 0:
        yield Problem(
            ("gate",),
            "The gate has no criterion, so every model would pass.",
            "Give it `thresholds`, `better_than_champion` or `min_rows`.",
        )
    for metric, bounds in gate.thresholds.items():
        place = ("gate", "thresholds", metric)
        if bounds.min is None and bounds.max is None:
            yield Problem(place, f"The threshold of {metric!r} has no bound.", "Give it `min`, `max` or both.")
        elif bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
            yield Problem(
                place, f"The threshold of {metric!r} has min {bounds.min} above max {bounds.max}.", "Swap min and max."
            )


def _rollout_rises_to_all(keys: ScenarioKeys, _: Path) -> Iterator[Problem]:
    steps = keys.rollout.steps
    for index, (before, after) in enumerate(pairwise(steps), start=1):
        if after <= before:
            yield Problem(
                ("rollout", "steps", index),
                f"`rollout.steps` must rise, but {after} follows {before}.",
                "Write rising percentages, such as [10, 50, 100].",
            )
    if steps[-1] != 100:
        yield Problem(("rollout", "steps"), f"`rollout.steps` ends at {steps[-1]}.", "End the list with 100.")


def _scale_is_a_range(keys: ScenarioKeys, _: Path) -> Iterator[Problem]:
    scale = keys.endpoint.deployment.scale_settings
    if scale.min_instances > scale.max_instances:
        yield Problem(
            ("endpoint", "deployment", "scale_settings", "min_instances"),
            f"min_instances {scale.min_instances} is above max_instances {scale.max_instances}.",
            "Raise max_instances or lower min_instances.",
        )


def _words_are_unique(keys: ScenarioKeys, _: Path) -> Iterator[Problem]:
    lists: list[tuple[tuple[str, ...], list[str]]] = [
        (("endpoint", "sites"), keys.endpoint.sites or []),
        (("placement", "prefer"), keys.placement.prefer),
        (("triggers", "new_data"), keys.triggers.new_data),
        (("exports", "metrics"), keys.exports.metrics),
    ]
    lists += [
        (("data", name, "residency"), a.residency) for name, a in keys.data.items() if isinstance(a.residency, list)
    ]
    for place, words in lists:
        for index, word in enumerate(words):
            if word in words[:index]:
                yield Problem((*place, index), f"`{'.'.join(place)}` names {word!r} twice.", "Remove one of the two.")


def _anywhere_stands_alone(keys: ScenarioKeys, _: Path) -> Iterator[Problem]:
    for name, asset in keys.data.items():
        if isinstance(asset.residency, list) and ANYWHERE in asset.residency and len(asset.residency) > 1:
            yield Problem(
                ("data", name, "residency"),
                f"`data.{name}.residency` says {ANYWHERE!r} beside other words.",
                f"Write either {ANYWHERE!r} or the sites.",
            )


def _triggers_are_known(keys: ScenarioKeys, _: Path) -> Iterator[Problem]:
    for index, name in enumerate(keys.triggers.new_data):
        if name not in keys.data:
            yield Problem(
                ("triggers", "new_data", index),
                f"`triggers.new_data` names {name!r}, which `data` does not declare.",
                unknown_word(name, tuple(keys.data), "data set"),
            )
    cron = keys.triggers.cron
    if cron and (fault := _cron_fault(cron)):
        yield Problem(
            ("triggers", "cron"),
            f"`triggers.cron` {cron!r} is not a schedule: {fault}.",
            "Write five fields: minute, hour, day of month, month, day of week; such as '0 3 * * Mon'.",
        )


def _cron_fault(expression: str) -> str:
    from datetime import UTC, datetime

    from cronsim import CronSim, CronSimError

    if len(expression.split()) != 5:
        return f"it has {len(expression.split())} fields instead of 5"
    try:
        next(CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return str(error)
    except StopIteration:
        return "it never comes"
    return ""


_RULES: tuple[Callable[[ScenarioKeys, Path], Iterator[Problem]], ...] = (
    _files_exist,
    _smoke_is_usable,
    _gate_is_decidable,
    _rollout_rises_to_all,
    _scale_is_a_range,
    _words_are_unique,
    _anywhere_stands_alone,
    _triggers_are_known,
)
