"""What lies between an engine and Redis or PostgreSQL drops, resets, swallows or delays what goes through it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import redis

from langgraph_runner import Workflow
from langgraph_runner.engine import BullMQDispatcher, RedisTier
from langgraph_runner.engine.dispatch.dispatcher import Announcer
from langgraph_runner.engine.store.records import CacheEntry
from tests.engine.conftest import ON_POSTGRESQL, ON_SQLITE, until
from tests.proxy import Proxy
from tests.redis_server import redis_server

__all__ = ["redis_server"]
pytestmark = pytest.mark.req("R-21", "R-42", "R-61")

FAULTS = ("drop", "reset", "black_hole", "delay")
PATIENCE_S = 30
"""Much longer than any call may take; without a limit of its own, a call would reach it."""


@pytest.fixture
def proxy(redis_server):
    """A proxy before a Redis of the test's own."""
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
    """Make calls one after the other, whatever they say; gives how long the longest took."""
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
    """What Redis would say is not waited for any longer; when the fault is over, it answers again."""
    tier = RedisTier(f"redis://127.0.0.1:{proxy.port}/0", namespace="test", timeout_ms=250)
    entry = CacheEntry(key="k", run_id="r", step="s", output_ref="o")
    await tier.put_many("t", [entry])
    proxy.set_fault(fault)
    longest = await longest_of([lambda: tier.get_many("t", ["k"]), lambda: tier.put_many("t", [entry])] * 3)
    proxy.set_fault(None)
    await longest_of([lambda: tier.get_many("t", ["k"])] * 20)  # Connections that are spoilt are found out.
    await tier.put_many("t", [entry])
    assert await tier.get_many("t", ["k"]) == {"k": entry}
    await tier.close()
    tell(f"{fault} between the cache and Redis: the longest call took {longest:.2f} s (limit 0.25 s)")


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_announcement_outlasts_its_limit(proxy, fault, tell):
    """Who makes runs does not wait for the queue."""
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
    """Neither for the cache nor for the queue."""
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
    """A proxy before PostgreSQL, and the address of the test's database through it."""
    parts = urlsplit(store_url)
    folder = parse_qs(parts.query)["host"][0]
    proxy = Proxy(f"{folder}/.s.PGSQL.5432")
    yield proxy, f"postgresql://{parts.username}@127.0.0.1:{proxy.port}{parts.path}"
    proxy.close()


@ON_POSTGRESQL
@pytest.mark.parametrize("fault", FAULTS)
async def test_runs_go_on_when_the_database_can_be_reached_again(engine_of, far_postgresql, fault, tell):
    """No step that was committed runs again."""
    proxy, url = far_postgresql
    begun, done, go = [], [], asyncio.Event()
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

    async with engine_of(flow, store=url, lease_ms=1_000) as engine:
        runs = [await engine.trigger("w", {"n": n}) for n in range(5)]
        await until(lambda: len(begun) == 5)
        proxy.set_fault(fault)
        go.set()
        await until(lambda: len(done) >= 10)
        await asyncio.sleep(0.3)
        proxy.set_fault(None)
        for run in runs:
            assert (await engine.wait(run.id, timeout_ms=60_000)).status == "completed"
    assert done.count(("first", 0)) == 1
    tell(
        f"{fault} between an engine and PostgreSQL: 5 runs completed, {len(done) - 10} uncommitted steps again"
    )
