"""`TieredCache`: the results of steps in two tiers: a hot one in memory or Redis, above the store, which keeps all.

If a tier fails, the result is a cache miss and a line in the log. Nothing else is lost: the cache serves only what a
step has delivered for the same input.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, runtime_checkable

from langgraph_runner.engine.logs import cause, log_event
from langgraph_runner.engine.store import queries
from langgraph_runner.engine.store.records import CacheEntry
from langgraph_runner.errors import CircuitOpenError
from langgraph_runner.runtime.runtimes import monotonic

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.node.policies.circuit_breaker import NodeCircuitBreaker
    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["MAX_AGE_S", "HotTier", "MemoryTier", "TieredCache"]

T = TypeVar("T")
MAX_AGE_S: Final = 100
"""How long a hot tier may serve an entry. `prune()` deletes its output two minutes after it expires."""
_PATIENCE_S: Final = 1.0
"""How long a custom hot tier may take for an answer."""
_PAUSE_MS: Final = 1_000
"""How long a failed hot tier is skipped; the database answers instead."""


@runtime_checkable
class HotTier(Protocol):
    """A cache that is asked before the database. It may forget entries at any time.

    If a tier raises, returns a wrong value or takes longer than a second, the result is a cache miss. The engine then
    skips the tier for a second at a time until it answers again, and logs its failure and its recovery once each. A
    tier must not serve an entry for more than 100 seconds after its last `put_many()`: two minutes after a `prune()`,
    the output may be deleted.
    """

    async def get_many(self, tenant: str, keys: Iterable[str]) -> dict[str, CacheEntry]:
        """Return the entries that it has for these keys."""
        ...

    async def put_many(self, tenant: str, entries: Iterable[CacheEntry]) -> None:
        """Store entries."""

    async def clear(self) -> None:
        """Delete all entries."""


class MemoryTier:
    """The most recently used entries, in the memory of this process. Thread-safe.

    Args:
        size: The largest number of entries, at least 1.
        max_age_s: How long an entry is served before the database is asked again: 0 to 100. Other processes may have
            changed it there.
        clock: Returns the seconds of a monotonic clock.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self, size: int = 10_000, max_age_s: float = 60.0, *, clock: Callable[[], float] = monotonic
    ) -> None:
        if size < 1:
            raise ValueError(f"size must be at least 1, got {size!r}.")
        if not 0 <= max_age_s <= MAX_AGE_S:
            raise ValueError(
                f"max_age_s must be from 0 to {MAX_AGE_S}, got {max_age_s!r}: pruned outputs are deleted."
            )
        self._size = size
        self._clock = clock
        self._max_age_s = max_age_s
        self._entries: OrderedDict[tuple[str, str], tuple[float, CacheEntry]] = OrderedDict()
        self._lock = threading.Lock()

    async def get_many(self, tenant: str, keys: Iterable[str]) -> dict[str, CacheEntry]:
        """See `HotTier`."""
        now, found = self._clock(), {}
        with self._lock:
            for key in keys:
                known = self._entries.get((tenant, key))
                if known is not None and now - known[0] < self._max_age_s:
                    self._entries.move_to_end((tenant, key))
                    found[key] = known[1]
        return found

    async def put_many(self, tenant: str, entries: Iterable[CacheEntry]) -> None:
        """See `HotTier`."""
        now = self._clock()
        with self._lock:
            for entry in entries:
                self._entries[tenant, entry.key] = (now, entry)
                self._entries.move_to_end((tenant, entry.key))
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    async def clear(self) -> None:
        """See `HotTier`."""
        with self._lock:
            self._entries.clear()


class TieredCache:
    """Looks results up in both tiers. The commit of a step writes to the cold tier, so there is no `put` here.

    Args:
        store: The cold tier.
        hot: The hot tier; None for one in memory.
        runtime: The clock of the hot tier in memory.
    """

    def __init__(self, store: RunStore, hot: HotTier | None, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        # Not `hot or ...`: an empty tier may be false.
        self._hot: HotTier = MemoryTier(clock=runtime.monotonic) if hot is None else hot
        self.is_in_process = type(self._hot) is MemoryTier
        """Whether the hot tier is the `MemoryTier`, which answers at once."""
        self.hot_failures = 0
        """How often the hot tier has failed."""
        # One each for reads and writes, because a full or read-only Redis still answers reads.
        self._breakers = {} if self.is_in_process else {name: _breaker(name) for name in ("read", "write")}

    @property
    def is_hot_tier_up(self) -> bool:
        """Whether the last read and the last write of the hot tier succeeded."""
        return all(breaker.state == "closed" for breaker in self._breakers.values())

    async def find(self, tenant: str, keys: Iterable[str]) -> dict[str, CacheEntry]:
        """Return the entries of these keys that have not expired. Each tier is asked once."""
        wanted = [*dict.fromkeys(keys)]
        found = await self.find_hot(tenant, wanted)
        missing = [key for key in wanted if key not in found]
        if missing:
            found |= await self._ask_cold(tenant, missing)
        return found

    async def find_hot(self, tenant: str, keys: Iterable[str]) -> dict[str, CacheEntry]:
        """Return the entries of the hot tier. The transaction that starts a step asks the cold tier."""

        async def ask() -> dict[str, CacheEntry]:
            known = await self._hot.get_many(tenant, keys)
            return {key: each for key, each in known.items() if self._is_live(each)}

        return await self._ask_hot("read", ask) or {}

    async def remember(self, tenant: str, entries: Iterable[CacheEntry]) -> None:
        """Add entries to the hot tier."""
        await self._ask_hot("write", lambda: self._hot.put_many(tenant, entries))

    async def clear_hot(self) -> None:
        """Delete all entries of the hot tier."""
        await self._ask_hot("write", self._hot.clear)

    async def _ask_hot(self, operation: str, question: Callable[[], Awaitable[T]]) -> T | None:
        """Return the answer of the hot tier; None if it fails, is too slow, or failed less than a second ago."""
        if self.is_in_process:
            return await question()
        breaker = self._breakers[operation]
        try:
            permit = breaker.acquire()
        except CircuitOpenError:
            return None
        was_up = breaker.state == "closed"
        try:
            async with asyncio.timeout(_PATIENCE_S):
                answer = await question()
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and self._runtime.cancel_requests():
                breaker.release(permit)
                raise  # Otherwise the tier itself has raised it.
            self.hot_failures += 1
            breaker.record_failure(permit)
            if was_up:
                log_event(logging.WARNING, "cache.hot_tier_failed", operation=operation, **cause(error))
            return None
        breaker.record_success(permit)
        if not was_up:
            log_event(logging.INFO, "cache.hot_tier_restored", operation=operation)
        return answer

    def _is_live(self, entry: CacheEntry) -> bool:
        if not isinstance(entry, CacheEntry):
            raise TypeError(f"The hot tier must give CacheEntry objects, got {entry!r:.80}.")
        # By the clock of the database, which has set the time. If it is unknown, the database is asked.
        now_ms = self._store.database.clock.now_ms()
        return entry.expires_at is None or (now_ms is not None and entry.expires_at > now_ms)

    async def _ask_cold(self, tenant: str, keys: list[str]) -> dict[str, CacheEntry]:
        try:
            return await self._store.read(queries.cache_entries, tenant, keys)
        except Exception as error:  # A cache miss, as with the hot tier.
            log_event(logging.WARNING, "cache.cold_tier_failed", **cause(error))
            return {}


def _breaker(name: str) -> NodeCircuitBreaker:
    from langgraph_runner.node import CircuitBreakerConfig, NodeCircuitBreaker  # noqa: PLC0415 - imports LangGraph

    config = CircuitBreakerConfig(failure_threshold=1, recovery_timeout_ms=_PAUSE_MS, half_open_max_calls=1)
    return NodeCircuitBreaker(config, name=name)
