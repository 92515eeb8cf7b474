"""The inference router of a target's cluster: its settings, and whether it is as they say, from inside and from here."""

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from landbridge.domain.azure.router import (
    NAMESPACE,
    Inside,
    Outside,
    judge_inside,
    judge_outside,
    judge_settings,
    settings_in_effect,
)
from landbridge.domain.azure.settings import ENABLE, Feature, is_on
from landbridge.domain.errors import LandbridgeError, NotFoundError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.operating import Access, Diagnosis, Verdict
from landbridge.operations.ops.inside import inside
from landbridge.operations.ops.reaching import find, reach
from landbridge.ports_ops import HasExtension, KnowsRouter

Found = tuple[Inventory, Target]
DAY_SECONDS = 86400.0
PORT = 443


@dataclass(frozen=True, slots=True)
class Router:
    settings: tuple[tuple[str, str], ...]
    checks: tuple[Diagnosis, ...]


def examine(where: tuple[str, str, str], access: Access, seconds: float) -> Router:
    """Look at it from three sides: Azure, the cluster, and here. Changes nothing.

    Raises:
        NotFoundError: the extension is not installed.
    """
    found = find(*where)
    operated = reach(found, Access(), HasExtension)  # type: ignore[type-abstract]
    there = operated.extension(None)
    if there is None:
        hint = f"Run `landbridge ops extension install {where[2]} FILE`."
        raise NotFoundError(f"The extension is not installed on {operated.cluster().label}.", hint)
    settings = there.present.settings
    rows = [*judge_settings(there.present, operated.cluster().kind, operated.nodes())]
    if is_on(settings, ENABLE[Feature.INFERENCE]):
        seen, looked = _inside(found, access, settings)
        rows += looked
        rows += _outside(settings, seen, seconds)
    return Router(settings_in_effect(settings), tuple(rows))


def _inside(
    found: tuple[Inventory, Target], access: Access, settings: Mapping[str, str]
) -> tuple[Inside | None, list[Diagnosis]]:
    try:
        with inside(found, access, NAMESPACE) as there:
            assert isinstance(there, KnowsRouter)
            seen = there.router(settings.get("sslSecret", ""))
    except LandbridgeError as error:
        return None, [Diagnosis("pods", Verdict.UNSEEN, error.message, error.hint)]
    if seen is None:
        remedy = "Run `landbridge ops extension status`, and install it again where it failed (ScoringFeUnhealthy)."
        return None, [Diagnosis("pods", Verdict.FAIL, "azureml-fe-v2 is not in namespace azureml", remedy)]
    return seen, list(judge_inside(settings, seen))


def _outside(settings: Mapping[str, str], there: Inside | None, seconds: float) -> Iterator[Diagnosis]:
    name = settings.get("sslCname", "")
    if name and not is_on(settings, "allowInsecureConnections"):
        yield from judge_outside(name, _look(name, seconds), there)


def _look(name: str, seconds: float) -> Outside:
    """As a client meets it: by DNS and TLS 1.2, the newest that the router speaks. The chain is not judged: it may be private."""
    try:
        told = socket.getaddrinfo(name, PORT, type=socket.SOCK_STREAM)
    except OSError:
        return Outside()
    addresses = tuple(sorted({str(one[4][0]) for one in told}))
    try:
        return Outside(addresses, days=_days(name, seconds))
    except TimeoutError:
        return Outside(addresses, f"no answer within {seconds:g} s")
    except (OSError, ValueError) as error:
        return Outside(addresses, f"no TLS connection: {getattr(error, 'strerror', '') or error}")


def _days(name: str, seconds: float) -> float:
    from cryptography.x509 import load_der_x509_certificate

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((name, PORT), timeout=seconds) as line,
        context.wrap_socket(line, server_hostname=name) as secure,
    ):
        raw = secure.getpeercert(binary_form=True)
    ends = load_der_x509_certificate(raw or b"").not_valid_after_utc.timestamp()
    return (ends - time.time()) / DAY_SECONDS
