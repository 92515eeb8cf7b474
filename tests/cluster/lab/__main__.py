"""`python -m tests.cluster.lab check|up|down|status|build|code`."""

import argparse
import sys

from tests.cluster.lab import lab
from tests.cluster.lab.settings import LabError

COMMANDS = {
    "check": "whether this machine lets a lab be; nothing is made or installed",
    "up": "both clusters, in at most a minute once built; what a crashed lab left is removed first",
    "down": "end it, and leave nothing but the cache",
    "status": "what runs, and how much memory it has",
    "build": "programs and images, a quarter of an hour the first time",
    "code": "give pods that start from now on landbridge's code as it is now",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in COMMANDS.items():
        options = commands.add_parser(name, help=text)
        if name == "down":
            options.add_argument("--force", action="store_true", help="even under tests that use it")
    given = parser.parse_args(arguments)
    try:
        _carry_out(given.command, getattr(given, "force", False))
    except LabError as error:
        sys.stderr.write(f"lab: {error}\n")
        return 1
    return 0


def _carry_out(command: str, force: bool) -> None:
    if command == "check":
        lab.check()
    elif command == "up" and not lab.up(_say):
        _say("it is up already")
    elif command == "down":
        lab.down(_say, force)
    elif command == "status":
        _say("\n".join(lab.status()))
    elif command == "build":
        _say(f"all of it is in {lab.built(_say)}")
    elif command == "code":
        lab.refresh_code(_say)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
