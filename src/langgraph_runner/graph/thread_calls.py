"""Finding the blocking functions of a cancelled node that still run in threads.

LangGraph calls the blocking functions of an awaited run in threads, through `run_in_executor`. A cancellation ends
the asyncio task that waits for such a thread, not the thread: the function continues. When it ends is known only to
the future of its call, which is found on the stack of the thread.
"""

from __future__ import annotations

import itertools
import sys
from concurrent.futures import Future
from contextvars import Context
from typing import TYPE_CHECKING, Any

from langchain_core.runnables.config import var_child_runnable_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["calls_in_threads", "when_all_ended"]


def calls_in_threads(place: str) -> list[Future[Any]]:
    """Return the calls in threads that a node is waiting for, or has left behind.

    A call counts if it got a copy of the node's context, as by LangGraph, LangChain and `asyncio.to_thread()`. The
    node is known by its `place`, its checkpoint namespace.

    Returns:
        Futures that are done when the functions have returned. Empty on a Python whose `ThreadPoolExecutor` works
        in an unknown way.
    """
    return [future for context, future in _running_calls() if _is_within(context, place)]


def when_all_ended(calls: list[Future[Any]], then: Callable[[], None]) -> None:
    """Call `then` once, when all of `calls` have ended; in the thread of the last one."""
    left = itertools.count(len(calls) - 1, -1)  # Its `next()` is atomic.

    def one_less(_: object) -> None:
        if next(left) == 0:
            then()

    for call in calls:
        call.add_done_callback(one_less)


def _running_calls() -> Iterator[tuple[Context, Future[Any]]]:
    """Yield each call of a `ThreadPoolExecutor` that runs in a context of its own."""
    for frame in tuple(sys._current_frames().values()):  # noqa: SLF001 - documented, and there is no public way
        caller: Any = frame
        while caller is not None:
            if caller.f_code.co_qualname == "_WorkItem.run":
                item = caller.f_locals.get("self")  # None once the function has raised
                # Before Python 3.14 the item has the function itself, since then a tuple that begins with it.
                future, (function, *_) = getattr(item, "future", None), getattr(item, "task", [None])
                function = getattr(item, "fn", function)
                # What was submitted is a partial of the `run` of a context.
                context = getattr(getattr(function, "func", None), "__self__", None)
                if isinstance(future, Future) and isinstance(context, Context):
                    yield context, future
            caller = caller.f_back


def _is_within(context: Context, place: str) -> bool:
    config = context.get(var_child_runnable_config) or {}
    found = str((config.get("metadata") or {}).get("langgraph_checkpoint_ns", ""))
    return found == place or found.startswith(f"{place}|")
