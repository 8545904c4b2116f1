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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langgraph_runner.graph.listener import NodeRun

__all__ = ["Slots"]


class Slots:
    """A number of slots, which nodes take, lend and give back. Thread-safe; tasks of any loop may wait.

    A node of the outermost graph takes and gives back a free slot without the lock, which nearly all nodes do.

    Args:
        limit: How many nodes may be at work, at least 1. A node that waits for those it calls is not at work.
    """

    def __init__(self, limit: int) -> None:
        # An item for each free slot. `pop()` and `append()` are atomic, so no slot is given twice or lost.
        self._free: list[None] = [None] * limit
        self._queue: deque[NodeRun] = deque()
        self._closed: Exception | None = None
        self._lock = threading.Lock()

    def take(self, node: NodeRun) -> None:
        """Ask for a slot. Wait for `node.granted` before the node begins, and `leave()` in any case."""
        if node.parent is None and not self._queue and self._closed is None:
            try:
                self._free.pop()
            except IndexError:
                pass
            else:
                node.has_slot = True
                return
        with self._lock:
            parent = node.parent
            if parent is not None:
                parent.children += 1
            if self._closed is not None:
                node.granted = Future()
                node.granted.set_exception(self._closed)
            elif parent is not None and parent.has_slot and not parent.has_left:
                parent.has_slot, node.has_slot = False, True
            elif self._pop_free():
                node.has_slot = True
            else:
                node.granted = Future()
                self._queue.append(node)
        if self._queue and self._free:  # Given back just before the node began to wait.
            self._hand_out()

    def take_back(self, node: NodeRun) -> None:
        """Ask for a slot for a caller that is about to continue. Wait for `node.granted` before it does."""
        with self._lock:
            if node.has_slot or node.has_left or self._closed is not None:
                return
            if self._pop_free():
                node.has_slot = True
            else:
                node.granted = Future()
                self._queue.append(node)
        if self._queue and self._free:
            self._hand_out()

    def leave(self, node: NodeRun) -> None:
        """The node has ended, or has stopped waiting. A second call does nothing."""
        if node.has_left:
            return
        if node.parent is None:
            # In this order, while `take()` counts a child before it looks whether its parent has left: so of the two,
            # at least one sees the other, and they do not both dispose of the parent's slot.
            node.has_left = True
            if not node.children and node.has_slot:
                node.has_slot = False
                self._free.append(None)
                if self._queue:
                    self._hand_out()
                return
        with self._lock:
            if node.parent is not None:
                # Together with the count: a sibling that ends must not find a child that no longer waits.
                node.has_left = True
                node.parent.children -= 1
            if not node.has_slot:
                node.granted.cancel()  # It may still wait for a slot to continue with.
                return
            node.has_slot = False
            receiver = self._pass_on_needs_lock(node.parent)
        if receiver is not None:
            _grant(receiver)

    def close(self, error: Exception) -> None:
        """Let no further node begin: those that wait, and those that ask from now on, get `error`."""
        with self._lock:
            self._closed = error
            waiting = [node for node in self._queue if not node.has_left]
            self._queue.clear()
        for node in waiting:
            if node.granted.set_running_or_notify_cancel():
                node.granted.set_exception(error)

    def _pop_free(self) -> bool:
        try:
            self._free.pop()
        except IndexError:
            return False
        return True

    def _hand_out(self) -> None:
        """Give the free slots to nodes that wait."""
        receivers = []
        with self._lock:
            while self._queue and self._pop_free():
                receiver = self._pass_on_needs_lock(None)
                if receiver is not None:
                    receivers.append(receiver)
        for receiver in receivers:
            _grant(receiver)

    def _pass_on_needs_lock(self, ancestor: NodeRun | None) -> NodeRun | None:
        """Pass on the slot of an ended node, whose parent is `ancestor`; return the waiting node that got it."""
        while ancestor is not None and ancestor.has_left:
            ancestor = ancestor.parent
        if ancestor is not None and not ancestor.has_slot and not ancestor.children:
            ancestor.has_slot = True  # Its last child gives back what it has lent.
            if ancestor.granted.done():
                return None
            self._queue.remove(ancestor)
            return ancestor
        receiver = self._next_needs_lock(ancestor) if self._queue else None
        if receiver is None:
            self._free.append(None)
        else:
            receiver.has_slot = True
        return receiver

    def _next_needs_lock(self, ancestor: NodeRun | None) -> NodeRun | None:
        """Remove the next node from the queue: a child of `ancestor`, to whom the slot belongs, else the first."""
        if ancestor is not None and not ancestor.has_slot:
            for waiting in self._queue:
                if waiting.parent is ancestor and not waiting.has_left:
                    self._queue.remove(waiting)
                    return waiting
        while self._queue:
            waiting = self._queue.popleft()
            if not waiting.has_left:
                return waiting
        return None


def _grant(node: NodeRun) -> None:
    # Called without the lock: the node that waits may run its callbacks at once. If it has just been cancelled, it
    # will leave by itself.
    if node.granted.set_running_or_notify_cancel():
        node.granted.set_result(None)
