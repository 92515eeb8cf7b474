"""Everything the host runs, and the order in which it starts and ends."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.routing import Mount

from landbridge import settings
from landbridge.client import JsonObject
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.inventory import Inventory
from landbridge.domain.values import Json
from landbridge.drivers.mlflow.options import hosted_address
from landbridge.files.inventory import load_inventory
from landbridge.host.addresses import listen, url_of
from landbridge.host.environment import flows_module, host_environment, hosted_registries, prefect_spec, registry_spec
from landbridge.host.flow_side import FlowSide, load_flows
from landbridge.host.local_targets import build_agents, cancel_all_jobs
from landbridge.host.processes import memory_bytes
from landbridge.host.services import Service

if TYPE_CHECKING:
    from landbridge.drivers.local.agent import SiteAgent
    from landbridge.host.control import ControlServer, Operated
    from landbridge.host.flow_host import FlowHost
    from landbridge.runner.forks import Forks

# What the fork server imports once, so that flow runs and model servers do not; and the flows.
PRELOAD = ("landbridge.runner.warm", "landbridge.host.warm")

_RECORDED = ("name", "state", "url", "pid", "restarts", "reason", "ready_seconds", "log")

log = logging.getLogger("landbridge.host")


@dataclass(frozen=True, slots=True)
class Ports:
    """The sockets that the services will serve; held by the host, so nobody else can take a port between two starts."""

    inventory: Inventory
    prefect: socket.socket
    registries: Mapping[str, socket.socket]


def take_ports(home: Path, inventory_path: str, former: Mapping[str, Any]) -> Ports:
    """Read the inventory and take every port, before anything is started.

    Raises:
        InputError: the inventory is wrong, or a port it asks for is taken.
    """
    inventory = load_inventory(Path(inventory_path), str(home))
    taken: list[socket.socket] = []
    try:
        before = _port_in(former.get("prefect"), "ui")
        taken.append(listen(settings.prefect_port(), before, "Prefect", f"${settings.PREFECT_PORT_VARIABLE}"))
        wanted = hosted_registries(inventory)
        for site, registry in wanted.items():
            asked = registry.options.get("port")
            port = asked if isinstance(asked, int) else 0
            before = _port_in((former.get("registries") or {}).get(site), "url")
            setting = f"sites.{site}.registry.port in {inventory_path}"
            name = f"the model registry of site {site!r}"
            taken.append(listen(port, before, name, setting, hosted_address(registry)))
    except BaseException:
        for listener in taken:
            listener.close()
        raise
    return Ports(inventory, taken[0], dict(zip(wanted, taken[1:], strict=True)))


class Plant:
    """The services, the fork server, the agents and the flow side of one host."""

    def __init__(self, home: Path, ports: Ports) -> None:
        self._home, self._inventory, self._ports = home, ports.inventory, ports
        self._prefect_url = url_of(ports.prefect)
        os.environ.update(host_environment(home, self._prefect_url))
        self._prefect = Service(prefect_spec(home, ports.prefect))
        specs = {site: registry_spec(home, site, listener) for site, listener in ports.registries.items()}
        self._registries = {site: Service(spec) for site, spec in specs.items()}
        self._agents: dict[str, SiteAgent] = {}
        self._forks: Forks | None = None
        self._flows: FlowSide | None = None
        self._control: ControlServer | None = None
        self._serving: asyncio.Task[None] | None = None
        self._warm_parts: dict[str, Json] = {"name": "warm imports", "state": "starting"}

    @property
    def flow_host(self) -> "FlowHost | None":
        return self._flows.flow_host if self._flows else None

    async def start(self, host: "Operated") -> None:
        """Start all side by side; returns when all are ready, raises the first failure."""
        from landbridge.runner.forks import Forks

        self._forks = Forks()
        self._agents = build_agents(self._inventory, self._forks)
        (self._home / "prefect").mkdir(parents=True, exist_ok=True)
        works = [service.start() for service in self._services()]
        await _side_by_side(*works, self._warm(self._forks), asyncio.to_thread(load_flows), self._open_control(host))
        self._flows = await FlowSide.open(self._home, self._prefect_url, self._forks)

    async def stop(self, cancel_jobs: bool) -> None:
        """End everything in order; silent about what never started. What fails is logged, the rest still ends."""
        if self._flows is not None:
            await _quietly(self._flows.close())
        if cancel_jobs:
            await _quietly(asyncio.to_thread(cancel_all_jobs, self._inventory))
        for agent in self._agents.values():
            await _quietly(agent.stop())
        if self._forks is not None:
            await _quietly(self._forks.stop())
        await asyncio.gather(*(_quietly(service.stop()) for service in self._services()))
        await _quietly(self._close_control())
        for listener in (self._ports.prefect, *self._ports.registries.values()):
            listener.close()

    def record(self) -> JsonObject:
        """The part of services.json that outlives the host: addresses, and processes to look for after a kill."""
        processes: list[Json] = [found for service in self._services() if (found := service.process())]
        processes += self.flow_host.processes() if self.flow_host else []
        return {
            "prefect": {"url": f"{self._prefect_url}/api", "ui": self._prefect_url},
            "registries": {site: {"url": service.spec.url} for site, service in self._registries.items()},
            "services": [{key: part.get(key) for key in _RECORDED} for part in self._parts()],
            "processes": processes,
        }

    def describe(self) -> JsonObject:
        """For /health: as it is now."""
        flows = self._flows.describe() if self._flows else {}
        services: list[Json] = [part | {"memory_bytes": memory_bytes(part.get("pid"))} for part in self._parts()]
        return {"services": services, "agents": list[Json](self._agents), **flows}

    async def _warm(self, forks: "Forks") -> None:
        began = time.monotonic()
        await forks.start((*PRELOAD, flows_module()))
        await _side_by_side(*(agent.start() for agent in self._agents.values()))
        self._warm_parts |= {"state": "ready", "ready_seconds": round(time.monotonic() - began, 2)}

    async def _open_control(self, host: "Operated") -> None:
        from landbridge.host.control import control_app, control_server, listen_privately

        mounts = [Mount(f"/sites/{name}", routes=agent.routes()) for name, agent in self._agents.items()]
        self._control = control_server(control_app(host, mounts))
        listener = listen_privately(settings.control_socket(self._home))
        self._serving = asyncio.create_task(self._control.serve(sockets=[listener]), name="control")

    async def _close_control(self) -> None:
        if self._control is not None and self._serving is not None:
            self._control.should_exit = True
            await self._serving
        settings.control_socket(self._home).unlink(missing_ok=True)

    def _services(self) -> list[Service]:
        return [self._prefect, *self._registries.values()]

    def _parts(self) -> list[dict[str, Json]]:
        return [*(service.describe() for service in self._services()), self._warm_parts]


async def _side_by_side(*works: Coroutine[Any, Any, Any]) -> None:
    """All at once; the first failure cancels the others and is raised as itself, not as a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except ExceptionGroup as group:
        raise (group.subgroup(LandbridgeError) or group).exceptions[0] from group


async def _quietly(work: Coroutine[Any, Any, Any]) -> None:
    """The end goes on whatever one part says; the log keeps it."""
    try:
        await work
    except Exception:
        log.exception("a part did not end in order")


def _port_in(address: Any, key: str) -> int:
    """The port of a recorded URL; 0 when there is none."""
    url = address.get(key) if isinstance(address, dict) else None
    return (urlsplit(url).port or 0) if isinstance(url, str) else 0
