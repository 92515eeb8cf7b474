"""What Azure's answers mean to the azureml driver, and that no secret gets into a message."""

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
from landbridge.drivers.azureml.errors import (
    lacks_place,
    operation_error,
    read_refusal,
    scrubbed,
    to_error,
    translated,
    words_of,
)


def answer(code: str, message: str, **more: object) -> str:
    return json.dumps({"error": {"code": code, "message": message, **more}})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, answer("InvalidAuthenticationToken", "The access token has expired."), AuthError),
        (403, answer("AuthorizationFailed", "The client has no authorization."), AuthError),
        (403, answer("Forbidden", "Operation exceeds the core quota of the region."), QuotaExceededError),
        (409, answer("QuotaExceeded", "No cores are left."), QuotaExceededError),
        (409, answer("Conflict", "Another operation is in progress."), ConflictError),
        (429, answer("QuotaExceeded", "Too many requests."), TransientError),
        (404, answer("ResourceGroupNotFound", "Resource group 'x' could not be found."), NotFoundError),
        (400, answer("UserError", "x", innerError={"code": "OutOfQuota", "message": "no cores"}), QuotaExceededError),
        (400, answer("BadArgument", "Something is wrong."), PermanentError),
        (400, answer("ImagePullLoopBackOff", "cannot pull"), RefusedError),
        (500, answer("InternalServerError", "Received 500 from a service request."), TargetUnavailableError),
        (502, "<html>Bad gateway</html>", TargetUnavailableError),
        (400, '{"error": "invalid_client", "error_description": "AADSTS7000215"}', PermanentError),
        (400, "", PermanentError),
    ],
)
def test_an_answer_becomes_an_error_of_ours(status: int, body: str, kind: type[LandbridgeError]) -> None:
    made = to_error(read_refusal(status, body), "reading job 'x'")
    assert type(made) is kind
    assert made.message.startswith(f"Reading job 'x' failed: HTTP {status}")
    assert made.hint


@pytest.mark.parametrize(
    ("status", "code", "message", "is_lacking"),
    [
        (404, "ResourceGroupNotFound", "Resource group 'x' could not be found.", True),
        (
            404,
            "ResourceNotFound",
            "The Resource 'Microsoft.MachineLearningServices/workspaces/ml' was not found.",
            True,
        ),
        (404, "ResourceNotFound", "workspaces/ml/jobs/x was not found.", False),
        (
            404,
            "ResourceNotFound",
            "The Resource 'Microsoft.MachineLearningServices/workspaces/ml2' was not found.",
            False,
        ),
        (403, "ResourceGroupNotFound", "", False),
    ],
)
def test_a_workspace_that_is_not_there_is_told_from_an_object_that_is_not(
    status: int, code: str, message: str, is_lacking: bool
) -> None:
    assert lacks_place(read_refusal(status, answer(code, message)), "ml") is is_lacking


def test_details_and_inner_errors_are_told() -> None:
    said = words_of(
        {"code": "BadRequest", "message": "Invalid.", "details": [{"code": "Name", "message": "Too long."}]}
    )
    assert said == ("Name", "Invalid. Name: Too long.")


def test_a_failed_operation_is_judged_by_its_code() -> None:
    assert type(operation_error("OperationCanceled", "", "applying")) is TransientError
    assert type(operation_error("", "", "applying")) is PermanentError


@pytest.mark.parametrize(
    "secret",
    [
        "https://a.blob.core.windows.net/c/b?sv=2024&sig=HUNTER2%3D&se=1",
        "AccountName=a;AccountKey=HUNTER2==;x",
        "Bearer HUNTER2HUNTER2HUNTER2.eyJ",
    ],
)
def test_no_secret_is_in_a_message(secret: str) -> None:
    assert "HUNTER2" not in scrubbed(secret)
    made = to_error(read_refusal(400, answer("UserError", f"cannot read {secret}")), "reading")
    assert "HUNTER2" not in str(made)


def test_an_error_that_nobody_foresaw_is_permanent() -> None:
    with pytest.raises(PermanentError), translated("reading"):
        raise ZeroDivisionError("odd")
