"""The options of `registry:` with driver `mlflow`, and where its server is."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from landbridge.domain.errors import AuthError, InputError, TargetUnavailableError
from landbridge.domain.inventory import Inventory, RegistrySpec
from landbridge.domain.values import Json

_KNOWN = ("uri", "port", "address", "username", "password", "token")
_SECRET = "secret:"  # noqa: S105 - the prefix of a secret's name, not a secret
ANY_PORT = ("any", 0)
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, repr=False)  # no repr: it would show the credentials
class Options:
    """Either `uri`, a server that others run, or `port`, the one that `landbridge up` runs for this site, on `host`."""

    site: str
    uri: str
    port: int
    host: str
    services: Path
    username: str
    password: str
    token: str

    def address(self) -> str:
        """The server's URL now, without a slash at its end: `landbridge up` may have chosen the port since.

        Raises:
            TargetUnavailableError: no server runs and no fixed port says where it will.
        """
        if self.uri:
            return self.uri
        running = _running(self.services).get(self.site)
        if running:
            return running.rstrip("/")
        if self.port:
            return f"http://{self.host}:{self.port}"
        raise TargetUnavailableError(
            f"The model registry of site {self.site!r} is not running.", "Run `landbridge up`."
        )


def read_options(spec: RegistrySpec, inventory: Inventory) -> Options:
    """Check the options; credentials come from the environment, by name."""
    where = inventory.path
    unknown = [key for key in spec.options if key not in _KNOWN]
    if unknown:
        raise InputError(
            f"The mlflow registry of site {spec.site!r} has no option {unknown[0]!r}.",
            f"Use {', '.join(_KNOWN)}.",
            where,
        )
    uri, port = _place(spec, where)
    secrets = {name: _secret(spec, name, remote=bool(uri), where=where) for name in ("username", "password", "token")}
    services = Path(inventory.home) / "services" / "services.json"
    return Options(spec.site, uri, port, hosted_address(spec), services, **secrets)


def hosted_address(spec: RegistrySpec) -> str:
    """The IP address of this machine on which the server of a `port` listens."""
    return str(spec.options.get("address") or LOOPBACK)


def _place(spec: RegistrySpec, where: str) -> tuple[str, int]:
    uri, port = spec.options.get("uri"), spec.options.get("port")
    if (uri is None) == (port is None):
        raise InputError(
            f"The mlflow registry of site {spec.site!r} needs one of `uri` and `port`.",
            "Give the `uri` of a server that runs, or the `port` that `landbridge up` shall use.",
            where,
        )
    if uri is not None:
        return _uri(uri, spec.site, where), 0
    if port in ANY_PORT and port is not False:
        return "", 0
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise InputError(f"{port!r} is no port.", "Give a number from 1 to 65535, or `any`.", where)
    return "", port


def _uri(uri: Json, site: str, where: str) -> str:
    parts = _split(uri)
    if parts is None:
        raise InputError(
            f"The registry of site {site!r} has a `uri` that is no MLflow server.",  # it may hold a password: not shown
            "Give the http:// or https:// URL of a server.",
            where,
        )
    if parts.username or parts.password:
        raise InputError(
            f"The registry URI of site {site!r} holds credentials.",
            "Take them out; set `username: secret:NAME` and `password: secret:NAME`.",
            where,
        )
    return parts.geturl().rstrip("/")


def _split(uri: Json) -> SplitResult | None:
    """The parts of an HTTP URL, or None."""
    try:
        parts = urlsplit(str(uri))
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number
        return None
    return parts if usable else None


def _secret(spec: RegistrySpec, name: str, *, remote: bool, where: str) -> str:
    value = spec.options.get(name)
    if value is None:  # a server of our own is never shown credentials that were meant for another
        return os.environ.get(f"MLFLOW_TRACKING_{name.upper()}", "") if remote else ""
    if not isinstance(value, str) or not value.startswith(_SECRET):
        raise InputError(
            f"Option {name!r} of the registry of site {spec.site!r} holds its value.",
            f"Write `{name}: secret:NAME` and set the environment variable NAME.",
            where,
        )
    variable = value.removeprefix(_SECRET)
    if variable not in os.environ:
        raise AuthError(
            f"The registry of site {spec.site!r} needs the secret {variable}, which is not set.",
            f"Set the environment variable {variable}.",
            where,
        )
    return os.environ[variable]


def _running(services: Path) -> Mapping[str, str]:
    """Site → URL of the registries that `landbridge up` runs; empty when it does not."""
    try:
        known = json.loads(services.read_text())["registries"]
        return {site: str(entry["url"]) for site, entry in known.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TargetUnavailableError(
            f"{services} cannot be read ({error}).", "Run `landbridge down`, then `landbridge up`."
        ) from error
