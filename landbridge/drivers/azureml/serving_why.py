"""Why a colour failed: Azure tells it at the end of the operation that made it, and nowhere else; then the container's log."""

import json
import re
from collections.abc import Iterator
from typing import Any

from landbridge.domain.azure.faults import match
from landbridge.domain.errors import PermanentError
from landbridge.drivers.azureml.client import Request, Workspace
from landbridge.drivers.azureml.errors import scrubbed, words_of
from landbridge.drivers.azureml.serving_reading import ONLINE

Object = dict[str, Any]

LINES = 200
LONGEST = 500  # characters
CONTAINERS = ("InferenceServer", "StorageInitializer")
_RAISED = re.compile(r"^\s*[\w.]*(Error|Exception|Mismatch)\b.*")


def why(workspace: Workspace, path: str, operation: str) -> str:
    """`Code: sentence` for people, or "" when nothing tells.

    Args:
        path: of the deployment.
        operation: where the end of the operation that made it is told; "" = nobody knows.
    """
    told = _of_operation(workspace, operation) if operation else ""
    text = told or _of_log(workspace, path)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _of_operation(workspace: Workspace, operation: str) -> str:
    """There are two ways to follow one: a status with the error in it, or an answer that is the error itself."""
    try:
        said = workspace.ask(Request("GET", operation, "reading how a deployment ended")).body
    except PermanentError as error:
        return error.message
    code, message = words_of(said.get("error") or {})
    return f"{code or 'Failed'}: {message}" if code or message else ""


def _of_log(workspace: Workspace, path: str) -> str:
    for container in CONTAINERS:
        order: Object = {"containerType": container, "tail": LINES}
        request = Request("POST", f"{path}/getLogs", "reading the log of a deployment", ONLINE, order)
        try:
            log = str(workspace.ask(request).body.get("content") or "")
        except PermanentError:  # its container never was
            continue
        if line := next(_last_words(log), ""):
            found = match(line)
            return f"{found[0].fault.code}: {line}" if found else line
    return ""


def _last_words(log: str) -> Iterator[str]:
    """The exceptions of a log, the last one first."""
    for line in reversed(log.splitlines()):
        text = line
        if line.startswith("{"):
            try:
                text = str(json.loads(line).get("message", line))
            except ValueError:
                text = line
        if _RAISED.match(text):
            yield scrubbed(text.strip())
