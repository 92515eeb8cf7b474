"""A real PostgreSQL, once per test session, for the fixture `postgres_server`.

It needs PostgreSQL's own programs: `apt-get install postgresql` on Debian. They refuse to run as root, so a test run of
root starts them as the user `postgres`, which that package makes.

A test module gets it with `pytest_plugins = ["tests.services.postgres_server"]`.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.services.hosts import free_port

_READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class PostgresServer:
    port: int
    password: str

    def url(self, database: str = "postgres", password: str = "") -> str:
        """A plain PostgreSQL URL, as a user writes it."""
        return f"postgresql://landbridge:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        import psycopg

        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return self.url(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="landbridge-pg-"))
    server = PostgresServer(free_port(), secrets.token_hex(16))
    who = _user(folder)
    (folder / "password").write_text(server.password)
    try:
        _run(programs / "initdb", folder, who, "--auth=scram-sha-256", "--username=landbridge", "--no-sync")
        with (folder / "log").open("wb") as log:
            options = ("-h", "127.0.0.1", "-p", str(server.port), "-k", str(folder), "-F")
            command = [str(programs / "postgres"), "-D", str(folder / "data"), *options]
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **who)
        try:
            _wait_until_ready(server, process, folder / "log")
            yield server
        finally:
            process.terminate()
            process.wait(20)
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    found = shutil.which("postgres")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not places:
        pytest.skip("PostgreSQL is not installed here; Debian has it as `apt-get install postgresql`")
    return places[-1]


def _user(folder: Path) -> dict[str, Any]:
    """As whom to run: PostgreSQL refuses root."""
    if os.getuid() != 0:
        return {}
    shutil.chown(folder, "postgres", "postgres")
    return {"user": "postgres", "group": "postgres"}


def _run(program: Path, folder: Path, who: dict[str, Any], *options: str) -> None:
    command = [str(program), "-D", str(folder / "data"), f"--pwfile={folder / 'password'}", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False, **who)
    if done.returncode:
        pytest.fail(f"initdb failed: {done.stderr}")


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(server.url(), connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)  # between two polls; the deadline bounds it
    pytest.fail(f"PostgreSQL did not start: {log.read_text()[-2000:]}")
