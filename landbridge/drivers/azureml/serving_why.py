"""Why a colour failed. Azure tells it at the end of the operation that made it, and nowhere else; the log knows the cause."""

import json
import re
from collections.abc import Iterator
from typing import Any

from landbridge.domain.errors import PermanentError
from landbridge.drivers.azureml.client import Request, Workspace
from landbridge.drivers.azureml.errors import scrubbed, words_of
from landbridge.drivers.azureml.serving_reading import ONLINE

Object = dict[str, Any]

LINES = 200
LONGEST = 500  # characters
WRAPPERS = "azureml_inference_server_http."  # its exceptions say only that the script raised another one
CONTAINERS = ("InferenceServer", "StorageInitializer")
_RAISED = re.compile(r"^\s*[\w.]*(Error|Exception|Mismatch)\b.*")


def why(workspace: Workspace, path: str, operation: str) -> str:
    """`Code: sentence` for people, or "" when nothing tells.

    Args:
        path: of the deployment.
        operation: where the end of the operation that made it is told; "" = nobody knows.
    """
    told = _of_operation(workspace, operation) if operation else ""
    log = _of_log(workspace, path)
    text = f"{told} ({log})" if told and log and log not in told else told or log
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
        raised = list(_raised(log))
        if raised:
            return next((line for line in raised if not line.startswith(WRAPPERS)), raised[0])
    return ""


def _raised(log: str) -> Iterator[str]:
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
