"""The hot tier on a real Redis that is killed, frozen, full or read-only. The database always serves."""

import asyncio

import pytest
import redis

from langgraph_runner.engine import RedisTier
from langgraph_runner.engine.cache import tiers as cache
from langgraph_runner.engine.cache.tiers import TieredCache
from langgraph_runner.engine.store.records import CacheEntry
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow import Workflow
from langgraph_runner.workflow.context import ArtifactRef
from tests.redis_server import redis_server

__all__ = ["redis_server"]
pytestmark = pytest.mark.req("R-21")


def entry(key, **fields):
    """A result under this key."""
    return CacheEntry(key=key, run_id="r", step="s", output_ref="0" * 64, **fields)


@pytest.fixture
async def tier(redis_server):
    """A tier for one test."""
    made = RedisTier(redis_server.url, namespace="test")
    yield made
    await made.close()


@pytest.fixture
def soon(monkeypatch):
    """Makes engines ask a failed tier again at once."""
    monkeypatch.setattr(cache, "_PAUSE_MS", 1)


def counted():
    """A workflow of one step, and the list of its calls."""
    flow, ran = Workflow("w"), []

    @flow.step
    def work(inputs) -> str:
        ran.append(inputs)
        return f"made of {inputs['x']}"

    return flow, ran


def commands(server):
    """The names of the commands that the server has received."""
    return {name.removeprefix("cmdstat_") for name in server.client().info("commandstats")}


async def test_what_is_put_is_found(tier):
    """With all its fields, and nothing else."""
    file = ArtifactRef("a.txt", "u", "text/plain", 1, "0" * 64)
    known = [entry("a", artifacts=(file,), expires_at=2**52), entry("b")]
    await tier.put_many("t", known)
    found = await tier.get_many("t", ["a", "b", "c"])
    assert found == {"a": known[0], "b": known[1]}


async def test_tenants_do_not_see_one_another(tier):
    """Also with the same key, and with names that look like parts of a key."""
    await tier.put_many("a:b", [entry("c")])
    assert await tier.get_many("a", ["b:c", "c"]) == {}
    assert await tier.get_many("a:b", ["c"]) == {"c": entry("c")}


async def test_entries_expire_before_their_output_can_be_pruned(tier, redis_server):
    """Each key has a TTL, except for the mark of the generation."""
    await tier.put_many("t", [entry("a")])
    client = redis_server.client()
    ttl = {name: client.ttl(name) for name in client.keys("*")}
    assert 0 < ttl.pop(b"test:entry:t:a") <= 100
    assert ttl == {b"test:generation": -1}


async def test_cleared_is_empty_for_all_processes(tier, redis_server):
    """Without scanning all keys, which would block the server."""
    other = RedisTier(redis_server.url, namespace="test")
    await tier.put_many("t", [entry("a")])
    assert await other.get_many("t", ["a"])
    await other.clear()
    assert (await tier.get_many("t", ["a"]), await other.get_many("t", ["a"])) == ({}, {})
    await tier.put_many("t", [entry("a")])
    assert await other.get_many("t", ["a"])
    await other.close()
    assert not commands(redis_server) & {"keys", "scan", "flushdb", "flushall"}


async def test_what_others_have_written_is_not_served(tier, redis_server):
    """Such as an entry of another release, or the value of another key."""
    await tier.put_many("t", [entry("a"), entry("b")])
    client = redis_server.client()
    generation = client.get("test:generation")
    client.set("test:entry:t:a", generation + b'{"key":"a"}')
    client.set("test:entry:t:b", client.get("test:entry:t:b").replace(b'"b"', b'"c"'))
    assert await tier.get_many("t", ["a", "b"]) == {}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"url": "http://localhost"}, "cache must begin with redis://"),
        ({"max_age_s": 101}, "max_age_s must be"),
        ({"timeout_ms": 0}, "timeout_ms must be"),
        ({"namespace": ""}, "namespace must be"),
    ],
)
def test_a_wrong_option_is_refused(options, problem):
    """The message names it."""
    with pytest.raises(ValueError, match=problem):
        RedisTier(**{"url": "redis://localhost", "namespace": "test", **options})


async def test_an_engine_serves_from_redis(engine_of, redis_server):
    """The next process finds the result in Redis, before it asks the database."""
    flow, ran = counted()
    async with engine_of(flow, cache=redis_server.url) as engine:
        await engine.run("w", {"x": 1})
    assert any(name.startswith(b"langgraph-runner:") for name in redis_server.client().keys("*"))
    async with engine_of(flow, cache=redis_server.url) as engine:
        run = await engine.run("w", {"x": 1})
        (step,) = await engine.get_run_steps(run.id)
        assert (len(ran), step.cache_hit, await engine.get_output(run.id, "work")) == (1, True, "made of 1")


async def test_what_the_database_knows_is_promoted(engine_of, redis_server):
    """After Redis has lost the entry."""
    flow, ran = counted()
    async with engine_of(flow, cache=redis_server.url) as engine:
        await engine.run("w", {"x": 1})
        redis_server.client().flushall()
        await engine.run("w", {"x": 1})
        assert any(b":entry:" in name for name in redis_server.client().keys("*"))
    assert len(ran) == 1


async def test_two_databases_share_a_redis(redis_server, tmp_path):
    """Neither database gets results that only the other one has."""
    flow, ran = counted()
    for name in ("one", "two"):
        from langgraph_runner.engine import RunEngine

        store = f"sqlite:///{tmp_path / name}.db"
        async with RunEngine([flow], store=store, cache=redis_server.url) as engine:
            await engine.run("w", {"x": 1})
    assert len(ran) == 2


async def test_an_engine_closes_its_connections(engine_of, redis_server):
    """Those of a tier that it has created."""
    flow, _ = counted()
    async with engine_of(flow, cache=redis_server.url) as engine:
        await engine.run("w", {"x": 1})
    watching = redis_server.client()
    assert len(watching.client_list()) == 1


def _full(server):
    server.client().config_set("maxmemory", 1)


def _read_only(server):
    client = server.client()
    client.config_set("replica-serve-stale-data", "no")
    client.replicaof("127.0.0.1", 1)


def _repaired(server, fault):
    if fault is redis_kill:
        server.start()
    elif fault is redis_freeze:
        server.thaw()
    elif fault is _full:
        server.client().config_set("maxmemory", 0)
    else:
        server.client().replicaof("NO", "ONE")


def redis_kill(server):
    """Kill Redis."""
    server.kill()


def redis_freeze(server):
    """Freeze Redis: it accepts connections, but does not answer."""
    server.freeze()


@pytest.mark.parametrize("fault", [redis_kill, redis_freeze, _full, _read_only])
async def test_no_fault_of_redis_fails_a_run(engine_of, redis_server, caplog, soon, fault):
    """The database serves meanwhile. The log has one event for the failure, and one for the recovery."""
    caplog.set_level("INFO", "langgraph_runner.engine")
    flow, ran = counted()

    def logged(event):
        messages = [record.getMessage().split() for record in caplog.records]
        return sorted(words[1] for words in messages if words[0] == event)

    async with engine_of(flow, cache=redis_server.url) as engine:
        await engine.run("w", {"x": 1})
        fault(redis_server)
        for _ in range(3):
            run = await engine.run("w", {"x": 1})
            assert (run.status, run.steps) == ("completed", {"skipped": 1})
        for x in (2, 3):
            fresh = await engine.run("w", {"x": x})
            assert (fresh.status, fresh.steps) == ("completed", {"completed": 1})
        failed = logged("cache.hot_tier_failed")
        assert failed in (["operation='write'"], ["operation='read'", "operation='write'"])
        assert logged("cache.hot_tier_restored") == []
        _repaired(redis_server, fault)
        while logged("cache.hot_tier_restored") != failed:
            await engine.run("w", {"x": 1})
            redis_server.client().flushall()  # With a new input, so that results are written.
        assert logged("cache.hot_tier_failed") == failed
    assert ran == [{"x": 1}, {"x": 2}, {"x": 3}]


class _Silent(cache.MemoryTier):
    """A tier that counts its calls, and never gives a useful answer."""

    asked = 0

    async def get_many(self, tenant, keys):
        self.asked += 1
        raise redis.ConnectionError


async def test_a_tier_that_failed_is_left_alone(monkeypatch):
    """After a while it is asked again, by one caller at a time."""
    tier = _Silent()
    tiers = TieredCache(None, tier, REAL_RUNTIMES.awaiting)
    for _ in range(5):
        assert await tiers.find_hot("t", ["a"]) == {}
    assert (tier.asked, tiers.hot_failures, tiers.is_hot_tier_up) == (1, 1, False)


async def test_a_question_that_is_cancelled_says_nothing_of_the_tier():
    """The next caller asks it."""
    never = asyncio.Event()

    class Slow(cache.MemoryTier):
        async def get_many(self, tenant, keys):
            await never.wait()
            return {}

    tiers = TieredCache(None, Slow(), REAL_RUNTIMES.awaiting)
    asking = asyncio.create_task(tiers.find_hot("t", ["a"]))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (tiers.hot_failures, tiers.is_hot_tier_up) == (0, True)
