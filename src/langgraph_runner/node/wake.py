"""`Wake`: what a blocked thread waits on, safe to ring from a signal handler.

`threading.Event.set()` takes a lock that the interrupted thread itself may hold, so "abort on SIGTERM" could hang
the program. `queue.SimpleQueue.put()` is re-entrant by design.
"""

from __future__ import annotations

import queue

__all__ = ["Wake"]


class Wake:
    """A bell for one thread. Rings are not lost: one that comes before the wait ends it at once."""

    __slots__ = ("_rings",)

    def __init__(self) -> None:
        self._rings: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ring(self) -> None:
        """End the present wait, or the next one."""
        self._rings.put(None)

    def wait(self, seconds: float | None = None) -> bool:
        """Block until the bell rings.

        Args:
            seconds: For how long at most; None for ever.

        Returns:
            Whether it rang.
        """
        try:
            self._rings.get(timeout=seconds)
        except queue.Empty:
            return False
        return True
