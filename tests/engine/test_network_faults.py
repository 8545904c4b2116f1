"""Network faults between an engine and Redis or PostgreSQL: dropped, reset, swallowed or delayed data."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import redis
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from langgraph_runner import StoreUnavailableError, Workflow
from langgraph_runner.engine import BullMQDispatcher, RedisTier
from langgraph_runner.engine.dispatch.dispatcher import Announcer
from langgraph_runner.engine.store.backends import open_database
from langgraph_runner.engine.store.records import CacheEntry
from langgraph_runner.engine.store.schema import runs
from langgraph_runner.engine.store.writer import Write
from tests.engine.conftest import ON_POSTGRESQL, ON_SQLITE
from tests.proxy import Proxy
from tests.redis_server import redis_server
from tests.waiting import Observed

__all__ = ["redis_server"]
pytestmark = pytest.mark.req("R-21", "R-42", "R-61")

FAULTS = ("drop", "reset", "black_hole", "delay")
CALL_LIMIT_S = 5
"""The limit for a call of PostgreSQL."""
SLACK_S = float(os.environ.get("SOAK_SLACK_S", "8"))
"""`make soak` sets the guaranteed second; a busy machine may need longer."""
PATIENCE_S = 30
"""Much longer than any call may take. Only a call without a limit would reach it."""


@pytest.fixture
def proxy(redis_server):
    """A proxy in front of a Redis for this test."""
    made = Proxy(redis_server.url.removeprefix("unix://"))
    yield made
    made.close()


@pytest.fixture
def flow():
    """Two steps."""
    made = Workflow("w")
    made.step(lambda inputs: inputs["n"], id="first", output=int)
    made.step(lambda first: first + 1, id="second", output=int)
    return made


async def longest_of(calls):
    """Make calls one after the other, and ignore their errors. Return the longest duration."""
    longest = 0.0
    for call in calls:
        begin = time.monotonic()
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(redis.RedisError, OSError):
                await call()
        longest = max(longest, time.monotonic() - begin)
    return longest


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_call_of_the_cache_outlasts_its_limit(proxy, fault, tell):
    """A call ends at its limit without an answer of Redis. After the fault, Redis is used again."""
    tier = RedisTier(f"redis://127.0.0.1:{proxy.port}/0", namespace="test", timeout_ms=250)
    entry = CacheEntry(key="k", run_id="r", step="s", output_ref="o")
    await tier.put_many("t", [entry])
    proxy.set_fault(fault)
    longest = await longest_of([lambda: tier.get_many("t", ["k"]), lambda: tier.put_many("t", [entry])] * 3)
    proxy.set_fault(None)
    await longest_of(
        [lambda: tier.get_many("t", ["k"])] * 20
    )  # Each broken connection is detected at its next use.
    await tier.put_many("t", [entry])
    assert await tier.get_many("t", ["k"]) == {"k": entry}
    await tier.close()
    tell(f"{fault} between the cache and Redis: the longest call took {longest:.2f} s (limit 0.25 s)")


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_announcement_outlasts_its_limit(proxy, fault, tell):
    """A caller that creates runs does not wait for the queue."""
    announcer = Announcer(BullMQDispatcher(f"bullmq+redis://127.0.0.1:{proxy.port}/0"))

    async def announce():
        announcer.announce("run")
        await announcer._work

    await announce()
    proxy.set_fault(fault)
    longest = await longest_of([announce] * 2)
    proxy.set_fault(None)
    begin = time.monotonic()
    async with asyncio.timeout(PATIENCE_S):
        await announcer.close()
    closing = time.monotonic() - begin
    tell(
        f"{fault} between the queue and Redis: the longest announcement took {longest:.2f} s (limit 2 s),"
        f" closing {closing:.2f} s"
    )


@ON_SQLITE
@pytest.mark.parametrize("fault", FAULTS)
async def test_no_run_waits_for_redis(engine_of, proxy, flow, fault):
    """Runs wait neither for the cache nor for the queue."""
    url = f"redis://127.0.0.1:{proxy.port}/0"
    async with engine_of(flow, cache=url, dispatch=f"bullmq+{url}") as engine:
        await engine.run("w", {"n": 0})
        proxy.set_fault(fault)
        async with asyncio.timeout(PATIENCE_S):
            for n in range(1, 4):
                assert (await engine.run("w", {"n": n})).status == "completed"
        proxy.set_fault(None)


@pytest.fixture
def far_postgresql(store_url):
    """A proxy in front of PostgreSQL, and the address of the test's database through it."""
    parts = urlsplit(store_url)
    folder = parse_qs(parts.query)["host"][0]
    proxy = Proxy(f"{folder}/.s.PGSQL.5432")
    yield proxy, f"postgresql://{parts.username}@127.0.0.1:{proxy.port}{parts.path}"
    proxy.close()


@ON_POSTGRESQL
@pytest.mark.parametrize("fault", [*FAULTS, "swallow"])
async def test_runs_go_on_when_the_database_can_be_reached_again(engine_of, far_postgresql, fault, tell):
    """No committed step runs again."""
    proxy, url = far_postgresql
    begun, done, go = Observed(), Observed(), asyncio.Event()
    flow = Workflow("w", cache="none")

    @flow.step
    async def first(inputs) -> int:
        done.append(("first", inputs["n"]))
        return inputs["n"]

    @flow.step
    async def second(first: int) -> int:
        begun.append(first)
        await go.wait()
        done.append(("second", first))
        return first

    store = f"{url}?call_timeout={CALL_LIMIT_S}"
    async with engine_of(flow, store=store, lease_ms=1_000) as engine:
        made = [await engine.trigger("w", {"n": n}) for n in range(5)]
        await begun.until(lambda: len(begun) == 5)
        proxy.set_fault(fault)
        go.set()
        await done.reach(10)
        await proxy.hits.reach(len(proxy.hits) + 1)  # The engine tries to reach the database.
        proxy.set_fault(None)
        for run in made:
            assert (await engine.wait(run.id, timeout_ms=60_000)).status == "completed"
    assert [done.count(("first", n)) for n in range(5)] == [1] * 5
    tell(
        f"{fault} between an engine and PostgreSQL: 5 runs completed, {len(done) - 10} uncommitted steps again"
    )


@ON_POSTGRESQL
@pytest.mark.parametrize("fault", ["black_hole", "swallow"])
async def test_no_call_of_postgresql_outlasts_its_limit(engine_of, far_postgresql, flow, fault, tell):
    """Although each of its packets is acknowledged. The engine works again after the fault."""
    proxy, url = far_postgresql
    async with engine_of(flow, store=f"{url}?call_timeout={CALL_LIMIT_S}") as engine:
        run = await engine.run("w", {"n": 0})

        async def time_of(call):
            begin = time.monotonic()
            async with asyncio.timeout(PATIENCE_S):
                with pytest.raises(StoreUnavailableError, match="did not answer within 5 s"):
                    await call
            return time.monotonic() - begin

        proxy.set_fault(fault)
        together = [engine.trigger("w", {"n": n}) for n in range(1, 4)]
        together += [engine.get_run(run.id) for _ in range(9)]  # More than there are reading threads.
        taken = await asyncio.gather(*map(time_of, together))
        taken += [await time_of(engine.get_run(run.id)), await time_of(engine.trigger("w", {"n": 4}))]
        proxy.set_fault(None)
        async with asyncio.timeout(PATIENCE_S):
            while True:  # An earlier poll for runs may still wait for its answer.
                with contextlib.suppress(StoreUnavailableError):
                    assert (await engine.run("w", {"n": 5})).status == "completed"
                    break
    assert max(taken) <= CALL_LIMIT_S + SLACK_S
    tell(
        f"{fault} between an engine and PostgreSQL: {len(taken)} calls ended within {max(taken):.2f} s"
        f" (limit {CALL_LIMIT_S} s)"
    )


@ON_POSTGRESQL
async def test_a_session_that_was_left_in_a_transaction_gives_up_its_locks(engine_of, far_postgresql, flow):
    """The server cannot see that its client is behind a black hole."""
    proxy, url = far_postgresql
    store = f"{url}?call_timeout={CALL_LIMIT_S}"
    async with engine_of(flow, store=store) as engine, engine_of(flow) as other:
        run = await engine.run("w", {"n": 0})
        with engine._store.database.writing.connect() as connection:
            locked = select(runs.c.id).where(runs.c.id == run.id).with_for_update()
            assert connection.execute(locked).scalar_one() == run.id
            proxy.set_fault("swallow")
            async with asyncio.timeout(PATIENCE_S):
                await other.cancel(run.id)  # It waits for the lock.
            proxy.set_fault("drop")
            connection.invalidate()
        proxy.set_fault(None)


@pytest.mark.parametrize("given", ["4", "3601", "1.5", "-5", "soon"])
def test_a_limit_out_of_its_range_is_refused(given):
    """The message has the range."""
    with pytest.raises(
        ValueError, match="call_timeout must be a whole number of seconds from 5 to 3,600, got"
    ):
        open_database(f"postgresql://localhost/runs?call_timeout={given}")


@ON_POSTGRESQL
async def test_a_long_write_may_take_longer(engine_of, store_url, flow):
    """The server does not end it, and the client does not abandon it. Another write is ended."""
    async with engine_of(flow, store=f"{store_url}&call_timeout=5") as engine:
        assert await engine._store.write(Sleep(5.5)) == 5.5
        with pytest.raises((StoreUnavailableError, DBAPIError)):
            await engine._store.write(ShortSleep(60))
        assert await engine._store.write(ShortSleep(0)) == 0


class Sleep(Write[float]):
    """Make the server wait."""

    is_long = True

    def __init__(self, seconds):
        self.seconds = seconds

    @classmethod
    def apply(cls, connection, writes):
        """Apply the writes one after the other."""
        for write in writes:
            connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": write.seconds})
        return [write.seconds for write in writes]


class ShortSleep(Sleep):
    """A wait within the limit of a call."""

    is_long = False
