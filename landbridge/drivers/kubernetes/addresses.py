"""Which services a target is reached by and brings in: what a private network must hold privately. Asks nobody."""

from collections.abc import Mapping

from landbridge.domain.inventory import Inventory, Target
from landbridge.drivers.kubernetes.cluster import address_of, connect
from landbridge.drivers.kubernetes.options import KubernetesOptions, read_options
from landbridge.drivers.kubernetes.stores import store_urls

PUBLIC_S3 = "https://s3.amazonaws.com"  # where s3fs goes when no endpoint is given


def addresses(target: Target, inventory: Inventory) -> Mapping[str, str]:
    """What → its URL.

    Raises:
        InputError: an option, or the kubeconfig, cannot be used.
    """
    options = read_options(target, inventory)
    server, _ = address_of(connect(*options.place))
    found = {
        "API server": server,
        "object store": _store(options),
        "object store for pods": options.storage_endpoint,
        "gateway": options.gateway_url,
        "proxy of pods": options.proxy.get("https") or options.proxy.get("http") or "",
    }
    return {what: url for what, url in found.items() if url}


def _store(options: KubernetesOptions) -> str:
    otherwise = PUBLIC_S3 if options.artifacts.startswith(("s3://", "s3a://")) else options.artifacts
    return next(store_urls(options.artifacts, options.storage, ""), otherwise)
