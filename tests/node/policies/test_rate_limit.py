"""`rate_limit` limits the rate at which attempts start. Other attempts wait or are refused."""

import asyncio
import itertools
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.graph import StateGraph
from langgraph.runtime import RunControl

from langgraph_runner import (
    AbortController,
    CircuitBreakerConfig,
    GraphState,
    NodeCircuitBreaker,
    NodeMetricsCollector,
    RateLimitConfig,
    RateLimitedError,
    RateLimiter,
    create_node,
    runner_config,
)
from langgraph_runner.testing import FakeRuntime, ManualClock
from tests.waiting import eventually_blocking

pytestmark = pytest.mark.req("N-32")


def clocked(mode, fake, **options):
    """A node that returns the time at which its function was called."""
    return create_node(mode.function(lambda s: {"at": fake.now}), runtime=fake, **options)


def test_calls_within_the_rate_do_not_wait(mode, fake):
    """A full bucket lets its whole burst through at once."""
    node = clocked(mode, fake, rate_limit={"max_calls": 3, "period_ms": 1_000})
    assert [mode.call(node, {})["at"] for _ in range(3)] == [0, 0, 0]
    assert fake.sleeps == []


def test_a_call_beyond_the_rate_waits_for_its_token(mode, fake):
    """Tokens come one by one, at even intervals."""
    node = clocked(mode, fake, rate_limit={"max_calls": 2, "period_ms": 1_000})
    assert [mode.call(node, {})["at"] for _ in range(6)] == [0, 0, 0.5, 1.0, 1.5, 2.0]


def test_without_a_burst_calls_come_at_even_intervals(mode, fake):
    """From the first call on."""
    node = clocked(mode, fake, rate_limit=RateLimitConfig(max_calls=4, period_ms=1_000, burst=1))
    assert [mode.call(node, {})["at"] for _ in range(4)] == [0, 0.25, 0.5, 0.75]


def test_a_pause_fills_the_bucket_and_not_more(mode, fake):
    """Tokens that would not fit are lost."""
    node = clocked(mode, fake, rate_limit={"max_calls": 2, "period_ms": 1_000})
    for _ in range(2):
        mode.call(node, {})
    fake.advance(100)
    assert [mode.call(node, {})["at"] for _ in range(3)] == [100, 100, 100.5]


def test_a_wait_that_would_be_too_long_is_refused(mode, fake):
    """At once, with `RATE_LIMITED` and the time until a retry. It does not count as a failure."""
    collector = NodeMetricsCollector()
    node = clocked(
        mode,
        fake,
        name="n",
        rate_limit={"max_calls": 1, "period_ms": 2_000, "max_wait_ms": 1_999},
        metrics_collector=collector,
    )
    mode.call(node, {})
    record = mode.call(node, {})["errors"][0]
    assert (record["code"], record["category"], record["attempts"]) == ("RATE_LIMITED", "rate_limited", 0)
    assert record["message"] == "Node 'n' was not called: its rate limit is reached (retry in 2000 ms)."
    assert record["recoverable"]
    assert fake.sleeps == []
    fake.advance(0.001)
    assert mode.call(node, {}) == {"at": 2.0}
    metrics = collector.get_node_metrics("n")
    assert (metrics.success_count, metrics.failure_count) == (2, 0)
    assert (metrics.rate_limited_count, metrics.total_refusals, metrics.queued_count) == (1, 1, 1)


def test_a_retry_that_names_the_refusal_waits_as_long_as_it_asks(mode, fake):
    """Even if this is longer than its back-off."""
    node = clocked(
        mode,
        fake,
        rate_limit={"max_calls": 1, "period_ms": 5_000, "max_wait_ms": 0},
        retry={"max_attempts": 2, "backoff_ms": 10, "retry_on": [RateLimitedError]},
    )
    assert [mode.call(node, {})["at"] for _ in range(2)] == [0, 5.0]
    assert fake.sleeps == [5.0]


def test_each_attempt_takes_a_token(mode, fake):
    """Retries must not exceed the rate either."""
    calls = []

    def fail(state):
        calls.append(fake.now)
        raise ConnectionError("down")

    node = create_node(
        mode.function(fail),
        retry={"max_attempts": 3, "backoff_ms": 0},
        rate_limit={"max_calls": 1, "period_ms": 1_000},
        runtime=fake,
    )
    mode.call(node, {})
    assert calls == [0, 1.0, 2.0]


def test_an_open_circuit_refuses_before_the_wait(mode, fake):
    """It takes no token."""
    breaker = NodeCircuitBreaker(CircuitBreakerConfig(), clock=fake.blocking.monotonic)
    node = clocked(mode, fake, rate_limit={"max_calls": 1, "period_ms": 1_000}, circuit_breaker=breaker)
    mode.call(node, {})
    breaker.force_open()
    assert mode.call(node, {})["errors"][0]["code"] == "CIRCUIT_OPEN"
    assert fake.now == 0
    breaker.reset()
    assert mode.call(node, {})["at"] == 1.0


def test_the_total_timeout_ends_a_wait(mode, fake):
    """Exactly at the timeout. The next call gets the token."""
    limiter = RateLimiter(RateLimitConfig(max_calls=1, period_ms=1_000))
    node = clocked(mode, fake, rate_limit=limiter, total_timeout_ms=400)
    mode.call(node, {})
    assert mode.call(node, {})["errors"][0]["code"] == "NODE_TIMEOUT"
    assert (fake.now, limiter.queued) == (0.4, 0)
    assert mode.call(clocked(mode, fake, rate_limit=limiter), {})["at"] == 1.0


def test_an_abort_ends_a_wait(mode, fake):
    """At once. The next call gets the token."""
    limiter = RateLimiter(RateLimitConfig(max_calls=1, period_ms=1_000))
    node, controller = clocked(mode, fake, rate_limit=limiter), AbortController()
    mode.call(node, {})
    fake.at(0.3, lambda: controller.abort("enough"))
    record = mode.call(node, {}, runner_config(abort_signal=controller.signal))["errors"][0]
    assert (record["code"], fake.now, limiter.queued) == ("NODE_CANCELLED", 0.3, 0)
    assert mode.call(node, {})["at"] == 1.0


def test_a_drain_ends_a_wait():
    """A run that is stopping does not wait for a token, even if the wait would be long."""
    limiter = RateLimiter(RateLimitConfig(max_calls=1, period_ms=3_600_000, max_wait_ms=3_600_000))
    builder = StateGraph(GraphState)
    builder.add_node("n", create_node(lambda s: {}, rate_limit=limiter))
    graph = builder.add_edge("__start__", "n").compile()
    graph.invoke({})
    control, results = RunControl(), []
    running = threading.Thread(target=lambda: results.append(graph.invoke({}, control=control)))
    running.start()
    eventually_blocking(lambda: limiter.queued == 1)
    control.request_drain("new release")
    running.join(30)
    assert results[0]["errors"][0]["message"] == "Node 'n' was cancelled: drain: new release"
    assert limiter.queued == 0


def test_a_cancelled_waiter_makes_room_for_those_behind_it():
    """The second call gets the token of the first one."""

    async def main():
        clock = ManualClock()
        limiter = RateLimiter(RateLimitConfig(max_calls=1, period_ms=60_000, max_wait_ms=120_000))

        async def work(state):
            return {"n": state["n"], "at": clock.now}

        node = create_node(work, rate_limit=limiter, runtime=clock)
        await node({"n": 0})
        first, second = (asyncio.create_task(node({"n": n})) for n in (1, 2))
        await clock.wait_for_sleepers(1)
        assert limiter.queued == 2
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await clock.wait_for_sleepers(1)
        clock.advance(60)
        assert await second == {"n": 2, "at": 60}
        assert limiter.queued == 0

    asyncio.run(main())


def test_threads_share_one_limiter():
    """With the real clock: each call gets its own token, and no waiter is lost."""
    limiter = RateLimiter(RateLimitConfig(max_calls=200, period_ms=1_000, burst=1))
    blocking = create_node(lambda s: {"x": 1}, rate_limit=limiter)

    async def work(state):
        return {"x": 1}

    awaited, results = create_node(work, rate_limit=limiter), []
    threads = [threading.Thread(target=lambda: results.append(blocking({}))) for _ in range(8)]
    threads += [threading.Thread(target=lambda: results.append(asyncio.run(awaited({})))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [{"x": 1}] * 16
    assert limiter.queued == 0


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"max_calls": 0}, ValueError, "max_calls"),
        ({"max_calls": 2, "period_ms": 0}, ValueError, "period_ms"),
        ({"max_calls": 2, "max_wait_ms": -1}, ValueError, "max_wait_ms"),
        ({"max_calls": 2, "burst": 3}, ValueError, r"burst \(3\) must not be above max_calls \(2\)"),
        ({"max_call": 2}, TypeError, "max_calls"),
        (5, TypeError, "rate_limit must be a RateLimitConfig, its fields as a dict, or a RateLimiter, got 5"),
    ],
)
def test_a_rate_limit_that_cannot_be_is_refused(given, error, message):
    """When the node is created. The message names the field."""
    with pytest.raises(error, match=message):
        create_node(lambda s: {}, rate_limit=given)


@settings(max_examples=100, deadline=None)
@given(
    max_calls=st.integers(1, 5),
    share=st.integers(1, 5),
    period_ms=st.sampled_from([100, 1_000, 60_000]),
    arrivals=st.lists(st.integers(0, 2_000), min_size=1, max_size=40),
)
def test_no_window_has_more_calls_than_the_rate_and_the_burst(max_calls, share, period_ms, arrivals):
    """For any arrival times. The queue keeps its order."""
    fake, burst = FakeRuntime(), min(share, max_calls)
    config = RateLimitConfig(
        max_calls=max_calls, period_ms=period_ms, burst=burst, max_wait_ms=366 * 24 * 3600
    )
    starts = []
    node = create_node(
        lambda s: starts.append(fake.now) or {}, rate_limit=config, runtime=fake, on_error="raise"
    )
    for pause_ms in arrivals:
        fake.advance(pause_ms / 1000)
        with_refusals = node.run({})
        assert getattr(with_refusals, "exception", None) is None
    for first, start in enumerate(starts):
        in_window = [each for each in starts[first:] if each < start + period_ms / 1000 - 1e-6]
        assert len(in_window) <= max_calls + burst
    spaced = [later - earlier for earlier, later in itertools.pairwise(starts)]
    if burst == 1:
        assert all(gap >= period_ms / 1000 / max_calls - 1e-6 for gap in spaced)
