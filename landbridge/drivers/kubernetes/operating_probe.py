"""The doctor's real job: it looks around from inside, as a training pod would, and is deleted afterwards."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import landbridge
from landbridge.domain.errors import LandbridgeError, PermanentError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.operating import Diagnosis
from landbridge.domain.values import Resources
from landbridge.drivers.kubernetes import operating_judges as judges
from landbridge.drivers.kubernetes.artifacts import ArtifactStore
from landbridge.drivers.kubernetes.cluster import EVENTS, JOBS, PODS, SECRETS, Cluster, Object
from landbridge.drivers.kubernetes.operating_review import off_by
from landbridge.drivers.kubernetes.operating_ways import Place
from landbridge.drivers.kubernetes.options import KubernetesOptions
from landbridge.drivers.kubernetes.pod_template import PREFIX, Container, Pod, common_labels, pod_template
from landbridge.drivers.kubernetes.reasons import Why, failed_create, unschedulable, waiting

PROBE = f"{PREFIX}probe"
API = "kubernetes.default.svc"
START = 'exec "$(command -v python3 || command -v python)" -c "$0"'
ASKED = Resources(50, 64 << 20)
POLL_SECONDS = 0.5
PATIENCE_SECONDS = 10.0  # for what may still heal: a pod that the scheduler, a controller or a registry is slow with
KEEP_SECONDS = 600  # a job that nobody could delete ends by itself


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe: its name, its image, what it is asked (see `landbridge.runner.pod_probe`) and for how long."""

    name: str
    image: str
    order: Mapping[str, Any]
    seconds: float


def default_image(target: Target, inventory: Inventory) -> str:
    """The first image that the inventory's environments name for this target."""
    fits = (
        item.image
        for item in inventory.environments
        if item.image and (not item.targets or any(fnmatchcase(target.name, glob) for glob in item.targets))
    )
    return next(fits, "")


def questions(places: tuple[Place, ...], public: str, private: bool) -> dict[str, Any]:
    """What the probe looks at: names, what must be reached, and what must not."""
    hosts = [item.host for item in places if not _is_address(item.host)]
    reach = [
        item.url if "://" in item.url and item.name != "proxy" else f"{item.host}:{item.port}"
        for item in places
        if item.port
    ]
    direct = [f"{API}:443", *([public] if private else [])]
    return {"names": [API, *dict.fromkeys(hosts)], "reach": list(dict.fromkeys(reach)), "direct": direct}


def probe_objects(probe: Probe, target: Target, options: KubernetesOptions) -> tuple[Object, Object]:
    """The Secret that holds the order, and the Job. Pure."""
    metadata = {"name": probe.name, "labels": {**common_labels(target), PROBE: probe.name}}
    source = (Path(landbridge.__file__).parent / "runner" / "pod_probe.py").read_text(encoding="utf-8")
    order = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "stringData": {"PROBE": json.dumps(dict(probe.order))},
    }
    container = Container(
        "probe", probe.image, ("sh", "-c", START, source), more={"envFrom": [{"secretRef": {"name": probe.name}}]}
    )
    pod = Pod((container,), labels={PROBE: probe.name}, resources=ASKED, more={"restartPolicy": "Never"})
    spec = {
        "backoffLimit": 0,
        "activeDeadlineSeconds": max(1, int(probe.seconds)),
        "ttlSecondsAfterFinished": KEEP_SECONDS,
        "template": pod_template(pod, target, options),
    }
    return order, {"apiVersion": JOBS.api, "kind": "Job", "metadata": metadata, "spec": spec}


def run(cluster: Cluster, objects: tuple[Object, Object], seconds: float) -> Mapping[str, Any]:
    """Run the job and return what it saw; leaves nothing behind.

    Raises:
        PermanentError: it could not run; in the cluster's own words.
    """
    order, job = objects
    name = str(job["metadata"]["name"])
    try:
        cluster.create(SECRETS, order)
        made = cluster.create(JOBS, job) or cluster.get(JOBS, name)
        owner = {"apiVersion": JOBS.api, "kind": "Job", "name": name, "uid": made["metadata"]["uid"]}
        cluster.patch(SECRETS, name, {"metadata": {"ownerReferences": [owner]}})
        return _answer(cluster, name, seconds)
    finally:
        _clean(cluster, name)


def rows(seen: Mapping[str, Any], probe: Probe, private: bool, span: tuple[float, float]) -> Iterator[Diagnosis]:
    """What the answer means. `span`: when the job was ordered and when its answer was read, Unix time."""
    asked = probe.order
    yield judges.passed("probe job", f"ran {probe.image} as user {seen.get('uid')} (Python {seen.get('python')})")
    yield judges.judge_clock("node's clock", off_by(float(seen.get("time", 0.0)), *span))
    lost = [name for name, found in seen.get("names", {}).items() if not found]
    hint = "Check the cluster's DNS, and `operations.dns_namespace` where a NetworkPolicy bounds it."
    if lost:
        yield judges.failed("DNS from pods", f"no address for {', '.join(lost)}", hint)
    else:
        yield judges.passed("DNS from pods", f"{len(seen.get('names', {}))} names resolve")
    for place, problem in seen.get("reached", {}).items():
        yield _reached(place, problem)
    yield from _stored(seen, asked)
    yield _isolation(seen.get("direct", {}).get(f"{API}:443", ""), private)
    for place, problem in seen.get("direct", {}).items():
        if place != f"{API}:443":
            yield _closed(place, problem)


def store_order(store: ArtifactStore, name: str, seconds: float) -> dict[str, Any]:
    """Put a small object into the store and read it; sign what the pod is to read and to write.

    Raises:
        LandbridgeError: the store cannot be used from here.
    """
    content = secrets.token_hex(16)
    store.put_bytes(f"probes/{name}/ours", content.encode())
    if store.read(f"probes/{name}/ours").decode() != content:
        raise PermanentError(f"{store.url} gave back something else than it was given.", "Check the store.")
    valid = int(seconds) + 60
    get, put = store.sign_get(f"probes/{name}/ours", valid), store.sign_put(f"probes/{name}/theirs", valid)
    return {
        "get": {"url": get.url, "headers": dict(get.headers), "expect": content},
        "put": {"url": put.url, "headers": dict(put.headers), "body": name},
    }


def _answer(cluster: Cluster, name: str, seconds: float) -> Mapping[str, Any]:
    end = time.monotonic() + seconds
    since: dict[str, float] = {}
    while True:
        pods = cluster.items(PODS, labels=f"{PROBE}={name}")
        for pod in pods:
            found = _message(pod)
            if found is not None:
                return found
        why = _obstacle(cluster, name, pods)
        reason = why.reason if why else ""
        first = since.setdefault(reason, time.monotonic())
        patient = not why or time.monotonic() - first < PATIENCE_SECONDS
        if (why and why.certain) or not patient or time.monotonic() > end:
            said = f"{why.reason}: {why.detail}".rstrip(".") if why else f"no answer within {seconds:g} s"
            hint = why.hint if why else "Raise `--timeout`, or look at the pod while the doctor waits."
            raise PermanentError(f"The probe job did not run: {said}.", hint)
        time.sleep(POLL_SECONDS)


def _message(pod: Object) -> Mapping[str, Any] | None:
    """What the probe wrote, None while it has not ended.

    Raises:
        PermanentError: it ended without an answer.
    """
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        ended = (status.get("state") or {}).get("terminated")
        if not ended:
            continue
        try:
            said = json.loads(str(ended.get("message") or ""))
        except ValueError:
            words = " ".join(str(ended.get("message") or ended.get("reason") or "no words").split())[-200:]
            hint = "Give an image that has `sh` and `python3`: `--image`."
            raise PermanentError(f"The probe ended with {ended.get('exitCode')}: {words}.", hint) from None
        return said if isinstance(said, dict) else None
    return None


def _obstacle(cluster: Cluster, name: str, pods: list[Object]) -> Why | None:
    """Why it does not run yet, None when nothing is known to be wrong."""
    for pod in pods:
        status = pod.get("status") or {}
        for item in status.get("containerStatuses") or ():
            said = (item.get("state") or {}).get("waiting") or {}
            why = waiting(str(said.get("reason") or ""), str(said.get("message") or ""))
            if why:
                return why
        for item in status.get("conditions") or ():
            if item["type"] == "PodScheduled" and item.get("reason") == "Unschedulable":
                return unschedulable(str(item.get("message") or ""), ASKED, None)
    if pods:
        return None
    fields = f"involvedObject.name={name},involvedObject.kind=Job,reason=FailedCreate"
    refused = [failed_create(str(item.get("message") or "")) for item in cluster.items(EVENTS, fields=fields)]
    return next((why for why in refused if why), None)


def _clean(cluster: Cluster, name: str) -> None:
    for kind in (JOBS, SECRETS):
        try:
            cluster.delete(kind, name, grace_seconds=0)
        except LandbridgeError:  # its time to live ends the job, and the job's end its secret
            continue


def _reached(place: str, problem: str) -> Diagnosis:
    name = f"from pods: {place}"
    if not problem:
        return judges.passed(name, "answers")
    return judges.failed(name, problem, "Open the way (`operations.egress`, firewall, proxy), or correct the address.")


def _stored(seen: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[Diagnosis]:
    for verb, key in (("reads", "get"), ("writes", "put")):
        if key in asked:
            problem, name = str(seen.get(key, "")), f"storage: a pod {verb}"
            remedy = "Set `storage_endpoint` to the address that pods see, and open the way to it."
            yield judges.failed(name, problem, remedy) if problem else judges.passed(name, "by a signed URL")


def _isolation(problem: str, private: bool) -> Diagnosis:
    """Our policy names no way to the API server, so a pod that reaches it is bounded by none."""
    name = "network policy"
    if problem:
        return judges.passed(name, "a pod reaches nothing that is not declared")
    why = "a pod reaches the API server, which no policy of ours allows: policies are missing or not enforced"
    if private:
        return judges.failed(
            name, why, "Run `landbridge ops namespaces apply`, and a network plugin that enforces policies."
        )
    return judges.passed(name, f"{why}; rights alone keep teams apart")


def _closed(place: str, problem: str) -> Diagnosis:
    name = f"no way out to {place}"
    if problem:
        return judges.passed(name, problem)
    return judges.failed(
        name, "a pod of a private site reached it", "Close it: NetworkPolicy, firewall, no default route."
    )


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
