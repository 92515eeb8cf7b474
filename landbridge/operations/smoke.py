"""Ask a new colour real questions, through the router, before it gets traffic."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

from landbridge.domain.values import Json, ModelCopy
from landbridge.operations import connections
from landbridge.operations.story import Story

EXAMPLE = "serving_input_example.json"  # MLflow writes it beside a model that has an input example


def requests_for(story: Story, copy: ModelCopy) -> tuple[str, ...]:
    """The scenario's own requests, else the model's example; none when that was stripped at a border."""
    if story.scenario.endpoint.smoke.requests:
        return story.scenario.endpoint.smoke.requests
    example = Path(copy.url.removeprefix("file://")) / EXAMPLE
    return (example.read_text(),) if example.is_file() else ()


def smoke(story: Story, copy: ModelCopy, site: str, colour: str) -> str:
    """Send every smoke request to `colour`; returns "" when all answers are good, else what is wrong with the first bad one."""
    requests = requests_for(story, copy)
    if not requests:
        return "there is no smoke request to send: give endpoint.smoke.requests a file"
    target = connections.serving_at(story.inventory, site)
    settings = story.scenario.endpoint.smoke
    for number, body in enumerate(requests, start=1):
        answer = target.predict(story.scenario.endpoint.name, colour, body, settings.timeout_seconds)
        wrong = judge_answer(answer.status, answer.body, settings.minimum, settings.maximum)
        if wrong:
            return f"smoke request {number} of {len(requests)}: {wrong}"
    return ""


def judge_answer(status: int, body: str, minimum: float | None, maximum: float | None) -> str:
    """ "" for a good prediction: status 200, JSON with at least one value, numbers finite and within bounds."""
    if status != 200:
        return f"answered status {status}: {body[:200]}"
    try:
        answer = json.loads(body)
    except ValueError:
        return f"answered no JSON: {body[:200]}"
    values = list(_leaves(answer.get("predictions", answer) if isinstance(answer, dict) else answer))
    if not values:
        return "answered no prediction"
    for value in values:
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return f"predicted {value}, which is no value"
        if isinstance(value, int | float) and not isinstance(value, bool) and not _within(value, minimum, maximum):
            return f"predicted {value:g}, outside [{minimum}, {maximum}]"
    return ""


def _within(value: float, minimum: float | None, maximum: float | None) -> bool:
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


def _leaves(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
