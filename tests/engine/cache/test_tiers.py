"""The tiers of the cache: forgotten entries, and faulty tiers."""

import asyncio
from types import SimpleNamespace

import pytest

from langgraph_runner.engine import MemoryTier
from langgraph_runner.engine.cache import tiers as cache
from langgraph_runner.engine.cache.tiers import TieredCache
from langgraph_runner.engine.store.lease_clock import DatabaseClock
from langgraph_runner.engine.store.records import CacheEntry
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow import Workflow


def entries(*keys, **fields):
    """Cache entries with these keys."""
    return [CacheEntry(key=key, run_id="r", step="s", output_ref="0" * 64, **fields) for key in keys]


async def test_the_least_recently_used_is_forgotten_first():
    """A lookup counts as a use."""
    tier = MemoryTier(size=2)
    await tier.put_many("t", entries("a", "b"))
    await tier.get_many("t", ["a"])
    await tier.put_many("t", entries("c"))
    assert sorted(await tier.get_many("t", ["a", "b", "c"])) == ["a", "c"]


async def test_one_that_is_too_old_is_not_served():
    """The database is asked again, because others may have changed it."""
    tier = MemoryTier(max_age_s=0.0)
    await tier.put_many("t", entries("a"))
    assert await tier.get_many("t", ["a"]) == {}


def test_one_that_would_outlive_what_is_pruned_is_refused():
    """Its entries could refer to deleted outputs."""
    with pytest.raises(ValueError, match="max_age_s must be from 0 to 100, got 300"):
        MemoryTier(max_age_s=300)


async def test_tenants_do_not_see_one_another():
    """Not even with the same key."""
    tier = MemoryTier()
    await tier.put_many("t", entries("a"))
    assert await tier.get_many("u", ["a"]) == {}


async def test_cleared_is_empty():
    """After a prune."""
    tier = MemoryTier()
    await tier.put_many("t", entries("a"))
    await tier.clear()
    assert await tier.get_many("t", ["a"]) == {}


def test_a_tier_for_nothing_is_refused():
    """Because it would forget each entry at once."""
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        MemoryTier(size=0)


async def test_one_that_has_expired_is_not_served():
    """A tier of another package may ignore the expiry."""
    store = store_at(REAL_RUNTIMES.awaiting.now_utc().timestamp() * 1000)
    tier = MemoryTier()
    await tier.put_many("t", entries("a", expires_at=1))
    await tier.put_many("t", entries("b", expires_at=2**52))
    assert [*await TieredCache(store, tier, REAL_RUNTIMES.awaiting).find_hot("t", ["a", "b"])] == ["b"]


def store_at(now_ms):
    """A store whose database has this time, however wrong it is; None if the time is unknown."""
    clock = DatabaseClock()
    if now_ms is not None:
        clock.lease_time(round(now_ms), clock.monotonic(), clock.monotonic())
    return SimpleNamespace(database=SimpleNamespace(clock=clock))


@pytest.mark.parametrize(("now_ms", "is_served"), [(0, True), (2**53, False), (None, False)])
async def test_an_entry_expires_by_the_clock_of_the_database(now_ms, is_served):
    """Whatever the clock of the process says. If the time of the database is unknown, the database is asked."""
    store, tier = store_at(now_ms), MemoryTier()
    in_an_hour = round(REAL_RUNTIMES.awaiting.now_utc().timestamp() * 1000) + 3_600_000
    await tier.put_many("t", entries("a", expires_at=in_an_hour))
    assert bool(await TieredCache(store, tier, REAL_RUNTIMES.awaiting).find_hot("t", ["a"])) is is_served


class _Stubborn(MemoryTier):
    """A tier that cannot be cleared, and is false while it is empty."""

    def __len__(self):
        return len(self._entries)

    async def clear(self):
        raise ConnectionError


@pytest.mark.req("R-21")
async def test_a_tier_that_cannot_be_cleared_is_logged(engine_of, caplog):
    """The prune still happens."""
    from datetime import timedelta

    async with engine_of(cache=_Stubborn()) as engine:
        assert await engine.prune(older_than=timedelta()) == 0
    assert any(record.getMessage().startswith("cache.hot_tier_failed") for record in caplog.records)


class _Odd(MemoryTier):
    """A tier with arbitrary answers."""

    def __init__(self, answer):
        super().__init__()
        self._answer = answer

    async def get_many(self, tenant, keys):
        return await self._answer()


async def _nothing():
    return None


async def _junk():
    return {"w:s": "junk"}


async def _never():
    await asyncio.Event().wait()


async def _cancelled():
    raise asyncio.CancelledError


@pytest.mark.req("R-21")
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (_nothing, "AttributeError"),
        (_junk, "TypeError"),
        (_never, "TimeoutError"),
        (_cancelled, "CancelledError"),
    ],
)
async def test_a_tier_with_no_good_answer_costs_a_hit(caplog, monkeypatch, answer, error):
    """It is logged, and a run does not wait forever."""
    monkeypatch.setattr(cache, "_PATIENCE_S", 0.01)
    assert await TieredCache(None, _Odd(answer), REAL_RUNTIMES.awaiting).find_hot("t", ["w:s"]) == {}
    assert f"cache.hot_tier_failed operation='read' error_type='{error}'" in caplog.text


@pytest.mark.req("R-21")
async def test_a_tier_that_is_empty_is_used(engine_of):
    """Although `bool()` of it may be false."""
    tier, flow = _Stubborn(), Workflow("w")
    flow.step(lambda: 1, id="s", output=int)
    async with engine_of(flow, cache=tier) as engine:
        await engine.run("w")
    assert len(tier) == 1


@pytest.mark.req("R-21")
async def test_a_cold_tier_that_cannot_be_read_knows_nothing(engine_of, caplog):
    """For example for a plan, which asks it outside a run."""
    async with engine_of() as engine:
        tiers = TieredCache(engine._store, None, REAL_RUNTIMES.awaiting)
        await engine.close()
        assert await tiers.find("t", ["a"]) == {}
    assert any(record.getMessage().startswith("cache.cold_tier_failed") for record in caplog.records)
