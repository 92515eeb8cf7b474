"""Imported once by the fork server: what a flow run would import in its first half second. Starts no thread.

Prefect imports these inside functions, so importing Prefect is not enough (measured: 0.15 s of 0.35 s from the order to
the flow's first line). Found by comparing `sys.modules` before and after a run.
"""

import importlib

from prefect.logging.configuration import setup_logging

MODULES = (
    "anyio._backends._asyncio",
    "encodings.idna",
    "fsspec.implementations.local",
    "httpx",
    "landbridge.host.flow_child",
    "landbridge.operations.reports",
    "prefect._internal.states",
    "prefect.artifacts",
    "prefect.concurrency._asyncio",
    "prefect.concurrency._events",
    "prefect.concurrency._sync",
    "prefect.concurrency.services",
    "prefect.events.worker",
    "prefect.flow_engine",
    "prefect.logging.handlers",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "rich._emoji_codes",
    "sqlalchemy.dialects.sqlite.pysqlite",
)

for _name in MODULES:
    importlib.import_module(_name)

setup_logging()
