"""MIGRATION.md: what became of every value, what is still to do, and the way from the old service to the new one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from landbridge.domain.azure.v1.account import Entry, Outcome
from landbridge.domain.azure.v1.cutover import CAPABILITIES, DATES, Step, steps
from landbridge.domain.azure.v1.twins import Default
from landbridge.files.markdown import row
from landbridge.files.v1 import Drafts, Source
from landbridge.files.v1_writing import Made

NAME = "MIGRATION.md"
SECTIONS: tuple[tuple[Outcome, str], ...] = (
    (Outcome.CHANGED, "Changed"),
    (Outcome.NO_TWIN, "Without twin in v2"),
    (Outcome.UNKNOWN, "Unknown: look at these yourself"),
    (Outcome.WRITTEN, "Written as it was"),
    (Outcome.REPORTED, "Said by the service of itself"),
)


@dataclass(frozen=True, slots=True)
class Defaults:
    """Defaults that differ, of one deployment or compute."""

    owner: str
    items: tuple[Default, ...]


def defaults_of(drafts: Drafts) -> tuple[Defaults, ...]:
    found = [Defaults(f"{one.name}/{item.name}", item.defaults) for one in drafts.services for item in one.deployments]
    found += [Defaults(item.old_name, item.defaults) for item in drafts.computes]
    return tuple(item for item in found if item.items)


def steps_of(drafts: Drafts) -> tuple[Step, ...]:
    types = any(item.instance_type for one in drafts.services for item in one.deployments)
    return steps(drafts.services, drafts.computes, types)


def report(drafts: Drafts, made: Made) -> str:
    lines = ["# From AksCompute to KubernetesCompute", ""]
    lines += [
        "Written by `landbridge ops migrate akscompute`. Every value of the files given stands in one table below.",
        "",
    ]
    lines += [*_files(drafts, made), *_todo(made.todo), *_defaults(drafts)]
    for source in drafts.sources:
        lines += [*_source(source)]
    lines += [*_capabilities(), *_plan(steps_of(drafts)), *_dates()]
    return "\n".join(lines).rstrip("\n") + "\n"


def _files(drafts: Drafts, made: Made) -> Iterator[str]:
    yield from ["## Files", ""]
    for source in drafts.sources:
        yield f"- read: `{source.path}` ({', '.join(source.kinds)})"
    for path in sorted(made.texts):
        yield f"- written: `{path}`"
    for folder, origin in made.copies.items():
        yield f"- copied: `{origin.name}` into `{folder}`"
    yield ""


def _todo(todo: Sequence[str]) -> Iterator[str]:
    yield from ["## Still to do", ""]
    yield from [f"- [ ] {sentence}" for sentence in todo] or ["Nothing but the plan below."]
    yield ""


def _defaults(drafts: Drafts) -> Iterator[str]:
    yield from ["## Defaults that differ", ""]
    yield from ["Each is written down as v1 had it, so that nothing changes by itself.", ""]
    yield from ["| for | field | v1 | v2 | note |", "|---|---|---|---|---|"]
    for owner in defaults_of(drafts):
        for item in owner.items:
            yield row(owner.owner, f"`{item.field}`", item.v1, item.v2, item.note)
    yield ""


def _source(source: Source) -> Iterator[str]:
    yield from [f"## What became of `{source.path}`", ""]
    for outcome, title in SECTIONS:
        found = [entry for entry in source.entries if entry.outcome is outcome]
        if found:
            yield from [f"### {title}", "", "| line | v1 | value | v2 | note |", "|---|---|---|---|---|"]
            yield from [_entry(source, entry) for entry in found]
            yield ""
    empty = [f"`{entry.name}`" for entry in source.entries if entry.outcome is Outcome.EMPTY]
    if empty:
        yield from ["### Not set", "", ", ".join(empty), ""]


def _entry(source: Source, entry: Entry) -> str:
    line = str(source.document.line(*entry.keys))
    return row(line, f"`{entry.name}`", entry.value, entry.target, entry.note)


def _capabilities() -> Iterator[str]:
    yield from ["## Side by side", "", "| | AksCompute | KubernetesCompute |", "|---|---|---|"]
    yield from [row(*cells) for cells in CAPABILITIES]
    yield ""


def _plan(found: Sequence[Step]) -> Iterator[str]:
    yield from ["## Cut-over plan", ""]
    yield "Old is blue, new is green: the old service answers until the end, and going back is one change of address."
    yield "Set the defaults once: `az configure --defaults group=GROUP workspace=WORKSPACE`."
    yield ""
    for number, step in enumerate(found, start=1):
        yield from [f"{number}. **{step.title}.** {step.why}", ""]
        if step.commands:
            yield from ["   ```sh", *(f"   {command}" for command in step.commands), "   ```", ""]


def _dates() -> Iterator[str]:
    yield from ["## End of support", "", "| date | what |", "|---|---|"]
    yield from [row(*cells) for cells in DATES]
