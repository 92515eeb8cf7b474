"""A cluster as IT operations see it: instance types, the team's namespace, and what is wrong. Meets the ports by duty only."""

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

from landbridge.domain.azure.router import Inside
from landbridge.domain.errors import AuthError, ConflictError, LandbridgeError, NotFoundError, TargetUnavailableError
from landbridge.domain.inventory import InstanceType, Inventory, Target
from landbridge.domain.operating import (
    Action,
    Change,
    Diagnosis,
    Examination,
    NamespacePlan,
    OfferedType,
    Verdict,
)
from landbridge.drivers.kubernetes.cluster import NODES, Cluster, Kind, Object, address_of, connect
from landbridge.drivers.kubernetes.operating_apply import applied, planned, post
from landbridge.drivers.kubernetes.operating_namespace import KINDS, objects
from landbridge.drivers.kubernetes.operating_order import order, shared
from landbridge.drivers.kubernetes.operating_types import (
    CRD,
    DEFINITIONS,
    GROUP,
    PLURAL,
    TYPES,
    Node,
    Stock,
    definition,
    from_object,
    judge_type,
    read_node,
    takers,
    to_object,
)
from landbridge.drivers.kubernetes.options import read_options
from landbridge.drivers.kubernetes.pod_template import DEFAULT

ESTABLISHED_SECONDS = 15.0
POLL_SECONDS = 0.2
API_SLICE = (Kind("discovery.k8s.io/v1", "endpointslices"), "kubernetes")


class OperatedCluster:
    """`HasInstanceTypes`, `HasNamespaces`, `KnowsNamespaces`, `KnowsRouter` and `CanDiagnose` over one target's options."""

    def __init__(self, target: Target, inventory: Inventory) -> None:
        self._target, self._inventory = target, inventory
        self._options = read_options(target, inventory)

    @property
    def label(self) -> str:
        return self._cluster().label

    def instance_types(self) -> tuple[OfferedType, ...]:
        cluster = self._cluster()
        nodes = visible_nodes(cluster) or ()
        found = {item.name: (item, "cluster") for item in read_types(cluster).values()}
        found.setdefault(DEFAULT.name, (DEFAULT, "built in"))
        return tuple(
            OfferedType(item, source, takers(item, nodes, self._target.name, self._target.options))
            for _, (item, source) in sorted(found.items())
        )

    def apply_instance_types(self, wanted: tuple[InstanceType, ...]) -> tuple[Change, ...]:
        cluster = self._cluster()
        existing = cluster.find(DEFINITIONS, CRD)
        changes = [Change(Action.KEEP, "CustomResourceDefinition", CRD, "it is there, and stays as it is")]
        if existing is None:
            changes = [replace(applied(cluster, DEFINITIONS, definition()), detail="installed")]
            _await_definition(cluster)
        kind = types_kind(existing)
        offered = list(wanted)
        if existing is None and DEFAULT.name not in {item.name for item in wanted}:
            offered.append(DEFAULT)
        return (*changes, *(applied(cluster, kind, to_object(item)) for item in offered))

    def check_instance_types(self) -> tuple[Diagnosis, ...]:
        return judge_types(self._cluster(), self._target)

    def has_namespace(self) -> bool:
        cluster = self._cluster()
        return cluster.find(KINDS["Namespace"], cluster.namespace) is not None

    def router(self, secret: str) -> Inside | None:
        from landbridge.drivers.kubernetes.operating_router import read_router

        return read_router(self._cluster(), self._there("default"), secret)

    def plan_namespace(self) -> NamespacePlan:
        return self._namespace(write=False)

    def apply_namespace(self) -> NamespacePlan:
        return self._namespace(write=True)

    def credentials(self, seconds: int) -> str:
        cluster, account = self._cluster(), shared(self._target, self._inventory).operating.account
        path = cluster.path(KINDS["ServiceAccount"], account, "token")
        doing = f"asking for a token of service account {account!r}"
        made = post(cluster, path, doing, {"spec": {"expirationSeconds": seconds}})
        return _kubeconfig(cluster, account, str(made["status"]["token"]))

    def diagnose(self, order: Examination) -> Iterator[Diagnosis]:
        from landbridge.drivers.kubernetes.operating_doctor import examine

        yield from examine(self._target, self._inventory, order, judge_types)

    def _namespace(self, write: bool) -> NamespacePlan:
        of = shared(self._target, self._inventory)
        cluster = self._cluster()
        made, lost = order(of, resolve, api_servers(self._there("default")))
        manifests = objects(made)
        changes = [self._one(item, cluster, write) for item in manifests]
        unresolved = [
            Change(Action.KEEP, "way out", item, "has no address here: declare it under `operations.egress`")
            for item in lost
        ]
        return NamespacePlan(of.namespace, (*changes, *unresolved), tuple(manifests))

    def _one(self, body: Object, cluster: Cluster, write: bool) -> Change:
        space = str(body["metadata"].get("namespace", cluster.namespace))
        at = cluster if space == cluster.namespace else self._there(space)
        kind = KINDS[body["kind"]]
        return applied(at, kind, body) if write else planned(at, kind, body)

    def _cluster(self) -> Cluster:
        return self._there(self._options.namespace)

    def _there(self, namespace: str) -> Cluster:
        return connect(self._options.kubeconfig, self._options.context, namespace)


def read_types(cluster: Cluster) -> dict[str, InstanceType]:
    """All instance types of the cluster, by name; none where nobody knows the kind."""
    existing = cluster.find(DEFINITIONS, CRD)
    if existing is None:
        return {}
    return {item.name: item for item in map(from_object, cluster.items(types_kind(existing)))}


def types_kind(existing: Object | None) -> Kind:
    """The kind as this cluster has it: whoever installed it may have bound it to namespaces."""
    if existing is None or existing["spec"].get("scope") != "Namespaced":
        return TYPES
    return Kind(f"{GROUP}/{TYPES.api.partition('/')[2]}", PLURAL)


def judge_types(cluster: Cluster, target: Target) -> tuple[Diagnosis, ...]:
    """One row per declared type, and one for the kind itself where it is missing."""
    try:
        types = read_types(cluster)
        known = cluster.find(DEFINITIONS, CRD) is not None
    except AuthError:
        remedy = "Give `--kubeconfig` of somebody who may read instance types."
        return (Diagnosis("instance types", Verdict.UNSEEN, "this account may not read them", remedy),)
    if not known and target.instance_types:
        why = "the cluster does not know the kind InstanceType"
        remedy = f"Run `landbridge ops instance-types apply {target.name}`."
        return (Diagnosis("instance types", Verdict.FAIL, why, remedy),)
    if not target.instance_types:
        why = f"the inventory declares none for {target.name}; workloads get {DEFAULT.name}"
        return (Diagnosis("instance types", Verdict.PASS, why),)
    stock = Stock(types, visible_nodes(cluster), target.name, target.options)
    return tuple(judge_type(item, stock) for item in target.instance_types)


def visible_nodes(cluster: Cluster) -> tuple[Node, ...] | None:
    """All nodes; None when this account may not list them."""
    try:
        return tuple(read_node(item) for item in cluster.items(NODES))
    except AuthError:
        return None


def api_servers(cluster: Cluster) -> tuple[str, ...]:
    """The API servers' own addresses, as the cluster tells them in namespace `default`; none when that may not be read."""
    try:
        found = cluster.find(*API_SLICE)
    except LandbridgeError:
        return ()
    return tuple(address for item in (found or {}).get("endpoints") or () for address in item.get("addresses") or ())


def resolve(host: str) -> tuple[str, ...]:
    """The IPv4 and IPv6 addresses of a name, none when it has none here."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(sorted({str(item[4][0]).partition("%")[0] for item in found}))


def _await_definition(cluster: Cluster) -> None:
    """Until the API server serves the new kind."""
    end = time.monotonic() + ESTABLISHED_SECONDS
    while True:
        found = cluster.get(DEFINITIONS, CRD)
        said = {item["type"]: item["status"] for item in (found.get("status") or {}).get("conditions") or ()}
        if said.get("NamesAccepted") == "False":
            hint = "Read `kubectl describe crd` of it; remove what has the same names."
            raise ConflictError(f"The cluster refuses the names of {CRD}.", hint)
        if said.get("Established") == "True" and _is_served(cluster):
            return
        if time.monotonic() > end:
            hint = "Check that the API server is well, and run it again."
            raise TargetUnavailableError(f"{CRD} is not served after {ESTABLISHED_SECONDS:g} s.", hint)
        time.sleep(POLL_SECONDS)


def _is_served(cluster: Cluster) -> bool:
    try:
        cluster.items(TYPES)
    except NotFoundError:
        return False
    return True


def _kubeconfig(cluster: Cluster, account: str, token: str) -> str:
    """JSON, which is YAML."""
    import base64

    server, authority = address_of(cluster)
    trusted = {"certificate-authority-data": base64.b64encode(authority).decode()} if authority else {}
    name = f"{account}@{cluster.namespace}"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": {"server": server, **trusted}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [
            {"name": name, "context": {"cluster": "cluster", "user": name, "namespace": cluster.namespace}},
        ],
        "current-context": name,
    }
    return json.dumps(content, indent=2) + "\n"
