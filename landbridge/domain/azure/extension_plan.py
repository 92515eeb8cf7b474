"""From a wanted extension, and the one that is there, to what would change and the command that changes it.

An update merges `--config` and replaces `--config-protected`:
https://github.com/Azure/AML-Kubernetes/blob/master/docs/deploy-extension.md
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from landbridge.domain.azure.extension import Extension
from landbridge.domain.azure.extension_room import Part, Room, parts, room
from landbridge.domain.azure.settings import (
    ENABLE,
    FALSE,
    SETTINGS,
    TRUE,
    ClusterKind,
    Feature,
    find_setting,
    is_on,
)

TYPE = "Microsoft.AzureML.Kubernetes"
CLUSTER_TYPE: Mapping[ClusterKind, str] = {
    ClusterKind.AKS: "managedClusters",
    ClusterKind.ARC: "connectedClusters",
}
IDLE_JOBS = "only while no job runs and no endpoint is there"
IDLE_ENDPOINTS = "only while no endpoint is there"
_WHEN_IDLE = {
    "enableTraining": IDLE_JOBS,
    "enableInference": IDLE_ENDPOINTS,
    "installNvidiaDevicePlugin": IDLE_JOBS,
    "allowInsecureConnections": IDLE_ENDPOINTS,
    "inferenceRouterServiceType": IDLE_ENDPOINTS,
    "internalLoadBalancerProvider": IDLE_ENDPOINTS,
}
_ONLY_TO_FALSE = ("enableTraining", "enableInference", "installNvidiaDevicePlugin")


class Fate(StrEnum):
    """What becomes of one setting."""

    ADD = "add"
    CHANGE = "change"
    KEEP = "keep"  # named in the file, and the same already
    STAY = "stays"  # there already, not named in the file: an update merges
    DEFAULT = "default"
    SEND = "send"  # protected: the value that is there is never shown, so it is sent again
    DELETE = "DELETE"  # protected, not named in the file: an update replaces


@dataclass(frozen=True, slots=True)
class Present:
    """The extension that is there, as `az k8s-extension show` tells.

    Attributes:
        protected: names alone; Azure shows no values.
        pinned: automatic upgrades are off.
        has_identity: whether a managed identity was given to it.
    """

    settings: Mapping[str, str]
    protected: tuple[str, ...] = ()
    version: str = ""
    pinned: bool = False
    state: str = ""
    has_identity: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: what it is now, what it will be, and why that matters. Values of protected ones are `"$NAME"`."""

    fate: Fate
    name: str
    now: str
    then: str
    note: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Attributes: command: the words of the `az` command; empty = nothing is to be done."""

    verb: str
    settings: tuple[Row, ...]
    protected: tuple[Row, ...]
    parts: tuple[Part, ...]
    room: Room
    notes: tuple[str, ...]
    command: tuple[str, ...] = field(default=())


def plan(wanted: Extension, present: Present | None = None) -> Plan:
    """What would be done. `wanted` breaks no rule: ask `breaches` first."""
    settings = tuple(_settings(wanted, present))
    protected = tuple(_protected(wanted, present))
    then = {row.name: row.then for row in settings}
    return Plan(
        "update" if present else "create",
        settings,
        protected,
        parts(wanted.name, wanted.cluster.kind, wanted.features, then),
        room(wanted.features, then),
        tuple(_notes(wanted, present, settings)),
        _command(wanted, present, settings, protected),
    )


def shown(words: tuple[str, ...]) -> str:
    """The command for a shell: one option per line; a protected value is the variable that holds it."""
    return " \\\n  ".join(_lines(words))


def _lines(words: tuple[str, ...]) -> Iterator[str]:
    line = list(words[:3])
    for word in words[3:]:
        if word.startswith("--"):
            yield " ".join(line)
            line = []
        line.append(word)
    yield " ".join(line)


def _settings(wanted: Extension, present: Present | None) -> Iterator[Row]:
    target = wanted.configuration()
    now = dict(present.settings) if present else {}
    switched_off = {name: FALSE for name in ENABLE.values() if name not in target and now.get(name) == TRUE}
    target |= switched_off  # an update merges: what is not said stays on
    for name, value in target.items():
        yield _row(name, now.get(name, ""), value, present is not None)
    for name, value in now.items():
        if name not in target:
            note = "an update cannot remove it; delete the extension and install it anew to be rid of it"
            yield Row(Fate.STAY, name, value, value, note)
    for item in SETTINGS:
        if item.default and item.name not in target | now and _counts(item.name, wanted):
            yield Row(Fate.DEFAULT, item.name, "", item.default, item.meaning)


def _row(name: str, now: str, then: str, update: bool) -> Row:
    setting = find_setting(name)
    meaning = setting.meaning if setting else ""
    if now.lower() == then.lower():
        return Row(Fate.KEEP, name, now, then, meaning)
    fate = Fate.CHANGE if now else Fate.ADD
    return Row(fate, name, now, then, (_when(name, then) if update else "") or meaning)


def _when(name: str, then: str) -> str:
    """When an update of this setting harms nobody; "" = at any time."""
    if name.startswith("nodeSelector."):
        return IDLE_JOBS
    return "" if then != FALSE and name in _ONLY_TO_FALSE else _WHEN_IDLE.get(name, "")


def _counts(name: str, wanted: Extension) -> bool:
    """Whether a default is worth a line: it has a meaning here, and is no rarity."""
    setting = find_setting(name)
    return (
        setting is not None
        and not setting.rare
        and bool(setting.features & wanted.features)
        and wanted.cluster.kind in setting.clusters
    )


def _protected(wanted: Extension, present: Present | None) -> Iterator[Row]:
    """An update replaces all: what is not sent again is deleted, also when nothing at all is sent."""
    there = present.protected if present else ()
    for name, variable in wanted.protected.items():
        setting = find_setting(name)
        meaning = setting.meaning if setting else ""
        fate, now = (Fate.SEND, "(not shown)") if name in there else (Fate.ADD, "")
        yield Row(fate, name, now, f'"${variable}"', meaning)
    for name in there:
        if name not in wanted.protected:
            note = "an update replaces all protected settings: name it below `protected_settings` if it is to stay"
            yield Row(Fate.DELETE, name, "(not shown)", "", note)


def _notes(wanted: Extension, present: Present | None, rows: tuple[Row, ...]) -> Iterator[str]:
    then = {row.name: row.then for row in rows}
    inference = Feature.INFERENCE in wanted.features
    if inference and is_on(then, "inferenceRouterHA") and wanted.cluster.nodes is None:
        yield "inferenceRouterHA is True: the cluster must have 3 worker nodes that match (cluster.nodes is not said)."
    if inference and is_on(then, "allowInsecureConnections"):
        yield "Scoring goes over plain HTTP: keys and data can be read on the way. For development and test alone."
    if (
        inference
        and wanted.cluster.kind is ClusterKind.ARC
        and then.get("inferenceRouterServiceType") == "LoadBalancer"
    ):
        yield "LoadBalancer needs a cloud's load balancer; a cluster without one fails with E40001."
    if inference and not is_on(then, "allowInsecureConnections"):
        yield f"Point the DNS name {then.get('sslCname')} to the router's address when it has one. TLS 1.2; 1.3 is not offered."
    if Feature.TRAINING in wanted.features and is_on(then, "installVolcano"):
        yield "With Volcano's gang plugin, the default, AKS' cluster autoscaler is not supported for training."
    if wanted.version:
        yield f"Version {wanted.version} is fixed: no automatic upgrades."
    yield from _update_notes(wanted, present)


def _update_notes(wanted: Extension, present: Present | None) -> Iterator[str]:
    if present is None:
        return
    if present.state and present.state != "Succeeded":
        yield f"The extension is {present.state}: an operation that still runs refuses another one."
    if wanted.cluster.kind is ClusterKind.AKS and not present.has_identity:
        yield "The extension has no managed identity (RefreshExtensionIdentityNotSet): delete it and install it anew."


def _command(
    wanted: Extension, present: Present | None, settings: tuple[Row, ...], protected: tuple[Row, ...]
) -> tuple[str, ...]:
    changed = [f"{row.name}={shlex.quote(row.then)}" for row in settings if row.fate in (Fate.ADD, Fate.CHANGE)]
    secret = [f"{row.name}={row.then}" for row in protected if row.fate is not Fate.DELETE]
    version = _version(wanted, present)
    if present is not None and not changed and not secret and not version:
        return ()
    cluster = wanted.cluster
    words = ["az", "k8s-extension", "update" if present else "create", "--name", shlex.quote(wanted.name)]
    words += [] if present else ["--extension-type", TYPE]
    words += ["--cluster-type", CLUSTER_TYPE[cluster.kind], "--cluster-name", shlex.quote(cluster.name)]
    words += ["--resource-group", shlex.quote(cluster.resource_group)]
    words += [] if present else ["--scope", "cluster"]
    words += version
    words += ["--config", *changed] if changed else []
    words += ["--config-protected", *secret] if secret else []
    return tuple(words)


def _version(wanted: Extension, present: Present | None) -> list[str]:
    words = ["--release-train", shlex.quote(wanted.release_train)] if wanted.release_train and not present else []
    if not wanted.version:
        return words + (["--auto-upgrade-minor-version", "true"] if present and present.pinned else [])
    if present and present.pinned and present.version == wanted.version:
        return words
    return [*words, "--auto-upgrade-minor-version", "false", "--version", shlex.quote(wanted.version)]
