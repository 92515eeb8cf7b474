"""What the doctor makes of what it read: one row per thing, with its reason and its remedy. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landbridge.domain.operating import Diagnosis, Verdict
from landbridge.domain.quantities import quantity
from landbridge.drivers.kubernetes.operating_namespace import POD_SECURITY
from landbridge.drivers.kubernetes.operating_options import LEVELS
from landbridge.drivers.kubernetes.operating_rights import Right
from landbridge.drivers.kubernetes.pod_template import DEFAULT, GPU

Object = dict[str, Any]

OLDEST, TESTED = (1, 29), (1, 34)  # podReplacementPolicy is on by default since 1.29
# https://kubernetes.io/releases/version-skew-policy/#kubelet
KUBELET_SKEW = 3
CLOCK_SECONDS = 30.0  # signed URLs of object stores bear minutes, tokens less
APPLY = "Run `landbridge ops namespaces apply`"
HTTP_PROTOCOLS = ("HTTP", "HTTPS")


def passed(name: str, why: str) -> Diagnosis:
    return Diagnosis(name, Verdict.PASS, why)


def failed(name: str, why: str, remedy: str) -> Diagnosis:
    return Diagnosis(name, Verdict.FAIL, why, remedy)


def unseen(name: str, why: str, remedy: str) -> Diagnosis:
    return Diagnosis(name, Verdict.UNSEEN, why, remedy)


def judge_version(said: Mapping[str, Any]) -> Diagnosis:
    """The API server's `/version`."""
    found = minor(str(said.get("gitVersion", "")))
    shown = str(said.get("gitVersion") or "unknown")
    if found < OLDEST:
        return failed(
            "version", f"the API server is {shown}; 1.{OLDEST[1]} is the oldest that fits", "Upgrade the cluster."
        )
    newer = f", newer than 1.{TESTED[1]}, the newest that was tried" if found > TESTED else ""
    return passed("version", f"the API server is {shown}{newer}")


def judge_skew(server: str, kubelets: Mapping[str, str]) -> Diagnosis:
    """`kubelets`: node → version. A kubelet may be older by three minors, never newer."""
    top = minor(server)
    wrong = {name: version for name, version in kubelets.items() if not 0 <= top[1] - minor(version)[1] <= KUBELET_SKEW}
    if not wrong:
        return passed("node versions", f"{len(kubelets)} kubelets suit {server}")
    named = ", ".join(f"{name} ({version})" for name, version in sorted(wrong.items())[:3])
    return failed(
        "node versions",
        f"{len(wrong)} of {len(kubelets)} kubelets do not suit {server}: {named}",
        f"Bring them to at most {KUBELET_SKEW} minors below the API server, never above.",
    )


def judge_right(right: Right, missing: Sequence[str], target: str) -> Diagnosis:
    name = f"rights: {right.label}"
    if not missing:
        return passed(name, f"may {', '.join(right.verbs)} ({right.why})")
    remedy = f"{APPLY} {target}`, and use the kubeconfig that it writes.".replace("apply` ", "apply ")
    return failed(name, f"may not {', '.join(missing)}, which is for: {right.why}", remedy)


def judge_excess(allowed: Sequence[str], target: str) -> Diagnosis:
    if not allowed:
        return passed("rights beyond need", "none of those that were asked for")
    remedy = f"Use the account that `landbridge ops namespaces apply {target} --write-kubeconfig FILE` makes."
    return failed("rights beyond need", f"this account may also, everywhere: {'; '.join(allowed)}", remedy)


def judge_namespace(namespace: str, found: Object | None) -> Diagnosis:
    if found is None:
        return failed("namespace", f"there is no namespace {namespace!r}", f"{APPLY}`, or correct `namespace:`.")
    if found["metadata"].get("deletionTimestamp"):
        remedy = f"Wait until it is gone, then run it again: {APPLY[4:]}`."
        return failed("namespace", f"{namespace!r} is being deleted", remedy)
    return passed("namespace", f"{namespace!r} is {(found.get('status') or {}).get('phase', 'there')}")


def judge_security(found: Object) -> Diagnosis:
    """`restricted` or `baseline` must be enforced; our pods pass both."""
    level = str((found["metadata"].get("labels") or {}).get(f"{POD_SECURITY}/enforce", ""))
    if level in LEVELS:
        return passed("Pod Security", f"the namespace enforces {level}")
    why = f"the namespace enforces {level or 'nothing'}, so a pod may take over its node"
    return failed("Pod Security", why, f"{APPLY}`, or label it {POD_SECURITY}/enforce=restricted.")


def judge_quota(found: Object) -> Diagnosis:
    """What is left must hold at least one instance of the default type."""
    name = f"quota {found['metadata']['name']}"
    status = found.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    full = [key for key, limit in hard.items() if quantity(limit) - quantity(used.get(key, 0)) < _least(key)]
    if not full:
        shown = ", ".join(f"{key} {used.get(key, 0)} of {limit}" for key, limit in sorted(hard.items()))
        return passed(name, shown or "bounds nothing")
    shown = ", ".join(f"{key}: {used.get(key, 0)} of {hard[key]} are used" for key in sorted(full))
    return failed(
        name, f"nothing more fits: {shown}", "End what runs there, or raise the quota in the inventory and apply it."
    )


@dataclass(frozen=True, slots=True)
class GatewayView:
    """What was read of the Gateway. `kind`: its class, None when that may not be seen."""

    name: str
    found: Object | None
    kind: Object | None
    namespace: str
    labels: Mapping[str, str]


def judge_gateway(view: GatewayView) -> Diagnosis:
    """It must be programmed, and one HTTP listener must let routes of our namespace in."""
    name = "Gateway"
    if view.found is None:
        return failed(
            name, f"there is no Gateway {view.name}", "Create it, or correct `gateway:` in the target's options."
        )
    kind = view.kind
    if kind is not None and not _condition(kind, "Accepted"):
        return failed(name, f"its class {kind['metadata']['name']} is not accepted", "Install or mend its controller.")
    if not (_condition(view.found, "Programmed") or _condition(view.found, "Ready")):
        why = _words(view.found, "Programmed") or _words(view.found, "Accepted") or "no controller has taken it up"
        return failed(name, f"{view.name} is not programmed: {why}", "Check that its controller runs, and its class.")
    refusals = list(_refusals(view))
    listeners = view.found["spec"].get("listeners") or []
    if len(refusals) >= len(listeners):
        remedy = "Let a listener admit routes from this namespace under `allowedRoutes`."
        return failed(name, f"{view.name} lets no route in: {'; '.join(refusals) or 'it has no listeners'}", remedy)
    addresses = [str(item.get("value")) for item in (view.found.get("status") or {}).get("addresses") or ()]
    if not addresses:
        return failed(name, f"{view.name} has no address", "Give it one: a load balancer, or `spec.addresses`.")
    return passed(name, f"{view.name} answers at {', '.join(addresses)}")


def judge_clock(name: str, skew_seconds: float) -> Diagnosis:
    if abs(skew_seconds) <= CLOCK_SECONDS:
        return passed(name, f"within {max(1.0, abs(skew_seconds)):.0f} s of this machine's")
    way = "ahead of" if skew_seconds > 0 else "behind"
    return failed(
        name,
        f"{abs(skew_seconds):.0f} s {way} this machine's; signed URLs and tokens fail",
        "Run a time service on all.",
    )


def minor(version: str) -> tuple[int, int]:
    """`v1.34.4` → (1, 34)."""
    parts = version.removeprefix("v").split(".")
    digits = ["".join(char for char in part if char.isdigit()) for part in parts[:2]]
    return (int(digits[0]), int(digits[1])) if len(digits) == 2 and all(digits) else (0, 0)


def _least(resource: str) -> Any:
    kind = resource.removeprefix("requests.").removeprefix("limits.")
    if kind == GPU:
        return 0
    asked = {"cpu": f"{DEFAULT.requests.cpu_millicores}m", "memory": DEFAULT.requests.memory_bytes, "pods": 1}
    return quantity(asked.get(kind, 1 if resource.startswith("count/") else 0))


def _refusals(view: GatewayView) -> Iterator[str]:
    """Why a listener takes no route of ours, one line per listener that does not."""
    own = view.name.partition("/")[0]
    for item in (view.found or {"spec": {}})["spec"].get("listeners") or ():
        if item.get("protocol") not in HTTP_PROTOCOLS:
            yield f"listener {item.get('name')} speaks {item.get('protocol')}"
            continue
        spaces = (item.get("allowedRoutes") or {}).get("namespaces") or {}
        source = spaces.get("from", "Same")
        if source == "Same" and own != view.namespace:
            yield f"listener {item.get('name')} takes routes of namespace {own} only"
        elif source == "None":
            yield f"listener {item.get('name')} takes no routes"
        elif source == "Selector" and not _selects(spaces.get("selector") or {}, view.labels):
            yield f"listener {item.get('name')} takes namespaces with other labels"


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors"""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_fits(item, labels) for item in selector.get("matchExpressions") or ())


def _fits(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(str(expression["key"])), expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


def _condition(found: Object, kind: str) -> bool:
    return any(item["type"] == kind and item["status"] == "True" for item in _conditions(found))


def _words(found: Object, kind: str) -> str:
    return next((str(item.get("message", "")) for item in _conditions(found) if item["type"] == kind), "")


def _conditions(found: Object) -> Sequence[Object]:
    return (found.get("status") or {}).get("conditions") or ()
