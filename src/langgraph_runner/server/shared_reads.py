"""`SharedReads`: equal reads that are asked for at the same time are done once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

__all__ = ["SharedReads"]

ResultT = TypeVar("ResultT")


class SharedReads:
    """Does a read once for all who ask for it while an equal one is under way.

    A shared read begins after each of them has asked, so each sees all that was committed before. Many browsers that
    watch the same page cost two reads at a time, not one each. To be used in one event loop.
    """

    def __init__(self) -> None:
        self._next: dict[Hashable, asyncio.Task[Any]] = {}
        self._under_way: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def read(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, ResultT]]) -> ResultT:
        """The result of a read that begins now, or as soon as the one that is under way has ended.

        Args:
            key: What is read, and for whom: reads with equal keys are equal.
            read: Reads it. It goes on when one who waits for it is cancelled.
        """
        task: asyncio.Task[ResultT] | None = self._next.get(key)
        if task is None:
            lock = self._under_way.setdefault(key, asyncio.Lock())
            task = self._next[key] = asyncio.create_task(self._after(lock, key, read))
            task.add_done_callback(_retrieve)
        return await asyncio.shield(task)

    async def _after(
        self, lock: asyncio.Lock, key: Hashable, read: Callable[[], Coroutine[Any, Any, ResultT]]
    ) -> ResultT:
        async with lock:
            del self._next[key]  # From here on it may miss what is committed.
            return await read()


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Look at the exception, which asyncio logs if all who waited for it were cancelled."""
    if not task.cancelled():
        task.exception()
