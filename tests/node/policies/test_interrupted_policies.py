"""Ctrl-C may come wherever Python runs signal handlers. It loses no place, queue position or probe for good."""

import sys
from pathlib import Path

import pytest

from langgraph_runner import (
    Bulkhead,
    BulkheadConfig,
    CircuitBreakerConfig,
    NodeCircuitBreaker,
    RateLimitConfig,
    RateLimiter,
    create_node,
)
from langgraph_runner.node import policies
from langgraph_runner.testing import FakeRuntime

FOLDER = str(Path(policies.__file__).parent)


def interrupted_at(number, call):
    """Make a call that Ctrl-C interrupts at this one of the places where handlers run; return whether it did."""
    place = 0

    def interrupt(frame, event, function):
        # At the start of functions in Python, and after those in C. Not between the acquisition of a lock and the
        # block that releases it, which only Python itself could make safe (bpo-29988).
        nonlocal place
        is_place = event == "call" or (event == "c_return" and function.__name__ != "__enter__")
        if is_place and frame.f_code.co_filename.startswith(FOLDER):
            place += 1
            if place == number:
                sys.setprofile(None)
                raise KeyboardInterrupt

    previous = sys.getprofile()
    sys.setprofile(interrupt)
    try:
        call({})
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(previous)
    return False


def places(call):
    """Interrupt a call at each place, and yield after each; at least ten, or the test would show nothing."""
    number = 1
    while interrupted_at(number, call):
        yield number
        number += 1
    assert number > 10


def succeed(state):
    """Do nothing."""
    return {}


@pytest.mark.req("N-32")
@pytest.mark.no_cover
def test_a_bulkhead_loses_no_place():
    """The next call gets one."""
    bulkhead = Bulkhead(BulkheadConfig(max_concurrent=1, max_queued=0))
    node = create_node(succeed, bulkhead=bulkhead)
    for _ in places(node):
        assert (bulkhead.running, bulkhead.queued) == (0, 0)
        assert node({}) == {}


@pytest.mark.req("N-32")
@pytest.mark.no_cover
def test_a_rate_limit_loses_no_position():
    """Each call waits for its token, so it is in the queue first."""
    fake = FakeRuntime()
    limiter = RateLimiter(RateLimitConfig(max_calls=1, period_ms=1_000))
    node = create_node(succeed, rate_limit=limiter, runtime=fake)
    node({})
    for _ in places(node):
        assert limiter.queued == 0
        assert node({}) == {}


@pytest.mark.req("N-21")
@pytest.mark.no_cover
def test_a_breaker_takes_another_probe_in_time():
    """A probe that never ends, as one whose permit was lost, counts for a minute."""
    fake = FakeRuntime()
    breaker = NodeCircuitBreaker(
        CircuitBreakerConfig(failure_threshold=1, recovery_timeout_ms=1_000), clock=fake.blocking.monotonic
    )
    node = create_node(succeed, circuit_breaker=breaker, runtime=fake)

    def probe(state):
        breaker.record_failure()
        fake.advance(1)
        node(state)

    for _ in places(probe):
        fake.advance(60)
        assert node({}) == {}
        assert breaker.state == "closed"
