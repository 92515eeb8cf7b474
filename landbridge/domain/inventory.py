"""What IT operations declare: sites, targets, stores, environments, policies.

The values are built from a file by `landbridge.files.inventory`; nothing here reads anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from landbridge.domain.values import Json, Resources, SiteKind


class Role(StrEnum):
    TRAIN = "train"
    SERVE = "serve"


@dataclass(frozen=True, slots=True)
class InstanceType:
    """Azure ML's word: a node selector and what one instance may use. `limits` decide what fits."""

    name: str
    requests: Resources
    limits: Resources
    node_selector: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """When a target may not start work. Either a fixed span or a weekly one, never both.

    Attributes:
        start, end: a fixed span, timezone-aware.
        weekdays: 0 = Monday, as `datetime.weekday()`; with `opens`/`closes` in minutes after midnight UTC.
            `closes` ≤ `opens` runs into the next day.
    """

    reason: str
    start: datetime | None = None
    end: datetime | None = None
    weekdays: frozenset[int] = frozenset()
    opens: int = 0
    closes: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """Where something runs: a driver and its options, within a site.

    Attributes:
        cluster: targets of one cluster share it ("the same AKS"); defaults to the target's name.
        capacity: declared; a driver that can measure says better.
        drained: why nothing new may start here, or "".
        private: reachable over private addresses only.
    """

    name: str
    site: str
    driver: str
    roles: frozenset[Role]
    cluster: str
    options: Mapping[str, Json] = field(default_factory=dict)
    instance_types: tuple[InstanceType, ...] = ()
    capacity: Resources = Resources()
    cost_per_hour: float = 0.0
    maintenance: tuple[MaintenanceWindow, ...] = ()
    drained: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    """How a site meets the world.

    Attributes:
        private: nothing in it may have a public address.
        proxy: the only way out, or "".
        egress: host patterns that may be reached (through the proxy if there is one).
        endpoints: name → host or URL of every service the site uses; a private site's must resolve privately.
    """

    private: bool = False
    proxy: str = ""
    egress: tuple[str, ...] = ()
    endpoints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RegistrySpec:
    """A site's model registry: a driver and its options (`uri`, or `port` and `address` of the one `landbridge up` starts)."""

    site: str
    driver: str
    options: Mapping[str, Json] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where others than this machine reach it, as far as the inventory tells; "" = nowhere."""
        uri, address, port = (self.options.get(key) for key in ("uri", "address", "port"))
        if uri or not address:
            return str(uri or "")
        host = f"[{address}]" if ":" in str(address) else str(address)
        return f"http://{host}:{port}" if isinstance(port, int) and port else f"http://{host}"


@dataclass(frozen=True, slots=True)
class Site:
    """A place with a residency boundary."""

    name: str
    kind: SiteKind
    models: str  # fsspec URL of the model store
    cache: str  # fsspec URL of the data cache
    cache_max_bytes: int
    registry: RegistrySpec | None = None
    network: Network = Network()
    exports: frozenset[str] = frozenset({"model", "metrics", "code", "logs", "data"})  # kinds IT lets out


@dataclass(frozen=True, slots=True)
class Datastore:
    """Azure ML's word: `azureml://datastores/<name>/paths/<path>` means `<url>/<path>` at `site`."""

    name: str
    site: str
    url: str
    driver: str = "fsspec"
    options: Mapping[str, Json] = field(default_factory=dict)  # secrets stand here as `secret:NAME` only


@dataclass(frozen=True, slots=True)
class EnvironmentEntry:
    """What an Azure ML environment name becomes on a target.

    Attributes:
        pattern: `azureml:name:version`, `azureml:name@latest`, an image, or a glob over these.
        python: interpreter to use: "current" or a path; "" when `image` is given.
        targets: globs of target names; empty = all.
    """

    pattern: str
    python: str = ""
    image: str = ""
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything IT operations own, resolved: no placeholder is left in any URL."""

    name: str
    path: str
    home: str
    sites: Mapping[str, Site]
    targets: Mapping[str, Target]
    datastores: Mapping[str, Datastore]
    environments: tuple[EnvironmentEntry, ...] = ()

    def serving_target(self, site: str) -> Target | None:
        """The first target of `site` that serves, in the file's order."""
        return next((t for t in self.targets.values() if t.site == site and Role.SERVE in t.roles), None)

    def environment(self, label: str, target: str) -> EnvironmentEntry | None:
        """The first entry that fits the label and the target."""
        for entry in self.environments:
            here = not entry.targets or any(fnmatchcase(target, glob) for glob in entry.targets)
            if here and fnmatchcase(label, entry.pattern):
                return entry
        return None
