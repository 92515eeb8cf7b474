"""Write the tables of what each driver does with each field of the YAML: `python -m landbridge.operations.drivers_page FILE`.

Every cell is what the driver itself says in the plan of a file with that field. A test compares the page with what is
committed; another one holds a field of which a driver says nothing to what the driver makes of it.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from landbridge.domain.plan import Finding
from landbridge.domain.requests import ResolvedEnvironment
from landbridge.domain.values import Json
from landbridge.files.markdown import write_page
from landbridge.operations import connections, probing
from landbridge.operations.planning import planned_colour
from landbridge.operations.probe_files import IMAGE, JOB, SCENARIO, Probe, drivers_that, least_story, probes, story_with
from landbridge.operations.sites import find_environment
from landbridge.operations.story import Story

REGENERATE = "python -m landbridge.operations.drivers_page docs/reference/drivers.md"
HONOURED = "honoured"

_HEAD = f"""# What each driver honours

<!-- Generated: {REGENERATE}. Do not edit. -->

Every field that landbridge reads of Azure ML's command job and online deployment, and what becomes of it on each
[driver](../drivers.md). The words are those of `landbridge plan`, which says them of your own files before anything runs.

| word | meaning |
|---|---|
| {HONOURED} | done as written, by the driver or by landbridge above it |
| substituted | something else stands in for it; the words say what |
| note | it changes nothing, or less than it seems; the words say why |
| refused | the plan is refused, for this reason |

No field is dropped in silence. A field that is not here is no field of these files: the file is refused with its line.
"""
_OF_JOBS = """## Command job

The YAML of `az ml job create`, with `type: command`. An environment means what the inventory's `environments` say: here an
image on all drivers but `local` and `azureml`, to which the inventory says nothing, so that a workspace makes it as the job
has it. `azureml` is here an attached Kubernetes compute. `memory` is for tests.
"""
_OF_COLOURS = """## Online deployment

What stands below `endpoint.deployment` and `endpoint.scoring` of a [scenario](scenario.md), under Azure ML's names.
"""
_SECTION = re.compile(r"(\w+(?:\.<name>)?)\.(?!<name>)(.+)")
_ABOVE = ("endpoint.deployment.", "endpoint.")  # what findings leave out of a scenario's fields

Cells = tuple[str, ...]


def page() -> str:
    """The whole page, in Markdown."""
    with TemporaryDirectory() as folder:
        least = least_story(Path(folder))
        jobs = _tables(least, JOB, "training", said_of_job)
        colours = _tables(least, SCENARIO, "serving", said_of_colour)
        return "\n".join([_HEAD, _OF_JOBS, *jobs, _OF_COLOURS, *colours]).rstrip() + "\n"


def said_of_job(story: Story, driver: str) -> tuple[Finding, ...]:
    return probing.findings(story, driver)


def said_of_colour(story: Story, driver: str) -> tuple[Finding, ...]:
    environment = find_environment(story.inventory, IMAGE, driver) or ResolvedEnvironment(IMAGE)
    return connections.serving(story.inventory, driver).findings(planned_colour(story, environment))


def about(probe: Probe, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those of `findings` that name the probe's field or a part of it; else what it is a part of, the nearest."""
    names = {f"{probe.field.removeprefix(above)}." for above in ("", *_ABOVE)}
    found = [item for item in findings if any(_is_part(f"{item.field}.", name) for name in names)]
    nearest = max((len(item.field) for item in found), default=0)
    return tuple(item for item in found if len(item.field) == nearest)


def _is_part(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _tables(least: Story, file: str, role: str, ask: Callable[[Story, str], tuple[Finding, ...]]) -> Iterator[str]:
    """One table for each section of the file; fields with which every driver does the same share a row."""
    names = drivers_that(role)
    told: dict[str, list[tuple[Probe, Cells]]] = {"": []}
    for probe in probes(file):
        story = story_with(least, probe.tree, file)
        cells = tuple(_cell(probe, ask(story, name)) for name in names)
        told.setdefault(_place(probe)[0], []).append((probe, cells))
    for section, rows in told.items():
        shared: dict[Cells, list[str]] = {}
        for _, same in groupby(rows, key=lambda row: row[0].path):
            for label, cells in _labelled(list(same)):
                shared.setdefault(cells, []).append(label)
        yield from [f"### `{section}`" if section else "### Top level", ""]
        yield from [f"| field | {' | '.join(f'`{name}`' for name in names)} |", "|---" * (len(names) + 1) + "|"]
        yield from (f"| {' | '.join((', '.join(labels), *cells))} |" for cells, labels in shared.items())
        yield ""


def _labelled(rows: list[tuple[Probe, Cells]]) -> Iterator[tuple[str, Cells]]:
    """A field's name once if all its values fare alike; else with each value, and with what stands beside it."""
    name = _place(rows[0][0])[1]
    if len({cells for _, cells in rows}) == 1:
        yield f"`{name}` {_words(rows)}".rstrip(), rows[0][1]
        return
    values: dict[str, list[tuple[Probe, Cells]]] = {}
    for row in rows:
        values.setdefault(_text(row[0].value), []).append(row)
    for value, same in values.items():
        label = f"`{name}: {value}`" if len(values) > 1 else f"`{name}`"
        told = [same] if len({cells for _, cells in same}) == 1 else [[row] for row in same]
        yield from ((f"{label} {_words(alike)}".rstrip(), alike[0][1]) for alike in told)


def _words(rows: list[tuple[Probe, Cells]]) -> str:
    """What stands beside the field in each of `rows`; "" when it matters in none."""
    found = {probe.words for probe, _ in rows}
    return found.pop() if len(found) == 1 else ""


def _cell(probe: Probe, findings: Iterable[Finding]) -> str:
    """`field: value: words` as the plan says it; the value stands in the row already."""
    said = []
    for item in about(probe, findings):
        detail = item.detail
        for value in _scalars(probe.tree):
            detail = detail.removeprefix(f"{_text(value)}: ")
        said.append(f"**{item.kind}**: {detail}")
    return "<br>".join(said).replace("|", r"\|") or HONOURED


def _place(probe: Probe) -> tuple[str, str]:
    """Section and name within it."""
    path = next((probe.path.removeprefix(above) for above in _ABOVE if probe.path.startswith(above)), probe.path)
    found = _SECTION.fullmatch(path)
    return (found[1], found[2]) if found else ("", path)


def _scalars(value: Json) -> Iterator[Json]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _scalars(item)
    else:
        yield value


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def main(arguments: list[str]) -> None:
    write_page(page, arguments, REGENERATE)


if __name__ == "__main__":
    main(sys.argv[1:])
