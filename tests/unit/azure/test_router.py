"""The inference router: what its settings mean, and whether cluster and network have it as they say."""

import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from landbridge.domain.azure.extension_plan import Present
from landbridge.domain.azure.router import (
    Inside,
    Outside,
    judge_inside,
    judge_outside,
    judge_settings,
    settings_in_effect,
)
from landbridge.domain.azure.settings import ClusterKind
from landbridge.domain.operating import Diagnosis, Verdict
from landbridge.operations.ops import routing

HTTPS = {
    "enableInference": "True",
    "inferenceRouterServiceType": "LoadBalancer",
    "sslCname": "ml.example.com",
    "sslSecret": "router-tls",
}
THERE = Inside(3, 3, "LoadBalancer", ("10.0.0.4",), secret_keys=("cert.pem", "key.pem"))


def failed(rows: Iterator[Diagnosis]) -> list[str]:
    found = list(rows)
    assert all(row.remedy for row in found if row.verdict is not Verdict.PASS)
    return [row.name for row in found if row.verdict is Verdict.FAIL]


def settings(
    kind: ClusterKind = ClusterKind.AKS, nodes: int = 3, state: str = "Succeeded", **change: str
) -> Iterator[Diagnosis]:
    merged = {key: value for key, value in {**HTTPS, **change}.items() if value}
    return judge_settings(Present(merged, state=state), kind, nodes)


def test_a_router_for_production_passes() -> None:
    assert failed(settings()) == failed(judge_inside(HTTPS, THERE)) == []


@pytest.mark.parametrize(
    ("change", "nodes", "found"),
    [
        ({"enableInference": "False"}, 3, ["inference"]),
        ({}, 2, ["replicas"]),
        ({"inferenceRouterHA": "False"}, 2, []),
        ({"sslSecret": ""}, 3, ["TLS"]),
        ({"sslCname": ""}, 3, ["TLS"]),
        ({"sslCname": "", "sslSecret": "", "allowInsecureConnections": "True"}, 3, []),
        ({"inferenceRouterServiceType": ""}, 3, ["service"]),
    ],
)
def test_each_setting_that_is_not_right_fails(change: dict[str, str], nodes: int, found: list[str]) -> None:
    assert failed(settings(nodes=nodes, **change)) == found


def test_an_extension_that_failed_has_no_router_to_rely_on() -> None:
    assert failed(settings(state="Failed")) == ["inference"]


def test_a_load_balancer_outside_azure_is_left_to_be_seen() -> None:
    rows = {row.name: row.verdict for row in settings(ClusterKind.ARC)}
    assert rows["service"] is Verdict.UNSEEN


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"ready": 2}, ["pods"]),
        ({"addresses": ()}, ["address"]),
        ({"service": "ClusterIP"}, ["address"]),
        ({"scaled": True}, ["autoscaler"]),
        ({"legacy": True}, ["AksCompute"]),
        ({"secret_keys": None}, ["secret"]),
        ({"secret_keys": ("cert.pem",)}, ["secret"]),
    ],
)
def test_each_thing_in_the_cluster_that_is_not_right_fails(change: dict[str, object], found: list[str]) -> None:
    assert failed(judge_inside(HTTPS, replace(THERE, **change))) == found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (Outside(("10.0.0.4",), days=200), []),
        (Outside(("10.0.0.4",), days=3), ["certificate"]),
        (Outside(("10.0.0.4",), "no answer"), ["certificate"]),
        (Outside(("10.9.9.9",), days=200), ["DNS"]),
        (Outside(), ["DNS"]),
    ],
)
def test_its_name_must_lead_to_it_with_a_certificate_that_holds(seen: Outside, found: list[str]) -> None:
    assert failed(judge_outside("ml.example.com", seen, THERE)) == found


def test_the_settings_that_count_are_shown_with_their_defaults() -> None:
    shown = dict(settings_in_effect(HTTPS))
    assert shown["inferenceRouterHA"] == "True"
    assert shown["internalLoadBalancerProvider"] == "(not set)"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A TLS server on loopback whose certificate holds for ten days."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(10.5))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + key.private_bytes(*form)
    (tmp_path / "tls.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.pem")
    listener = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(routing, "PORT", listener.getsockname()[1])

    def answer() -> None:
        line, _ = listener.accept()
        with line, context.wrap_socket(line, server_side=True) as secure:
            secure.recv(1)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield
    thread.join(timeout=5)
    listener.close()


@pytest.mark.usefixtures("served")
def test_the_days_of_a_certificate_are_read_where_it_answers() -> None:
    seen = routing._look("127.0.0.1", 5.0)
    assert (seen.addresses, seen.fault, round(seen.days)) == (("127.0.0.1",), "", 10)


def test_where_nobody_answers_the_fault_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setattr(routing, "PORT", free.getsockname()[1])
    assert "no TLS connection" in routing._look("127.0.0.1", 1.0).fault
