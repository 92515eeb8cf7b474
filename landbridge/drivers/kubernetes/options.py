"""What an inventory may say under `options` of a kubernetes target. Read once, checked whole, asks nobody."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

from landbridge.domain.errors import InputError
from landbridge.domain.inventory import Inventory, Target
from landbridge.domain.names import is_legal_label
from landbridge.domain.nearest import nearest
from landbridge.domain.values import NO_OPTIONS, Json
from landbridge.drivers.kubernetes.stores import store_urls
from landbridge.ports import OptionProblem

WEEK_SECONDS = 7 * 24 * 3600
PULL_POLICIES = ("", "Always", "IfNotPresent", "Never")
PROXY_KEYS = ("http", "https", "no_proxy")


@dataclass(frozen=True, slots=True)
class KubernetesOptions:
    """Options of one target.

    Attributes:
        kubeconfig: path, from the inventory's folder; "" = $KUBECONFIG, ~/.kube/config, or the pod's own account.
        context: of the kubeconfig; "" = its current one.
        artifacts: fsspec URL of the site's object store, which carries code, data and models to pods and back.
        storage: fsspec options for `artifacts`; secrets as `secret:NAME` only.
        storage_secret: Secret of the namespace whose keys are environment variables for fsspec in serving pods.
        storage_endpoint: the object store's address as pods see it, when it differs from ours.
        gateway: "name" or "namespace/name" of a Gateway; "" = traffic flips between Services.
        serving_image: image to serve from when an environment says `python: current`, or nothing; it has Python, MLflow, and
            fsspec with the store's file system.
        queue: LocalQueue of Kueue.
        image_mirror: prefix of an image → what stands in its place; the longest prefix wins.
        proxy: `http`, `https`, `no_proxy` of pods; when it is read, `no_proxy` has the hosts of the site too.
        ca_bundle: ConfigMap with a complete bundle under `ca.crt`, for pods.
        overrides: patch of every pod template (`metadata`, `spec`), in Kubernetes' own words, merged last; null removes.
        ttl_seconds: how long a finished Job and its pods are kept.
        operations: what `landbridge ops` makes of the namespace; see operating_options.py. Runs never read it.
    """

    namespace: str
    kubeconfig: str = ""
    context: str = ""
    artifacts: str = ""
    storage: Mapping[str, Json] = field(default_factory=dict)
    storage_secret: str = ""
    storage_endpoint: str = ""
    service_account: str = ""
    gateway: str = ""
    gateway_url: str = ""
    serving_image: str = ""
    queue: str = ""
    priority_class: str = ""
    tolerations: tuple[Mapping[str, Json], ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    image_pull_secrets: tuple[str, ...] = ()
    image_mirror: Mapping[str, str] = field(default_factory=dict)
    proxy: Mapping[str, str] = field(default_factory=dict)
    ca_bundle: str = ""
    overrides: Mapping[str, Json] = field(default_factory=dict)
    image_pull_policy: str = ""
    ttl_seconds: int = WEEK_SECONDS
    operations: Mapping[str, Json] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str, str]:
        """What names the namespace of a cluster, as `cluster.connect` takes it."""
        return self.kubeconfig, self.context, self.namespace


KNOWN = tuple(item.name for item in fields(KubernetesOptions))


def read_options(target: Target, inventory: Inventory) -> KubernetesOptions:
    """The options of `target`, with `kubeconfig` made absolute.

    Raises:
        InputError: an option is unknown, missing or of the wrong kind.
    """
    for problem in option_problems(target.options):
        message = f"targets.{target.name}.options{f'.{problem.key}' if problem.key else ''}: {problem.message}"
        raise InputError(message, problem.hint, inventory.path)
    given = dict(target.options)
    for key in ("tolerations", "image_pull_secrets"):
        value = given.get(key)
        given[key] = tuple(value) if isinstance(value, list) else ()  # type: ignore[assignment]
    if given.get("kubeconfig"):
        given["kubeconfig"] = str(Path(inventory.path).parent / Path(str(given["kubeconfig"])).expanduser())
    proxy = given.get("proxy")
    if isinstance(proxy, dict):
        given["proxy"] = {**proxy, "no_proxy": ",".join([*_words(proxy.get("no_proxy")), *_near(target, inventory)])}
    return KubernetesOptions(**given)  # type: ignore[arg-type]


def _near(target: Target, inventory: Inventory) -> Iterator[str]:
    """Hosts of the site, which its proxy need not and often cannot reach: declared services, registry, object store."""
    site, storage = inventory.sites.get(target.site), target.options.get("storage")
    urls = [*site.network.endpoints.values()] if site else []
    urls += [site.registry.url] if site and site.registry else []
    urls += [str(target.options.get("storage_endpoint") or "")]
    urls += store_urls("", storage, "") if isinstance(storage, dict) else []
    hosts = [urlsplit(url if "://" in url else f"//{url}").hostname for url in urls]
    yield from dict.fromkeys(host for host in hosts if host)


def _words(text: Json) -> list[str]:
    return [word for word in str(text or "").split(",") if word]


def option_problems(options: Mapping[str, Json]) -> Iterator[OptionProblem]:
    """Everything that is wrong with `options`. Pure, so that files can be checked before anybody connects."""
    for key in options:
        if key not in KNOWN:
            message = f"there is no option {key!r}{nearest(key, KNOWN)}."
            yield OptionProblem(key, message, f"Remove it, or name one of: {', '.join(KNOWN)}.")
    if not options.get("namespace"):
        hint = "Add `namespace:`, the one that IT operations gave to this team."
        yield OptionProblem("", "`namespace` is missing.", hint)
    yield from _kinds(options)
    yield from _values(options)


def _kinds(options: Mapping[str, Json]) -> Iterator[OptionProblem]:
    for key, value in options.items():
        wanted, fits = KINDS.get(key, ("", _anything))
        if not fits(value):
            yield OptionProblem(key, f"{value!r} is not {wanted}.", f"Write {wanted}.")


def _values(options: Mapping[str, Json]) -> Iterator[OptionProblem]:
    namespace = options.get("namespace")
    if isinstance(namespace, str) and namespace and not is_legal_label(namespace):
        yield OptionProblem("namespace", f"{namespace!r} is no legal name.", "Use a–z, 0–9 and inner dashes.")
    policy = options.get("image_pull_policy", "")
    if policy not in PULL_POLICIES:
        hint = f"Write one of: {', '.join(PULL_POLICIES[1:])}."
        yield OptionProblem("image_pull_policy", f"there is no policy {policy!r}.", hint)
    proxy = options.get("proxy")
    for key in proxy if isinstance(proxy, dict) else NO_OPTIONS:
        if key not in PROXY_KEYS:
            message = f"there is no {key!r}{nearest(key, PROXY_KEYS)}."
            yield OptionProblem("proxy", message, f"Use {', '.join(PROXY_KEYS)}.")
    artifacts = options.get("artifacts")
    if isinstance(artifacts, str) and artifacts and "://" not in artifacts:
        hint = "Write it with its protocol, such as s3://bucket/prefix."
        yield OptionProblem("artifacts", f"{artifacts!r} is no URL.", hint)
    overrides = options.get("overrides")
    for key in overrides if isinstance(overrides, dict) else NO_OPTIONS:
        if key not in ("metadata", "spec"):
            yield OptionProblem("overrides", f"a pod template has no {key!r}.", "Use `metadata` and `spec`.")


def _anything(_value: Json) -> bool:
    return True


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_map(value: Json) -> bool:
    return isinstance(value, dict)


def _is_text_map(value: Json) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _are_texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_maps(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_seconds(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_TEXT, _TEXTS, _SECONDS = ("text", _is_text), ("a list of names", _are_texts), ("a number of seconds", _is_seconds)
_TEXT_MAP, _MAP = ("a mapping of text to text", _is_text_map), ("a mapping", _is_map)
_MAPS = ("a list of mappings, as Kubernetes spells them", _are_maps)
KINDS = {
    **dict.fromkeys(KNOWN, _TEXT),
    **dict.fromkeys(("node_selector", "image_mirror", "proxy"), _TEXT_MAP),
    **dict.fromkeys(("storage", "overrides", "operations"), _MAP),
    "image_pull_secrets": _TEXTS,
    "tolerations": _MAPS,
    "ttl_seconds": _SECONDS,
}
