"""The examination of a cluster, in order: from the API server's version to a job that really runs."""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.operating import Diagnosis, Examination, Verdict
from landbridge.drivers.kubernetes import operating_judges as judges
from landbridge.drivers.kubernetes import operating_review as review
from landbridge.drivers.kubernetes.artifacts import artifact_store
from landbridge.drivers.kubernetes.cluster import Cluster, Request, connect
from landbridge.drivers.kubernetes.operating_order import Shared, shared
from landbridge.drivers.kubernetes.operating_probe import (
    Probe,
    default_image,
    probe_objects,
    questions,
    rows,
    run,
    store_order,
)
from landbridge.drivers.kubernetes.options import KubernetesOptions, read_options

Judge = Callable[[Cluster, Target], tuple[Diagnosis, ...]]


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined: a target, with what it shares its namespace with."""

    target: Target
    inventory: Inventory
    options: KubernetesOptions
    of: Shared
    private: bool


def examine(target: Target, inventory: Inventory, order: Examination, types: Judge) -> Iterator[Diagnosis]:
    """All rows. An API server that does not answer ends it: every further row would say the same."""
    options = read_options(target, inventory)
    private = target.private or inventory.sites[target.site].network.private
    patient = Patient(target, inventory, options, shared(target, inventory), private)
    own = connect(*options.place)
    access = order.access
    admin = (
        connect(access.kubeconfig, access.context, options.namespace) if access.kubeconfig or access.context else None
    )
    eyes = review.Eyes(own, admin)
    first = _reachable(own)
    yield first
    if first.remedy:
        return
    of = patient.of
    looks: tuple[tuple[str, Callable[[], Iterator[Diagnosis]]], ...] = (
        ("version", lambda: review.version(eyes)),
        ("account", lambda: review.account(eyes)),
        ("rights", lambda: review.all_rights(eyes, of)),
        ("namespace", lambda: review.namespace(eyes, of)),
        ("quota", lambda: review.quotas(eyes)),
        ("instance types", lambda: _types(eyes, target, types)),
        ("Gateway", lambda: review.gateway(eyes, of)),
        ("references", lambda: review.references(eyes, of)),
        ("API server's clock", lambda: review.clock(eyes)),
    )
    for name, look in looks:
        yield from review.attempt(name, look)
    yield from _inside(own, patient, order)


def _reachable(cluster: Cluster) -> Diagnosis:
    try:
        cluster.raw(Request("GET", "/version", "reaching the API server"))
    except LandbridgeError as error:
        return judges.failed("API server", error.message, error.hint)
    return judges.passed("API server", f"answers for {cluster.label}")


def _inside(cluster: Cluster, patient: Patient, order: Examination) -> Iterator[Diagnosis]:
    """Storage from here and from pods, and all that only a pod can tell."""
    name = f"landbridge-probe-{secrets.token_hex(4)}"
    asked = questions(patient.of.places, patient.of.operating.public_probe, patient.private)
    store = None
    try:
        store = artifact_store(patient.options, patient.target.name)
        asked |= store_order(store, name, order.seconds)
        yield judges.passed("storage", f"{store.url} takes and gives objects, and signs URLs")
    except LandbridgeError as error:
        yield judges.failed("storage", error.message, error.hint)
    image = order.image or default_image(patient.target, patient.inventory)
    if not order.probe:
        yield judges.unseen("probe job", "it was not asked for", "Leave `--no-probe` out.")
    elif not image:
        yield judges.unseen("probe job", "the inventory names no image for this target", "Give one: `--image`.")
    else:
        yield from review.attempt(
            "probe job", lambda: _probe(cluster, patient, Probe(name, image, asked, order.seconds))
        )
    if store is not None and "get" in asked:
        store.remove(f"probes/{name}")


def _probe(cluster: Cluster, patient: Patient, probe: Probe) -> Iterator[Diagnosis]:
    objects = probe_objects(probe, patient.target, patient.options)
    before = time.time()
    seen = run(cluster, objects, probe.seconds)
    yield from rows(seen, probe, patient.private, (before, time.time()))


def _types(eyes: review.Eyes, target: Target, types: Judge) -> Iterator[Diagnosis]:
    """Let an administrator look where the target's own account does not see all of it."""
    found = types(eyes.own, target)
    if eyes.admin is not None and any(item.verdict is Verdict.UNSEEN for item in found):
        found = types(eyes.admin, target)
    yield from found
