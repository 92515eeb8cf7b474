"""Runs flows in a warm process of its own, one order after another: Prefect leaves sockets open, which fails a test process.

python -m tests.flows.flow_runner     one JSON order per line of stdin, one JSON answer per line of stdout
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from landbridge.settings import HOME_VARIABLE

AT_ONCE = [0.0, 0.0, 0.0]


class FlowRunner:
    """The other end of the pipe."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, home: str, flow: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Run a flow of `flows.ALL` for `home` and return its end: flow_run_id, message."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"home": home, "flow": flow, "parameters": parameters}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, "the flow runner died; its words are on stderr"
        ended: dict[str, Any] = json.loads(answer)
        return ended


@contextmanager
def flow_runner(prefect_url: str) -> Iterator[FlowRunner]:
    environment = {**os.environ, "PREFECT_API_URL": prefect_url, "PREFECT_SERVER_EPHEMERAL_ENABLED": "false"}
    command = [sys.executable, "-m", "tests.flows.flow_runner"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield FlowRunner(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a flow prints is no answer
    import tasks.training
    from flows import ALL

    steps: tuple[Any, ...] = (tasks.training.submit_training, tasks.training.train)
    for step in steps:
        step.retry_delay_seconds = AT_ONCE
    for line in sys.stdin:
        order = json.loads(line)
        os.environ[HOME_VARIABLE] = order["home"]
        flow: Any = ALL[order["flow"]]
        state = asyncio.run(flow(**order["parameters"], return_state=True))
        ended = {"flow_run_id": str(state.state_details.flow_run_id), "message": state.message}
        print(json.dumps(ended), file=answers, flush=True)


if __name__ == "__main__":
    main()
