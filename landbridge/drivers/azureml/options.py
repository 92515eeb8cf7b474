"""What an inventory may say under `options` of an azureml target. Read once, checked whole, asks nobody."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from fnmatch import fnmatchcase

from landbridge.domain.azure.clouds import NAMES, Cloud, Names
from landbridge.domain.errors import InputError
from landbridge.domain.inventory import Inventory, Network, Target
from landbridge.domain.names import is_legal_label
from landbridge.domain.nearest import nearest
from landbridge.domain.values import Json
from landbridge.drivers.azureml.operating_options import OPERATIONS, operating_problems
from landbridge.ports import OptionProblem

CLOUDS = {
    "AzureCloud": Cloud.PUBLIC,
    "AzureUSGovernment": Cloud.GOVERNMENT,
    "AzureChinaCloud": Cloud.CHINA,
}
"""As `az cloud list` names them."""
REQUIRED = ("subscription_id", "resource_group", "workspace")
SERVERLESS = "serverless"
ENDPOINTS = ("", "managed", "kubernetes")
AUTH_MODES = ("", "key", "aml_token", "aad_token")
ACCESS = ("", "enabled", "disabled")
SCORING = ("", "job", "endpoint")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_GROUP = re.compile(r"[-\w.()]{1,90}")
_WORKSPACE = re.compile(r"[A-Za-z0-9][-\w]{1,32}")
_COMPUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,31}")


class ComputeKind(StrEnum):
    """What a compute is; ASK = the workspace says it when it is used."""

    ASK = ""
    AML = "amlcompute"
    SERVERLESS = "serverless"
    KUBERNETES = "kubernetes"


@dataclass(frozen=True, slots=True)
class Place:
    """One workspace as one identity sees it. `tenant`: "" = that of the credentials."""

    subscription_id: str
    resource_group: str
    workspace: str
    tenant: str = ""
    cloud: Cloud = Cloud.PUBLIC

    @property
    def id(self) -> str:
        """The workspace's identifier in Azure's management service."""
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"

    @property
    def names(self) -> Names:
        return NAMES[self.cloud]

    @property
    def label(self) -> str:
        return f"workspace {self.workspace!r} of resource group {self.resource_group!r}"


@dataclass(frozen=True, slots=True)
class AzureOptions:
    """Options of one target.

    Attributes:
        tenant_id: of Microsoft Entra; "" = that of the credentials.
        cloud: as `az cloud list` names it.
        compute: a compute of the workspace; "" or "serverless" = Azure chooses machines of `instance_type`.
        kind: amlcompute, serverless or kubernetes; "" = asked when it is used.
        instance_type: of jobs that name none; a machine size for serverless, an instance type of the cluster for kubernetes.
        namespace: that a kubernetes compute must be attached with; "" = any. It cannot be changed afterwards.
        datastore: of the workspace, for what is uploaded; "" = its default one.
        endpoints: managed or kubernetes, for serving; "" = kubernetes where `compute` is one, else managed.
        auth_mode: how an endpoint that is made here knows its callers: key, aml_token or aad_token; "" = key.
        public_network_access: of a managed endpoint that is made here: enabled or disabled; "" = enabled.
        batch_scoring: how `landbridge score` works here: a job, or a batch endpoint of `compute`; "" = job.
        operations: read by `landbridge ops` alone; see operating_options.py.
    """

    subscription_id: str
    resource_group: str
    workspace: str
    tenant_id: str = ""
    cloud: str = "AzureCloud"
    compute: str = ""
    kind: str = ""
    instance_type: str = ""
    namespace: str = ""
    datastore: str = ""
    endpoints: str = ""
    auth_mode: str = ""
    public_network_access: str = ""
    batch_scoring: str = ""
    operations: Mapping[str, Json] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        return Place(self.subscription_id, self.resource_group, self.workspace, self.tenant_id, CLOUDS[self.cloud])

    @property
    def compute_kind(self) -> ComputeKind:
        if self.compute in {"", SERVERLESS}:
            return ComputeKind.SERVERLESS
        return ComputeKind(self.kind)

    @property
    def on_kubernetes(self) -> bool:
        """Whether endpoints are made on the compute; else Azure manages their machines."""
        is_cluster = self.compute not in {"", SERVERLESS} and self.kind in {"", ComputeKind.KUBERNETES}
        return self.endpoints == "kubernetes" or (not self.endpoints and is_cluster)


KNOWN = tuple(item.name for item in fields(AzureOptions))


def read_options(target: Target, inventory: Inventory) -> AzureOptions:
    """The options of `target`.

    Raises:
        InputError: an option is unknown, missing or of the wrong kind.
    """
    for problem in option_problems(target.options):
        message = f"targets.{target.name}.options{f'.{problem.key}' if problem.key else ''}: {problem.message}"
        raise InputError(message, problem.hint, inventory.path)
    return AzureOptions(**dict(target.options))  # type: ignore[arg-type]


def option_problems(options: Mapping[str, Json]) -> Iterator[OptionProblem]:
    """Everything that is wrong with `options`. Pure, so that files can be checked before anybody connects."""
    for key, value in options.items():
        if key not in KNOWN:
            message = f"there is no option {key!r}{nearest(key, KNOWN)}."
            yield OptionProblem(key, message, f"Remove it, or name one of: {', '.join(KNOWN)}.")
        elif key == OPERATIONS:
            yield from operating_problems(value)
        elif not isinstance(value, str):
            yield OptionProblem(key, f"{value!r} is not text.", "Write text.")
    for key in REQUIRED:
        if not options.get(key):
            yield OptionProblem("", f"`{key}` is missing.", f"Add `{key}:` as `az ml workspace show` tells it.")
    given = {key: value for key, value in options.items() if isinstance(value, str)}
    yield from _identifiers(given)
    yield from _choices(given)


def _identifiers(given: Mapping[str, str]) -> Iterator[OptionProblem]:
    for key in ("subscription_id", "tenant_id"):
        if given.get(key) and not _GUID.fullmatch(given[key]):
            hint = "Write it as 00000000-0000-0000-0000-000000000000."
            yield OptionProblem(key, f"{given[key]!r} is no identifier.", hint)
    for key, legal in (("resource_group", _GROUP), ("workspace", _WORKSPACE), ("compute", _COMPUTE)):
        if given.get(key) and not legal.fullmatch(given[key]):
            yield OptionProblem(
                key, f"{given[key]!r} is no legal name.", "Write the name alone, as the portal shows it."
            )
    for key in ("resource_group", "workspace"):
        if given.get(key, "").endswith("-"):
            hint = "Use one whose name ends in a letter or digit: Azure ML answers InternalServerError to this."
            yield OptionProblem(key, f"{given[key]!r} ends in a dash.", hint)
    namespace = given.get("namespace", "")
    if namespace and not is_legal_label(namespace):
        yield OptionProblem("namespace", f"{namespace!r} is no legal name.", "Use a–z, 0–9 and inner dashes.")


def _choices(given: Mapping[str, str]) -> Iterator[OptionProblem]:
    kinds = tuple(map(str, ComputeKind))
    legal = {"cloud": tuple(CLOUDS), "kind": kinds, "endpoints": ENDPOINTS, "batch_scoring": SCORING}
    for key, words in (legal | {"auth_mode": AUTH_MODES, "public_network_access": ACCESS}).items():
        if key in given and given[key] not in words:
            message = f"there is no {key} {given[key]!r}{nearest(given[key], words)}."
            yield OptionProblem(key, message, f"Write one of: {', '.join(filter(None, words))}.")
    compute, kind = given.get("compute", ""), given.get("kind", "")
    if compute not in {"", SERVERLESS} and kind == SERVERLESS:
        yield OptionProblem(
            "kind", f"{compute!r} is a compute, so it is not serverless.", "Remove `kind` or `compute`."
        )
    if compute in {"", SERVERLESS} and kind in {ComputeKind.AML, ComputeKind.KUBERNETES}:
        yield OptionProblem("kind", f"{kind} needs the name of a compute.", "Add `compute:`.")
    if compute in {"", SERVERLESS} and given.get("batch_scoring") == "endpoint":
        hint = "Add `compute:`, a compute cluster or an attached Kubernetes cluster; or write job."
        yield OptionProblem("batch_scoring", "a batch endpoint needs the name of a compute.", hint)
    yield from _of_endpoints(given, on_cluster=compute not in {"", SERVERLESS} and kind in {"", ComputeKind.KUBERNETES})
    if given.get("namespace") and kind not in {"", ComputeKind.KUBERNETES}:
        hint = "Remove `namespace`: only an attached Kubernetes compute has one."
        yield OptionProblem("namespace", f"a compute of kind {kind} has no namespace.", hint)


def _of_endpoints(given: Mapping[str, str], on_cluster: bool) -> Iterator[OptionProblem]:
    endpoints = given.get("endpoints") or ("kubernetes" if on_cluster else "managed")
    if endpoints == "kubernetes" and not on_cluster:
        yield OptionProblem("endpoints", "kubernetes needs a Kubernetes compute.", "Add `compute:`, or write managed.")
    if endpoints == "kubernetes" and given.get("public_network_access"):
        hint = "Remove it: who reaches the cluster's router is a matter of the cluster's extension."
        yield OptionProblem("public_network_access", "only a managed endpoint has it.", hint)


def addresses(options: AzureOptions, network: Network) -> Mapping[str, str]:
    """The services that a target is reached by, as far as its options tell; not those that the site's proxy may reach.

    Azure's management and login have public addresses, unless private link leads there: a private site lets them through its
    proxy by name, or they are refused.
    """
    names = options.place.names
    found = {"Azure management": names.management, "Microsoft Entra": names.login}
    let_out = network.egress if network.proxy else ()
    return {
        name: f"https://{host}" for name, host in found.items() if not any(fnmatchcase(host, glob) for glob in let_out)
    }
