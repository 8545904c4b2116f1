"""`policies`: policies of the user around each attempt."""

import asyncio

import pytest

from langgraph_runner import (
    AbortController,
    Bulkhead,
    CallRefusedError,
    CircuitBreakerConfig,
    NodeCircuitBreaker,
    NodeMetricsCollector,
    Policy,
    create_node,
    runner_config,
)

pytestmark = pytest.mark.req("N-32")


class Recording:
    """Records each attempt that passes it."""

    def __init__(self, name, log):
        self.name = name
        self.log = log

    async def run(self, attempt, proceed):
        """Record the attempt."""
        self.log.append(f"{self.name} {attempt.attempt}")
        try:
            return await proceed(attempt)
        finally:
            self.log.append(f"{self.name} out")


class Maintenance:
    """Refuses every call."""

    async def run(self, attempt, proceed):
        """Refuse the call."""
        raise CallRefusedError(node=attempt.node_name, detail="the service is in maintenance")


def test_policies_run_around_each_attempt_the_first_one_outermost(mode, fake):
    """They are inside the retry."""
    log = []

    def work(state):
        log.append("call")
        if log.count("call") == 1:
            raise ConnectionError("down")
        return {"x": 1}

    node = create_node(
        mode.function(work),
        retry={"max_attempts": 2, "backoff_ms": 1},
        policies=[Recording("a", log), Recording("b", log)],
        runtime=fake,
    )
    assert mode.call(node, {}) == {"x": 1}
    assert log == [
        *("a 1", "b 1", "call", "b out", "a out"),
        *("a 2", "b 2", "call", "b out", "a out"),
    ]


def test_the_built_in_policies_are_inside(mode, fake):
    """Bulkhead and breaker see only the calls that the user's policies let through."""
    bulkhead, breaker, seen = Bulkhead(1), NodeCircuitBreaker(CircuitBreakerConfig(failure_threshold=1)), []

    class Looking:
        async def run(self, attempt, proceed):
            seen.append(bulkhead.running)
            return await proceed(attempt)

    def fail(state):
        seen.append(bulkhead.running)
        raise OSError("down")

    node = create_node(
        mode.function(fail),
        policies=[Looking()],
        bulkhead=bulkhead,
        circuit_breaker=breaker,
        runtime=fake,
    )
    mode.call(node, {})
    mode.call(node, {})
    assert seen == [0, 1, 0]
    assert (breaker.state, bulkhead.running) == ("open", 0)


def test_a_policy_may_deliver_in_place_of_the_function(mode, fake):
    """For example, a cache. The function is not called."""

    class Cache:
        async def run(self, attempt, proceed):
            return {"x": "kept"}

    node = create_node(mode.function(lambda s: 1 / 0), policies=[Cache()], runtime=fake)
    assert mode.call(node, {}) == {"x": "kept"}
    assert mode.call(node.run, {}).attempts == 0


def test_a_policy_may_refuse_a_call(mode, fake):
    """With `CALL_REFUSED`, which does not count as a failure. The fallback runs."""
    collector = NodeMetricsCollector()
    node = create_node(
        mode.function(lambda s: {}),
        name="n",
        retry=3,
        policies=[Maintenance()],
        metrics_collector=collector,
        runtime=fake,
    )
    record = mode.call(node, {})["errors"][0]
    assert (record["code"], record["category"], record["attempts"]) == ("CALL_REFUSED", "refused", 0)
    assert record["message"] == "Node 'n' was not called: the service is in maintenance."
    metrics = collector.get_node_metrics("n")
    assert (metrics.refused_count, metrics.total_refusals, metrics.failure_count) == (1, 1, 0)
    covered = create_node(
        mode.function(lambda s: {}), policies=[Maintenance()], fallback=lambda s: {"x": 2}, runtime=fake
    )
    assert mode.call(covered, {}) == {"x": 2}


def test_a_refusal_that_is_retried_ends(mode, fake):
    """Although the function was never called, because refused attempts count, too."""
    node = create_node(
        mode.function(lambda s: {}),
        retry={"max_attempts": 4, "backoff_ms": 10, "jitter": 0, "retry_on": [CallRefusedError]},
        policies=[Maintenance()],
        runtime=fake,
    )
    assert mode.call(node, {})["errors"][0]["code"] == "RETRY_EXHAUSTED"
    assert fake.sleeps == [0.01, 0.02, 0.04]


def test_an_error_of_a_policy_fails_the_attempt(mode, fake):
    """Like an error of the function."""

    class Broken:
        async def run(self, attempt, proceed):
            raise KeyError("tenant")

    node = create_node(mode.function(lambda s: {}), policies=[Broken()], runtime=fake)
    record = mode.call(node, {})["errors"][0]
    assert (record["code"], record["error_type"]) == ("NODE_EXECUTION_FAILED", "KeyError")


def test_a_policy_waits_by_the_clock_of_the_call(mode, fake):
    """The policy is written once for sync and async. The call counts as one that has waited."""

    class Slow:
        async def run(self, attempt, proceed):
            before = attempt.monotonic()
            await attempt.sleep_ms(1_500)
            assert attempt.monotonic() - before == 1.5
            return await proceed(attempt)

    collector = NodeMetricsCollector()
    node = create_node(
        mode.function(lambda s: {"at": fake.now}),
        name="n",
        policies=[Slow()],
        metrics_collector=collector,
        runtime=fake,
    )
    assert mode.call(node, {}) == {"at": 1.5}
    assert collector.get_node_metrics("n").queued_count == 1


def test_a_wait_for_a_signal_ends_with_it_or_with_its_time(mode, fake):
    """The result says which of the two has happened."""
    controller, waited = AbortController(), []
    fake.at(3, lambda: controller.abort("go"))

    class Waiting:
        async def run(self, attempt, proceed):
            waited.append((await attempt.wait(controller.signal, 1_000), fake.now))
            waited.append((await attempt.wait(controller.signal, 9_000), fake.now))
            waited.append((await attempt.wait(controller.signal), fake.now))
            return await proceed(attempt)

    mode.call(create_node(mode.function(lambda s: {}), policies=[Waiting()], runtime=fake), {})
    assert waited == [(False, 1.0), (True, 3.0), (True, 3.0)]


def test_a_wait_on_the_real_clock(mode):
    """It waits for a time, and for a signal that another thread fires."""
    fired, waited = AbortController(), []
    fired.abort("go")

    class Waiting:
        async def run(self, attempt, proceed):
            waited.append(await attempt.wait(AbortController().signal, 1))
            waited.append(await attempt.wait(fired.signal, 60_000))
            await attempt.sleep_ms(1)
            return await proceed(attempt)

    node = create_node(mode.function(lambda s: {"x": 1}), policies=[Waiting()])
    assert mode.call(node, {}) == {"x": 1}
    assert waited == [False, True]


def test_what_stops_the_run_ends_the_wait_of_a_policy(mode, fake):
    """Such as an abort or the total timeout."""

    class Endless:
        async def run(self, attempt, proceed):
            await attempt.wait(AbortController().signal)

    controller = AbortController()
    fake.at(2, lambda: controller.abort("enough"))
    node = create_node(mode.function(lambda s: {}), policies=[Endless()], runtime=fake)
    config = runner_config(abort_signal=controller.signal)
    assert mode.call(node, {}, config)["errors"][0]["code"] == "NODE_CANCELLED"
    assert fake.now == 2
    limited = create_node(
        mode.function(lambda s: {}), policies=[Endless()], total_timeout_ms=500, runtime=fake
    )
    assert mode.call(limited, {})["errors"][0]["code"] == "NODE_TIMEOUT"
    assert fake.now == 2.5


def test_the_time_that_a_policy_waits_is_gone_from_the_total_timeout(mode, fake):
    """The function gets the rest. The timeout of an attempt does not shrink."""

    class Slow:
        async def run(self, attempt, proceed):
            await attempt.sleep_ms(700)
            return await proceed(attempt)

    def work(state):
        fake.advance(state["s"])
        return {"x": 1}

    total = create_node(mode.function(work), policies=[Slow()], total_timeout_ms=1_000, runtime=fake)
    assert mode.call(total, {"s": 0.2}) == {"x": 1}
    assert mode.call(total, {"s": 0.4})["errors"][0]["code"] == "NODE_TIMEOUT"
    attempt = create_node(mode.function(work), policies=[Slow()], timeout_ms=1_000, runtime=fake)
    assert mode.call(attempt, {"s": 0.9}) == {"x": 1}


def test_a_breaker_is_a_policy(mode, fake):
    """A user can put one around the other policies."""
    breaker = NodeCircuitBreaker(CircuitBreakerConfig(failure_threshold=1))
    assert isinstance(breaker, Policy)
    node = create_node(mode.function(lambda s: 1 / 0), policies=[breaker], runtime=fake)
    codes = [mode.call(node, {})["errors"][0]["code"] for _ in range(2)]
    assert codes == ["NODE_EXECUTION_FAILED", "CIRCUIT_OPEN"]


def test_cancellation_goes_through_a_policy():
    """The clean-up of the policy runs."""
    log = []

    async def main():
        node = create_node(lambda s: {}, policies=[Recording("a", log)])
        waiting = create_node(_for_ever, policies=[Recording("b", log)])
        assert node({}) == {}
        task = asyncio.create_task(waiting({}))
        for _ in range(30):
            await asyncio.sleep(0)
        assert "b 1" in log
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert log == ["a 1", "a out", "b 1", "b out"]


async def _for_ever(state):
    await asyncio.Event().wait()


class Plain:
    """Its `run` cannot be awaited."""

    def run(self, attempt, proceed):
        """Return a coroutine."""
        return proceed(attempt)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Maintenance(), "policies must be a list of policies, got"),
        ([Maintenance], r"policies must be instances, got the class Maintenance; pass Maintenance\(\)"),
        ([Plain()], "policies must have a method 'async def run"),
        ([lambda attempt, proceed: None], "policies must have a method 'async def run"),
    ],
)
def test_what_is_no_policy_is_refused(given, message):
    """It is refused when the node is created."""
    with pytest.raises(TypeError, match=message):
        create_node(lambda s: {}, policies=given)


def test_a_breaker_does_not_count_refusals_of_policies_inside_it(mode, fake):
    """The service was not called, so a refusal says nothing about it."""

    class Refuse:
        async def run(self, attempt, proceed):
            raise CallRefusedError(node=attempt.node_name, detail="maintenance")

    breaker = NodeCircuitBreaker(CircuitBreakerConfig(failure_threshold=1))
    node = create_node(mode.function(lambda s: {}), policies=[breaker, Refuse()], runtime=fake)
    assert mode.call(node, {})["errors"][0]["code"] == "CALL_REFUSED"
    assert breaker.state == "closed"
