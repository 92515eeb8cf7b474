"""What an API server's answer means: transient or permanent, and what mends it. Pure; a table of real answers tests it.

Statuses: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from landbridge.domain.errors import (
    AuthError,
    ConflictError,
    LandbridgeError,
    NotFoundError,
    PermanentError,
    QuotaExceededError,
    RefusedError,
    TargetUnavailableError,
    TransientError,
)

NO_NAMESPACE = "namespaces "  # … "x" not found: how the API server begins
AGAIN = "Wait and try again; ask who runs the cluster if it stays so."
Make = Callable[[str, str], LandbridgeError]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no success: the HTTP status, and what the body says (empty when it is no Kubernetes Status)."""

    status: int
    reason: str = ""
    message: str = ""
    causes: tuple[str, ...] = ()


def read_answer(status: int, body: str | bytes | None) -> Answer:
    """Read a Kubernetes Status from a body, or what there is of it."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else (body or "")
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return Answer(status, message=text.strip()[:300])
    details = said.get("details") or {}
    causes = tuple(f"{item.get('field', '')}: {item.get('message', '')}" for item in details.get("causes") or ())
    return Answer(status, str(said.get("reason") or ""), str(said.get("message") or ""), causes)


# Words of a 403 → what it is. The first that fits counts.
FORBIDDEN: tuple[tuple[str, Make, str], ...] = (
    ("exceeded quota", QuotaExceededError, "Ask for less, end what runs in the namespace, or have its quota raised."),
    ("must specify", QuotaExceededError, "Give the instance type limits: the namespace's quota asks for them."),
    ("violates PodSecurity", RefusedError, "Remove from `overrides` what the namespace's Pod Security level forbids."),
    ("usage per", QuotaExceededError, "Ask for an amount that the namespace's LimitRange allows."),
    ("being terminated", PermanentError, "The namespace is being deleted: create it again, or name another."),
    ("cannot ", AuthError, "Give this account the right in the namespace (`landbridge ops namespaces` lists them)."),
)
BY_STATUS: dict[int, tuple[Make, str]] = {
    400: (PermanentError, "Read the API server's words; the request does not suit this version of Kubernetes."),
    401: (AuthError, "Renew the credentials of the kubeconfig."),
    403: (AuthError, "Read the API server's words: a right or an admission rule is missing."),
    404: (NotFoundError, "Check the namespace, the name, and that the cluster has this kind of object."),
    405: (PermanentError, "This cluster does not offer that; check its version."),
    409: (ConflictError, "Read it again: somebody else changed it first."),
    410: (TransientError, "Read it again: what was asked for is too old."),
    413: (PermanentError, "Put large files into the artifact store."),
    422: (PermanentError, "Correct the named field; `overrides` of the target are merged last."),
    429: (TransientError, "Wait: the API server asks for fewer requests."),
}


def to_error(answer: Answer, doing: str) -> LandbridgeError:
    """The error that an answer is, its message beginning with `doing` ("creating job 'x'")."""
    make, hint = _kind(answer)
    words = answer.message or answer.reason or "no words"
    known = [cause for cause in answer.causes if cause not in words and cause.split(": ", 1)[-1] not in words]
    causes = f" ({'; '.join(known)})" if known else ""
    said = f"{doing[0].upper()}{doing[1:]} failed: HTTP {answer.status} {answer.reason}".rstrip()
    return make(f"{said}: {words.rstrip('.')}{causes}.", hint)


def lacks_namespace(error: LandbridgeError) -> bool:
    """Whether it is the namespace itself that is not there."""
    return isinstance(error, NotFoundError) and f": {NO_NAMESPACE}" in error.message


def _kind(answer: Answer) -> tuple[Make, str]:
    if answer.status == 403:
        for words, make, hint in FORBIDDEN:
            if words in answer.message:
                return make, hint
    if answer.status == 404 and answer.message.startswith(NO_NAMESPACE):
        return NotFoundError, "Create the namespace (`landbridge ops namespaces`), or correct `namespace:`."
    if answer.status in BY_STATUS:
        return BY_STATUS[answer.status]
    return (TargetUnavailableError, AGAIN) if answer.status >= 500 else (PermanentError, AGAIN)
