"""MLflow's answers and errors as our values. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from landbridge.domain.errors import (
    AuthError,
    ConflictError,
    CorruptError,
    LandbridgeError,
    NotFoundError,
    PermanentError,
    TargetUnavailableError,
)
from landbridge.domain.lineage import DIGEST
from landbridge.domain.values import ModelVersion

METRICS_TAG = "landbridge.metrics"  # JSON of the approved metrics, so that listing versions asks for no run
RUN_NAME_TAG = "landbridge.run_name"

_ABSENT = ("RESOURCE_DOES_NOT_EXIST",)
_TAKEN = ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS", "RESOURCE_CONFLICT")
_PASSING = (408, 425, 429)


def refused(status: int, body: str, where: str, absent: tuple[str, ...] = ()) -> LandbridgeError:
    """The error for an answer that is not good. `absent`: codes that mean "no such thing" beside MLflow's own."""
    code, text = _reason(body)
    told = f"{where} answered {status} {code}: {text}" if code else f"{where} answered {status}: {text}"
    told = told[0].upper() + told[1:]
    if code in (*_ABSENT, *absent):
        return NotFoundError(told, "Name one that exists.")
    if code in _TAKEN:
        return ConflictError(told, "Read it again.")
    if status in (401, 403):
        return AuthError(told, "Check the registry's credentials, and the server's `--allowed-hosts`.")
    if status in _PASSING or status >= 500:
        return TargetUnavailableError(told, "Look at the server's log; `landbridge doctor` says where it is.")
    return PermanentError(told, "Check the registry's `uri` in the inventory and the server's version.")


def unreachable(error: Exception, where: str) -> LandbridgeError:
    """The error for no answer at all."""
    cause = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in cause:
        return PermanentError(
            f"{where[0].upper()}{where[1:]} shows a certificate that is not trusted ({cause}).",
            "Set SSL_CERT_FILE to the file of your certificate authority.",
        )
    return TargetUnavailableError(
        f"{where[0].upper()}{where[1:]} does not answer ({cause}).",
        "Run `landbridge up`, or check the registry's `uri`.",
    )


def version_of(body: Mapping[str, Any], metrics: Mapping[str, float] | None) -> ModelVersion:
    """A version from MLflow's JSON. Without `metrics`, those that were approved at its registration."""
    tags = tags_of(body)
    approved = tags.pop(METRICS_TAG, "")
    return ModelVersion(
        model=body["name"],
        version=str(body["version"]),
        digest=tags.get(DIGEST, ""),
        source=body.get("source", ""),
        run_id=body.get("run_id", ""),
        tags=tags,
        aliases=tuple(sorted(body.get("aliases", ()))),
        metrics=dict(metrics) if metrics is not None else _approved(approved, body),
    )


def _approved(text: str, body: Mapping[str, Any]) -> dict[str, float]:
    try:
        return {key: float(value) for key, value in json.loads(text or "{}").items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise CorruptError(
            f"The tag {METRICS_TAG} of model {body['name']!r} version {body['version']} is damaged.",
            "Write it again as JSON, metric name to number, on the version's page in MLflow.",
        ) from error


def has_metrics(body: Mapping[str, Any]) -> bool:
    """Whether the version itself tells its metrics; one that landbridge did not register has them in its run only."""
    return METRICS_TAG in tags_of(body) or not body.get("run_id")


def tags_of(body: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in body.get("tags", ())}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def metrics_of(run: Mapping[str, Any]) -> dict[str, float]:
    """The last values. MLflow writes NaN as text and infinity as the largest double."""
    return {metric["key"]: float(metric["value"]) for metric in run.get("data", {}).get("metrics", ())}


def quoted(value: str) -> str:
    """`value` as a string of MLflow's filter language, which knows two quotes and no escape."""
    quote = '"' if "'" in value else "'"
    if quote in value:
        raise PermanentError(f"MLflow cannot search for {value!r}.", "Use no name with both kinds of quotes.")
    return f"{quote}{value}{quote}"


def _reason(body: str) -> tuple[str, str]:
    """(error code, message) of an answer; ("", text) when it is no MLflow error."""
    try:
        answer = json.loads(body)
        return str(answer["error_code"]), str(answer.get("message", ""))[:300]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", " ".join(body.split())[:200]
