"""`Wake`: what a blocked thread waits on, safe to ring from a signal handler.

`threading.Event.set()` takes a lock that the interrupted thread itself may hold, so "abort on SIGTERM" could hang
the program. `queue.SimpleQueue.put()` is re-entrant by design.

A handler runs in the main thread, between two instructions. A signal that comes just before that thread blocks, or
that the operating system gives to another thread, does not end the wait: so the main thread sleeps in short pieces.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["Wake", "call_soon"]

_MAIN_SLICE_S: Final = 0.1


class Wake:
    """A bell for one thread. No ring is lost: one that comes before the wait ends it at once."""

    __slots__ = ("_rings",)

    def __init__(self) -> None:
        self._rings: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ring(self) -> None:
        """End the present wait, or the next one."""
        self._rings.put(None)

    def wait(self, seconds: float | None = None) -> bool:
        """Block until the bell rings.

        Args:
            seconds: For how long at most; None for no limit.

        Returns:
            Whether it rang.
        """
        if threading.current_thread() is threading.main_thread():
            while seconds is None or seconds > _MAIN_SLICE_S:
                if self._rang_within(_MAIN_SLICE_S):
                    return True
                seconds = None if seconds is None else seconds - _MAIN_SLICE_S
        return self._rang_within(seconds)

    def _rang_within(self, seconds: float | None) -> bool:
        try:
            self._rings.get(timeout=seconds)
        except queue.Empty:
            return False
        return True


def call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Call `callback` in the next turn of a loop, from any thread; never if the loop has closed."""
    with contextlib.suppress(RuntimeError):  # It has closed: nothing waits in it any more.
        loop.call_soon_threadsafe(callback)
