"""`bulkhead` limits the attempts that run at once. Other attempts wait or are refused."""

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.graph import StateGraph
from langgraph.runtime import RunControl

from langgraph_runner import (
    AbortController,
    Bulkhead,
    BulkheadConfig,
    BulkheadFullError,
    GraphState,
    NodeMetricsCollector,
    create_node,
    runner_config,
)
from langgraph_runner.testing import FakeRuntime
from tests.waiting import eventually_blocking

pytestmark = pytest.mark.req("N-32")


class Gate:
    """A function that runs until the gate opens, and counts how many calls run at once."""

    def __init__(self):
        self.lock = threading.Lock()
        self.running = 0
        self.most = 0
        self.started = threading.Semaphore(0)
        self.open = threading.Event()

    def __call__(self, state):
        """Run until the gate is open."""
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.started.release()
        assert self.open.wait(30)
        with self.lock:
            self.running -= 1
        return {"x": 1}


def in_threads(count, function):
    """Start threads that call `function` with their number. The caller joins them."""
    threads = [threading.Thread(target=function, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


async def settle():
    """Let the other tasks run until they wait."""
    for _ in range(30):
        await asyncio.sleep(0)


def test_a_call_with_a_free_place_runs_at_once(mode, fake):
    """It releases its place, also after a failure."""
    bulkhead = Bulkhead(1)
    node = create_node(mode.function(lambda s: {"x": 1 / s["by"]}), bulkhead=bulkhead, runtime=fake)
    assert mode.call(node, {"by": 1}) == {"x": 1}
    assert mode.call(node, {"by": 0})["errors"]
    assert mode.call(node, {"by": 2}) == {"x": 0.5}
    assert (bulkhead.running, bulkhead.queued) == (0, 0)


def test_no_more_than_allowed_run_at_once_in_threads():
    """The others wait, and finally all have run."""
    gate, bulkhead = Gate(), Bulkhead(BulkheadConfig(max_concurrent=3, max_queued=20))
    node, results = create_node(gate, bulkhead=bulkhead), []
    threads = in_threads(10, lambda _: results.append(node({})))
    for _ in range(3):
        assert gate.started.acquire(timeout=30)
    eventually_blocking(lambda: bulkhead.queued == 7)
    assert (gate.running, bulkhead.running) == (3, 3)
    gate.open.set()
    for thread in threads:
        thread.join(30)
    assert results == [{"x": 1}] * 10
    assert (gate.most, bulkhead.running, bulkhead.queued) == (3, 0, 0)


def test_no_more_than_allowed_run_at_once_in_tasks():
    """On one event loop, in the order of their calls."""
    running, most, order = 0, 0, []

    async def work(state):
        nonlocal running, most
        running += 1
        most = max(most, running)
        order.append(state["n"])
        await asyncio.sleep(0)
        running -= 1
        return {}

    node = create_node(work, bulkhead=2)

    async def main():
        await asyncio.gather(*(node({"n": n}) for n in range(9)))

    asyncio.run(main())
    assert most == 2
    assert order == [*range(9)]


def test_threads_and_event_loops_share_one_bulkhead():
    """A blocking node in a thread wakes an async one on a loop, and vice versa."""
    gate, bulkhead = Gate(), Bulkhead(1)
    blocking = create_node(gate, name="blocking", bulkhead=bulkhead)
    ran = []

    async def work(state):
        ran.append(threading.current_thread().name)
        assert bulkhead.running == 1
        return {}

    awaited = create_node(work, name="awaited", bulkhead=bulkhead)
    holding = in_threads(1, lambda _: blocking({}))
    assert gate.started.acquire(timeout=30)
    waiting = in_threads(2, lambda _: asyncio.run(awaited({})))
    eventually_blocking(lambda: bulkhead.queued == 2)
    assert ran == []
    gate.open.set()
    for thread in (*holding, *waiting):
        thread.join(30)
    assert len(ran) == 2
    assert bulkhead.running == 0


def test_a_full_queue_refuses():
    """At once, with `BULKHEAD_FULL`. The function is not called, and it does not count as a failure."""
    gate, collector = Gate(), NodeMetricsCollector()
    bulkhead = Bulkhead(BulkheadConfig(max_concurrent=1, max_queued=1))
    node = create_node(gate, name="n", bulkhead=bulkhead, metrics_collector=collector)
    results = []
    threads = in_threads(2, lambda _: results.append(node({})))
    eventually_blocking(lambda: (gate.running, bulkhead.queued) == (1, 1))
    record = node({})["errors"][0]
    assert (record["code"], record["category"], record["attempts"]) == ("BULKHEAD_FULL", "bulkhead_full", 0)
    assert record["message"] == "Node 'n' was not called: 1 calls run already and 1 wait."
    assert record["recoverable"]
    gate.open.set()
    for thread in threads:
        thread.join(30)
    metrics = collector.get_node_metrics("n")
    assert (metrics.success_count, metrics.failure_count) == (2, 0)
    assert (metrics.bulkhead_full_count, metrics.total_refusals, metrics.queued_count) == (1, 1, 1)


def test_without_a_queue_a_second_call_is_refused(mode, fake):
    """Otherwise a node that calls itself would wait for itself."""
    bulkhead = Bulkhead(BulkheadConfig(max_concurrent=1, max_queued=0))

    def inner(state):
        return {}

    node = create_node(mode.function(inner), bulkhead=bulkhead, runtime=fake, on_error="raise")

    def outer(state):
        return node(state)

    async def outer_async(state):
        return await node(state)

    calling = create_node(
        outer_async if mode.is_async else outer, bulkhead=bulkhead, runtime=fake, on_error="raise"
    )
    with pytest.raises(BulkheadFullError) as caught:
        mode.call(calling, {})
    assert (caught.value.max_concurrent, caught.value.max_queued) == (1, 0)
    assert bulkhead.running == 0


def test_a_waiter_leaves_when_its_run_is_aborted():
    """It leaves at once, without a call. The next in the queue gets the place."""
    gate, bulkhead = Gate(), Bulkhead(1)
    node = create_node(gate, bulkhead=bulkhead)
    holding = in_threads(1, lambda _: node({}))
    assert gate.started.acquire(timeout=30)
    controller, records = AbortController(), []
    config = runner_config(abort_signal=controller.signal)
    waiting = in_threads(1, lambda _: records.append(node({}, config)))
    eventually_blocking(lambda: bulkhead.queued == 1)
    controller.abort("enough")
    waiting[0].join(30)
    assert records[0]["errors"][0]["code"] == "NODE_CANCELLED"
    assert (bulkhead.queued, bulkhead.running) == (0, 1)
    gate.open.set()
    holding[0].join(30)
    assert bulkhead.running == 0


def test_a_waiter_leaves_when_its_task_is_cancelled():
    """The cancellation is raised, and no place is lost."""

    async def main():
        bulkhead, release = Bulkhead(1), asyncio.Event()

        async def work(state):
            await release.wait()
            return {}

        collector = NodeMetricsCollector()
        node = create_node(work, name="n", bulkhead=bulkhead, metrics_collector=collector)
        first = asyncio.create_task(node({}))
        second = asyncio.create_task(node({}))
        third = asyncio.create_task(node({}))
        await settle()
        assert bulkhead.queued == 2
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert bulkhead.queued == 1
        release.set()
        await asyncio.gather(first, third)
        assert (bulkhead.running, bulkhead.queued) == (0, 0)
        metrics = collector.get_node_metrics("n")
        assert (metrics.success_count, metrics.cancelled_count, metrics.queued_count) == (2, 1, 2)

    asyncio.run(main())


def test_a_place_that_comes_with_a_cancellation_goes_to_the_next():
    """The waiter is cancelled at the moment at which it gets the place."""

    async def main():
        bulkhead, release = Bulkhead(1), asyncio.Event()

        async def work(state):
            await release.wait()
            return {}

        node = create_node(work, bulkhead=bulkhead)
        first, second, third = (asyncio.create_task(node({})) for _ in range(3))
        await settle()
        assert bulkhead.queued == 2
        release.set()
        await first  # The second one gets the place in the same turn of the event loop.
        second.cancel()
        assert await third == {}
        assert (bulkhead.running, bulkhead.queued) == (0, 0)

    asyncio.run(main())


def test_the_total_timeout_ends_a_wait():
    """The attempt timeout does not include the wait, because it limits the function."""
    gate, bulkhead = Gate(), Bulkhead(1)
    holding = in_threads(1, lambda _: create_node(gate, bulkhead=bulkhead)({}))
    assert gate.started.acquire(timeout=30)
    node = create_node(lambda s: {}, name="n", bulkhead=bulkhead, timeout_ms=60_000, total_timeout_ms=30)
    record = node({})["errors"][0]
    assert record["code"] == "NODE_TIMEOUT"
    assert "its total timeout of 30 ms" in record["message"]
    assert bulkhead.queued == 0
    gate.open.set()
    holding[0].join(30)


def test_a_drain_ends_a_wait():
    """A run that is stopping does not wait for a place."""
    gate, bulkhead = Gate(), Bulkhead(1)
    holding = in_threads(1, lambda _: create_node(gate, bulkhead=bulkhead)({}))
    assert gate.started.acquire(timeout=30)
    builder = StateGraph(GraphState)
    builder.add_node("n", create_node(lambda s: {}, bulkhead=bulkhead))
    graph = builder.add_edge("__start__", "n").compile()
    control, results = RunControl(), []
    running = in_threads(1, lambda _: results.append(graph.invoke({}, control=control)))
    eventually_blocking(lambda: bulkhead.queued == 1)
    control.request_drain("new release")
    running[0].join(30)
    assert results[0]["errors"][0]["message"] == "Node 'n' was cancelled: drain: new release"
    assert bulkhead.queued == 0
    gate.open.set()
    holding[0].join(30)


def test_a_refusal_is_not_retried_unless_asked_for(mode, fake):
    """A retry that names the refusal waits for the usual back-off, and ends."""
    bulkhead = Bulkhead(BulkheadConfig(max_concurrent=1, max_queued=0))
    holder = bulkhead._enter(None)
    assert holder is None
    for retry_on, waits in (([ConnectionError], 0), ([BulkheadFullError], 2)):
        fake.sleeps.clear()
        node = create_node(
            mode.function(lambda s: {}),
            bulkhead=bulkhead,
            retry={"max_attempts": 3, "backoff_ms": 10, "retry_on": retry_on},
            runtime=fake,
        )
        assert mode.call(node, {})["errors"][0]["attempts"] == 0
        assert len(fake.sleeps) == waits


def test_a_fallback_stands_in_for_a_refused_call(mode, fake):
    """It needs no place."""
    bulkhead = Bulkhead(BulkheadConfig(max_concurrent=1, max_queued=0))
    bulkhead._enter(None)
    node = create_node(
        mode.function(lambda s: {}), bulkhead=bulkhead, fallback=lambda s: {"x": 2}, runtime=fake
    )
    assert mode.call(node, {}) == {"x": 2}


def test_a_waiter_on_a_fake_clock_lets_the_others_run():
    """The clock does not move while another task can run."""
    fake, bulkhead = FakeRuntime(), Bulkhead(1)

    async def work(state):
        await asyncio.sleep(0)
        fake.advance(1)
        return {"at": fake.now}

    node = create_node(work, bulkhead=bulkhead, runtime=fake)

    async def main():
        return await asyncio.gather(*(node({}) for _ in range(3)))

    assert asyncio.run(main()) == [{"at": 1}, {"at": 2}, {"at": 3}]


def test_a_wait_that_cannot_end_on_a_fake_clock_is_an_error(fake):
    """Otherwise the test would hang."""
    bulkhead = Bulkhead(1)
    bulkhead._enter(None)
    node = create_node(lambda s: {}, bulkhead=bulkhead, runtime=fake)
    assert "nothing is going to fire" in node({})["errors"][0]["message"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (0, ValueError, "max_concurrent"),
        (True, ValueError, "max_concurrent"),
        ({"max_concurrent": 1, "max_queued": -1}, ValueError, "max_queued"),
        ({"max_concurrent": 1, "max_queud": 1}, TypeError, "max_queued"),
        ("5", TypeError, "bulkhead must be a BulkheadConfig, its fields as a dict"),
    ],
)
def test_a_bulkhead_that_cannot_be_is_refused(given, error, message):
    """When the node is created. The message names the field."""
    with pytest.raises(error, match=message):
        create_node(lambda s: {}, bulkhead=given)


class Crowd:
    """Tasks that call one node. Each call runs until the test ends it."""

    def __init__(self, bulkhead, places, queue):
        self.bulkhead, self.places, self.queue = bulkhead, places, queue
        self.node = create_node(self._work, bulkhead=bulkhead, on_error="raise")
        self.running, self.order, self.tasks = {}, [], {}

    async def _work(self, state):
        number = state["n"]
        self.running[number] = asyncio.Event()
        self.order.append(number)
        try:
            await self.running[number].wait()
        finally:
            del self.running[number]
        return {}

    def act(self, number, action, chosen):
        """Start a call, let one end, or cancel one."""
        if action == "start":
            self.tasks[number] = asyncio.create_task(self.node({"n": number}))
        elif action == "end" and self.running:
            [*self.running.values()][chosen % len(self.running)].set()
        elif action == "cancel" and self.tasks:
            [*self.tasks.values()][chosen % len(self.tasks)].cancel()

    def check(self):
        """The bulkhead counts correctly, and no call waits while a place is free."""
        waiting = [n for n, task in self.tasks.items() if not task.done() and n not in self.running]
        assert self.bulkhead.running == len(self.running) <= self.places
        assert self.bulkhead.queued == len(waiting) <= self.queue
        assert not waiting or len(self.running) == self.places

    async def finish(self):
        """End all calls."""
        while not all(task.done() for task in self.tasks.values()):
            for event in self.running.values():
                event.set()
            await settle()
        assert (self.bulkhead.running, self.bulkhead.queued) == (0, 0)
        assert self.order == sorted(self.order)
        for number, task in self.tasks.items():
            if not task.cancelled() and task.exception() is not None:
                assert isinstance(task.exception(), BulkheadFullError)
                assert number not in self.order


@settings(max_examples=50, deadline=None)
@given(
    places=st.integers(1, 4),
    queue=st.integers(0, 6),
    steps=st.lists(st.tuples(st.sampled_from(["start", "end", "cancel"]), st.integers(0, 20)), max_size=40),
)
def test_the_places_add_up_whatever_happens(places, queue, steps):
    """There are never more calls than places. No waiter is lost, and waiters keep their order."""

    async def main():
        bulkhead = Bulkhead(BulkheadConfig(max_concurrent=places, max_queued=queue))
        crowd = Crowd(bulkhead, places, queue)
        for number, (action, chosen) in enumerate(steps):
            crowd.act(number, action, chosen)
            await settle()
            crowd.check()
        await crowd.finish()

    asyncio.run(main())
