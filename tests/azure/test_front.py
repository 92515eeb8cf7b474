"""Nothing leaves the machine: what is not Azure is refused, written down, and fails the test."""

import re
import socket
import ssl

import httpx
import pytest

from tests.azure.double.double import Double


def test_an_unknown_host_is_refused_and_written_down(azure: Double) -> None:
    azure.expect(r"refused, not Azure: example\.org:443")
    with pytest.raises(httpx.ProxyError, match="403"):
        httpx.get("https://example.org/")
    with pytest.raises(AssertionError, match="example"):
        _without_expectations(azure)


def test_plain_http_to_elsewhere_is_refused(azure: Double) -> None:
    azure.expect(r"refused, not Azure: http://169\.254\.169\.254/metadata")
    assert httpx.get("http://169.254.169.254/metadata/identity").status_code == 403


def test_another_port_of_a_known_host_is_refused(azure: Double) -> None:
    azure.expect(r"management\.azure\.com:80$")
    with pytest.raises(httpx.ProxyError, match="403"):
        httpx.get("https://management.azure.com:80/")


@pytest.mark.parametrize("account", ["elsewhere", "landbridgelab.blob.core.windows.net.evil"])
def test_a_strangers_storage_account_is_refused(azure: Double, account: str) -> None:
    azure.expect(re.escape(account))
    with pytest.raises(httpx.ProxyError, match="403"):
        httpx.get(f"https://{account}.blob.core.windows.net/")


def test_an_address_that_is_not_played_fails_the_test(azure: Double) -> None:
    azure.expect("not played: GET https://management.azure.com/subscriptions/1/providers/Microsoft.Sql/servers")
    token = azure.login.issue(azure.places.management)
    url = "https://management.azure.com/subscriptions/1/providers/Microsoft.Sql/servers?api-version=2023-08-01"
    assert httpx.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == 404
    with pytest.raises(AssertionError, match=r"Microsoft\.Sql"):
        _without_expectations(azure)


def test_an_expectation_that_nothing_meets_fails_the_test(azure: Double) -> None:
    azure.expect("never")
    with pytest.raises(AssertionError, match="expected, but it did not happen: never"):
        azure.verify()
    azure._expected.clear()


def test_the_hosts_names_are_certified_and_others_are_not(azure: Double) -> None:
    context = ssl.create_default_context(cafile=azure.environment["SSL_CERT_FILE"])
    places = azure.places
    for host in (places.cloud.management, places.blob_host, places.api_host, f"ep1{places.inference_suffix}"):
        assert _handshake(azure, context, host) == "ok"
    assert _handshake(azure, context, "management.azure.com", "example.org") == "refused"
    assert _handshake(azure, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "management.azure.com") == "refused"


def test_loopback_does_not_go_through_the_proxy(azure: Double) -> None:
    """So that MLflow, Prefect and a local cluster stay reachable."""
    assert httpx.get(f"{azure.world.router}/api/v1/endpoint/none/score").status_code == 404


def _handshake(azure: Double, context: ssl.SSLContext, host: str, name: str = "") -> str:
    port = int(azure.environment["HTTPS_PROXY"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        assert plain.recv(1000).startswith(b"HTTP/1.1 200")
        try:
            with context.wrap_socket(plain, server_hostname=name or host):
                return "ok"
        except ssl.SSLCertVerificationError:
            return "refused"


def _without_expectations(azure: Double) -> None:
    expected = list(azure._expected)
    azure._expected.clear()
    try:
        azure.verify()
    finally:
        azure._expected.extend(expected)
