"""The wires: a network namespace per site, the WAN between them, and the hub, by which the root namespace joins.

    root namespace    lb-hub 10.200.1.1 ──┬── hub0 10.200.1.11 onprem, 10.201.0.0/16
                                          └── hub0 10.200.1.12 cloud,  10.202.0.0/16
    WAN               onprem wan0 10.200.0.1 ── wan0 10.200.0.2 cloud

No namespace has a way out: what is not the lab's is unreachable, at once. In the root namespace a second, worse route
for the lab's networks leads nowhere, so that nothing meant for a cluster leaves the machine when a link is down.
"""

import json
from pathlib import Path

from tests.cluster.lab.host import inside, run
from tests.cluster.lab.settings import HUB_ADDRESS, HUB_BRIDGE, HUB_PREFIX_LENGTH, LabError, Site

NETWORKS = "10.200.0.0/14"
"""All of the lab."""


def connect(onprem: Site, cloud: Site) -> None:
    """Make the namespaces and all links. Not re-runnable: `disconnect` first."""
    _refuse_foreign_routes()
    run("ip", "route", "add", "unreachable", NETWORKS, "metric", "9999")
    run("ip", "link", "add", HUB_BRIDGE, "type", "bridge")
    run("ip", "addr", "add", f"{HUB_ADDRESS}/{HUB_PREFIX_LENGTH}", "dev", HUB_BRIDGE)
    run("ip", "link", "set", HUB_BRIDGE, "up")
    for site in (onprem, cloud):
        _make_namespace(site)
    first, second = onprem.namespace, cloud.namespace
    run("ip", "link", "add", "wan0", "netns", first, "type", "veth", "peer", "name", "wan0", "netns", second)
    for here in (onprem, cloud):
        _ip(here, "addr", "add", f"{here.wan_address}/24", "dev", "wan0")
        _ip(here, "link", "set", "wan0", "up")
    for here, there in ((onprem, cloud), (cloud, onprem)):
        _ip(here, "route", "add", there.network, "via", there.wan_address)


def _make_namespace(site: Site) -> None:
    name, port = site.namespace, f"lb-{site.name}"
    run("ip", "netns", "add", name)
    _ip(site, "link", "set", "lo", "up")
    _ip(site, "link", "add", "node0", "type", "bridge")  # the kernel need not have the dummy type
    _ip(site, "addr", "add", f"{site.node_address}/24", "dev", "node0")
    _ip(site, "link", "set", "node0", "up")
    _ip(site, "route", "add", site.network, "dev", "node0")  # services: a packet is routed before it is rewritten
    _ip(site, "route", "add", "unreachable", "default")
    run("ip", "link", "add", port, "type", "veth", "peer", "name", "hub0", "netns", name)
    # Isolated: the two sites see each other over the WAN only.
    run("ip", "link", "set", port, "master", HUB_BRIDGE, "up")
    run("ip", "link", "set", port, "type", "bridge_slave", "isolated", "on")
    _ip(site, "addr", "add", f"{site.hub_address}/{HUB_PREFIX_LENGTH}", "dev", "hub0")
    _ip(site, "link", "set", "hub0", "up")
    run("ip", "route", "add", site.network, "via", site.hub_address)
    settings = ("net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1")
    run(*inside(site, "sysctl", "-q", "-w", *settings))


def disconnect(onprem: Site, cloud: Site) -> None:
    """Remove what `connect` made, as far as it is there; the route that leads nowhere goes last."""
    for site in (onprem, cloud):
        if Path(f"/run/netns/{site.namespace}").exists():
            run("ip", "netns", "delete", site.namespace)
        _delete_link(f"lb-{site.name}")
    _delete_link(HUB_BRIDGE)
    if _routes("type", "unreachable", "exact", NETWORKS):
        run("ip", "route", "delete", "unreachable", NETWORKS, "metric", "9999")


def is_connected(site: Site) -> bool:
    return Path(f"/run/netns/{site.namespace}").exists()


def links() -> set[str]:
    """Return the root namespace's links: asked of the kernel, for /sys may show another namespace's."""
    return {link["ifname"] for link in json.loads(run("ip", "-json", "link", "show"))}


def _ip(site: Site, *words: str) -> None:
    run("ip", "-n", site.namespace, *words)


def _delete_link(name: str) -> None:
    if name in links():
        run("ip", "link", "delete", name)


def _routes(*words: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run("ip", "-json", "route", "show", *words) or "[]")
    return found


def _refuse_foreign_routes() -> None:
    """Refuse to take addresses that this machine really uses."""
    taken = [route for route in _routes("root", NETWORKS) if route.get("dev") != HUB_BRIDGE]
    if taken:
        raise LabError(f"the lab needs {NETWORKS} for itself, and this machine has routes into it: {taken}")
