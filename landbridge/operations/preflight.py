"""Gather evidence on the networks that a run would use, before a byte moves; the domain judges it."""

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from urllib.parse import urlsplit

from landbridge import drivers
from landbridge.domain.errors import LandbridgeError, NetworkError, TransientError
from landbridge.domain.inventory import Inventory, Site, Target
from landbridge.domain.ledger import Entry, Kind
from landbridge.domain.network import judge_network, must_be_private
from landbridge.domain.plan import Check
from landbridge.domain.values import Json
from landbridge.operations import connections
from landbridge.operations.sites import registry_site, serving_sites
from landbridge.operations.story import Story

CONNECT_SECONDS = 1.0  # a proxy that needs longer will not carry a training run
THREADS = 16

Attempt = Callable[[Target, Inventory], tuple[str, ...]]


def checks(story: Story, trains_at: str = "") -> tuple[Check, ...]:
    """One judgement per rule and endpoint, for every site that this story touches; `trains_at` is known once it is placed.

    The way out is not tried where jobs run: that starts short jobs there, and a plan does without.
    """
    return _judge_all(story, {*_touched(story), trains_at}, inside=False)


def require(story: Story, trains_at: str = "") -> tuple[Check, ...]:
    """As `checks`, from inside too, and write the evidence down.

    `trains_at`: look at this site only, and at nothing if the story touches it anyway, for then it was looked at before.

    Raises:
        NetworkError: with every failed check, or with what could not be tried; nothing has moved yet.
    """
    touched = _touched(story)
    if trains_at in touched:
        return ()
    found = _judge_all(story, {trains_at} if trains_at else touched, inside=True)
    payload: dict[str, Json] = {"checks": [dict(asdict(check)) for check in found]}
    key = f"network at {trains_at}" if trains_at else "network"
    entry = Entry(Kind.PREFLIGHT, story.scenario.name, story.run_key, key, time.time(), payload)
    connections.ledger(story.inventory.home).record(entry)
    failed = [check for check in found if not check.passed]
    if failed:
        said = "; ".join(f"{check.name}: {check.detail}" for check in failed)
        raise NetworkError(f"The network pre-flight failed: {said}", failed[0].hint, story.inventory.path)
    return found


def _judge_all(story: Story, names: set[str], inside: bool) -> tuple[Check, ...]:
    sites = [site for site in story.inventory.sites.values() if site.name in names]
    return tuple(check for site in sites for check in _judge(story, site, inside))


def used_hosts(story: Story, site: Site) -> Mapping[str, str]:
    """Every host that the run would talk to at `site`: the declared endpoints, those of the inventory's URLs, its targets'."""
    inventory = story.inventory
    registry = site.registry.url if site.registry else ""
    urls = {"registry": registry, "models": site.models, "cache": site.cache, "proxy": site.network.proxy}
    urls |= {f"datastore {store.name}": store.url for store in inventory.datastores.values() if store.site == site.name}
    for target in inventory.targets.values():
        if target.site == site.name:
            urls |= {f"{what} of {target.name}": url for what, url in _services(target, inventory).items()}
    implied = {name: host for name, url in urls.items() if (host := host_of(url))}
    return {**implied, **{name: host_of(value) or value for name, value in site.network.endpoints.items()}}


def _services(target: Target, inventory: Inventory) -> Mapping[str, str]:
    """What a target is reached by. One that cannot be used is refused by placement, with its own reason."""
    try:
        found = drivers.driver(target.driver).addresses
        return found(target, inventory) if found else {}
    except LandbridgeError:
        return {}


def host_of(url: str) -> str:
    """The host a URL leads to; "" for local files and for nothing. A bare `host:port` counts as a URL."""
    if not url:
        return ""
    if "://" not in url:
        return "" if url.startswith(("/", ".", "~")) else (urlsplit(f"//{url}").hostname or "")
    parts = urlsplit(url)
    return "" if parts.scheme in {"file", "memory", "local"} else (parts.hostname or "")


def resolve(hosts: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Host → its addresses, all asked at once; empty when a name does not resolve."""
    names = list(dict.fromkeys(hosts))
    if not names:
        return {}
    with ThreadPoolExecutor(min(THREADS, len(names))) as pool:
        return dict(zip(names, pool.map(_addresses, names), strict=True))


def _touched(story: Story) -> set[str]:
    """Data homes, the registry's site and serving sites."""
    return {item.site for item in story.data.values()} | set(serving_sites(story)) | {registry_site(story)}


def public_hosts(inventory: Inventory, site: Site) -> tuple[str, ...] | None:
    """Public hosts that answered jobs at `site` around its proxy; None where no target's driver can try.

    A target that does not answer is passed over: no job will run there.

    Raises:
        NetworkError: a target answers, and yet nothing could be tried in it.
    """
    here = [target for target in inventory.targets.values() if target.site == site.name]
    tries = [(attempt, target) for target in here if (attempt := _public_egress(target))]
    if not tries:
        return None
    with ThreadPoolExecutor(min(THREADS, len(tries))) as pool:
        found = [pool.submit(_tried, attempt, target, inventory) for attempt, target in tries]
        return tuple(dict.fromkeys(host for one in found for host in one.result()))


def _public_egress(target: Target) -> Attempt | None:
    try:
        return drivers.driver(target.driver).public_egress
    except LandbridgeError:  # placement refuses it, with the reason
        return None


def _tried(attempt: Attempt, target: Target, inventory: Inventory) -> tuple[str, ...]:
    try:
        return attempt(target, inventory)
    except TransientError:
        return ()
    except LandbridgeError as error:
        said = f"Whether jobs on target {target.name!r} reach the internet could not be tried: {error.message}"
        raise NetworkError(said, error.hint, inventory.path) from error


def _judge(story: Story, site: Site, inside: bool) -> tuple[Check, ...]:
    proxy = _proxy_answers(site.network.proxy) if site.network.proxy else None
    if not must_be_private(site, story.scenario.pattern):
        return judge_network(site, {}, None, proxy, story.scenario.pattern)
    hosts = used_hosts(story, site)
    addresses = resolve(hosts.values())
    resolved = {name: addresses[host] for name, host in hosts.items()}
    seen = replace(site, network=replace(site.network, endpoints=hosts))
    judged = judge_network(seen, resolved, None, proxy, story.scenario.pattern)
    if not all(check.passed for check in judged):
        return judged  # a target that is reached in public is not talked to at all
    proven = _proofs(story.inventory, site)
    if inside and all(check.passed for check in proven):
        judged = judge_network(seen, resolved, public_hosts(story.inventory, site), proxy, story.scenario.pattern)
    return (*judged, *proven)


def _proofs(inventory: Inventory, site: Site) -> tuple[Check, ...]:
    """What vendors tell of the site's targets; what two of them share is told once."""
    here = [target for target in inventory.targets.values() if target.site == site.name]
    return tuple(dict.fromkeys(check for target in here for check in _proof(target, inventory)))


def _proof(target: Target, inventory: Inventory) -> tuple[Check, ...]:
    try:
        prove = drivers.driver(target.driver).private_proof
    except LandbridgeError:  # placement refuses it, with the reason
        return ()
    return prove(target, inventory) if prove else ()


def _addresses(host: str) -> tuple[str, ...]:
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):  # the latter: no host can be called so
        return ()
    return tuple(dict.fromkeys(str(item[4][0]) for item in found))


def _proxy_answers(proxy: str) -> bool:
    parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
    try:
        address = (parts.hostname or "", parts.port or 3128)
        with socket.create_connection(address, CONNECT_SECONDS):
            return True
    except (OSError, ValueError):  # the latter: the port is no number
        return False
