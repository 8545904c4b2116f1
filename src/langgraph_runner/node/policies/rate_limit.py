"""A rate limit: a token bucket that each attempt takes a token from, and waits for if it is empty.

The bucket is kept as one point in time, that at which it would be full again: the "virtual scheduling" form of the
generic cell rate algorithm (ITU-T I.371). It needs no timer and adds up no rounding errors.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, TypeAlias

from pydantic import Field, model_validator

from langgraph_runner.errors import RateLimitedError
from langgraph_runner.node.option_model import Count, Milliseconds, OptionModel
from langgraph_runner.runtime.abort import AbortController

if TYPE_CHECKING:
    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.node.policies.policy import Proceed

__all__ = ["RateLimitConfig", "RateLimitLike", "RateLimiter"]

_ROUNDING_S: Final = 1e-9
"""A wait shorter than this is the rounding error of a wait that has just ended."""


class RateLimitConfig(OptionModel):
    """How many calls may start in which time, and how long a call may wait for its turn.

    In any span of `period_ms` at most `max_calls` start, and `burst` more after a pause.

    Example:
        >>> RateLimitConfig(max_calls=60, period_ms=60_000).burst
        60
    """

    max_calls: Annotated[Count, Field(ge=1, le=1_000_000)]
    """Calls that may start in each period: 1 to 1,000,000."""
    period_ms: Annotated[Milliseconds, Field(gt=0)] = 1_000
    """Length of a period: more than 0, at most a year."""
    max_wait_ms: Milliseconds = 60_000
    """How long a call may wait for its turn. A call that would have to wait longer is refused at once; with 0, none
    waits."""
    burst: Annotated[Count, Field(ge=1, le=1_000_000)] | None = None
    """Calls that may start at once after a pause: 1 to `max_calls`; `max_calls` unless given. With 1, the calls come
    at even intervals."""

    @model_validator(mode="before")
    @classmethod
    def _burst_is_max_calls(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("burst") is None and "max_calls" in values:
            return {**values, "burst": values["max_calls"]}
        return values

    @model_validator(mode="after")
    def _burst_fits(self) -> Self:
        if self.burst is not None and self.burst > self.max_calls:
            raise ValueError(f"burst ({self.burst}) must not be above max_calls ({self.max_calls})")
        return self


class RateLimiter:
    """Lets attempts start at a bounded rate, in the order in which they came.

    One limiter belongs to one node, or is shared by the nodes that call the same service; they must go by the same
    clock. Thread-safe and task-safe: nothing is awaited while its lock is held. An attempt that waits leaves the
    queue at once when its run is aborted or drains, when its task is cancelled, and when the node's total timeout
    passes; its token is not lost.

    Args:
        config: Its limits.

    Example:
        >>> from langgraph_runner import create_node
        >>> provider = RateLimiter(RateLimitConfig(max_calls=60, period_ms=60_000))
        >>> ask = create_node(lambda state: {"answer": 42}, rate_limit=provider)
        >>> ask({}), provider.queued
        ({'answer': 42}, 0)
    """

    def __init__(self, config: RateLimitConfig) -> None:
        self.config = config
        self._interval_s = config.period_ms / 1000 / config.max_calls
        self._burst_s = self._interval_s * (config.burst or config.max_calls)
        self._lock = threading.Lock()
        self._full_at = float("-inf")
        # The first waiter sleeps until its token is there; the others sleep until they are the first.
        # By attempt: Ctrl-C may come between any two lines, and an attempt finds here whether it is in the queue.
        self._waiters: dict[NodeContext, AbortController] = {}

    @property
    def queued(self) -> int:
        """How many attempts wait now."""
        return len(self._waiters)

    async def run(self, attempt: NodeContext, proceed: Proceed) -> Any:
        """Make an attempt once it has its token. A rate limiter is a `Policy`.

        Raises:
            RateLimitedError: The attempt would have to wait longer than `max_wait_ms`.
            NodeCancellationError: The run was aborted or drains while the attempt waited.
            NodeTimeoutError: The node's total timeout passed while the attempt waited.
        """
        try:
            waiter = self._take_or_queue(attempt)
            if waiter is not None:
                self._wake_first()
                await self._wait_for_token(attempt, waiter)
        finally:
            # In this line a function in C takes it out of the queue: no signal handler runs before that.
            if self._waiters.pop(attempt, None) is not None:
                self._wake_first()
        return await proceed(attempt)

    def _take_or_queue(self, attempt: NodeContext) -> AbortController | None:
        """Take a token, and give None; or join the queue, and give what fires when all before it have left."""
        with self._lock:
            now = attempt.monotonic()
            wait_s = self._wait_s_needs_lock(now, len(self._waiters))
            if wait_s <= _ROUNDING_S and not self._waiters:
                self._take_needs_lock(now)
                return None
            if wait_s * 1000 <= self.config.max_wait_ms:
                waiter = self._waiters[attempt] = AbortController()
                return waiter
        raise RateLimitedError(node=attempt.node_name, retry_after_ms=wait_s * 1000)

    async def _wait_for_token(self, attempt: NodeContext, waiter: AbortController) -> None:
        if not waiter.signal.aborted:
            await attempt.wait(waiter.signal)
        while True:
            with self._lock:
                now = attempt.monotonic()
                wait_s = self._wait_s_needs_lock(now, 0)
                if wait_s <= _ROUNDING_S:
                    self._take_needs_lock(now)
                    return
            await attempt.sleep_ms(wait_s * 1000)

    def _wake_first(self) -> None:
        """Let the first in the queue sleep until its token is there. A second call for it does nothing."""
        with self._lock:
            first = next(iter(self._waiters.values()), None)
        # Outside the lock: it wakes another thread or loop.
        if first is not None:
            first.abort("first in the queue")

    def _wait_s_needs_lock(self, now: float, ahead: int) -> float:
        """How long until there is a token for an attempt with `ahead` others before it."""
        return max(self._full_at, now) + (ahead + 1) * self._interval_s - self._burst_s - now

    def _take_needs_lock(self, now: float) -> None:
        self._full_at = max(self._full_at, now) + self._interval_s

    def __repr__(self) -> str:
        config = self.config
        return f"<RateLimiter {config.max_calls} in {config.period_ms:g} ms, queued={len(self._waiters)}>"


RateLimitLike: TypeAlias = RateLimitConfig | RateLimiter | Mapping[str, Any]
"""What `rate_limit=` takes: a config, its fields as a dict, or a limiter to share."""
