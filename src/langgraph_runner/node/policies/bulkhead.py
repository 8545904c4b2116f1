"""A bulkhead: at most so many calls at once; a bounded number of others wait for their turn.

The name is that of M. Nygard, "Release It!": one part that is flooded does not sink the ship.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Field

from langgraph_runner.errors import BulkheadFullError
from langgraph_runner.node.option_model import Count, OptionModel
from langgraph_runner.runtime.abort import AbortController

if TYPE_CHECKING:
    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.node.policies.policy import Proceed

__all__ = ["Bulkhead", "BulkheadConfig", "BulkheadLike"]


class BulkheadConfig(OptionModel):
    """How many calls may run at once, and how many may wait.

    Example:
        >>> BulkheadConfig(max_concurrent=5, max_queued=0).max_queued
        0
    """

    max_concurrent: Annotated[Count, Field(ge=1, le=1_000_000)]
    """Calls that may run at once: 1 to 1,000,000."""
    max_queued: Annotated[Count, Field(ge=0, le=1_000_000)] = 1_000
    """Calls that may wait for one that runs to end: 0 to 1,000,000. With 0, a call runs at once or is refused."""


class Bulkhead:
    """Lets a bounded number of attempts run at once, in the order in which they came.

    One bulkhead belongs to one node, or is shared by the nodes that call the same thing. Thread-safe and
    task-safe: nothing is awaited while its lock is held. An attempt that waits leaves the queue at once when its
    run is aborted or drains, when its task is cancelled, and when the node's total timeout passes.

    A thread that a timeout has left behind no longer holds a place: the bulkhead counts what the nodes wait for.

    Args:
        config: Its limits; or only `max_concurrent`.

    Raises:
        ValueError: A limit is out of its range.

    Example:
        >>> from langgraph_runner import create_node
        >>> two_at_once = Bulkhead(2)
        >>> search = create_node(lambda state: {"hits": 3}, bulkhead=two_at_once)
        >>> search({}), two_at_once.running, two_at_once.queued
        ({'hits': 3}, 0, 0)
    """

    def __init__(self, config: BulkheadConfig | int) -> None:
        self.config = config if isinstance(config, BulkheadConfig) else BulkheadConfig(max_concurrent=config)
        self._lock = threading.Lock()
        # By attempt, because Ctrl-C may come between any two lines: so an attempt can find out what it holds.
        self._running: set[NodeContext] = set()
        self._waiters: dict[NodeContext, AbortController] = {}

    @property
    def running(self) -> int:
        """How many attempts run now."""
        return len(self._running)

    @property
    def queued(self) -> int:
        """How many attempts wait now."""
        return len(self._waiters)

    async def run(self, attempt: NodeContext, proceed: Proceed) -> Any:
        """Make an attempt once there is a place for it. A bulkhead is a `Policy`.

        Raises:
            BulkheadFullError: All places are taken, and the queue is full.
            NodeCancellationError: The run was aborted or drains while the attempt waited.
            NodeTimeoutError: The node's total timeout passed while the attempt waited.
        """
        try:
            waiter = self._enter(attempt)
            if waiter is not None:
                await attempt.wait(waiter.signal)
            return await proceed(attempt)
        finally:
            # This is the first thing here, and a function in C: no signal handler runs before it.
            self._running.discard(attempt)
            self._hand_over(attempt)

    def _enter(self, attempt: NodeContext) -> AbortController | None:
        """Take a place and return None, or join the queue and return a controller that fires when a place is free."""
        with self._lock:
            if len(self._running) < self.config.max_concurrent:
                self._running.add(attempt)
                return None
            if len(self._waiters) < self.config.max_queued:
                waiter = self._waiters[attempt] = AbortController()
                return waiter
        raise BulkheadFullError(
            node=attempt.node_name,
            max_concurrent=self.config.max_concurrent,
            max_queued=self.config.max_queued,
        )

    def _hand_over(self, attempt: NodeContext) -> None:
        """Give the place of an attempt that has ended, or has stopped waiting, to the next waiter."""
        woken = []
        with self._lock:
            self._waiters.pop(attempt, None)
            while self._waiters and len(self._running) < self.config.max_concurrent:
                next_attempt = next(iter(self._waiters))
                self._running.add(next_attempt)
                woken.append(self._waiters.pop(next_attempt))
        # Outside the lock: it wakes other threads and loops.
        for waiter in woken:
            waiter.abort("a place is free")

    def __repr__(self) -> str:
        return f"<Bulkhead running={self.running}/{self.config.max_concurrent} queued={len(self._waiters)}>"


BulkheadLike: TypeAlias = BulkheadConfig | Bulkhead | int | Mapping[str, Any]
"""What `bulkhead=` takes: a config, its fields as a dict, just `max_concurrent`, or a bulkhead to share."""
