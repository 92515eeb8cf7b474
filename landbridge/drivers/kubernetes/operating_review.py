"""What the doctor asks the API server, with the target's own credentials and, where those may not look, an administrator's."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from landbridge.domain.errors import AuthError, LandbridgeError
from landbridge.domain.operating import Diagnosis
from landbridge.drivers.kubernetes import operating_judges as judges
from landbridge.drivers.kubernetes.cluster import (
    CONFIG_MAPS,
    NAMESPACES,
    NODES,
    QUOTAS,
    SECRETS,
    Cluster,
    Kind,
    Object,
    Request,
    beside,
)
from landbridge.drivers.kubernetes.operating_apply import post
from landbridge.drivers.kubernetes.operating_namespace import KINDS
from landbridge.drivers.kubernetes.operating_order import Shared
from landbridge.drivers.kubernetes.operating_rights import SEE_GATEWAY, SEE_NODES, TOO_MUCH, Right

Found = TypeVar("Found")

THREADS = 8
GATEWAYS = Kind("gateway.networking.k8s.io/v1", "gateways")
CLASSES = Kind("gateway.networking.k8s.io/v1", "gatewayclasses", namespaced=False)
QUEUES = Kind("kueue.x-k8s.io/v1beta1", "localqueues")
PRIORITIES = Kind("scheduling.k8s.io/v1", "priorityclasses", namespaced=False)
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
ADMIN = "Give `--kubeconfig` of somebody who may."


@dataclass(frozen=True, slots=True)
class Eyes:
    """Both ways to look: as the target does, and as an administrator (None = nobody offered)."""

    own: Cluster
    admin: Cluster | None

    def see(self, look: Callable[[Cluster], Found]) -> Found:
        """What is there, whoever sees it. Raises AuthError when neither may."""
        try:
            return look(self.own)
        except AuthError:
            if self.admin is None:
                raise
            return look(self.admin)


def version(eyes: Eyes) -> Iterator[Diagnosis]:
    said = json.loads(eyes.own.raw(Request("GET", "/version", "reading the version")))
    yield judges.judge_version(said)
    yield from attempt("node versions", lambda: _skew(eyes, str(said.get("gitVersion"))))


def _skew(eyes: Eyes, server: str) -> Iterator[Diagnosis]:
    kubelets = eyes.see(lambda cluster: cluster.items(NODES))
    versions = {item["metadata"]["name"]: item["status"]["nodeInfo"]["kubeletVersion"] for item in kubelets}
    yield judges.judge_skew(server, versions)


def account(eyes: Eyes) -> Iterator[Diagnosis]:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    said = post(eyes.own, WHO, "asking who we are", review)
    yield judges.passed("account", str(said["status"]["userInfo"].get("username")))


def all_rights(eyes: Eyes, of: Shared) -> Iterator[Diagnosis]:
    """One row per resource, by exactly the verbs that the driver uses; asked side by side."""
    target = of.targets[0].name
    with ThreadPoolExecutor(THREADS) as pool:
        asked = [(right, pool.submit(_missing, eyes.own, right, of.namespace)) for right in of.rights]
        if of.gateway[1]:
            asked.append((SEE_GATEWAY, pool.submit(_missing, eyes.own, SEE_GATEWAY, *of.gateway)))
        if of.operating.see_nodes:
            asked += [(right, pool.submit(_missing, eyes.own, right, "")) for right in SEE_NODES]
        excess = [(right, pool.submit(_missing, eyes.own, right, "")) for right in TOO_MUCH]
        yield from (judges.judge_right(right, future.result(), target) for right, future in asked)
        allowed = [
            f"{' '.join(right.verbs)} {right.label} ({right.why})" for right, future in excess if not future.result()
        ]
        yield judges.judge_excess(allowed, target)


def namespace(eyes: Eyes, of: Shared) -> Iterator[Diagnosis]:
    found = eyes.see(lambda cluster: cluster.find(NAMESPACES, of.namespace))
    yield judges.judge_namespace(of.namespace, found)
    if found:
        yield judges.judge_security(found)


def quotas(eyes: Eyes) -> Iterator[Diagnosis]:
    found = eyes.see(lambda cluster: cluster.items(QUOTAS))
    if not found:
        remedy = "Run `landbridge ops namespaces apply`, which bounds at least how many objects there may be."
        yield judges.failed("quota", "the namespace has none: one team can take the whole cluster", remedy)
    yield from map(judges.judge_quota, found)


def gateway(eyes: Eyes, of: Shared) -> Iterator[Diagnosis]:
    space, name = of.gateway
    if not name:
        yield judges.passed("Gateway", "none is named: traffic flips between Services, 0 or 100 percent")
        return
    found = eyes.see(lambda cluster: beside(cluster, space).find(GATEWAYS, name))
    kind = None
    if found is not None:
        try:
            kind = eyes.see(lambda cluster: cluster.find(CLASSES, str(found["spec"]["gatewayClassName"])))
        except AuthError:
            kind = None  # the Gateway's own state tells enough
    ours = eyes.see(lambda cluster: cluster.find(NAMESPACES, of.namespace)) or {"metadata": {}}
    labels = ours["metadata"].get("labels") or {}
    yield judges.judge_gateway(judges.GatewayView(f"{space}/{name}", found, kind, of.namespace, labels))


def references(eyes: Eyes, of: Shared) -> Iterator[Diagnosis]:
    """Everything that the options name and somebody must have made."""
    seen = set()
    for options in of.options:
        wanted = [
            *((f"pull secret {name}", SECRETS, name, ".dockerconfigjson") for name in options.image_pull_secrets),
            (f"CA bundle {options.ca_bundle}", CONFIG_MAPS, options.ca_bundle, "ca.crt"),
            (f"storage secret {options.storage_secret}", SECRETS, options.storage_secret, ""),
            (f"service account {options.service_account}", KINDS["ServiceAccount"], options.service_account, ""),
            (f"queue {options.queue}", QUEUES, options.queue, ""),
            (f"priority class {options.priority_class}", PRIORITIES, options.priority_class, ""),
        ]
        for label, kind, name, key in wanted:
            if name and label not in seen:
                seen.add(label)
                yield from attempt(label, lambda: [_reference(eyes, (label, kind, name, key))])  # noqa: B023 - called here


def clock(eyes: Eyes) -> Iterator[Diagnosis]:
    """The API server's clock, by an object that a dry run would make."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "landbridge-clock-"}}
    before = time.time()
    made = post(eyes.own, eyes.own.path(CONFIG_MAPS), "asking for the time", body, {"dryRun": "All"})
    theirs = datetime.fromisoformat(str(made["metadata"]["creationTimestamp"])).timestamp()
    yield judges.judge_clock("API server's clock", off_by(theirs, before, time.time()))


def off_by(theirs: float, before: float, after: float) -> float:
    """How far a clock is off that was read between `before` and `after`, in whole seconds of its own."""
    if theirs > after:
        return theirs - after
    return min(0.0, theirs + 1 - before)


def attempt(name: str, look: Callable[[], "Iterator[Diagnosis] | Sequence[Diagnosis]"]) -> Iterator[Diagnosis]:
    """The rows of a look; one that breaks becomes a row, and stops no other."""
    try:
        yield from look()
    except AuthError as error:
        words = error.message.partition(" failed: ")[0].partition(" in namespace ")[0]
        yield judges.unseen(name, f"this account may not look ({words[:1].lower()}{words[1:]})", ADMIN)
    except LandbridgeError as error:
        yield judges.failed(name, error.message, error.hint)


def _missing(cluster: Cluster, right: Right, space: str, name: str = "") -> list[str]:
    return [verb for verb in right.verbs if not _allowed(cluster, right, verb, (space, name))]


def _allowed(cluster: Cluster, right: Right, verb: str, at: tuple[str, str]) -> bool:
    resource, _, part = right.resource.partition("/")
    space, name = at
    if resource == "namespaces":  # a namespace lies in itself
        name = space
    attributes = {
        "group": right.group,
        "resource": resource,
        "subresource": part,
        "verb": verb,
        "namespace": space,
        "name": name,
    }
    body: Object = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }
    return bool(post(cluster, REVIEWS, f"asking whether we may {verb} {right.label}", body)["status"]["allowed"])


def _reference(eyes: Eyes, wanted: tuple[str, Kind, str, str]) -> Diagnosis:
    label, kind, name, key = wanted
    found = eyes.see(lambda cluster: cluster.find(kind, name))
    if found is None:
        return judges.failed(
            label, "it is not in the cluster", f"Create {kind.singular} {name!r}, or correct the option."
        )
    if key and key not in (found.get("data") or {}):
        return judges.failed(label, f"it has no key {key!r}", f"Create it again with {key!r}.")
    return judges.passed(label, "it is there")
