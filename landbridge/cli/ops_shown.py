"""How `ops` shows changes and diagnoses: a table for people, or JSON."""

from collections.abc import Iterable, Mapping

import typer

from landbridge.cli import show
from landbridge.cli.options import Output
from landbridge.domain.operating import Action, Change, Diagnosis, Verdict
from landbridge.domain.values import NO_OPTIONS, Json
from landbridge.operations.plain import as_json

UNWELL = 1
WORDS = {Verdict.PASS: "pass", Verdict.FAIL: "FAIL", Verdict.UNSEEN: "unseen"}


def show_changes(target: str, changes: Iterable[Change], output: Output, more: Mapping[str, Json] = NO_OPTIONS) -> None:
    found = list(changes)
    if output is Output.JSON:
        show.print_json({"target": target, **more, "changes": [as_json(item) for item in found]})
        return
    rows = [(str(item.action), item.kind, item.name, item.detail) for item in found]
    show.table(("", "kind", "name", "what"), rows)
    changed = sum(item.action is not Action.KEEP for item in found)
    show.line(f"\n{changed} of {len(found)} objects differ." if changed else "\nNothing differs.")


def show_diagnoses(
    target: str, rows: Iterable[Diagnosis], output: Output, more: Mapping[str, Json] = NO_OPTIONS
) -> None:
    """Ends the command with 1 when one failed."""
    found = list(rows)
    failed = [item for item in found if item.verdict is Verdict.FAIL]
    unseen = [item for item in found if item.verdict is Verdict.UNSEEN]
    if output is Output.JSON:
        show.print_json({"target": target, **more, "healthy": not failed, "checks": [as_json(item) for item in found]})
    else:
        show.table(
            ("", "check", "why", "remedy"), [(WORDS[item.verdict], item.name, item.why, item.remedy) for item in found]
        )
        show.line(f"\n{_summary(len(found), len(failed), len(unseen))}")
    if failed:
        raise typer.Exit(UNWELL)


def _summary(all_: int, failed: int, unseen: int) -> str:
    said = f"{failed} of {all_} checks failed." if failed else f"{all_ - unseen} of {all_} checks passed."
    return said + (f" {unseen} could not be looked at." if unseen else "")
