"""Which ways out of a namespace the inventory implies: object store, registry, proxy, the site's endpoints. Pure but for
the resolver that is passed in, because a NetworkPolicy knows no names."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.network import is_loopback
from landbridge.drivers.kubernetes.operating_network import Passage, block
from landbridge.drivers.kubernetes.operating_options import OperatingOptions, Way
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.kubernetes.stores import store_urls

Resolve = Callable[[str], tuple[str, ...]]

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """Something that pods talk to. `url` is how to reach it, or host:port where no protocol is known."""

    name: str
    url: str
    host: str
    port: int  # 0 = not known


def places(target: Target, options: KubernetesOptions, inventory: Inventory) -> tuple[Place, ...]:
    """What pods of this target talk to, once each; nothing on loopback, nothing local."""
    said: dict[tuple[str, int], Place] = {}
    for name, url in _urls(target, options, inventory):
        found = place(name, url)
        if found and not is_loopback(found.host):
            said.setdefault((found.host, found.port), found)
    return tuple(said.values())


def place(name: str, url: str) -> Place | None:
    """Read a URL or host:port; None for what is neither."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    try:
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.scheme not in ("", *PORTS):
        return None
    return Place(name, url, parts.hostname, port or PORTS.get(parts.scheme, 0))


def passages(
    found: Iterable[Place], options: OperatingOptions, resolve: Resolve
) -> tuple[tuple[Passage, ...], tuple[str, ...]]:
    """The ways out as addresses, and what has none."""
    ways = [(item.name, Way(item.host, (item.port,) if item.port else ())) for item in found]
    ways += [(f"declared: {way.to}", way) for way in options.egress]
    open_, lost = [], []
    for name, way in ways:
        blocks = _blocks(way.to, resolve)
        space = service_namespace(way.to)
        if blocks or space:
            open_.append(Passage(name, blocks, way.ports, "" if blocks else space))
        else:
            lost.append(f"{way.to} ({name})")
    return tuple(open_), tuple(lost)


def service_namespace(host: str) -> str:
    """The namespace of a Service's name in the cluster, "" for another name."""
    parts = host.removesuffix(".").removesuffix(".cluster.local").split(".")
    return parts[1] if len(parts) == 3 and parts[2] == "svc" else ""


def _blocks(host: str, resolve: Resolve) -> tuple[str, ...]:
    try:
        return (block(host),)
    except ValueError:
        return tuple(sorted({block(address) for address in resolve(host)})) if not service_namespace(host) else ()


def _urls(target: Target, options: KubernetesOptions, inventory: Inventory) -> Iterator[tuple[str, str]]:
    site = inventory.sites[target.site]
    for url in store_urls(options.artifacts, options.storage, options.storage_endpoint):
        yield "object store", url
    if site.registry:
        yield "registry", site.registry.url
    for url in (options.proxy.get("http", ""), options.proxy.get("https", ""), site.network.proxy):
        yield "proxy", url
    for name, url in site.network.endpoints.items():
        yield f"endpoint {name}", url
    for store in inventory.datastores.values():
        if store.site == target.site:
            for url in store_urls(store.url, store.options, ""):
                yield f"datastore {store.name}", url
