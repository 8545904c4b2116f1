"""Waiting with a time limit, by the clock of a `Runtime`.

`asyncio.timeout()` measures time by the event loop's clock, which a test cannot move.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["timeout", "wait_for_event"]


@asynccontextmanager
async def timeout(seconds: float | None, runtime: Runtime) -> AsyncIterator[None]:
    """Limit the time of an `async with` block, as `asyncio.timeout()` does; None for no limit.

    Raises:
        TimeoutError: The limit passed.
    """
    if seconds is None:
        yield
        return
    loop = asyncio.get_running_loop()
    is_over = False
    async with asyncio.timeout(None) as limit:

        def expire(timer: asyncio.Task[None]) -> None:
            if not (is_over or timer.cancelled()):
                limit.reschedule(loop.time())

        timer = loop.create_task(runtime.sleep(seconds, None))
        timer.add_done_callback(expire)
        try:
            yield
        finally:
            is_over = True
            timer.cancel()


async def wait_for_event(event: asyncio.Event, seconds: float, runtime: Runtime) -> bool:
    """Wait until an event is set, at most for `seconds`; return whether it is."""
    if not event.is_set():
        try:
            async with timeout(seconds, runtime):
                await event.wait()
        except TimeoutError:
            return event.is_set()
    return True
