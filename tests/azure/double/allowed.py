"""What the validator finds and we let pass: deviations of the SDK, or of a version that is held against an older document."""

import re
from dataclasses import dataclass

from tests.azure.double.specs import Finding


@dataclass(frozen=True, slots=True)
class Allowance:
    """`pattern` is searched in the finding's text."""

    pattern: str
    reason: str

    def allows(self, finding: Finding) -> bool:
        return re.search(self.pattern, str(finding)) is not None


ALLOWED = (
    Allowance(
        r"^PUT .*/codes/.*: request properties/properties/hash_version: \d+ is not of type 'string'",
        "azure-ai-ml 1.35 sends a number where the document has a map of strings; Azure takes it",
    ),
    Allowance(
        r"^PUT .*/batchEndpoints/[^/]+ .*: request properties/authMode: 'aadToken' is not one of",
        "azure-ai-ml 1.35 writes aadToken, the document AADToken; Azure compares without case",
    ),
)


def is_allowed(finding: Finding) -> bool:
    return any(one.allows(finding) for one in ALLOWED)
