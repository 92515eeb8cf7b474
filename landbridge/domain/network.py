"""Pre-flight rules for networks that must be private: pure functions over what a probe found.

A private site: every endpoint has private addresses only, and nothing public can be reached from it directly. A
declared proxy is the only way out and must answer. `private_aks` and `onprem_lifecycle` hold every site to this,
declared or not.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from landbridge.domain.inventory import RegistrySpec, Site
from landbridge.domain.plan import Check
from landbridge.domain.values import Pattern, SiteKind

_PRIVATE = tuple(
    ip_network(block)
    for block in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # RFC 1918
        "100.64.0.0/10",  # RFC 6598: shared address space, used for pods
        "127.0.0.0/8", "::1/128",  # loopback
        "169.254.0.0/16", "fe80::/10",  # link-local: not routed
        "fc00::/7",  # RFC 4193: unique local
    )
)  # fmt: skip
_SEALED = (Pattern.PRIVATE_AKS, Pattern.ONPREM_LIFECYCLE)


def is_private_address(address: str) -> bool:
    """Tell whether `address` is reached privately only. A wildcard (0.0.0.0, ::) and what is no address are public."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address.strip("[]"))
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in block for block in _PRIVATE)


def is_loopback(host: str) -> bool:
    """Tell whether `host`, a name or an address, is whatever machine asks for it."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def is_on_loopback(registry: RegistrySpec) -> bool:
    """Tell whether this machine alone reaches the registry, as far as the inventory tells."""
    if not registry.url:
        return "port" in registry.options  # one that `landbridge up` starts, without an `address`
    try:
        return is_loopback(urlsplit(registry.url).hostname or "")
    except ValueError:  # no URL: refused where it is read
        return False


def must_be_private(site: Site, pattern: Pattern | None) -> bool:
    """Tell whether `judge_network` holds `site` to the private rules."""
    return site.network.private or pattern in _SEALED


def judge_network(
    site: Site,
    resolved: Mapping[str, tuple[str, ...]],
    reachable_public: tuple[str, ...] | None,
    proxy_reachable: bool | None,
    pattern: Pattern | None = None,
) -> tuple[Check, ...]:
    """Judge the evidence of one site's network.

    Args:
        resolved: endpoint's name → the addresses it resolves to or listens on; empty = did not resolve.
        reachable_public: public hosts that answered directly, around the proxy; None = nobody tried from inside the site.
        proxy_reachable: None = not tried.
        pattern: the scenario's; private_aks and onprem_lifecycle are stricter.

    Returns:
        One check per rule and endpoint; a site that need not be private gets the proxy's check alone.
    """
    checks = [*_declared(site, pattern)]
    if must_be_private(site, pattern):
        names = dict.fromkeys((*site.network.endpoints, *resolved))
        checks += [_endpoint(site, name, resolved.get(name, ())) for name in names]
        checks += [_no_way_out(site, reachable_public), *_egress(site)]
    return (*checks, *_proxy(site, proxy_reachable))


def _declared(site: Site, pattern: Pattern | None) -> tuple[Check, ...]:
    if pattern is Pattern.PRIVATE_AKS:
        return (
            Check(
                f"{site.name}: declared private",
                site.network.private,
                f"sites.{site.name}.network.private is {str(site.network.private).lower()}",
                "" if site.network.private else f"Set sites.{site.name}.network.private: true once its network is.",
            ),
        )
    if pattern is Pattern.ONPREM_LIFECYCLE:
        onprem = site.kind is SiteKind.ONPREM
        hint = "" if onprem else "Use only on-prem sites with onprem_lifecycle."
        return (Check(f"{site.name}: on-prem", onprem, f"{site.name} is a site of kind {site.kind}", hint),)
    return ()


def _endpoint(site: Site, name: str, addresses: tuple[str, ...]) -> Check:
    title = f"{site.name}: endpoint {name}"
    host = site.network.endpoints.get(name, name)
    if not addresses:
        hint = f"Correct sites.{site.name}.network.endpoints.{name}, or its record in the private DNS zone."
        return Check(title, False, f"{host} did not resolve to any address", hint)
    public = [address for address in addresses if not is_private_address(address)]
    if public:
        hint = f"Give {name} a private endpoint, and let its name resolve to that alone; do not listen on 0.0.0.0."
        return Check(title, False, f"{host} has public addresses: {', '.join(public)}", hint)
    return Check(title, True, f"{host} has private addresses only: {', '.join(addresses)}")


def _no_way_out(site: Site, reachable_public: tuple[str, ...] | None) -> Check:
    title = f"{site.name}: no public egress"
    if reachable_public is None:
        return Check(title, True, "not tried from inside the site; what is used there has private addresses, as above")
    if not reachable_public:
        return Check(title, True, "no public host can be reached directly")
    way = f"let only the proxy {site.network.proxy} through" if site.network.proxy else "close the way out"
    hint = f"In the firewall or route table of {site.name}, {way}."
    return Check(title, False, f"public hosts answer directly: {', '.join(reachable_public)}", hint)


def _egress(site: Site) -> tuple[Check, ...]:
    if not site.network.egress or site.network.proxy:
        return ()
    hosts = ", ".join(site.network.egress)
    hint = f"Declare sites.{site.name}.network.proxy, or remove egress."
    return (Check(f"{site.name}: egress", False, f"egress to {hosts} is declared, but no proxy leads there", hint),)


def _proxy(site: Site, proxy_reachable: bool | None) -> tuple[Check, ...]:
    if not site.network.proxy:
        return ()
    title, proxy = f"{site.name}: proxy", site.network.proxy
    if proxy_reachable:
        return (Check(title, True, f"the proxy {proxy} answers"),)
    detail = f"the proxy {proxy} was not tried" if proxy_reachable is None else f"the proxy {proxy} does not answer"
    return (Check(title, False, detail, f"Start it, or correct sites.{site.name}.network.proxy."),)
