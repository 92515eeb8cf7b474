"""Prefect's side of the host: the connection, the flow host and the loops that wake it."""

import asyncio
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landbridge.client import JsonObject
from landbridge.host.environment import flows_module
from landbridge.host.watch import WatchLoop

if TYPE_CHECKING:
    from landbridge.host.flow_host import FlowHost, Spawns
    from landbridge.host.orchestrator import Orchestrator


class FlowSide:
    """Open while the host is up."""

    def __init__(self, api: "Orchestrator", flow_host: "FlowHost", watch: WatchLoop) -> None:
        self.flow_host = flow_host
        self._api, self._watch = api, watch
        self._loops = [
            asyncio.create_task(flow_host.serve(), name="flow host"),
            asyncio.create_task(watch.serve(), name="watch"),
        ]

    @classmethod
    async def open(cls, home: Path, prefect_url: str, forks: "Spawns") -> "FlowSide":
        """Register the flows, end the runs that a killed host left, start polling and watching."""
        flows = load_flows()
        from landbridge.host.flow_host import FlowHost
        from landbridge.host.orchestrator import Orchestrator

        api = await Orchestrator(f"{prefect_url}/api", prefect_url).__aenter__()
        flow_host = FlowHost(home, forks, api)
        await flow_host.start(flows)
        return cls(api, flow_host, WatchLoop(home, flow_host))

    async def close(self) -> None:
        """Start nothing more, end the runs in an orderly way, leave Prefect."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self.flow_host.close()
        await self._api.__aexit__(None, None, None)

    def describe(self) -> JsonObject:
        dead = [loop.get_name() for loop in self._loops if loop.done()]
        flow_host: JsonObject = {"problem": self.flow_host.problem, "dead_loops": [*dead]}
        return {"watch": self._watch.describe(), "flow_host": flow_host}


def load_flows() -> Mapping[str, Any]:
    """Takes 1-2 s of imports the first time: call it in a thread, so that the control API answers meanwhile."""
    found: Mapping[str, Any] = importlib.import_module(flows_module()).ALL
    return found
