"""`Slots`: at most so many nodes at work, however deep the graphs nest, and never a deadlock.

Plain counting does not do. A node that runs a graph waits for the nodes of that graph; if it kept its slot
meanwhile, two such nodes could hold all slots and wait for ever. So a node that calls others lends them its slot:
the first of them gets it at once, further ones wait for a slot like everybody else, and the last to end gives one
back. A node that waits for its children holds nothing; whoever holds a slot waits for nobody. So some node can
always go on.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Seat", "Slots"]


class Seat:
    """One node run. Made by `Slots.take()`."""

    __slots__ = ("children", "granted", "has_ended", "has_slot", "parent")

    def __init__(self, parent: Seat | None) -> None:
        self.parent = parent
        """The node that called this one, directly or through a graph."""
        self.children = 0
        """How many nodes that it called have not ended."""
        self.has_slot = False
        self.has_ended = False
        self.granted: Future[None] = Future()
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
        seat = Seat(parent)
        with self._lock:
            if parent is not None:
                parent.children += 1
            if self._closed is not None:
                seat.granted.set_exception(self._closed)
                return seat
            if parent is not None and parent.has_slot:
                parent.has_slot, seat.has_slot = False, True
            elif self._free:
                self._free -= 1
                seat.has_slot = True
            else:
                self._queue.append(seat)
        if seat.has_slot:
            seat.granted.set_result(None)
        return seat

    def leave(self, seat: Seat) -> None:
        """The node has ended, or does not wait any longer. To say so twice does nothing."""
        with self._lock:
            if seat.has_ended:
                return
            seat.has_ended = True
            if seat.parent is not None:
                seat.parent.children -= 1
            has_slot, seat.has_slot = seat.has_slot, False
            heir = self._hand_on_needs_lock(seat) if has_slot else None
        _tell((heir,) if heir is not None else ())

    def close(self, error: Exception) -> None:
        """Let no further node begin: who waits, and who asks from now on, gets `error`."""
        with self._lock:
            self._closed = error
            waiting = [seat for seat in self._queue if not seat.has_ended]
            self._queue.clear()
        for seat in waiting:
            if seat.granted.set_running_or_notify_cancel():
                seat.granted.set_exception(error)

    def _hand_on_needs_lock(self, seat: Seat) -> Seat | None:
        """Pass on the slot of `seat`; gives who has been waiting for it, if anybody has."""
        ancestor = seat.parent
        while ancestor is not None and ancestor.has_ended:
            ancestor = ancestor.parent
        if ancestor is not None and not ancestor.has_slot and not ancestor.children:
            ancestor.has_slot = True  # Its last child gives back what it has lent.
            return None
        heir = self._next_needs_lock(ancestor)
        if heir is None:
            self._free += 1
        else:
            heir.has_slot = True
        return heir

    def _next_needs_lock(self, ancestor: Seat | None) -> Seat | None:
        """Who has waited longest among the children of `ancestor`, to whom the slot belongs, else among all."""
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


def _tell(seats: Iterable[Seat]) -> None:
    # Outside the lock: whoever waits may run its callbacks at once. One that has just given up leaves by itself.
    for seat in seats:
        if seat.granted.set_running_or_notify_cancel():
            seat.granted.set_result(None)
