"""`Slots`: at most so many nodes at work, however deep the graphs nest, and never a deadlock.

Plain counting is not enough. A node that runs a graph waits for the nodes of that graph; if it kept its slot
meanwhile, two such nodes could hold all slots and wait for ever. So a node that calls others lends them its slot:
the first of them gets it at once, further ones wait for a slot like all others, and the last to end gives one
back. A node that waits for its children holds no slot, and a node that holds a slot waits for no other node. So
some node can always continue.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import Final

__all__ = ["GRANTED", "Seat", "Slots"]

GRANTED: Final[Future[None]] = Future()
"""The `granted` of each seat that got its slot at once, as nearly all do: to make a future takes its time."""
GRANTED.set_result(None)


class Seat:
    """One node run. Made by `Slots.take()`."""

    # Defaults of the class instead of an `__init__`, which would be a call more for each node.
    parent: Seat | None = None
    """The node that called this one, directly or through a graph."""
    children: int = 0
    """How many nodes that it called have not ended."""
    has_slot: bool = False
    has_ended: bool = False
    granted: Future[None] = GRANTED
    """Done when the node may begin; its exception is why it may not."""


class Slots:
    """A number of slots, which nodes take, lend and give back. Thread-safe; tasks of any loop may wait.

    Args:
        limit: How many nodes may be at work, at least 1. A node that waits for those it calls is not at work.
    """

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._queue: deque[Seat] = deque()
        self._closed: Exception | None = None
        self._lock = threading.Lock()

    def take(self, parent: Seat | None) -> Seat:
        """Ask for a slot. Wait for `seat.granted` before the node begins, and `leave()` in any case.

        Args:
            parent: The seat of the node that calls; None at the top.
        """
        seat = Seat()
        with self._lock:
            if parent is not None:
                seat.parent = parent
                parent.children += 1
            if self._closed is not None:
                seat.granted = Future()
                seat.granted.set_exception(self._closed)
            elif parent is not None and parent.has_slot:
                parent.has_slot, seat.has_slot = False, True
            elif self._free:
                self._free -= 1
                seat.has_slot = True
            else:
                seat.granted = Future()
                self._queue.append(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """The node has ended, or has stopped waiting. A second call does nothing."""
        with self._lock:
            if seat.has_ended:
                return
            seat.has_ended = True
            if seat.parent is not None:
                seat.parent.children -= 1
            if not seat.has_slot:
                return
            seat.has_slot = False
            if seat.parent is None and not self._queue:  # As nearly always.
                self._free += 1
                return
            receiver = self._pass_on_needs_lock(seat.parent)
        # Outside the lock: the one that waits may run its callbacks at once. If it has just been cancelled, it will
        # leave by itself.
        if receiver is not None and receiver.granted.set_running_or_notify_cancel():
            receiver.granted.set_result(None)

    def close(self, error: Exception) -> None:
        """Let no further node begin: those that wait, and those that ask from now on, get `error`."""
        with self._lock:
            self._closed = error
            waiting = [seat for seat in self._queue if not seat.has_ended]
            self._queue.clear()
        for seat in waiting:
            if seat.granted.set_running_or_notify_cancel():
                seat.granted.set_exception(error)

    def _pass_on_needs_lock(self, ancestor: Seat | None) -> Seat | None:
        """Pass on the slot of an ended seat, whose parent is `ancestor`; return the waiting seat that got it."""
        while ancestor is not None and ancestor.has_ended:
            ancestor = ancestor.parent
        if ancestor is not None and not ancestor.has_slot and not ancestor.children:
            ancestor.has_slot = True  # Its last child gives back what it has lent.
            return None
        receiver = self._next_needs_lock(ancestor) if self._queue else None
        if receiver is None:
            self._free += 1
        else:
            receiver.has_slot = True
        return receiver

    def _next_needs_lock(self, ancestor: Seat | None) -> Seat | None:
        """Remove the next seat from the queue: a child of `ancestor`, to whom the slot belongs, else the first."""
        if ancestor is not None and not ancestor.has_slot:
            for waiting in self._queue:
                if waiting.parent is ancestor and not waiting.has_ended:
                    self._queue.remove(waiting)
                    return waiting
        while self._queue:
            waiting = self._queue.popleft()
            if not waiting.has_ended:
                return waiting
        return None
