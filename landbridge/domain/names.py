"""Names that are idempotency keys: deterministic, legal everywhere, and never the same for two different things."""

import hashlib
import json
import re

LABEL_LIMIT = 63  # RFC 1123; Kubernetes object names and label values
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_PLAIN = re.compile(r"[a-z0-9]+")
_DIGESTED = re.compile(r"(^|.*-)x[0-9a-f]{20}")
_AZURE = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?")  # azure-ai-ml's own check of endpoint and deployment names


def job_name(scenario: str, run_key: str, attempt: int = 1) -> str:
    """The idempotency key of one training job: a DNS-1123 label."""
    return object_name(scenario, run_key, str(attempt))


def tracking_run_name(scenario: str, run_key: str, attempt: int = 1) -> str:
    """The idempotency key of a job's tracking run: the job's own name, so each leads to the other."""
    return job_name(scenario, run_key, attempt)


def release_key(run_key: str, number: int) -> str:
    """Name the `number`-th release of a run."""
    return f"{run_key}-{number}"


def lease_name(kind: str, name: str) -> str:
    """Name what a lease guards, for example `lease_name("scenario", "flights")`. `kind` holds no "/"."""
    return f"{kind}/{name}"


def colour_name(previous: str) -> str:
    """The colour to put beside `previous` ("" = none yet)."""
    return "green" if previous == "blue" else "blue"


def object_name(*parts: str) -> str:
    """One DNS-1123 label of at most 63 characters for `parts`.

    Legal parts are joined as they stand. Anything else (too long, capitals, a dash where parts could run into each
    other) keeps a readable beginning and ends in a digest of all parts. So two different lists of the same length
    never share a name, short of a collision of 80 bits.
    """
    joined = "-".join(parts)
    if is_legal_label(joined) and all(map(_PLAIN.fullmatch, parts[1:])) and not _DIGESTED.fullmatch(joined):
        return joined
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]
    readable = re.sub(r"[^a-z0-9]+", "-", joined.lower())[: LABEL_LIMIT - 22].strip("-")
    return f"{readable}-x{digest}" if readable else f"x{digest}"


def is_legal_label(name: str) -> bool:
    """DNS-1123 label: 1–63 of a–z, 0–9 and inner dashes."""
    return len(name) <= LABEL_LIMIT and _LABEL.fullmatch(name) is not None


def is_legal_endpoint(name: str) -> bool:
    """Azure ML's rule for the name of an online endpoint, and for that of a deployment."""
    return 3 <= len(name) <= 32 and _AZURE.fullmatch(name) is not None


def is_legal_deployment(name: str) -> bool:
    """Azure ML's rule for the name of a deployment (our colour): the endpoint's rule."""
    return is_legal_endpoint(name)


def batch_endpoint_name(endpoint: str) -> str:
    """Of the batch endpoint beside an online one: legal for Azure ML, and another for another endpoint."""
    joined = f"{endpoint}-batch"
    if is_legal_endpoint(joined):
        return joined
    return f"{endpoint[:17].rstrip('-')}-{hashlib.sha256(endpoint.encode()).hexdigest()[:8]}-batch"


def is_legal_pair(endpoint: str, deployment: str) -> bool:
    """Azure ML on Kubernetes: both names legal, together 6–62 characters."""
    return (
        is_legal_endpoint(endpoint) and is_legal_deployment(deployment) and 6 <= len(endpoint) + len(deployment) <= 62
    )


def endpoint_problem(endpoint: str) -> str:
    """What is wrong with the name of an endpoint, for our own objects and for Azure, in one clause; "" = nothing."""
    if not 3 <= len(endpoint) <= 32:
        return f"has {len(endpoint)} characters; Azure ML takes 3 to 32"
    if _AZURE.fullmatch(endpoint) is None:
        return "must start with a letter, end with a letter or digit, and hold only letters, digits and dashes"
    if not is_legal_label(endpoint):
        return "has capitals; Kubernetes takes only a–z, 0–9 and dashes"
    return ""
