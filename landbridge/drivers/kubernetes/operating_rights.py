"""What the orchestrator's account may do in its namespace: the calls that this driver makes, and no others. Pure.

`landbridge ops namespaces` grants exactly these, `landbridge ops doctor` asks for exactly these, and a test reads the
driver's sources and compares. No ClusterRole is among them; `SEE_NODES` is the one that an inventory may ask for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from landbridge.domain.inventory import Role

Object = dict[str, Any]

RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Right:
    """Verbs on one resource of an API group ("" = core), and what they are for. `resource` may be "pods/log"."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    why: str

    @property
    def label(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


ALWAYS = (
    Right("", "namespaces", ("get",), "it is there; doctor: its Pod Security level"),
    Right("", "resourcequotas", ("list",), "what is left for the team"),
    Right("", "serviceaccounts", ("get",), "doctor: the account of pods is there"),
    Right("", "pods", ("get", "list", "watch"), "how jobs and colours are"),
    Right("", "events", ("list", "watch"), "why a pod does not start"),
    Right("", "configmaps", ("create", "get"), "doctor: the time, the CA bundle"),
    Right("", "secrets", ("create", "get", "patch", "delete"), "signed URLs of one job; never listed"),
    Right("batch", "jobs", ("create", "get", "list", "watch", "patch", "delete"), "training jobs and the probe"),
)
TRAIN = (
    Right("", "configmaps", ("create", "get", "patch"), "code of a job, and whose it is"),
    Right("", "services", ("create", "get", "patch"), "names of a job's pods"),
    Right("", "pods/log", ("get",), "the job's log"),
    Right("", "persistentvolumeclaims", ("list",), "claims that Azure ML's label marks"),
)
SERVE = (
    Right("", "services", ("create", "get", "list", "patch", "delete"), "addresses of colours and endpoints"),
    Right("", "configmaps", ("create", "get", "list", "patch", "delete"), "settings of a colour"),
    Right("apps", "deployments", ("create", "get", "list", "patch", "delete"), "colours"),
    Right("autoscaling", "horizontalpodautoscalers", ("create", "get", "patch", "delete"), "scale settings"),
    Right("policy", "poddisruptionbudgets", ("create", "get", "patch", "delete"), "what stays during maintenance"),
    Right("discovery.k8s.io", "endpointslices", ("list",), "where a Service leads"),
    Right("", "pods/log", ("get",), "why a colour does not start"),
    Right("", "pods/proxy", ("get",), "what a model server counts"),
    Right("", "services/proxy", ("get", "create"), "predictions from inside, without a Gateway"),
)
ROUTES = (
    Right(
        "gateway.networking.k8s.io",
        "httproutes",
        ("create", "get", "list", "patch", "delete"),
        "weights between colours",
    ),
)
QUEUES = (Right("kueue.x-k8s.io", "localqueues", ("get",), "doctor: the queue is there"),)
SEE_NODES = (
    Right("", "nodes", ("get", "list", "watch"), "what each node has"),
    Right("", "pods", ("list", "watch"), "what is taken of it, also by others"),
)
SEE_GATEWAY = Right("gateway.networking.k8s.io", "gateways", ("get",), "its address")
TOO_MUCH = (
    Right("", "secrets", ("list",), "every team's secrets"),
    Right("", "pods", ("create",), "pods in other teams' namespaces"),
    Right(RBAC, "clusterrolebindings", ("create",), "any right at all"),
    Right("", "namespaces", ("delete",), "other teams' namespaces"),
)
"""What no orchestrator needs, asked for over all namespaces."""


def rights(roles: frozenset[Role], gateway: bool, queue: bool = False) -> tuple[Right, ...]:
    """All rights in the namespace, one per resource."""
    parts = (
        (ALWAYS, True),
        (TRAIN, Role.TRAIN in roles),
        (SERVE, Role.SERVE in roles),
        (ROUTES, Role.SERVE in roles and gateway),
        (QUEUES, queue),
    )
    found: dict[str, Right] = {}
    for part, wanted in parts:
        for right in part if wanted else ():
            before = found.get(right.label)
            found[right.label] = _both(before, right) if before else right
    return tuple(found.values())


def _both(one: Right, other: Right) -> Right:
    why = one.why if one.why == other.why else f"{one.why}; {other.why}"
    return Right(one.group, one.resource, tuple(dict.fromkeys((*one.verbs, *other.verbs))), why)


def rules(found: Iterable[Right]) -> list[Object]:
    """As a Role spells them."""
    return [{"apiGroups": [right.group], "resources": [right.resource], "verbs": list(right.verbs)} for right in found]
