"""The host's environment, its services and theirs."""

import os
import socket
from pathlib import Path

from landbridge import settings
from landbridge.domain.inventory import Inventory, RegistrySpec
from landbridge.host.addresses import url_of
from landbridge.host.services import ServiceSpec
from landbridge.record import services_folder

FLOWS_VARIABLE = "LANDBRIDGE_FLOWS"  # a module whose ALL maps names to flows; for those who add their own

_PREFECT_CLIENT = {
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",  # no hidden server of its own when ours is down
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_CLI_COLORS": "false",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}

_PREFECT_SERVER = {
    # in memory, a restart of the server leaves every concurrency slot taken for ever
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
}

# What only Prefect's automations and its page of events need, and every run would pay for; see docs/adr/0008.
_OPTIONAL_SERVICES = {
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
}


def flows_module() -> str:
    return os.environ.get(FLOWS_VARIABLE) or "flows"


def host_environment(home: Path, prefect_url: str) -> dict[str, str]:
    """For the host itself, and so for all its children. Must be set before Prefect is imported."""
    return {
        **_PREFECT_CLIENT,
        settings.HOME_VARIABLE: str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"{prefect_url}/api",
        "PREFECT_UI_URL": prefect_url,
    }


def prefect_spec(home: Path, listener: socket.socket) -> ServiceSpec:
    chosen = {name: os.environ.get(name, default) for name, default in _OPTIONAL_SERVICES.items()}
    environment = {**_PREFECT_SERVER, **chosen, "PREFECT_UI_API_URL": f"{url_of(listener)}/api"}
    log = services_folder(home) / "prefect.log"
    return ServiceSpec("prefect", "prefect", listener, url_of(listener), "/api/health", environment, log)


def registry_spec(home: Path, site: str, listener: socket.socket) -> ServiceSpec:
    """The variables are MLflow's own names for what `mlflow server` passes to its web process (3.17.2, pinned)."""
    folder = home / "sites" / site / "registry"
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder / 'mlflow.db'}",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": (folder / "artifacts").as_uri(),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight processes and 700 MB for features nobody asked for
    }
    log = services_folder(home) / f"registry-{site}.log"
    return ServiceSpec(f"registry {site}", "mlflow", listener, url_of(listener), "/health", environment, log)


def hosted_registries(inventory: Inventory) -> dict[str, RegistrySpec]:
    """Sites whose registry the host starts."""
    return {
        site.name: site.registry
        for site in inventory.sites.values()
        if site.registry is not None and site.registry.driver == "mlflow" and not site.registry.options.get("uri")
    }
