"""`SharedReads`: one read serves all equal requests that arrive at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

__all__ = ["SharedReads"]

ResultT = TypeVar("ResultT")


class SharedReads:
    """Shares reads: requests that arrive while an equal read runs wait for one further read, and share its result.

    A shared read starts after every request that it serves, so each caller sees all that was committed before its
    request. Many browsers that watch the same page cost two reads at a time, not one each. Use it in one event loop.
    """

    def __init__(self) -> None:
        self._next: dict[Hashable, asyncio.Task[Any]] = {}
        self._running: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def read(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, ResultT]]) -> ResultT:
        """Return the result of a read that starts now, or as soon as an equal read that runs now has ended.

        Args:
            key: What is read, and for which tenant: reads with equal keys are equal.
            read: The read. It continues when a caller that waits for it is cancelled.
        """
        task: asyncio.Task[ResultT] | None = self._next.get(key)
        if task is None:
            lock = self._running.setdefault(key, asyncio.Lock())
            task = self._next[key] = asyncio.create_task(self._read_after(lock, key, read))
            task.add_done_callback(_retrieve_exception)
        return await asyncio.shield(task)

    async def _read_after(
        self, lock: asyncio.Lock, key: Hashable, read: Callable[[], Coroutine[Any, Any, ResultT]]
    ) -> ResultT:
        async with lock:
            del self._next[
                key
            ]  # The read starts now and may miss later commits, so later callers need another one.
            return await read()


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    """Retrieve the exception; asyncio would log it if all callers were cancelled."""
    if not task.cancelled():
        task.exception()
