"""`ManualClock`: time that moves only when a test moves it."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from langgraph_runner import AbortController, NodeTimeoutError, RetryConfig, create_node
from langgraph_runner.engine import RunEngine, RunStatus
from langgraph_runner.engine.store.commands import CheckTables
from langgraph_runner.runtime.limits import Limits
from langgraph_runner.runtime.runtimes import drive
from langgraph_runner.runtime.waiting import timeout, wait_for_event
from langgraph_runner.testing import ManualClock
from langgraph_runner.workflow import Workflow
from tests.waiting import Observed


@pytest.fixture
def clock():
    """A clock at its start."""
    return ManualClock()


async def test_a_wait_is_over_when_the_time_has_come(clock):
    """Each of several waits ends at its own time, and not earlier."""
    order = []

    async def sleep(seconds):
        await clock.awaiting.sleep(seconds, None)
        order.append(seconds)

    waits = [asyncio.ensure_future(sleep(seconds)) for seconds in (3, 1, 2)]
    await clock.wait_for_sleepers(3)
    clock.advance(0.9)
    await asyncio.sleep(0)
    assert order == []
    assert clock.time_to_next() == pytest.approx(0.1)
    clock.advance(1.1)
    await asyncio.gather(*waits[1:])
    assert order == [1, 2]
    clock.advance(1)
    await waits[0]
    assert (order, clock.time_to_next()) == ([1, 2, 3], None)


async def test_a_wait_of_no_time_lets_other_tasks_run(clock):
    """A wait of 0 ends without `advance()`."""
    await clock.awaiting.sleep(0, None)
    assert clock.now == 0


async def test_a_cancelled_wait_is_forgotten(clock):
    """The clock removes a cancelled wait."""
    wait = asyncio.ensure_future(clock.awaiting.sleep(1, None))
    await clock.wait_for_sleepers(1)
    wait.cancel()
    await asyncio.gather(wait, return_exceptions=True)
    assert clock.time_to_next() is None


def test_a_blocking_wait_ends_when_another_thread_moves_the_time(clock):
    """All threads share the time of the clock."""
    woken = []

    def wait():
        drive(clock.blocking.sleep(5, None))
        woken.append(clock.now)

    thread = threading.Thread(target=wait)
    thread.start()
    asyncio.run(clock.wait_for_sleepers(1))
    clock.advance(5)
    thread.join()
    assert woken == [5]


async def test_a_node_times_out_by_it(clock):
    """A timeout of an hour takes no time."""

    async def hangs(state):
        await asyncio.Event().wait()

    node = create_node(hangs, name="n", timeout_ms=3_600_000, runtime=clock)
    call = asyncio.ensure_future(node({}))
    await clock.wait_for_sleepers(1)
    clock.advance(3_600)
    (record,) = (await call)["errors"]
    assert record["code"] == "NODE_TIMEOUT"


async def test_a_node_waits_by_it_before_a_retry(clock):
    """The wait is the configured back-off."""
    attempts = []

    async def flaky(state):
        attempts.append(clock.now)
        if len(attempts) == 1:
            raise ConnectionError
        return {"done": True}

    node = create_node(flaky, retry=RetryConfig(backoff_ms=10_000, jitter=0), runtime=clock)
    call = asyncio.ensure_future(node({}))
    await clock.wait_for_sleepers(1)
    clock.advance(10)
    assert await call == {"done": True}
    assert attempts == [0, 10]


async def test_an_abort_signal_ends_a_wait(clock):
    """The wait ends although the time does not move."""
    abort = AbortController()

    async def flaky(state):
        raise ConnectionError

    node = create_node(flaky, name="n", retry=RetryConfig(backoff_ms=10_000), runtime=clock)
    config = {"configurable": {"abort_signal": abort.signal}}
    call = asyncio.ensure_future(node({}, config))
    await clock.wait_for_sleepers(1)
    abort.abort("enough")
    (record,) = (await call)["errors"]
    assert (record["code"], clock.now) == ("NODE_CANCELLED", 0)


async def test_a_time_limit_ends_a_block(clock):
    """It behaves like `asyncio.timeout()`."""

    async def limited():
        async with timeout(60, clock.awaiting):
            await asyncio.Event().wait()

    block = asyncio.ensure_future(limited())
    await clock.wait_for_sleepers(1)
    clock.advance(60)
    with pytest.raises(TimeoutError):
        await block


async def test_a_block_that_ends_in_time_leaves_no_wait(clock):
    """The timer of the block is cancelled."""
    async with timeout(60, clock.awaiting):
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert clock.time_to_next() is None


async def test_waiting_for_an_event_says_whether_it_was_set(clock):
    """It returns True if the event was set in time, else False."""
    event = asyncio.Event()
    wait = asyncio.ensure_future(wait_for_event(event, 60, clock.awaiting))
    await clock.wait_for_sleepers(1)
    clock.advance(60)
    assert await wait is False
    wait = asyncio.ensure_future(wait_for_event(event, 60, clock.awaiting))
    await clock.wait_for_sleepers(1)
    event.set()
    assert await wait is True


@pytest.mark.req("R-41")
async def test_a_run_times_out_by_it(clock):
    """A limit of an hour takes no time to test."""
    flow, begun = Workflow("w"), asyncio.Event()

    @flow.step
    async def hangs(inputs) -> int:
        begun.set()
        return await asyncio.Event().wait()

    async with RunEngine([flow], store="sqlite://", runtime=clock) as engine:
        run = await engine.trigger("w", run_timeout_ms=3_600_000)
        await begun.wait()
        clock.advance(3_600)
        ended = await engine.wait(run.id)
    assert (ended.status, ended.error["code"]) == (RunStatus.FAILED, "RUN_TIMEOUT")


@pytest.mark.req("R-40")
async def test_a_step_is_retried_by_it(clock):
    """A back-off of a day takes no time to test."""
    flow, attempts, has_failed, has_retried = Workflow("w"), [], asyncio.Event(), asyncio.Event()
    day = RetryConfig(backoff_ms=86_400_000, max_backoff_ms=86_400_000, jitter=0)

    @flow.step(retry=day)
    async def flaky(inputs) -> int:
        attempts.append(clock.now)
        if len(attempts) == 1:
            has_failed.set()
            raise ConnectionError
        has_retried.set()
        return 1

    async with RunEngine([flow], store="sqlite://", runtime=clock) as engine:
        run = await engine.trigger("w")
        await has_failed.wait()
        while not has_retried.is_set():
            clock.advance(3_600)
            await asyncio.sleep(0)
        ended = await engine.wait(run.id)
    assert ended.status is RunStatus.COMPLETED
    assert attempts[1] >= 86_400


@pytest.mark.req("R-42")
@pytest.mark.parametrize("store", ["sqlite://", "file"])
async def test_a_sqlite_database_tells_its_time(clock, store, tmp_path):
    """So leases, ages and durations follow the clock."""
    flow = Workflow("w")
    flow.step(lambda inputs: 1, id="s", output=int)
    url = f"sqlite:///{tmp_path / 'runs.db'}" if store == "file" else store
    clock.advance(86_400)
    async with RunEngine([flow], store=url, runtime=clock) as engine:
        run = await engine.run("w")
    assert run.created_at == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.req("R-42", "R-43")
async def test_a_dead_owners_run_is_taken_over_when_its_lease_ends(clock, tmp_path):
    """Another engine takes over the run after an hour, and not earlier."""
    flow, begun, go = Workflow("w"), Observed(), asyncio.Event()

    @flow.step
    async def held(inputs) -> int:
        begun.append(clock.now)
        await go.wait()
        return 1

    options = {"store": f"sqlite:///{tmp_path / 'runs.db'}", "lease_ms": 3_600_000, "poll_ms": 60_000}
    async with RunEngine([flow], runtime=clock, **options) as dead:
        run = await dead.trigger("w")
        await begun.reach()
        dead._worker._services[0].cancel()  # It no longer sends heartbeats.
        async with RunEngine([flow], runtime=clock, **options) as other:
            await other.start()
            for _ in range(59):
                clock.advance(60)
                await other.store.write(CheckTables())
            assert begun == [0]
            while len(begun) == 1:
                clock.advance(60)
                # Its writes before this one end first. Without this, a slow disk let the new lease expire, too.
                await other.store.write(CheckTables())
            assert begun[1] >= 3_600
            go.set()
            assert (await other.wait(run.id)).status is RunStatus.COMPLETED


def test_a_wait_for_a_signal_ends_with_it_or_with_its_time():
    """In the first awaited wait another task fires the signal; the second wait times out."""

    async def main():
        clock, controller = ManualClock(), AbortController()
        fired = asyncio.ensure_future(clock.awaiting.wait(controller.signal, 60, None))
        late = asyncio.ensure_future(clock.awaiting.wait(AbortController().signal, 60, None))
        endless = asyncio.ensure_future(clock.awaiting.wait(controller.signal, None, None))
        await clock.wait_for_sleepers(2)
        controller.abort("go")
        assert await fired
        assert await endless
        clock.advance(60)
        assert not await late

    asyncio.run(main())


def test_a_blocking_wait_for_a_signal_ends_with_it_with_its_time_or_with_its_limit():
    """Blocking waits run in threads, on a clock that the test moves."""
    clock, controller, found = ManualClock(), AbortController(), {}

    def wait(name, signal, seconds, limits=None):
        try:
            found[name] = drive(clock.blocking.wait(signal, seconds, limits))
        except NodeTimeoutError as error:
            found[name] = type(error)

    never = AbortController().signal
    threads = [
        threading.Thread(target=wait, args=arguments)
        for arguments in (
            ("fired", controller.signal, 60),
            ("late", never, 60),
            ("limited", never, None, Limits("n", timeout_ms=30_000)),
        )
    ]
    for thread in threads:
        thread.start()
    asyncio.run(clock.wait_for_sleepers(3))
    controller.abort("go")
    threads[0].join(30)
    clock.advance(60)
    for thread in threads:
        thread.join(30)
    assert found == {"fired": True, "late": False, "limited": NodeTimeoutError}
