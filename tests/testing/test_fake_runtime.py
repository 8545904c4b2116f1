"""The fake clock with branches that run in parallel, and with times that floats cannot hold."""

import asyncio

import pytest
from langgraph.graph import START, StateGraph

from langgraph_runner import (
    AbortController,
    CircuitBreakerConfig,
    GraphState,
    NodeCircuitBreaker,
    create_node,
)
from langgraph_runner.testing import FakeRuntime, Flaky


def branches(**actions):
    """A graph whose nodes all run in one superstep."""
    builder = StateGraph(GraphState)
    for name, action in actions.items():
        builder.add_node(name, action).add_edge(START, name)
    return builder.compile()


async def test_waits_of_parallel_branches_overlap():
    """Two branches that each wait a second end after one second."""
    fake = FakeRuntime()
    retry = {"max_attempts": 2, "backoff_ms": 1_000, "jitter": 0}
    nodes = {
        name: create_node(Flaky(ConnectionError, {}).awaited, name=name, retry=retry, runtime=fake)
        for name in ("a", "b")
    }
    await branches(**nodes).ainvoke({})
    assert (fake.now, fake.sleeps) == (1.0, [1.0, 1.0])


async def test_a_shorter_wait_ends_first():
    """A third branch that waits longer continues from where the time is."""
    fake = FakeRuntime()
    ended = []

    def waits(name, backoff_ms):
        retry = {"max_attempts": 2, "backoff_ms": backoff_ms, "jitter": 0}
        flaky = Flaky(ConnectionError, {})

        async def work(state):
            result = await flaky.awaited(state)
            ended.append((name, fake.now))
            return result

        return create_node(work, name=name, retry=retry, runtime=fake)

    await branches(
        slow=waits("slow", 3_000), quick=waits("quick", 500), middle=waits("middle", 2_000)
    ).ainvoke({})
    assert ended == [("quick", 0.5), ("middle", 2.0), ("slow", 3.0)]


async def test_the_time_of_one_branch_ends_another_as_its_timeout():
    """The branch that lets time pass goes on; the other one is cancelled, and reports the timeout."""
    fake = FakeRuntime()
    signals = []

    async def hangs(state):
        signals.append("begun")
        try:
            await fake.awaiting.wait(never, None, None)
        finally:
            signals.append("ended")

    async def takes_time(state):
        while not signals:
            await fake.awaiting.sleep(0, None)
        fake.advance(5)
        return {"story_id": "done"}

    never = AbortController().signal
    graph = branches(
        hangs=create_node(hangs, timeout_ms=1_000, runtime=fake),
        takes_time=create_node(takes_time, runtime=fake),
    )
    state = await graph.ainvoke({})
    assert (state["story_id"], [error["code"] for error in state["errors"]]) == ("done", ["NODE_TIMEOUT"])
    assert signals == ["begun", "ended"]


async def test_a_cancellation_that_is_swallowed_still_is_a_timeout():
    """What the function returns after its time is dropped."""
    fake = FakeRuntime()

    async def swallows(state):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return {"story_id": "late"}

    async def takes_time(state):
        for _ in range(10):
            await asyncio.sleep(0)
        fake.advance(5)

    graph = branches(
        swallows=create_node(swallows, timeout_ms=1_000, runtime=fake),
        takes_time=create_node(takes_time, runtime=fake),
    )
    state = await graph.ainvoke({})
    assert ("story_id" in state, [error["code"] for error in state["errors"]]) == (False, ["NODE_TIMEOUT"])


@pytest.mark.parametrize("before_s", [0.0, 0.1, 0.7, 1.1, 33.3])
def test_the_recovery_time_of_a_breaker_ends_in_spite_of_rounding(before_s):
    """0.7 + 1.0 - 0.7 is less than 1.0 in floats."""
    fake = FakeRuntime()
    breaker = NodeCircuitBreaker(
        CircuitBreakerConfig(failure_threshold=1, recovery_timeout_ms=1_000), clock=fake.blocking.monotonic
    )
    fake.advance(before_s)
    breaker.record_failure()
    fake.advance(1.0)
    assert breaker.can_execute()
