"""The extension that is on a cluster, what uses it, and when a change of it would hurt. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from landbridge.domain.azure.clusters import ClusterId
from landbridge.domain.azure.extension import Cluster, Extension
from landbridge.domain.azure.extension_plan import IDLE_ENDPOINTS, IDLE_JOBS, Fate, Plan, Present
from landbridge.domain.azure.faults import Fault, Where, match

SUCCEEDED, FAILED, CANCELED = "Succeeded", "Failed", "Canceled"
SETTLED = frozenset({SUCCEEDED, FAILED, CANCELED})
OF_INSTALLING = frozenset({Where.INSTALL, Where.HEALTH, Where.CLUSTER, Where.OTHER})

# What Azure's own CLI adds to what a person writes, of which a plan says nothing:
# https://github.com/Azure/azure-cli-extensions, k8s-extension/…/partner_extensions/AzureMLKubernetes.py
DERIVED = frozenset({
    "cluster_name", "clusterId", "prometheus.prometheusSpec.externalLabels.cluster_name", "domain", "location",
    "jobSchedulerLocation", "cluster_name_friendly", "servicebus.enabled", "relayserver.enabled", "nginxIngress.enabled",
    "relayserver.hybridConnectionName", "scoringFe.serviceType.nodePort", "scoringFe.serviceType.internalLoadBalancer",
    "scoringFe.sslSecret", "clusterPurpose", "openshift",
})  # fmt: skip
CERTIFICATE_DATA, KEY_DATA = "scoringFe.sslCert", "scoringFe.sslKey"
RELAY_STRING, RELAY_STRING_TOO = "relayServerConnectionString", "relayserver.relayConnectionString"
RELAY_ID, RELAY_NAME = "relayserver.hybridConnectionResourceID", "relayserver.hybridConnectionName"
DERIVED_PROTECTED = frozenset({CERTIFICATE_DATA, KEY_DATA, RELAY_STRING_TOO})


@dataclass(frozen=True, slots=True)
class Installed:
    """The extension of a cluster as Azure tells of it.

    Attributes:
        cluster: in words.
        present: settings, names of protected ones, version and state.
        said: what Azure says of its last operation and of its parts, the first the worst; () = nothing.
    """

    name: str
    cluster: str
    present: Present
    said: tuple[str, ...] = ()

    @property
    def is_settled(self) -> bool:
        """No operation on it goes on."""
        return self.present.state in SETTLED


@dataclass(frozen=True, slots=True)
class Uses:
    """What of one workspace stands on a cluster; of other workspaces it knows nothing.

    Attributes:
        computes: names of computes attached to it.
        jobs: names of jobs on them that have not ended.
        endpoints: online endpoints, and batch deployments as `endpoint/deployment`.
    """

    computes: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        """What is at work; "" = nothing."""
        named = (("job", self.jobs), ("endpoint", self.endpoints))
        return "; ".join(f"{word}s {_few(names)}" for word, names in named if names)


def is_of(cluster: Cluster, at: ClusterId) -> bool:
    """Whether an order is for this cluster."""
    ordered = (cluster.kind, cluster.resource_group.lower(), cluster.name.lower())
    return ordered == (at.kind, at.resource_group.lower(), at.name.lower())


def as_written(there: Installed, wanted: Extension) -> Present:
    """What is there as a person wrote it: without what was derived, so that an order can be compared with it."""
    own_relay = RELAY_STRING in wanted.protected
    relay = frozenset() if own_relay else frozenset({RELAY_ID})
    hidden = DERIVED_PROTECTED | (frozenset() if own_relay else frozenset({RELAY_STRING}))
    settings = {name: value for name, value in there.present.settings.items() if name not in DERIVED | relay}
    protected = tuple(name for name in there.present.protected if name not in hidden)
    return replace(there.present, settings=settings, protected=protected)


def differences(made: Plan) -> tuple[str, ...]:
    """Names of what an update would change. Sending a protected value again, which nobody can compare, is none."""
    rows = (*made.settings, *made.protected)
    named = [row.name for row in rows if row.fate in (Fate.ADD, Fate.CHANGE, Fate.DELETE)]
    words = [word for word in ("--version", "--auto-upgrade-minor-version") if word in made.command]
    return (*named, *(word.removeprefix("--") for word in words[:1]))


def hurt_by(made: Plan, uses: Uses) -> tuple[str, ...]:
    """Settings whose change would harm what is at work, each with what it harms."""
    found = []
    for row in made.settings:
        if row.fate not in (Fate.ADD, Fate.CHANGE):
            continue
        if row.note == IDLE_JOBS and (uses.jobs or uses.endpoints):
            found.append(f"{row.name} ({uses.in_words})")
        if row.note == IDLE_ENDPOINTS and uses.endpoints:
            found.append(f"{row.name} (endpoints {_few(uses.endpoints)})")
    return tuple(found)


def explained(said: Iterable[str]) -> Iterator[Fault]:
    """The errors that Azure's words are, each once, the surest first."""
    seen = set()
    for text in said:
        for found in match(text):
            if found.fault.where in OF_INSTALLING and found.fault.code not in seen:
                seen.add(found.fault.code)
                yield found.fault


def _few(names: tuple[str, ...], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
