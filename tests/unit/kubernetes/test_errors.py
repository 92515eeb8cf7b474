"""Every answer of an API server becomes one of our errors. The texts are real ones."""

import json

import pytest

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
from landbridge.drivers.kubernetes.errors import read_answer, to_error

QUOTA = 'pods "a" is forbidden: exceeded quota: team, requested: requests.cpu=2, used: requests.cpu=7, limited: requests.cpu=8'
SECURITY = (
    'pods "priv" is forbidden: violates PodSecurity "baseline:latest": privileged (container "c" must not set '
    "securityContext.privileged=true)"
)
RANGE = 'pods "a" is forbidden: [maximum memory usage per Container is 1Gi, but limit is 2Gi]'
RIGHTS = (
    'jobs.batch is forbidden: User "system:serviceaccount:a:b" cannot create resource "jobs" in API group "batch" '
    'in the namespace "a"'
)
ENDING = 'pods "a" is forbidden: unable to create new content in namespace ml because it is being terminated'
ANSWERS = [
    (401, "Unauthorized", "Unauthorized", AuthError),
    (403, "Forbidden", RIGHTS, AuthError),
    (403, "Forbidden", QUOTA, QuotaExceededError),
    (403, "Forbidden", SECURITY, RefusedError),
    (403, "Forbidden", RANGE, QuotaExceededError),
    (403, "Forbidden", ENDING, PermanentError),
    (404, "NotFound", 'jobs.batch "a" not found', NotFoundError),
    (404, "NotFound", 'namespaces "a" not found', NotFoundError),
    (409, "AlreadyExists", 'jobs.batch "a" already exists', ConflictError),
    (409, "Conflict", "the object has been modified; please apply your changes to the latest version", ConflictError),
    (410, "Expired", "The provided continue parameter is too old", TransientError),
    (413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728", PermanentError),
    (422, "Invalid", 'Job.batch "a" is invalid: spec.template: field is immutable', PermanentError),
    (429, "TooManyRequests", "too many requests, please try again later", TransientError),
    (500, "InternalError", "etcdserver: request timed out", TargetUnavailableError),
    (503, "ServiceUnavailable", "the server is currently unable to handle the request", TargetUnavailableError),
    (504, "Timeout", "Timeout: request did not complete within the allotted timeout", TargetUnavailableError),
    (418, "", "", PermanentError),
]


@pytest.mark.parametrize(("status", "reason", "message", "kind"), ANSWERS, ids=lambda item: str(item)[:30])
def test_every_status_has_its_error(status: int, reason: str, message: str, kind: type[LandbridgeError]) -> None:
    body = json.dumps({"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": status})
    error = to_error(read_answer(status, body), "creating job 'a'")
    assert type(error) is kind
    assert error.message.startswith(f"Creating job 'a' failed: HTTP {status}")
    assert message.rstrip(".") in error.message
    assert error.hint


def test_a_body_that_is_no_status_is_still_told() -> None:
    error = to_error(read_answer(502, b"<html>Bad Gateway</html>"), "reading job 'a'")
    assert isinstance(error, TargetUnavailableError)
    assert "Bad Gateway" in error.message
    assert to_error(read_answer(0, None), "reading").hint


def test_causes_that_the_message_leaves_out_are_added() -> None:
    body = {"message": "Job is invalid", "details": {"causes": [{"field": "spec.x", "message": "Required value"}]}}
    assert "spec.x: Required value" in to_error(read_answer(422, json.dumps(body)), "creating").message
