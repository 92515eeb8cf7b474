"""The file that orders the cluster extension, and what `az k8s-extension show` printed of the one that is there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from landbridge.domain.azure.extension import LONGEST_NAME, Breach, Cluster, Extension, breaches
from landbridge.domain.azure.extension_plan import CLUSTER_TYPE, TYPE, Present
from landbridge.domain.azure.settings import BOTH, ClusterKind, Feature, canonical
from landbridge.domain.errors import InputError
from landbridge.files.document import Document, Problem, check, read, refuse
from landbridge.files.fields import Keys, Word
from landbridge.files.kinds import refuse_other_kinds
from landbridge.files.secrets import literal_secrets

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
Scalar = bool | int | float | str
_REMEDY = "Settings hold no secrets: remove it, or name a protected setting by an environment variable."
DOCS = "docs/azure/extension.md"


def _variable(value: object) -> object:
    """Never shows the value: it may be the secret itself."""
    if isinstance(value, str) and _VARIABLE.fullmatch(value):
        return value
    hint = "Put the value into an environment variable and write the variable's NAME here, such as ROUTER_KEY_PEM."
    raise ValueError("this is no name of an environment variable (its value is not shown here)", hint)


class ClusterKeys(Keys):
    kind: ClusterKind
    name: Word
    resource_group: Word
    nodes: Annotated[int, Field(ge=1)] | None = None


class ExtensionKeys(Keys):
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    cluster: ClusterKeys
    features: Literal["training", "inference", "both"]
    settings: dict[Word, Scalar] = Field(default_factory=dict)
    protected_settings: dict[Word, Annotated[str, BeforeValidator(_variable)]] = Field(default_factory=dict)
    version: str = ""
    release_train: str = ""


class IdentityKeys(Keys):
    model_config = ConfigDict(extra="ignore")

    type: str | None = None


class ShownKeys(Keys):
    """Of the many keys that Azure prints, those that a plan needs."""

    model_config = ConfigDict(extra="ignore")

    id: str | None = None
    name: str
    extension_type: str = Field(alias="extensionType")
    settings: dict[str, str] | None = Field(alias="configurationSettings", default=None)
    protected: dict[str, Any] | None = Field(alias="configurationProtectedSettings", default=None)
    version: str | None = None
    current_version: str | None = Field(alias="currentVersion", default=None)
    automatic: bool | None = Field(alias="autoUpgradeMinorVersion", default=None)
    state: str | None = Field(alias="provisioningState", default=None)
    identity: IdentityKeys | None = None
    aks_identity: IdentityKeys | None = Field(alias="aksAssignedIdentity", default=None)


@dataclass(frozen=True, slots=True)
class Order:
    """An order, and the file that problems are told in."""

    document: Document
    extension: Extension

    def check(self, present: Present | None = None, nodes: int | None = None) -> Extension:
        """The order, held against the rules.

        Args:
            nodes: worker nodes that there really are; the fewer of them and of those that the file says count.

        Raises:
            InputError: it breaks rules, or its sum with what is there would.
        """
        cluster = self.extension.cluster
        counted = [count for count in (cluster.nodes, nodes) if count is not None]
        wanted = replace(self.extension, cluster=replace(cluster, nodes=min(counted, default=None)))
        if found := breaches(wanted, present.settings if present else None):
            raise refuse(self.document, [_problem(self.document, item) for item in found])
        return wanted


def read_order(path: Path) -> Order:
    """Read the order; `check` judges it.

    Raises:
        InputError: it is no such file, a key is wrong, or a secret stands in it.
    """
    refuse_other_kinds(path, "extension", "FILE")
    document = read(path)
    if problems := tuple(literal_secrets({"settings": document.data.get("settings")})):
        raise refuse(document, [Problem(item.keys, item.message, _REMEDY) for item in problems])
    return Order(document, _extension(check(ExtensionKeys, document, DOCS)))


def load_extension(path: Path, present: Path | None = None) -> tuple[Extension, Present | None]:
    """Read the order, and the present state that an update starts from.

    Raises:
        InputError: every fault of the files with file and line; also when an update would end in an impossible state.
    """
    order = read_order(path)
    there = _present(present, order.extension) if present else None
    return order.check(there), there


def _extension(keys: ExtensionKeys) -> Extension:
    cluster = Cluster(keys.cluster.kind, keys.cluster.name, keys.cluster.resource_group, keys.cluster.nodes)
    features = BOTH if keys.features == "both" else frozenset({Feature(keys.features)})
    settings = {name: canonical(name, str(value)) for name, value in keys.settings.items()}
    return Extension(
        keys.name, cluster, features, settings, dict(keys.protected_settings), keys.version, keys.release_train
    )


def _problem(document: Document, breach: Breach) -> Problem:
    keys = breach.keys if document.line(*breach.keys) else ()
    return Problem(keys, breach.message, breach.hint)


def _present(path: Path, wanted: Extension) -> Present:
    document = read(path)
    shown = check(ShownKeys, document)
    _refuse_another(document, shown, wanted)
    settings = shown.settings or {}
    return Present(
        settings={name: canonical(name, value) for name, value in settings.items()},
        protected=tuple(shown.protected or {}),
        version=shown.version or shown.current_version or "",
        pinned=shown.automatic is False,
        state=shown.state or "",
        has_identity=bool(shown.identity or shown.aks_identity),
    )


def _refuse_another(document: Document, shown: ShownKeys, wanted: Extension) -> None:
    """A plan against another extension's state would be wrong in silence."""
    cluster = wanted.cluster
    pairs: Mapping[str, tuple[str, str, str]] = {
        "extensionType": ("type", shown.extension_type, TYPE),
        "name": ("name", shown.name, wanted.name),
    }
    if shown.id:
        part = re.search(r"/(managedClusters|connectedClusters)/([^/]+)/", shown.id, re.IGNORECASE)
        found = f"{part[1]}/{part[2]}" if part else shown.id
        pairs = {**pairs, "id": ("cluster", found, f"{CLUSTER_TYPE[cluster.kind]}/{cluster.name}")}
    for key, (what, has, needs) in pairs.items():
        if has.lower() != needs.lower():
            raise InputError(
                f"This is the state of another extension: its {what} is {has}, the file orders {needs}.",
                f"Take the output of `az k8s-extension show --name {wanted.name}` for that cluster, or correct the file.",
                document.where(key),
            )
