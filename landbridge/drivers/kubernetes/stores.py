"""Where an fsspec store is, as far as the inventory tells. Asks nobody."""

from collections.abc import Iterator, Mapping
from typing import Any

from landbridge.domain.values import Json

AZURE_ENDPOINTS = ("blob.core.windows.net", "dfs.core.windows.net")


def store_urls(url: str, storage: Mapping[str, Json], for_pods: str) -> Iterator[str]:
    """How pods reach an fsspec store, as far as its options tell."""
    more: Any = storage.get("client_kwargs")
    endpoint = for_pods or storage.get("endpoint_url") or (more.get("endpoint_url") if isinstance(more, dict) else "")
    if endpoint:
        yield str(endpoint)
    elif storage.get("account_name") and url.startswith(("abfs", "az:")):
        yield from (f"https://{storage['account_name']}.{domain}" for domain in AZURE_ENDPOINTS)
    elif url.startswith(("http://", "https://")):
        yield url
