"""Write the reference of errors and exit codes from `landbridge.domain.errors`.

`python -m landbridge.files.errors_page docs/errors.md` writes it; a test compares it with what is committed.
"""

import inspect
import sys
import textwrap
from collections.abc import Iterator

from landbridge.domain import errors
from landbridge.domain.errors import LandbridgeError, TransientError
from landbridge.files.markdown import write_page

REGENERATE = "python -m landbridge.files.errors_page docs/errors.md"
BUG, SYSTEM, INTERRUPTED = 70, 74, 130  # of `landbridge.cli`, which stands above; a test compares

_HEAD = f"""# Errors and exit codes

<!-- Generated: {REGENERATE}. Do not edit. -->

Every error says what failed and which object, and ends with `To fix:` and one sentence that mends it. Where a file is
at fault, the file and the line come first. A user's mistake never shows a Python traceback.

There are two families. A **transient** error may heal by itself: each step of a run tries again up to three times, with
growing pauses. A **permanent** error is never tried again.

Errors go to standard error, as text. With `--output json` the report of a run that ended badly is still printed on
standard output; its key `error` holds `error` (the class), `message`, `hint`, `where` and `exit_code`.
"""

_TAIL = f"""
## Other exit codes

| exit code | meaning |
|---|---|
| 0 | the command did what was asked |
| 1 | also: `landbridge doctor` found something wrong |
| 2 | also: the command line itself is wrong |
| {BUG} | a fault of landbridge: report it with what `--debug` shows |
| {SYSTEM} | the operating system refused something: a disk, a right, a socket |
| {INTERRUPTED} | interrupted with Ctrl-C |
"""


def error_classes() -> tuple[type[LandbridgeError], ...]:
    """Every error of landbridge, in the order of the source."""
    found = (item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, LandbridgeError))
    return tuple(sorted(found, key=lambda item: inspect.getsourcelines(item)[1]))


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_HEAD, *_tree(), "", *_codes(), "", *_meanings()]) + "\n" + _TAIL


def _tree() -> Iterator[str]:
    """The family tree, as the module's docstring draws it."""
    lines = inspect.cleandoc(errors.__doc__ or "").splitlines()
    first = next(number for number, line in enumerate(lines) if line.lstrip().startswith("LandbridgeError"))
    drawn = textwrap.dedent("\n".join(lines[first : lines.index("", first)]))
    yield from ["## The families", "", "```text", drawn, "```"]


def _codes() -> Iterator[str]:
    yield from ["## Exit codes", "", "| exit code | errors |", "|---|---|"]
    classes = error_classes()
    for code in sorted({item.exit_code for item in classes}):
        names = ", ".join(
            f"[`{item.__name__}`](#{item.__name__.lower()})" for item in classes if item.exit_code == code
        )
        yield f"| {code} | {names} |"


def _meanings() -> Iterator[str]:
    yield "## Each error"
    for item in error_classes():
        yield from ["", f"### {item.__name__}", "", (item.__doc__ or "").strip(), "", _facts(item)]


def _facts(item: type[LandbridgeError]) -> str:
    """Exit code, parent, and whether it is tried again, in one line."""
    parent = f"a kind of `{item.__bases__[0].__name__}`" if item is not LandbridgeError else "the root of all"
    retried = "tried again" if issubclass(item, TransientError) else "not tried again"
    return f"Exit code {item.exit_code}; {parent}{'' if item is LandbridgeError else f'; {retried}'}."


def main(arguments: list[str]) -> None:
    write_page(page, arguments, REGENERATE)


if __name__ == "__main__":
    main(sys.argv[1:])
