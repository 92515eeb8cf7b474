"""What an operator wants of the cluster extension, and whether it may stand so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from landbridge.domain.azure.settings import (
    ENABLE,
    OLD_NAMES,
    TRUE,
    ClusterKind,
    Feature,
    Setting,
    Type,
    find_setting,
    in_words,
    is_on,
    known_names,
    spelt,
)
from landbridge.domain.nearest import nearest

HA_NODES = 3  # the router's replicas refuse to share a node
LONGEST_NAME = 128
CERTIFICATE, KEY = "sslCertPemFile", "sslKeyPemFile"
TLS = ("sslSecret", "sslCname", CERTIFICATE, KEY)
RELAY = ("relayserver.hybridConnectionResourceID", "relayServerConnectionString")
MPI = ("amloperator.custom_ip_interface_enabled", "amloperator.custom_ip_interface")
SETTINGS_KEY, PROTECTED_KEY = "settings", "protected_settings"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Attributes: nodes: worker nodes that the extension may use; None = not said."""

    kind: ClusterKind
    name: str
    resource_group: str
    nodes: int | None = None


@dataclass(frozen=True, slots=True)
class Extension:
    """The extension as it is wanted.

    Attributes:
        settings: as Azure spells names and values, without `enableTraining` and `enableInference`: `features` says those.
        protected: setting → name of the environment variable that holds its value.
        version: a fixed one ends automatic upgrades; "" = the newest.
    """

    name: str
    cluster: Cluster
    features: frozenset[Feature]
    settings: Mapping[str, str] = field(default_factory=dict)
    protected: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    release_train: str = ""

    def configuration(self) -> dict[str, str]:
        """All that `--config` says of a new installation."""
        return {name: TRUE for feature, name in ENABLE.items() if feature in self.features} | dict(self.settings)


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule that the wanted extension breaks: the keys of its place in the file, what is wrong, what mends it."""

    keys: tuple[str, ...]
    message: str
    hint: str


def breaches(wanted: Extension, present: Mapping[str, str] | None = None) -> tuple[Breach, ...]:
    """Every rule that is broken; empty = it may be installed.

    Args:
        present: the settings of the extension that is there; an update merges into them, so the sum must be right.
    """
    found = [*_each_setting(wanted), *_each_protected(wanted)]
    if found:
        return tuple(found)  # what goes together is judged when each is right by itself
    whole = dict(present or {}) | wanted.configuration()
    return (*_missing(wanted, whole), *_tls(wanted, whole), *_pairs(wanted, whole), *_nodes(wanted, whole))


def judge_setting(name: str, value: str, protected: bool) -> Breach | None:
    """What is wrong with one setting by itself, wherever the extension goes."""
    keys = (PROTECTED_KEY if protected else SETTINGS_KEY, name)
    setting = find_setting(name)
    if setting is None:
        return Breach(keys, f"`{name}` is no setting of the extension{_meant(name)}.", _unknown_hint(name))
    if name in ENABLE.values():
        return Breach(keys, f"`{name}` follows from `features`.", f"Remove `{name}`; write it into `features`.")
    if setting.protected is not protected:
        return _wrong_half(keys, name, setting)
    if not protected and not spelt(setting, value):
        expected = setting.type.value if setting.type is Type.BOOLEAN else f"one of {', '.join(setting.choices)}"
        return Breach(keys, f"`{name}`: expected {expected}, got {value!r}.", f"Write {' or '.join(setting.choices)}.")
    return None


def _each_setting(wanted: Extension) -> Iterator[Breach]:
    for name, value in wanted.settings.items():
        found = judge_setting(name, value, False) or _out_of_place(wanted, name, SETTINGS_KEY)
        if found:
            yield found


def _each_protected(wanted: Extension) -> Iterator[Breach]:
    for name, variable in wanted.protected.items():
        found = judge_setting(name, variable, True) or _out_of_place(wanted, name, PROTECTED_KEY)
        if found:
            yield found


def _out_of_place(wanted: Extension, name: str, section: str) -> Breach | None:
    """A setting that means nothing on this cluster, or for these features."""
    setting = find_setting(name)
    assert setting is not None  # judge_setting was content
    if wanted.cluster.kind not in setting.clusters:
        only = "an AKS cluster" if ClusterKind.AKS in setting.clusters else "a cluster connected by Azure Arc"
        return Breach((section, name), f"`{name}` has a meaning on {only} alone.", f"Remove `{name}`.")
    if not setting.features & wanted.features:
        needs, has = in_words(setting.features), in_words(wanted.features)
        hint = f"Remove `{name}`, or write `features: both`."
        return Breach((section, name), f"`{name}` is for {needs}; this extension is for {has} alone.", hint)
    return None


def _wrong_half(keys: tuple[str, ...], name: str, setting: Setting) -> Breach:
    if setting.protected:
        hint = f"Move `{name}` below `{PROTECTED_KEY}`, with the NAME of an environment variable as its value."
        return Breach(keys, f"`{name}` is a protected setting: its value may not stand in a file.", hint)
    return Breach(keys, f"`{name}` is no protected setting.", f"Move `{name}` below `{SETTINGS_KEY}`.")


def _meant(name: str) -> str:
    if name in OLD_NAMES:
        return ""
    return nearest(name, known_names()) or nearest(name.partition(".")[0], known_names())


def _unknown_hint(name: str) -> str:
    if name in OLD_NAMES:
        return f"Write `{OLD_NAMES[name]}`: `{name}` is its old name."
    if "proxy" in name.lower():
        return "Remove it; a proxy is given to `az connectedk8s connect` (Arc), or when the AKS cluster is made."
    return f"Correct or remove `{name}`; docs/reference/azure-extension.md lists all settings."


def _missing(wanted: Extension, whole: Mapping[str, str]) -> Iterator[Breach]:
    if Feature.INFERENCE not in wanted.features or "inferenceRouterServiceType" in whole:
        return
    hint = "Add `inferenceRouterServiceType:` LoadBalancer, NodePort or ClusterIP."
    yield Breach((SETTINGS_KEY,), "Inference needs `inferenceRouterServiceType`.", hint)


def _tls(wanted: Extension, whole: Mapping[str, str]) -> Iterator[Breach]:
    """HTTPS needs a name and one certificate; plain HTTP needs none of it."""
    if Feature.INFERENCE not in wanted.features:
        return
    given = [name for name in TLS if name in wanted.settings or name in wanted.protected]
    if is_on(whole, "allowInsecureConnections"):
        for name in given:
            section = SETTINGS_KEY if name in wanted.settings else PROTECTED_KEY
            hint = f"Remove `{name}`, or set allowInsecureConnections: false."
            yield Breach((section, name), f"`{name}` has no effect while allowInsecureConnections is True.", hint)
        return
    if "sslCname" not in whole:
        hint = "Add `sslCname:` with the DNS name of the router; or set allowInsecureConnections: true for tests alone."
        yield Breach((SETTINGS_KEY,), "HTTPS needs `sslCname` (allowInsecureConnections is False).", hint)
    yield from _certificate(wanted, whole)


def _certificate(wanted: Extension, whole: Mapping[str, str]) -> Iterator[Breach]:
    files = [name for name in (CERTIFICATE, KEY) if name in wanted.protected]
    if len(files) == 1:
        other = KEY if files == [CERTIFICATE] else CERTIFICATE
        yield Breach((PROTECTED_KEY, files[0]), f"`{files[0]}` needs `{other}`.", f"Add `{other}` beside it.")
    if files and "sslSecret" in wanted.settings:
        hint = "Keep one of the two: `sslSecret`, or the two PEM files."
        yield Breach((SETTINGS_KEY, "sslSecret"), "`sslSecret` and PEM files may not both be given.", hint)
    elif files and "sslSecret" in whole:
        hint = "Keep `sslSecret` and change the secret; or delete the extension and install it anew."
        message = "`sslSecret` of the present extension would stay beside the PEM files: an update cannot remove it."
        yield Breach((PROTECTED_KEY, files[0]), message, hint)
    if not files and "sslSecret" not in whole:
        hint = f"Add `sslSecret` below `{SETTINGS_KEY}`, or `{CERTIFICATE}` and `{KEY}` below `{PROTECTED_KEY}`."
        yield Breach((SETTINGS_KEY,), "HTTPS needs a certificate (allowInsecureConnections is False).", hint)


def _pairs(wanted: Extension, whole: Mapping[str, str]) -> Iterator[Breach]:
    resource, secret = RELAY
    if resource in wanted.settings and secret not in wanted.protected:
        yield Breach((SETTINGS_KEY, resource), f"`{resource}` needs `{secret}`.", f"Add it below `{PROTECTED_KEY}`.")
    if secret in wanted.protected and resource not in whole:
        yield Breach((PROTECTED_KEY, secret), f"`{secret}` needs `{resource}`.", f"Add it below `{SETTINGS_KEY}`.")
    enabled, interface = MPI
    if whole.get(enabled) == TRUE and interface not in whole:
        yield Breach((SETTINGS_KEY, enabled), f"`{enabled}` needs `{interface}`.", "Add the interface's name.")
    volcano, old = "installVolcano", "volcanoScheduler.enable"
    if volcano in wanted.settings and old in wanted.settings:
        yield Breach((SETTINGS_KEY, old), f"`{old}` is the old name of `{volcano}`.", f"Remove `{old}`.")


def _nodes(wanted: Extension, whole: Mapping[str, str]) -> Iterator[Breach]:
    nodes = wanted.cluster.nodes
    if Feature.INFERENCE not in wanted.features or not is_on(whole, "inferenceRouterHA") or nodes is None:
        return
    if nodes < HA_NODES:
        keys = (SETTINGS_KEY, "inferenceRouterHA") if "inferenceRouterHA" in wanted.settings else ("cluster", "nodes")
        message = f"inferenceRouterHA (True by default) needs {HA_NODES} worker nodes; the cluster has {nodes}."
        yield Breach(keys, message, "Set inferenceRouterHA: false, which runs one replica, or add nodes.")
