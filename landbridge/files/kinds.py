"""What kind of file somebody named: told by its top-level keys, before it is read as one."""

import re
from pathlib import Path

from landbridge.domain.errors import InputError

_KINDS = (
    ("sites", "inventory"),
    ("targets", "inventory"),
    ("pattern", "scenario"),
    ("command", "job"),
    ("trial", "job"),
    ("jobs", "job"),
    ("features", "extension"),
    ("clusters", "kubeconfig"),
)
_NO_ONLINE = "(?:compute|component|job_definition)"  # what a deployment for batches has, and no online one
_AZURE = (
    (r"^['\"]?\$schema['\"]?\s*:.*batchEndpoint\.", "batch endpoint"),
    (rf"^endpoint_name\s*:(?s:.*)^{_NO_ONLINE}\s*:|^{_NO_ONLINE}\s*:(?s:.*)^endpoint_name\s*:", "batch deployment"),
    (r"^['\"]?endpoint_name['\"]?\s*:|^['\"]?\$schema['\"]?\s*:.*OnlineDeployment\.", "online deployment"),
    (r"^['\"]?auth_mode['\"]?\s*:|^['\"]?\$schema['\"]?\s*:.*OnlineEndpoint\.", "online endpoint"),
)
"""Azure ML's own files, the first that fits. Of endpoints, those for batches are told by their schema alone; the others by
theirs, or by how callers prove who they are.
"""
OPERATIONS = "IT operations"
OWNER = {
    "scenario": "data science",
    "job": "data science",
    "batch endpoint": "data science",
    "batch deployment": "data science",
    "online endpoint": "data science",
    "online deployment": "data science",
    "inventory": OPERATIONS,
    "extension": OPERATIONS,
    "kubeconfig": OPERATIONS,
}


def kind_of(path: Path) -> str:
    """One of the keys of OWNER; "" for what has none of their keys, or cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    told = [(rf"^['\"]?{key}['\"]?\s*:", kind) for key, kind in _KINDS]
    return next((kind for sign, kind in (*told, *_AZURE) if re.search(sign, text, re.MULTILINE)), "")


def refuse_other_kinds(path: Path, wanted: str, named_by: str) -> None:
    """Let only files pass that may be of the kind `wanted`.

    Raises:
        InputError: it is another one; says whose it is.
    """
    found = kind_of(path)
    if found not in ("", wanted):
        article = "an" if found[0] in "aeiou" else "a"
        raise InputError(
            f"{path} is {article} {found} file, which belongs to {OWNER[found]}; `landbridge ops` takes {wanted} files here.",
            f"Name the {wanted} file of IT operations with {named_by}.",
            f"{path}:1",
        )


def refuse_operations(path: Path, wanted: str) -> None:
    """Refuse what belongs to IT operations where data science names its own files.

    Raises:
        InputError: it does; says what is taken here.
    """
    found = kind_of(path)
    if OWNER.get(found) == OPERATIONS:
        article = "an" if found[0] in "aeiou" else "a"
        raise InputError(
            f"{path} is {article} {found} file, which belongs to {OPERATIONS}; a {wanted} file is taken here.",
            f"Name a {wanted} file; what a run may use of the clusters stands in the inventory (--inventory).",
            f"{path}:1",
        )
