"""A real serving agent with Envoy, in a process of its own, behind the control socket of a home.

    python -m tests.services.serving_host HOME PORT     (prints "up" when it serves; ends with its stdin)

`tests.services.local_serving` has it as a fixture, one per test session.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from landbridge import settings
from landbridge.domain.inventory import Inventory, Role, Site, Target
from landbridge.domain.values import SiteKind

TARGET = "serving"
UP = "up"


def inventory(home: Path, driver: str = "local", options: dict[str, object] | None = None) -> Inventory:
    target = Target(TARGET, "onprem", driver, frozenset({Role.SERVE}), TARGET, options or {})  # type: ignore[arg-type]
    site = Site("onprem", SiteKind.ONPREM, f"file://{home}/models", f"file://{home}/cache", 1 << 30)
    return Inventory("test", "inventory.yaml", str(home), {"onprem": site}, {TARGET: target}, {})


@dataclass
class ServingHost:
    """A home with a running agent."""

    home: Path
    process: "subprocess.Popen[str]"


@contextmanager
def serving_host(home: Path, port: int = 0) -> Iterator[ServingHost]:
    """Start it, wait until it serves, end it."""
    with (home / "host.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.serving_host", str(home), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "LANDBRIDGE_SECRET": "x"},
            cwd=Path(__file__).parents[2],
        )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        said = process.stdout.readline().strip()
        assert said == UP, (home / "host.log").read_text()
        yield ServingHost(home, process)
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(30)


async def _serve(home: Path, port: int) -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from landbridge.drivers.local.agent import SiteAgent
    from landbridge.runner.forks import Forks

    wanted = inventory(home, options={"port": port})
    forks = Forks()
    await forks.start(["landbridge.runner.warm"])
    agent = SiteAgent("onprem", wanted.targets[TARGET], wanted, forks)
    await agent.start()
    app = Starlette(routes=[Mount(f"/sites/{TARGET}", routes=agent.routes())])
    config = uvicorn.Config(app, uds=str(settings.control_socket(home)), log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    sys.stdout.write(f"{UP}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await serving
    await agent.stop()
    await forks.stop()


if __name__ == "__main__":
    import logging

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if len(sys.argv) == 3:
        asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
    os._exit(0)
