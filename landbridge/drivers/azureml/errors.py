"""What an answer of Azure means: transient or permanent, whose fault, and what mends it. A table of real answers tests it.

The status decides for what HTTP has a meaning for (401, 404, 409, 412, 429, 5xx); else the table of Azure's own errors
(`landbridge.domain.azure.faults`), which also has the hint. Signatures of storage URLs never get into a message.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from landbridge.domain.azure.faults import Again, Fault, classify
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
from landbridge.domain.values import Avoid
from landbridge.drivers import faults

LONGEST = 600  # of Azure's words in a message, characters
AGAIN = "Wait and try again; https://status.azure.com tells of outages."
LOGIN = (
    "Log in again (`az login`), or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET of a service principal."
)
RIGHTS = "Give this identity the role AzureML Data Scientist on the workspace; for computes, AzureML Compute Operator."
Make = Callable[[str, str], LandbridgeError]

BY_STATUS: Mapping[int, tuple[Make, str]] = {
    401: (AuthError, LOGIN),
    403: (AuthError, RIGHTS),
    404: (
        NotFoundError,
        "Check the names, and the workspace, resource group and subscription of the target's options.",
    ),
    408: (TargetUnavailableError, AGAIN),
    409: (ConflictError, "Wait until the other operation on it has ended, then read it again."),
    412: (ConflictError, "Read it again: somebody else changed it first."),
    413: (PermanentError, "Send less at once; large files belong into a datastore."),
    429: (TransientError, "Wait: Azure asks for fewer requests."),
}
QUOTA = re.compile(r"quota|OutOfCapacity|SkuNotAvailable|AllocationFailed", re.IGNORECASE)
QUOTA_HINT = "Ask for less or another machine size, or have the quota raised (`az ml compute list-usage`)."
NO_PLACE = frozenset(
    {"SubscriptionNotFound", "ResourceGroupNotFound", "ParentResourceNotFound", "InvalidSubscriptionId"}
)
_SECRETS = (
    re.compile(
        r"((?:[?&;]|\b)(?:sig|signature|accountkey|sharedaccesssignature|client_secret|password)=)[^&;\s\"']+", re.I
    ),
    re.compile(r"(Bearer\s+)[A-Za-z0-9._~+/-]{16,}=*", re.I),
)
# Microsoft Entra's own codes: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_ENTRA_MAY_HEAL = re.compile(r"AADSTS(90033|90036|50196|700022)\b|temporarily_unavailable")
_CONNECTION = frozenset({
    "ServiceRequestError", "ServiceResponseError", "ServiceRequestTimeoutError", "ServiceResponseTimeoutError",
    "IncompleteReadError", "StreamConsumedError",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success. `code` and `message`: Azure's, "" when the body is none of ARM's."""

    status: int
    code: str = ""
    message: str = ""

    @property
    def fault(self) -> Fault | None:
        """The row of the table that it is most likely."""
        return classify(self.code, self.message)


def read_refusal(status: int, body: str | bytes | None) -> Refusal:
    """Read ARM's `{"error": {"code", "message", "details"}}`, or what there is of it."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else (body or "")
    try:
        said = json.loads(text)
    except ValueError:
        return Refusal(status, message=scrubbed(text.strip()[:LONGEST]))
    error = said.get("error", said) if isinstance(said, dict) else {}
    if not isinstance(error, dict):
        error = {"message": str(error), "code": str(said.get("error_description", ""))}
    return Refusal(status, *words_of(error))


def words_of(error: Mapping[str, Any]) -> tuple[str, str]:
    """Code and message of an error, with those of its details and inner errors that say more."""
    code, message = str(error.get("code") or ""), str(error.get("message") or "")
    further = [*(error.get("details") or ()), error.get("innerError"), error.get("innererror")]
    for detail in (one for one in further if isinstance(one, dict) and one):
        inner_code, inner = words_of(detail)
        if inner and inner not in message:
            message = f"{message.rstrip('.')}. {f'{inner_code}: ' if inner_code else ''}{inner}".lstrip(". ")
        code = inner_code if code in {"", "UserError", "BadRequest", "ServiceError"} and inner_code else code
    return code, scrubbed(message)[:LONGEST]


def scrubbed(text: str) -> str:
    """Without signatures, keys and tokens."""
    for pattern in _SECRETS:
        text = pattern.sub(r"\1***", text)
    return text


def to_error(refusal: Refusal, doing: str) -> LandbridgeError:
    """The error that an answer is, its message beginning with `doing` ("submitting job 'x'")."""
    make, hint = _kind(refusal)
    said = f"{doing[0].upper()}{doing[1:]} failed: HTTP {refusal.status} {refusal.code}".rstrip()
    return make(f"{said}: {(refusal.message or 'no further words').rstrip('.')}.", hint)


def operation_error(code: str, message: str, doing: str) -> LandbridgeError:
    """Why a long-running operation that Azure had taken on failed."""
    make, hint = _by_table(Refusal(0, code, message))
    said = f"{doing[0].upper()}{doing[1:]} failed: {code or 'Failed'}: {scrubbed(message).rstrip('.') or 'no further words'}."
    return make(said, hint)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Let only errors of `landbridge.domain.errors` out; azure-core's, azure-identity's and azure-storage's become them."""
    with faults.translated(doing):
        try:
            yield
        except LandbridgeError:
            raise
        except Exception as error:
            if (ours := _ours(error, doing)) is None:
                raise
            raise ours from error


def _ours(error: Exception, doing: str) -> LandbridgeError | None:
    """None: not an error of an Azure library. They are known by name: importing them is not worth it where none came."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "AzureError" not in names:
        return None
    begin, first = (
        f"{doing[0].upper()}{doing[1:]} failed",
        scrubbed(str(error).strip().split("\n")[0])[:LONGEST].rstrip("."),
    )
    status = getattr(error, "status_code", None)
    if names & _CONNECTION:
        return TargetUnavailableError(f"{begin}: no answer: {first}.", f"{AGAIN} Check the network and its proxy.")
    if "ClientAuthenticationError" in names and status not in {401, 403}:
        if _ENTRA_MAY_HEAL.search(str(error)):
            return TargetUnavailableError(f"{begin}: Microsoft Entra gives no token now: {first}.", AGAIN)
        return AuthError(f"{begin}: no token from Microsoft Entra: {first}.", LOGIN)
    if status:
        code = str(getattr(error, "error_code", "") or getattr(getattr(error, "error", None), "code", "") or "")
        return to_error(Refusal(int(status), str(getattr(code, "value", code)), first), doing)
    return TargetUnavailableError(f"{begin}: {first}.", AGAIN)


def lacks_place(refusal: Refusal, workspace: str) -> bool:
    """Whether it is the workspace itself, or what it is in, that is not there."""
    if refusal.status != 404:
        return False
    of_workspace = re.search(rf"workspaces?/{re.escape(workspace)}['\"\s]", f"{refusal.message} ", re.IGNORECASE)
    return refusal.code in NO_PLACE or bool(of_workspace)


def _kind(refusal: Refusal) -> tuple[Make, str]:
    status, fault = refusal.status, refusal.fault
    if status in BY_STATUS and not _is_quota(refusal):
        make, hint = BY_STATUS[status]
        return make, f"{fault.fix} {hint}" if fault and fault.pattern and status not in {401, 429} else hint
    if status >= 500:
        return TargetUnavailableError, fault.fix if fault and fault.pattern else AGAIN
    return _by_table(refusal)


def _by_table(refusal: Refusal) -> tuple[Make, str]:
    fault = refusal.fault
    if _is_quota(refusal):
        return QuotaExceededError, fault.fix if fault else QUOTA_HINT
    if fault is None:
        return PermanentError, "Read Azure's words; `landbridge ops explain` knows many of them."
    if fault.again is Again.TRANSIENT:
        return TransientError, fault.fix
    return PermanentError if fault.avoid is Avoid.EVERYTHING else RefusedError, fault.fix


def _is_quota(refusal: Refusal) -> bool:
    """A limit of the subscription, which comes as 400, 403 or 409; of a failed operation, as 0. A 429 passes by itself."""
    by_code = refusal.status in {0, 400, 403, 409} and QUOTA.search(refusal.code)
    return bool(by_code or (refusal.status == 403 and QUOTA.search(refusal.message)))
