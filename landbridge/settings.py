"""Where landbridge keeps its state on this machine, and the few knobs of the environment.

Each setting has one home, one unit and one reason. Standard library only: everything may import it.
"""

import hashlib
import os
import tempfile
from pathlib import Path

HOME_VARIABLE = "LANDBRIDGE_HOME"
INVENTORY_VARIABLE = "LANDBRIDGE_INVENTORY"
PREFECT_PORT_VARIABLE = "LANDBRIDGE_PREFECT_PORT"
DATABASE_VARIABLE = "LANDBRIDGE_DATABASE_URL"

DEFAULT_PREFECT_PORT = 4200  # Prefect's own default, so its documentation fits; 0 = any free port


def home() -> Path:
    """The state directory: `$LANDBRIDGE_HOME`, else `~/.landbridge`. Absolute, not created."""
    return Path(os.environ.get(HOME_VARIABLE) or "~/.landbridge").expanduser().absolute()


def runtime_directory(state: Path) -> Path:
    """A short directory of our own for the sockets of `state`, created with mode 0700.

    A Unix socket's path may hold about 100 bytes, and a home may be longer; so the name is a digest of it.
    """
    root = Path(tempfile.gettempdir()) / f"landbridge-{os.getuid()}"
    directory = root / hashlib.sha256(str(state).encode()).hexdigest()[:12]
    for folder in (root, directory):
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to another user")
    return directory


def control_socket(state: Path) -> Path:
    """The socket of the `landbridge up` process that owns `state`."""
    return runtime_directory(state) / "up.sock"


def prefect_port() -> int:
    return int(os.environ.get(PREFECT_PORT_VARIABLE) or DEFAULT_PREFECT_PORT)


def database_url(state: Path) -> str:
    """SQLAlchemy URL of the ledger: `$LANDBRIDGE_DATABASE_URL`, else SQLite in the state directory."""
    return os.environ.get(DATABASE_VARIABLE) or f"sqlite:///{state / 'ledger.db'}"
