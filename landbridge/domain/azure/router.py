"""The inference router `azureml-fe`: what its settings mean, and whether it is as they say. Pure.

Sources: https://learn.microsoft.com/azure/machine-learning/how-to-kubernetes-inference-routing-azureml-fe,
https://learn.microsoft.com/azure/machine-learning/how-to-secure-kubernetes-online-endpoint
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from landbridge.domain.azure.extension import CERTIFICATE, HA_NODES, KEY
from landbridge.domain.azure.extension_plan import Present
from landbridge.domain.azure.settings import ENABLE, ClusterKind, Feature, in_effect, is_on
from landbridge.domain.operating import Diagnosis, Verdict

NAMESPACE, DEPLOYMENT, SERVICE, LEGACY = "azureml", "azureml-fe-v2", "azureml-fe", "azureml-fe"
SECRET_KEYS = ("cert.pem", "key.pem")
REPLICAS = 3  # with high availability
LEAST_DAYS = 30.0  # a certificate that ends sooner is told of
_SETTINGS = (
    "inferenceRouterServiceType", "inferenceRouterHA", "allowInsecureConnections", "sslCname", "sslSecret",
    "internalLoadBalancerProvider",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inside:
    """The router as the cluster has it.

    Attributes:
        wanted, ready: replicas.
        service: type of its Service; "" = there is none.
        addresses: where the load balancer, or the cluster, reaches it.
        scaled: a HorizontalPodAutoscaler of somebody's stands in namespace azureml.
        legacy: the router of an AksCompute is in namespace default.
        secret_keys: of `sslSecret`; None = not there, or not asked for.
    """

    wanted: int = 0
    ready: int = 0
    service: str = ""
    addresses: tuple[str, ...] = ()
    scaled: bool = False
    legacy: bool = False
    secret_keys: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Outside:
    """The router as it answers here under its name.

    Attributes:
        addresses: that the name leads to; () = to none.
        fault: why no TLS connection came about, or "".
        days: until its certificate ends.
    """

    addresses: tuple[str, ...] = ()
    fault: str = ""
    days: float = 0.0


def settings_in_effect(settings: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Settings that are the router's, with the defaults that count."""
    return tuple((name, in_effect(settings, name) or "(not set)") for name in _SETTINGS)


def judge_settings(present: Present, kind: ClusterKind, nodes: int) -> Iterator[Diagnosis]:
    """What the extension's settings tell by themselves. `nodes`: that take its pods."""
    settings = present.settings
    if not is_on(settings, ENABLE[Feature.INFERENCE]):
        remedy = "Write `features: both` into the order, and run `landbridge ops extension update`."
        yield Diagnosis("inference", Verdict.FAIL, "the extension is for training alone: there is no router", remedy)
        return
    remedy = "Run `landbridge ops extension status`, mend what it names, and install it again."
    why = f"the extension serves online endpoints; it is {present.state or 'in no state that is told'}"
    yield _row("inference", present.state == "Succeeded", why, remedy)
    yield _replicas(settings, nodes)
    yield _service(settings, kind)
    yield _tls(settings, present.protected)


def judge_inside(settings: Mapping[str, str], there: Inside) -> Iterator[Diagnosis]:
    """Whether the cluster has it as the settings say."""
    wanted = REPLICAS if is_on(settings, "inferenceRouterHA") else 1
    healthy = there.ready >= wanted
    remedy = "Look at its pods (`kubectl describe pods -n azureml`): each needs a node of its own, 900m CPU and 800Mi."
    yield _row("pods", healthy, f"{there.ready} of {wanted} replicas of {DEPLOYMENT} are ready", remedy)
    yield _inside_service(settings, there)
    why = (
        "a HorizontalPodAutoscaler scales in namespace azureml" if there.scaled else "no other autoscaler is in the way"
    )
    yield _row(
        "autoscaler", not there.scaled, why, "Delete it: the router scales model pods itself (`scale_settings`)."
    )
    why = "the router of an AksCompute is in namespace default" if there.legacy else "no router of AksCompute is there"
    remedy = "Delete what is left of it: `landbridge ops explain E45005`."
    yield _row("AksCompute", not there.legacy, why, remedy)
    if secret := settings.get("sslSecret"):
        missing = [key for key in SECRET_KEYS if key not in (there.secret_keys or ())]
        why = (
            f"{secret} has {', '.join(there.secret_keys)}"
            if there.secret_keys is not None
            else f"{secret} is not there"
        )
        remedy = f"Make it: kubectl create secret generic {secret} -n azureml --from-file=cert.pem --from-file=key.pem."
        yield _row("secret", not missing, why, remedy)


def judge_outside(name: str, seen: Outside, there: Inside | None) -> Iterator[Diagnosis]:
    """Whether its name leads to it, with a certificate that holds."""
    remedy = "Make a DNS record of it that leads to the router's address (`kubectl get service azureml-fe -n azureml`)."
    if not seen.addresses:
        yield Diagnosis("DNS", Verdict.FAIL, f"{name} leads nowhere from here", remedy)
        return
    known = set(there.addresses) if there else set()
    if known and not known & set(seen.addresses):
        why = f"{name} leads to {', '.join(seen.addresses)}, the router is at {', '.join(sorted(known))}"
        yield Diagnosis("DNS", Verdict.FAIL, why, remedy)
    else:
        yield Diagnosis("DNS", Verdict.PASS, f"{name} leads to {', '.join(seen.addresses)}")
    if seen.fault:
        remedy = "Try it from where clients are; of a certificate, renew it and run `landbridge ops extension update`."
        yield Diagnosis("certificate", Verdict.FAIL, seen.fault, remedy)
        return
    why = f"it holds for {seen.days:.0f} days"
    remedy = "Renew it: the secret, or the PEM files, then `landbridge ops extension update`."
    yield _row("certificate", seen.days >= LEAST_DAYS, why, remedy)


def _row(name: str, passed: bool, why: str, remedy: str) -> Diagnosis:
    return Diagnosis(name, Verdict.PASS, why) if passed else Diagnosis(name, Verdict.FAIL, why, remedy)


def _replicas(settings: Mapping[str, str], nodes: int) -> Diagnosis:
    if not is_on(settings, "inferenceRouterHA"):
        return Diagnosis("replicas", Verdict.PASS, "one: no request is answered while it restarts; for test clusters")
    why = f"{REPLICAS}, one of them the coordinator, on {nodes} nodes"
    return _row("replicas", nodes >= HA_NODES, why, "Add nodes, or set inferenceRouterHA: false.")


def _service(settings: Mapping[str, str], kind: ClusterKind) -> Diagnosis:
    service = settings.get("inferenceRouterServiceType", "")
    if service == "LoadBalancer" and kind is ClusterKind.ARC:
        remedy = "Look whether the Service azureml-fe has an address, or set NodePort or ClusterIP (E40001)."
        return Diagnosis("service", Verdict.UNSEEN, "LoadBalancer: not every cluster outside Azure has one", remedy)
    words = {
        "LoadBalancer": "inside the network alone"
        if settings.get("internalLoadBalancerProvider")
        else "a cloud's load balancer",
        "NodePort": "a port of each node: load balancer and TLS termination may be your own",
        "ClusterIP": "from inside alone: bring an ingress of your own",
    }
    why = f"{service}: {words.get(service, 'unknown')}"
    return _row("service", service in words, why, "Set inferenceRouterServiceType.")


def _tls(settings: Mapping[str, str], protected: tuple[str, ...]) -> Diagnosis:
    if is_on(settings, "allowInsecureConnections"):
        why = "plain HTTP: keys and data can be read on the way; for development and test alone"
        return Diagnosis("TLS", Verdict.PASS, why)
    files = CERTIFICATE in protected and KEY in protected
    source = "PEM files" if files else f"secret {settings['sslSecret']}" if settings.get("sslSecret") else ""
    named = settings.get("sslCname", "")
    why = f"HTTPS as {named or 'nobody'}, certificate from {source or 'nowhere'}"
    return _row("TLS", bool(named and source), why, "Give sslCname and one certificate; see docs/azure/extension.md.")


def _inside_service(settings: Mapping[str, str], there: Inside) -> Diagnosis:
    wanted = settings.get("inferenceRouterServiceType", "")
    where = ", ".join(there.addresses) or "no address yet"
    remedy = "Look at `kubectl describe service azureml-fe -n azureml`; a load balancer that gives no address ends in E40001."
    right = there.service.lower() == wanted.lower() and (wanted != "LoadBalancer" or bool(there.addresses))
    return _row("address", right, f"Service azureml-fe of type {there.service or 'none'}: {where}", remedy)
