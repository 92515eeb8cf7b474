"""What Azure starts in a deployment that has a score.py: it checks the model, then hands over to the script.

Azure puts a registered folder inside AZUREML_MODEL_DIR; here, as on every driver, AZUREML_MODEL_DIR is the folder itself.
The file travels with the scoring code, beside `model_server.py`; in an image there is no landbridge.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Any

SCRIPT, DIGEST = "LANDBRIDGE_SCORING_SCRIPT", "LANDBRIDGE_MODEL_DIGEST"
ROOT = "AZUREML_MODEL_DIR"
CHECKS = "landbridge_model_server"  # the module beside this file


def model_folder(root: str, digest: str) -> str:
    """The registered folder in `root`.

    Raises:
        DigestMismatchError: what was downloaded is not what was registered.
    """
    inside = [os.path.join(root, name) for name in sorted(os.listdir(root))]  # noqa: PTH118, PTH208
    found = inside[0] if len(inside) == 1 and os.path.isdir(inside[0]) else root  # noqa: PTH112
    checks: Any = importlib.import_module("landbridge.runner.model_server" if __package__ else CHECKS)
    checks.check_folder(found, digest)
    return found


def load(path: str) -> Any:
    """Import the script as a module of its own; it may import what lies beside it."""
    sys.path.insert(0, os.path.dirname(path))  # noqa: PTH120
    spec = importlib.util.spec_from_file_location("landbridge_scoring_script", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python script")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def hand_over(here: str) -> dict[str, Any]:
    """`init` and `run` of the script, as far as it has them: what is missing is told by Azure's own server."""
    os.environ[ROOT] = model_folder(os.environ[ROOT], os.environ.get(DIGEST, ""))
    module = load(os.path.join(here, os.environ[SCRIPT]))  # noqa: PTH118
    return {name: getattr(module, name) for name in ("init", "run") if hasattr(module, name)}


if SCRIPT in os.environ:
    globals().update(hand_over(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
