"""The circuit breaker: alone as a state machine, under threads, and in a node."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import BaseModel, ValidationError

from langgraph_runner import (
    AbortController,
    CircuitBreakerConfig,
    CircuitOpenError,
    CircuitState,
    NodeCircuitBreaker,
    create_node,
    runner_config,
)
from langgraph_runner.testing import Flaky


def breaker_on(fake, **config):
    """A breaker on the fake clock."""
    return NodeCircuitBreaker(CircuitBreakerConfig(**config), name="b", clock=lambda: fake.now)


def fail(breaker, times=1):
    """Let calls fail."""
    for _ in range(times):
        breaker.record_failure(breaker.acquire())


@pytest.mark.req("N-21")
def test_opens_at_the_threshold(fake):
    """It does not open one failure earlier."""
    breaker = breaker_on(fake, failure_threshold=3)
    fail(breaker, 2)
    assert breaker.state is CircuitState.CLOSED
    fail(breaker)
    assert breaker.state is CircuitState.OPEN


@pytest.mark.req("N-21")
def test_a_success_starts_the_count_anew(fake):
    """Only failures in a row count."""
    breaker = breaker_on(fake, failure_threshold=2)
    fail(breaker)
    breaker.record_success(breaker.acquire())
    fail(breaker)
    assert breaker.state is CircuitState.CLOSED


@pytest.mark.req("N-21")
def test_open_refuses_and_tells_for_how_long(fake):
    """The error has the time until the next probe."""
    breaker = breaker_on(fake, failure_threshold=1, recovery_timeout_ms=1000)
    fail(breaker)
    fake.advance(0.25)
    with pytest.raises(CircuitOpenError) as refused:
        breaker.acquire()
    assert (refused.value.node, refused.value.retry_after_ms) == ("b", 750)
    assert breaker.retry_after_ms == 750


@pytest.mark.req("N-21")
def test_a_probe_is_allowed_at_exactly_the_recovery_time(fake):
    """`elapsed == recovery_timeout_ms` is enough; a moment before is not."""
    breaker = breaker_on(fake, failure_threshold=1, recovery_timeout_ms=1000)
    fail(breaker)
    fake.advance(0.999)
    with pytest.raises(CircuitOpenError):
        breaker.acquire()
    fake.now = 1.0
    breaker.acquire()
    assert breaker.state is CircuitState.HALF_OPEN


@pytest.mark.req("N-21")
def test_a_probe_that_succeeds_closes(fake):
    """One success is enough."""
    breaker = breaker_on(fake, failure_threshold=1, recovery_timeout_ms=0)
    fail(breaker)
    breaker.record_success(breaker.acquire())
    assert breaker.state is CircuitState.CLOSED


@pytest.mark.req("N-21")
def test_a_probe_that_fails_opens_and_starts_the_time_anew(fake):
    """The whole recovery time starts again at the failure of the probe."""
    breaker = breaker_on(fake, failure_threshold=1, recovery_timeout_ms=1000)
    fail(breaker)
    fake.advance(1)
    permit = breaker.acquire()
    fake.advance(5)
    breaker.record_failure(permit)
    assert (breaker.state, breaker.retry_after_ms) == (CircuitState.OPEN, 1000)


@pytest.mark.req("N-21")
def test_a_released_probe_makes_room(fake):
    """A cancelled probe has no result, and another may begin."""
    breaker = breaker_on(fake, failure_threshold=1, recovery_timeout_ms=0)
    fail(breaker)
    permit = breaker.acquire()
    with pytest.raises(CircuitOpenError, match=r"open \(a probe is running\)"):
        breaker.acquire()
    breaker.release(permit)
    breaker.acquire()
    assert breaker.state is CircuitState.HALF_OPEN


@pytest.mark.req("N-21")
def test_a_permit_of_an_earlier_state_says_nothing(fake):
    """A call that began before the breaker opened cannot close it."""
    breaker = breaker_on(fake, failure_threshold=1, recovery_timeout_ms=0)
    old = breaker.acquire()
    fail(breaker)
    breaker.acquire()
    breaker.record_success(old)
    breaker.record_failure(old)
    assert breaker.state is CircuitState.HALF_OPEN


@pytest.mark.req("N-21")
@pytest.mark.parametrize("outcome", ["success", "failure", "none"])
def test_a_breaker_works_without_permits(fake, outcome):
    """Ask `can_execute()`, then record how the call ended. In half-open, the call is a probe."""
    breaker = breaker_on(fake, failure_threshold=2, recovery_timeout_ms=1000)
    for _ in range(2):
        assert breaker.can_execute()
        breaker.record_failure()
    assert (breaker.can_execute(), breaker.state) == (False, CircuitState.OPEN)
    fake.advance(1)
    assert (breaker.can_execute(), breaker.can_execute(), breaker.state) == (
        True,
        False,
        CircuitState.HALF_OPEN,
    )
    if outcome == "none":
        breaker.release()
        assert breaker.can_execute()
    elif outcome == "failure":
        breaker.record_failure()
        assert (breaker.can_execute(), breaker.state) == (False, CircuitState.OPEN)
    else:
        breaker.record_success()
        assert (breaker.can_execute(), breaker.state) == (True, CircuitState.CLOSED)


@pytest.mark.req("N-21")
def test_outcomes_are_recorded_without_asking_first(fake):
    """A success starts the count of failures again. Without a probe, nothing closes an open breaker."""
    breaker = breaker_on(fake, failure_threshold=2, recovery_timeout_ms=0)
    breaker.record_failure()
    breaker.record_success()
    breaker.record_failure()
    assert breaker.state is CircuitState.CLOSED
    breaker.record_failure()
    breaker.record_success()
    breaker.release()
    assert breaker.state is CircuitState.OPEN


@pytest.mark.req("N-21")
def test_a_release_without_a_probe_makes_no_room(fake):
    """Half-open still has as many probes as configured."""
    breaker = breaker_on(fake, failure_threshold=1, recovery_timeout_ms=0)
    breaker.record_failure()
    permit = breaker.acquire()
    breaker.release(permit)
    breaker.release()
    assert [breaker.can_execute() for _ in range(2)] == [True, False]


@pytest.mark.req("N-21")
def test_failure_rate_mode(fake):
    """It opens if half of the last ten calls fail, and at least three."""
    breaker = breaker_on(fake, failure_threshold=3, failure_rate=0.5, window=10)
    fail(breaker, 2)
    for _ in range(3):
        breaker.record_success(breaker.acquire())
    assert breaker.state is CircuitState.CLOSED
    fail(breaker)
    assert breaker.state is CircuitState.OPEN


@pytest.mark.req("N-21")
def test_failure_rate_forgets_what_left_the_window(fake):
    """Old failures no longer count."""
    breaker = breaker_on(fake, failure_threshold=2, failure_rate=0.5, window=4)
    fail(breaker)
    for _ in range(4):
        breaker.record_success(breaker.acquire())
    fail(breaker)
    assert breaker.state is CircuitState.CLOSED


@pytest.mark.req("N-21")
def test_force_open_holds_until_reset(fake):
    """No recovery time ends it."""
    breaker = breaker_on(fake, recovery_timeout_ms=0)
    breaker.force_open()
    fake.advance(1e6)
    with pytest.raises(CircuitOpenError, match=r"until reset\(\)"):
        breaker.acquire()
    assert breaker.retry_after_ms is None
    breaker.reset()
    assert breaker.retry_after_ms == 0
    breaker.acquire()


@pytest.mark.req("N-21")
def test_listeners_hear_every_transition_and_may_fail(fake, caplog):
    """In order, with reasons. After one that raises, the next is still called."""
    breaker = breaker_on(fake, failure_threshold=1, recovery_timeout_ms=0)
    heard = []

    def broken(transition):
        raise ZeroDivisionError

    breaker.add_listener(broken)
    breaker.add_listener(lambda t: heard.append((t.previous.value, t.current.value, t.reason)))
    fail(breaker)
    fail(breaker)
    breaker.record_success(breaker.acquire())
    assert heard == [
        ("closed", "open", "failures"),
        ("open", "half_open", "recovery_time"),
        ("half_open", "open", "probe_failed"),
        ("open", "half_open", "recovery_time"),
        ("half_open", "closed", "probe_succeeded"),
    ]
    assert "circuit.listener_failed" in caplog.text


@pytest.mark.req("N-21")
def test_a_listener_may_use_the_breaker(fake):
    """It runs outside the lock."""
    breaker = breaker_on(fake, failure_threshold=1)
    seen = []
    breaker.add_listener(lambda _: seen.append(breaker.retry_after_ms))
    fail(breaker)
    assert seen == [30_000]


@pytest.mark.req("N-21")
@pytest.mark.usefixtures("restless_threads")
@pytest.mark.parametrize("permits", [1, 3])
def test_half_open_lets_no_more_than_its_permits_through(fake, permits):
    """A hundred threads at once, many rounds."""
    breaker = breaker_on(fake, failure_threshold=1, recovery_timeout_ms=0, half_open_max_calls=permits)
    with ThreadPoolExecutor(100) as pool:
        for _ in range(20):
            breaker.reset()
            fail(breaker)
            start = threading.Barrier(100)

            def probe(start=start):
                start.wait()
                try:
                    breaker.acquire()
                except CircuitOpenError:
                    return 0
                return 1

            assert sum(pool.map(lambda _, probe=probe: probe(), range(100))) == permits


class BreakerMachine(RuleBasedStateMachine):
    """A breaker, compared with a model of its rules."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.config = CircuitBreakerConfig(
            failure_threshold=3, recovery_timeout_ms=10_000, half_open_max_calls=2
        )
        self.breaker = NodeCircuitBreaker(self.config, clock=lambda: self.now)
        self.state, self.failures, self.opened_at = "closed", 0, 0.0
        self.probes = []
        self.stale = []

    def change(self, state):
        """Change the state of the model. Earlier calls no longer count."""
        self.stale += self.probes
        self.probes, self.failures, self.state = [], 0, state
        if state == "open":
            self.opened_at = self.now

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds):
        """Time passes."""
        self.now += seconds

    @rule()
    def acquire(self):
        """A call begins."""
        if self.state == "open" and (self.now - self.opened_at) * 1000 >= 10_000:
            self.change("half_open")
        allowed = self.state == "closed" or (self.state == "half_open" and len(self.probes) < 2)
        try:
            permit = self.breaker.acquire()
        except CircuitOpenError:
            assert not allowed
        else:
            assert allowed
            self.probes.append(permit)

    @precondition(lambda self: self.probes)
    @rule(outcome=st.sampled_from(["success", "failure", "release"]), data=st.data())
    def finish(self, outcome, data):
        """A call ends."""
        permit = self.probes.pop(data.draw(st.integers(0, len(self.probes) - 1)))
        if outcome == "success":
            self.breaker.record_success(permit)
            self.failures = 0
            if self.state == "half_open":
                self.change("closed")
        elif outcome == "failure":
            self.breaker.record_failure(permit)
            self.failures += 1
            if self.state == "half_open" or self.failures >= 3:
                self.change("open")
        else:
            self.breaker.release(permit)

    @precondition(lambda self: self.stale)
    @rule(outcome=st.sampled_from(["record_success", "record_failure", "release"]))
    def finish_late(self, outcome):
        """A call of an earlier state ends."""
        getattr(self.breaker, outcome)(self.stale.pop())

    @rule()
    def reset(self):
        """An operator resets the breaker."""
        self.breaker.reset()
        self.change("closed")

    @invariant()
    def agrees(self):
        """The breaker is in the state of the model."""
        assert self.breaker.state.value == self.state


BreakerMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
test_state_machine = pytest.mark.req("N-21")(BreakerMachine.TestCase)


@pytest.mark.req("N-21", "N-24")
def test_a_node_fails_fast_when_its_circuit_is_open(mode, fake):
    """The function is not called. The record says when to retry."""
    flaky = Flaky(ConnectionError)
    node = create_node(
        flaky.awaited if mode.is_async else flaky.sync,
        name="n",
        circuit_breaker=CircuitBreakerConfig(failure_threshold=2, recovery_timeout_ms=5000),
        runtime=fake,
    )
    records = [mode.call(node, {})["errors"][0] for _ in range(3)]
    assert [r["code"] for r in records] == ["NODE_EXECUTION_FAILED"] * 2 + ["CIRCUIT_OPEN"]
    assert flaky.calls == 2
    assert (records[2]["attempts"], records[2]["category"], records[2]["recoverable"]) == (
        0,
        "circuit_open",
        True,
    )
    assert records[2]["message"] == "Node 'n' was not called: its circuit breaker is open (retry in 5000 ms)."
    assert node.circuit_breaker.state is CircuitState.OPEN


@pytest.mark.req("N-21")
def test_retries_stop_when_the_circuit_opens(mode, fake):
    """The wait for a third attempt does not begin. The record has the error of the function."""
    flaky = Flaky(ConnectionError("dead"))
    node = create_node(
        flaky.awaited if mode.is_async else flaky.sync,
        retry=10,
        circuit_breaker=CircuitBreakerConfig(failure_threshold=2),
        runtime=fake,
    )
    record = mode.call(node, {})["errors"][0]
    assert (record["code"], record["attempts"], flaky.calls) == ("CIRCUIT_OPEN", 2, 2)
    assert len(fake.sleeps) == 1
    assert record["message"].endswith("Before that: ConnectionError: dead")
    assert record["category"] == "network"
    assert record["causes"] == [{"error_type": "ConnectionError", "message": "dead"}]


class Model(BaseModel):
    """A model for validation errors."""

    n: int


@pytest.mark.req("N-21")
def test_validation_errors_do_not_trip(mode, fake):
    """The service has answered; only the data did not fit."""
    node = create_node(
        mode.function(lambda state: Model(n="x")),
        circuit_breaker=CircuitBreakerConfig(failure_threshold=1),
        runtime=fake,
    )
    mode.call(node, {})
    assert node.circuit_breaker.state is CircuitState.CLOSED


@pytest.mark.req("N-21")
def test_a_predicate_decides_what_trips(mode, fake, caplog):
    """The user's rule replaces the usual one; if it raises, the failure counts."""

    def rule_of_thumb(error):
        if isinstance(error, KeyError):
            raise ZeroDivisionError
        return isinstance(error, ValidationError)

    flaky = Flaky(ConnectionError, KeyError("x"))
    node = create_node(
        flaky.awaited if mode.is_async else flaky.sync,
        circuit_breaker=CircuitBreakerConfig(failure_threshold=1, trips_on=rule_of_thumb),
        runtime=fake,
    )
    mode.call(node, {})
    assert node.circuit_breaker.state is CircuitState.CLOSED
    mode.call(node, {})
    assert node.circuit_breaker.state is CircuitState.OPEN
    assert "circuit_predicate_failed" in caplog.text


@pytest.mark.req("N-21")
def test_cancellations_do_not_trip(mode, fake):
    """An abort says nothing about the service, and releases its probe."""
    controller = AbortController()

    def aborting(state):
        controller.abort()
        fake.advance(1)

    breaker = breaker_on(fake, failure_threshold=1, recovery_timeout_ms=0)
    fail(breaker)
    node = create_node(mode.function(aborting), circuit_breaker=breaker, runtime=fake)
    fake.at(0.5, lambda: None)
    mode.call(node, {}, runner_config(abort_signal=controller.signal))
    assert breaker.state is CircuitState.HALF_OPEN
    breaker.acquire()


@pytest.mark.req("N-21")
def test_nodes_may_share_a_breaker(mode, fake):
    """Failures of one node protect the other. The record names the node, not the breaker."""
    breaker = breaker_on(fake, failure_threshold=1)
    options = {"circuit_breaker": breaker, "runtime": fake}
    one = create_node(mode.function(lambda s: 1 / 0), name="one", **options)
    two = create_node(mode.function(lambda s: {}), name="two", **options)
    mode.call(one, {})
    record = mode.call(two, {})["errors"][0]
    assert (record["code"], record["node_id"]) == ("CIRCUIT_OPEN", "two")
    assert "'two'" in record["message"]


@pytest.mark.req("N-21", "N-17")
def test_a_cancelled_task_gives_its_probe_back(fake):
    """Asyncio's cancellation during a probe leaves room for another."""
    breaker = NodeCircuitBreaker(CircuitBreakerConfig(failure_threshold=1, recovery_timeout_ms=0))
    fail(breaker)

    async def main():
        probing = asyncio.Event()

        async def hang(state):
            probing.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(create_node(hang, circuit_breaker=breaker)({}))
        await probing.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    breaker.acquire()


@pytest.mark.req("N-21")
def test_refuses_what_is_no_breaker():
    """The message names the option."""
    with pytest.raises(TypeError, match="circuit_breaker must be a CircuitBreakerConfig"):
        create_node(lambda s: {}, circuit_breaker=5)


@pytest.mark.req("N-21")
def test_a_retry_waits_for_a_probe_that_it_will_be_allowed(mode, fake):
    """If the recovery time is shorter than the back-off, the retries continue."""
    flaky = Flaky(ConnectionError, {"x": 1})
    node = create_node(
        flaky.awaited if mode.is_async else flaky.sync,
        retry={"backoff_ms": 2000, "jitter": 0},
        circuit_breaker={"failure_threshold": 1, "recovery_timeout_ms": 1000},
        runtime=fake,
    )
    assert mode.call(node, {}) == {"x": 1}
    assert node.circuit_breaker.state is CircuitState.CLOSED


@pytest.mark.req("N-21")
def test_a_breaker_that_another_opened_during_the_wait_ends_the_retries(mode, fake):
    """The refusal names the previous failure."""
    breaker = breaker_on(fake)
    fake.at(0.5, breaker.force_open)
    flaky = Flaky(ConnectionError("dead"))
    node = create_node(
        flaky.awaited if mode.is_async else flaky.sync, retry=5, circuit_breaker=breaker, runtime=fake
    )
    record = mode.call(node, {})["errors"][0]
    assert (record["code"], flaky.calls) == ("CIRCUIT_OPEN", 1)
    assert "until reset() is called). Before that: ConnectionError: dead" in record["message"]


@pytest.mark.req("N-21")
def test_trips_on_takes_exception_classes(mode, fake):
    """Like retry_on. A class is not called as a predicate."""
    node = create_node(
        mode.function(lambda s: 1 / 0),
        circuit_breaker=CircuitBreakerConfig(failure_threshold=1, trips_on=ConnectionError),
        runtime=fake,
    )
    mode.call(node, {})
    assert node.circuit_breaker.state is CircuitState.CLOSED
