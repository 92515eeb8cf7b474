"""From the inventory to a namespace's order: all targets that share the namespace have their say. Pure but for the resolver."""

from collections.abc import Mapping
from dataclasses import dataclass

from landbridge.domain.errors import InputError
from landbridge.domain.inventory import Inventory, Role, Target
from landbridge.domain.values import Resources
from landbridge.drivers.kubernetes.operating_namespace import COUNTS, MIB, Order
from landbridge.drivers.kubernetes.operating_network import Network
from landbridge.drivers.kubernetes.operating_options import OperatingOptions, read_operating
from landbridge.drivers.kubernetes.operating_rights import Right, rights
from landbridge.drivers.kubernetes.operating_ways import Place, Resolve, passages, places
from landbridge.drivers.kubernetes.options import KubernetesOptions, read_options
from landbridge.drivers.kubernetes.pod_template import GPU, SITE

RESERVED = ("default", "kube-system", "kube-public", "kube-node-lease")


@dataclass(frozen=True, slots=True)
class Shared:
    """The targets of one namespace, and what they ask of it together.

    Attributes:
        gateway: namespace and name; ("", "") = none.
    """

    targets: tuple[Target, ...]
    namespace: str
    operating: OperatingOptions
    options: tuple[KubernetesOptions, ...]
    gateway: tuple[str, str]
    rights: tuple[Right, ...]
    places: tuple[Place, ...]


def shared(target: Target, inventory: Inventory) -> Shared:
    """Find all targets with the namespace of `target`.

    Raises:
        InputError: an option is wrong, or two targets say different things of the same namespace.
    """
    mine = read_options(target, inventory)
    targets = tuple(
        item
        for item in inventory.targets.values()
        if item.name == target.name or (item.driver == target.driver and _key(item) == _key(target))
    )
    options = tuple(mine if item.name == target.name else read_options(item, inventory) for item in targets)
    gateways = {_gateway(item) for item in options} - {("", "")}
    if len(gateways) > 1:
        names = ", ".join(sorted("/".join(item) for item in gateways))
        raise InputError(
            f"The targets of namespace {mine.namespace!r} name different gateways: {names}.",
            "Give them the same `gateway:`, or a namespace each.",
            inventory.path,
        )
    gateway = next(iter(gateways), ("", ""))
    roles = frozenset[Role]().union(*(item.roles for item in targets))
    found = {
        place: None for item, given in zip(targets, options, strict=True) for place in places(item, given, inventory)
    }
    needed = rights(roles, gateway=bool(gateway[1]), queue=any(item.queue for item in options))
    return Shared(targets, mine.namespace, _operating(targets, inventory), options, gateway, needed, tuple(found))


def order(of: Shared, resolve: Resolve, api_servers: tuple[str, ...]) -> tuple[Order, tuple[str, ...]]:
    """The namespace to make, and the ways out that have no address here.

    Raises:
        InputError: the namespace is one of the cluster's own.
    """
    if of.namespace in RESERVED:
        message = f"Namespace {of.namespace!r} is the cluster's own."
        raise InputError(message, "Give the team a namespace of its own: `namespace:` in the target's options.")
    said = of.operating
    out, lost = passages(of.places, said, resolve)
    network = Network(out, of.gateway, said.ingress_namespaces, said.dns_namespace, api_servers)
    made = Order(
        namespace=of.namespace,
        targets=tuple(item.name for item in of.targets),
        pod_security=said.pod_security,
        quota=quota(of.targets, said),
        network=network,
        account=said.account,
        rights=of.rights,
        gateway=of.gateway,
        see_nodes=said.see_nodes,
        labels={SITE: of.targets[0].site},
    )
    return made, lost


def quota(targets: tuple[Target, ...], said: OperatingOptions) -> Mapping[str, str]:
    """What all targets of the namespace may take together; a resource of which the inventory says nothing is not bounded."""
    total = sum((item.capacity for item in targets), Resources())
    found = dict(COUNTS)
    if total.cpu_millicores:
        found["requests.cpu"] = f"{total.cpu_millicores}m"
    if total.memory_bytes:
        found["requests.memory"] = f"{total.memory_bytes // MIB}Mi"
    if total.cpu_millicores or total.memory_bytes or total.gpus:
        found[f"requests.{GPU}"] = str(total.gpus)  # GPUs that nobody declared are none, not any number
    return {**found, **said.quota}


def _key(target: Target) -> tuple[str, str, str]:
    said = target.options
    return str(said.get("kubeconfig", "")), str(said.get("context", "")), str(said.get("namespace", ""))


def _gateway(options: KubernetesOptions) -> tuple[str, str]:
    if not options.gateway:
        return "", ""
    before, _, name = options.gateway.rpartition("/")
    return before or options.namespace, name


def _operating(targets: tuple[Target, ...], inventory: Inventory) -> OperatingOptions:
    said = {item.name: read_operating(item, inventory) for item in targets if item.options.get("operations")}
    if len({repr(item) for item in said.values()}) > 1:
        raise InputError(
            f"Targets {', '.join(said)} share a namespace and say different things of it under `operations`.",
            "Write `operations` at one of them, or the same at all.",
            inventory.path,
        )
    return next(iter(said.values()), OperatingOptions())
