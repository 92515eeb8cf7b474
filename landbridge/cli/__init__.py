"""The command line: says what the user asked for, renders what came back. Its modules import nothing heavy at the top.

`main` is the entry point. Every error leaves here as text with a remedy, and as an exit code by its class.
"""

import atexit
import gc
import sys
from collections.abc import Sequence

COLLECT_EVERY = 100_000  # allocations; looking for garbage while modules are imported is a tenth of a command's time
INTERRUPTED = 130
BUG = 70
SYSTEM = 74  # the operating system refused something: a disk, a right, a socket


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code, or leaves by SystemExit where typer ends the command."""
    gc.set_threshold(COLLECT_EVERY)
    atexit.register(gc.disable)  # or Python looks through all there is once more before it frees it: 5 % of a command
    from landbridge.cli.app import app

    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given  # wherever it stands: it is added to a command that failed
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that knows no arrows shows a question mark
    try:
        app(args=[word for word in given if word != "--debug"], prog_name="landbridge")
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a fault of ours must not reach the user as a trace
        if debug:
            _trace(error)
        return tell(error)
    return 0


def tell(error: Exception) -> int:
    """Say an error on standard error; returns its exit code."""
    from landbridge.domain.errors import LandbridgeError

    if isinstance(error, LandbridgeError):
        where = f"{error.where}: " if error.where else ""
        _say(f"Error: {where}{error.message.rstrip()}\nTo fix: {error.hint}")
        return error.exit_code
    if isinstance(error, OSError) and error.strerror:
        what = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
        _say(f"Error: {what}.\nTo fix: Check the path, its rights and the free space; --debug shows where it happened.")
        return SYSTEM
    _say(f"Error: landbridge has a fault: {type(error).__name__}: {error}.\nTo fix: Report it with what --debug shows.")
    return BUG


def _trace(error: Exception) -> None:
    import traceback

    traceback.print_exception(error)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the one place where errors become text
