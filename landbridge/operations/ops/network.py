"""Which ways out of a cluster's network are open, tried from where this runs."""

import socket
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import urlsplit

from landbridge.domain.azure.outbound import Endpoint
from landbridge.domain.errors import InputError
from landbridge.domain.network import is_private_address
from landbridge.domain.operating import Diagnosis, Verdict
from landbridge.operations.side_by_side import side_by_side

Address = tuple[str, int]
_LONGEST_ANSWER = 4096  # bytes of a proxy's first line and headers


def proxy_address(url: str) -> Address | None:
    """Host and port of `http://host:port`; None for "".

    Raises:
        InputError: it is none, or carries credentials, which belong neither into a command nor into its output.
    """
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    hint = "Write it as --proxy http://proxy.internal:3128."
    if parts.username or parts.password:
        raise InputError("The proxy's address carries credentials (not shown here).", hint)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "http" or not parts.hostname or not port:
        raise InputError(f"{url!r} is no address of a proxy.", hint)
    return parts.hostname, port


def check(endpoints: Iterable[Endpoint], proxy: Address | None, seconds: float) -> Iterator[Diagnosis]:
    """Try each endpoint once, side by side: by DNS and TCP, or by asking the proxy for a tunnel.

    Args:
        seconds: for all of them together; what has not answered by then counts as not reachable.
    """
    rows = [(endpoint, why_not_tried(endpoint)) for endpoint in endpoints]
    tried = {endpoint.name: endpoint for endpoint, untried in rows if not untried}
    found = side_by_side({name: _trial(endpoint, proxy, seconds) for name, endpoint in tried.items()}, seconds)
    for endpoint, untried in rows:
        if untried:
            yield Diagnosis(endpoint.name, Verdict.UNSEEN, untried, f"{endpoint.why} ({endpoint.who})")
            continue
        fault = found.get(endpoint.name, f"no answer within {seconds:g} s")
        if fault:
            remedy = f"Let it out, or leave it out on purpose: {endpoint.why}{_aside(endpoint)}."
            yield Diagnosis(endpoint.name, Verdict.FAIL, fault, remedy)
        else:
            yield Diagnosis(endpoint.name, Verdict.PASS, "the proxy opens a tunnel" if proxy else "answers")


def check_private(hosts: Iterable[str], seconds: float) -> Iterator[Diagnosis]:
    """Look each name up; with private link it leads to private addresses alone."""
    wanted = list(hosts)
    closed = [host for host in wanted if "<" not in host]
    found = side_by_side({host: lambda host=host: _public(host) for host in closed}, seconds)  # type: ignore[misc]
    for host in wanted:
        name = f"private: {host}"
        if host not in closed:
            yield Diagnosis(name, Verdict.UNSEEN, "the name is not known", "Name your own resources by options.")
            continue
        fault = found.get(host, f"no answer within {seconds:g} s")
        remedy = "Make its private endpoint, and its record in the DNS that the cluster asks." if fault else ""
        yield Diagnosis(name, Verdict.FAIL if fault else Verdict.PASS, fault or "private addresses only", remedy)


def why_not_tried(endpoint: Endpoint) -> str:
    """Why nobody can try this one from here; "" = it can be tried."""
    if endpoint.is_open:
        return "a name of your own is missing"
    if endpoint.host.startswith("*."):
        return "stands for many names"
    if endpoint.host.startswith("AzureCloud."):
        return "is a service tag, no name"
    return "UDP tells nothing without its protocol" if endpoint.protocol == "UDP" else ""


def _aside(endpoint: Endpoint) -> str:
    return f" ({endpoint.note})" if endpoint.note else ""


def _trial(endpoint: Endpoint, proxy: Address | None, seconds: float) -> Callable[[], str]:
    address = (endpoint.host, endpoint.port)
    return lambda: _by_proxy(proxy, address, seconds) if proxy else _directly(address, seconds)


def _directly(address: Address, seconds: float) -> str:
    try:
        socket.create_connection(address, timeout=seconds).close()
    except socket.gaierror:
        return "the name cannot be resolved"
    except TimeoutError:
        return f"no answer within {seconds:g} s"
    except OSError as error:
        return f"cannot be reached: {error.strerror or error}"
    return ""


def _by_proxy(proxy: Address, address: Address, seconds: float) -> str:
    """The proxy answers 200 to CONNECT when it reached the other side."""
    host, port = address
    try:
        with socket.create_connection(proxy, timeout=seconds) as line:
            line.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            answer = line.recv(_LONGEST_ANSWER).decode("latin-1")
    except OSError as error:
        return f"the proxy {proxy[0]}:{proxy[1]} does not answer: {error.strerror or error}"
    words = answer.split("\r\n", 1)[0].split(" ", 2)
    if len(words) > 1 and words[1] == "200":
        return ""
    return f"the proxy refuses: {' '.join(words[1:]) or 'no answer'}"


def _public(host: str) -> str:
    try:
        addresses = sorted({str(found[4][0]) for found in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)})
    except OSError:
        return "the name cannot be resolved"
    public = [address for address in addresses if not is_private_address(address)]
    return f"leads to public addresses: {', '.join(public)}" if public else ""
