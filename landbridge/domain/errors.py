"""Every error landbridge raises. docs/errors.md is generated from this module.

    LandbridgeError(message, hint)          str() = "{message} To fix: {hint}"
    ├── TransientError            69  the world may heal: retried, bounded, with jitter
    │   ├── TargetUnavailableError      a target, site or service did not answer
    │   ├── ConflictError               somebody else changed it first: read again
    │   └── BusyError             75  another run holds the lease of this scenario or model
    └── PermanentError             1  never retried
        ├── InputError             2  a file or an argument is wrong: file, line, what
        ├── RefusedError           3  the plan may not be carried out
        │   ├── NowhereToGoError        no target is eligible; what serves keeps serving
        │   ├── ResidencyError          resident data, or something derived from it, would leave
        │   ├── CapabilityMissingError  the target's driver cannot honour a field
        │   └── NetworkError            a network that must be private is not
        ├── JobFailedError         4  the training job failed, timed out or left no model
        │   └── JobLostError            the target lost it: it may succeed elsewhere
        ├── GateError              5  the gate said Fail or Inconclusive; the champion stays
        ├── ReleaseError           6  the new colour was not good; rolled back
        ├── NotFoundError          7  no such job, model, endpoint, release
        ├── FencedError            8  a newer run took over; this one may not write any more
        ├── CorruptError           9  stored state is damaged (a digest, the ledger)
        ├── AuthError             10  credentials are missing or refused
        └── QuotaExceededError    11  a hard limit of the target

Naming: an error ends in `Error`; its exit code is the CLI's. `LandbridgeError.where` is "file:line" or empty.
Arguments go to `super().__init__` by position, so every error can be pickled across processes.
"""

from typing import ClassVar


class LandbridgeError(Exception):
    """What failed, which object, where; and one imperative sentence that mends it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str, where: str = "") -> None:
        super().__init__(message, hint, where)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message} To fix: {self.hint}"


class TransientError(LandbridgeError):
    """The world may heal by itself. Retried by every task, bounded, with jitter."""

    exit_code = 69


class TargetUnavailableError(TransientError):
    """A target, site or service did not answer within its deadline."""


class ConflictError(TransientError):
    """Somebody else changed the object first; read it again."""


class BusyError(TransientError):
    """Another run holds the lease."""

    exit_code = 75


class PermanentError(LandbridgeError):
    """Trying again changes nothing."""

    exit_code = 1


class InputError(PermanentError):
    """A file or an argument that the user wrote is wrong."""

    exit_code = 2


class RefusedError(PermanentError):
    """The plan may not be carried out; nothing was changed."""

    exit_code = 3


class NowhereToGoError(RefusedError):
    """No target is eligible. What already serves keeps serving."""


class ResidencyError(RefusedError):
    """Resident data, or something derived from it, would leave its sites."""


class CapabilityMissingError(RefusedError):
    """The target's driver cannot honour a field or a step."""


class NetworkError(RefusedError):
    """A network that must be private is not, or a declared way out is missing."""


class JobFailedError(PermanentError):
    """The training job failed, ran past its limit or left no model."""

    exit_code = 4


class JobLostError(JobFailedError):
    """The target lost the job (node gone, evicted, never scheduled): it may succeed elsewhere."""


class GateError(PermanentError):
    """The gate said Fail or Inconclusive. The champion stays."""

    exit_code = 5


class ReleaseError(PermanentError):
    """The new colour was not good enough; the old one serves."""

    exit_code = 6


class NotFoundError(PermanentError):
    """No such job, model version, endpoint or release."""

    exit_code = 7


class FencedError(PermanentError):
    """A newer run holds the lease: this one must not write any more."""

    exit_code = 8


class CorruptError(PermanentError):
    """Stored state is damaged: a digest does not match, the ledger cannot be read."""

    exit_code = 9


class AuthError(PermanentError):
    """Credentials are missing or refused."""

    exit_code = 10


class QuotaExceededError(PermanentError):
    """A hard limit of the target."""

    exit_code = 11
