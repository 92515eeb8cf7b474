"""What every step has: a name, a run name, live progress and one retry policy."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from landbridge.domain.errors import TransientError
from tasks.artifacts import Rows, publish_table
from tasks.progress import emit

P = ParamSpec("P")
R = TypeVar("R")


def is_transient(_task: "Task[Any, Any]", _run: TaskRun, state: "State[Any]") -> bool:
    """Retry only what may heal by itself. The engine hands over the exception as the state's data."""
    return isinstance(state.data, TransientError)


def step(
    run_name: str, table: Callable[[Any], Rows] | None = None
) -> Callable[[Callable[P, R]], Callable[P, Awaitable[R]]]:
    """Make a task of a plain function: it runs in a thread, so leases are renewed while it works.

    Retried on TransientError only: 3 times, after 0.5, 2 and 8 s plus jitter. Every step may be repeated: it ensures.
    Results are not cached by Prefect: the world is re-read, never remembered (docs/adr/0002).

    Args:
        run_name: template over the function's arguments.
        table: makes rows of the result, shown as an artifact of the run.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, Awaitable[R]]:
        made = task(
            name=function.__name__,
            task_run_name=run_name,
            description=(function.__doc__ or "").strip(),
            retries=3,
            retry_delay_seconds=[0.5, 2, 8],
            retry_jitter_factor=0.5,
            retry_condition_fn=is_transient,
            cache_policy=NO_CACHE,
            persist_result=False,
        )(_reported(function, table))
        return cast(Callable[P, Awaitable[R]], made)

    return decorate


def _reported(function: Callable[P, R], table: Callable[[Any], Rows] | None) -> Callable[P, Awaitable[R]]:
    """The function in a thread, with its start and its end told to whoever watches."""
    name = function.__name__

    @wraps(function)
    async def reported(*args: P.args, **kwargs: P.kwargs) -> R:
        emit(name, "started")
        try:
            result = await asyncio.to_thread(function, *args, **kwargs)
        except Exception as error:
            emit(name, "failed", str(error))
            raise
        emit(name, "done", summary(result))
        if table is not None:
            publish_table(name.replace("_", "-"), table(result), (function.__doc__ or "").strip())
        return result

    return reported


def summary(result: object) -> str:
    """One line about what a step reached, for people; a result says it itself, or there is none."""
    line = getattr(result, "summary", "")
    return line if isinstance(line, str) else ""
