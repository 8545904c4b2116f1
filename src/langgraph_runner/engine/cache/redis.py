"""`RedisTier`: the hot tier of the step cache in Redis, shared by all processes of a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from langgraph_runner.engine import checks
from langgraph_runner.engine.cache.tiers import MAX_AGE_S
from langgraph_runner.engine.store.records import CacheEntry
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["RedisTier"]

_ENTRY: Final = TypeAdapter(CacheEntry)
_MAX_CONNECTIONS: Final = 16
_SCHEMES: Final = ("redis://", "rediss://", "unix://")


class RedisTier:
    """A hot tier in Redis. Belongs to one event loop.

    An entry that Redis loses, refuses or returns too late is read from the database. Every value begins with the
    token of its generation, and `clear()` starts a new generation, so no command scans all keys.

    Args:
        url: `redis://host:6379/0`, `rediss://...` or `unix://...`, with user and password if it needs them. One
            server, or one behind a proxy: not a cluster, where the keys of one look-up are on several nodes.
        namespace: The prefix of all keys: 1 to 64 characters. Engines with different databases need different ones;
            an engine that is given a URL uses the id of its database.
        max_age_s: How long an entry is served before the database is asked again: 1 to 100 seconds.
        timeout_ms: The time limit of a command, and of connecting: 1 to 1,000 ms.

    Raises:
        ValueError: An argument is out of its range, or `url` has another scheme.
    """

    def __init__(self, url: str, *, namespace: str, max_age_s: int = 60, timeout_ms: int = 250) -> None:
        if not url.startswith(_SCHEMES):
            raise ValueError("cache must begin with redis://, rediss:// or unix://.")
        checks.text(namespace, 64, field="namespace")
        checks.whole(max_age_s, 1, MAX_AGE_S, field="max_age_s")
        timeout_s = checks.whole(timeout_ms, 1, 1_000, field="timeout_ms") / 1_000
        self._namespace = namespace
        self._max_age_s = max_age_s
        self._redis = Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),  # Asking the database is faster than a retry.
            max_connections=_MAX_CONNECTIONS,
        )
        self._generation: bytes | None = None

    async def get_many(self, tenant: str, keys: Iterable[str]) -> dict[str, CacheEntry]:
        """See `HotTier`. Raises `redis.RedisError` if Redis fails."""
        wanted = [*keys]
        names = [self._name(tenant, key) for key in wanted]
        self._generation, *values = await self._mget([self._mark, *names])
        found = {}
        for key, value in zip(wanted, values, strict=True):
            entry = self._read(value)
            if entry is not None and entry.key == key:
                found[key] = entry
        return found

    async def put_many(self, tenant: str, entries: Iterable[CacheEntry]) -> None:
        """See `HotTier`. Raises `redis.RedisError` if Redis fails."""
        if self._generation is None:
            await self._redis.set(self._mark, _new_generation(), nx=True)
            [self._generation] = await self._mget([self._mark])
        if self._generation is None:
            return  # Redis has evicted it at once: its memory is full.
        async with self._redis.pipeline(transaction=False) as pipeline:
            for entry in entries:
                value = self._generation + _ENTRY.dump_json(entry)
                pipeline.set(self._name(tenant, entry.key), value, ex=self._max_age_s)
            await pipeline.execute()

    async def clear(self) -> None:
        """See `HotTier`. Raises `redis.RedisError` if Redis fails."""
        self._generation = _new_generation()
        await self._redis.set(self._mark, self._generation)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _mget(self, names: list[str]) -> list[Any]:
        values: list[Any] = await self._redis.mget(names)
        return values

    @property
    def _mark(self) -> str:
        return f"{self._namespace}:generation"

    def _name(self, tenant: str, key: str) -> str:
        return f"{self._namespace}:entry:{quote(tenant, safe='')}:{key}"

    def _read(self, value: bytes | None) -> CacheEntry | None:
        """Return an entry of the current generation; None for any other value."""
        if value is None or self._generation is None or not value.startswith(self._generation):
            return None
        try:
            return _ENTRY.validate_json(value[len(self._generation) :])
        except ValidationError:  # Another release has written it.
            return None


def _new_generation() -> bytes:
    # Real randomness: processes share one Redis, so a test clock must not repeat tokens.
    return REAL_RUNTIMES.awaiting.token_hex(8).encode()
