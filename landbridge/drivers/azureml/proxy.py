"""Through which proxy this process asks Azure, by what Python tells the Azure SDKs."""

from urllib.parse import urlsplit


def proxy_host(host: str) -> str:
    """The host of the proxy on the way to `host`; "" = none. Asks nobody."""
    from urllib.request import getproxies, proxy_bypass  # not for every command

    proxies = getproxies()
    url = proxies.get("https") or proxies.get("all") or ""
    if not url or proxy_bypass(host):
        return ""
    return urlsplit(url if "://" in url else f"//{url}").hostname or ""
