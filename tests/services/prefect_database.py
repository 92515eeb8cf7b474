"""Prefect's empty database, made once: its migrations cost every new home 5 seconds of processor time, a copy costs none."""

import asyncio
import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

NAME = "prefect.db"
MADE = Path(sys.prefix) / f".prefect-{version('prefect')}.db"  # in the environment, so it goes with it


def give_database(home: Path) -> None:
    """Let the first start of `home` find the database that it would make. What a home has already stays."""
    place = home / "prefect"
    if (place / NAME).exists():
        return
    with MADE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not MADE.exists():
            _make()
    place.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(MADE, place / NAME)


def _make() -> None:
    with tempfile.TemporaryDirectory(dir=MADE.parent) as folder:
        environment = {**os.environ, "PREFECT_HOME": folder, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        subprocess.run([sys.executable, "-m", __name__], env=environment, check=True)
        whole = Path(folder) / "whole.db"
        with sqlite3.connect(Path(folder) / NAME) as migrated, sqlite3.connect(whole) as copy:
            migrated.backup(copy)  # its write-ahead log included
        whole.replace(MADE)


async def _migrate() -> None:
    from prefect.server.database import provide_database_interface

    await provide_database_interface().create_db()


if __name__ == "__main__":
    asyncio.run(_migrate())
