"""Callbacks may take fewer arguments than they are called with."""

import asyncio
import functools

import pytest

from langgraph_runner import (
    CircuitBreakerConfig,
    MetricThreshold,
    NodeCircuitBreaker,
    NodeMetricsCollector,
    create_node,
)
from langgraph_runner.callbacks import accept_fewer_arguments
from langgraph_runner.testing import Flaky


class Callee:
    """Callables of several kinds, which record their arguments."""

    def __init__(self):
        self.seen = []

    def method(self, first):
        """A bound method."""
        self.seen.append((first,))

    def __call__(self, *arguments):
        """A call with any arguments."""
        self.seen.append(arguments)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda seen: lambda: seen.append(()), ()),
        (lambda seen: lambda a: seen.append((a,)), (1,)),
        (lambda seen: lambda a, b: seen.append((a, b)), (1, 2)),
        (lambda seen: lambda a, b, c=3: seen.append((a, b, c)), (1, 2, 3)),
        (lambda seen: lambda *all_: seen.append(all_), (1, 2)),
        (lambda seen: lambda a=0: seen.append((a,)), (1,)),
        (lambda seen: functools.partial(lambda x, a: seen.append((x, a)), 0), (0, 1)),
        (lambda seen: lambda *, key=1: seen.append((key,)), (1,)),
    ],
)
def test_a_callback_gets_as_many_arguments_as_it_takes(make, expected):
    """It gets the first ones."""
    seen = []
    accept_fewer_arguments(make(seen), "first", "second", field="f")(1, 2)
    assert seen == [expected]


def test_methods_and_objects_are_callbacks_too():
    """`self` does not count."""
    callee = Callee()
    accept_fewer_arguments(callee.method, "first", "second", field="f")(1, 2)
    accept_fewer_arguments(callee, "first", "second", field="f")(1, 2)
    assert callee.seen == [(1,), (1, 2)]


def test_a_builtin_without_a_signature_gets_everything():
    """`list.append` has a signature; `print` takes anything."""
    seen = []
    accept_fewer_arguments(seen.append, "first", "second", field="f")(1, 2)
    assert seen == [1]


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (lambda a, b, c: None, r"on_x must be callable with a and b, or .* needs the argument 'c'"),
        (lambda *, key: None, "needs the argument 'key'"),
        (7, "on_x must be a function, got 7"),
    ],
)
def test_a_callback_that_cannot_be_called_is_refused(callback, message):
    """The error comes when the callback is given, not when it is called."""
    with pytest.raises(TypeError, match=message):
        accept_fewer_arguments(callback, "a", "b", field="on_x")


@pytest.mark.req("N-19")
@pytest.mark.parametrize("is_async", [False, True])
def test_on_timeout_may_take_nothing(mode, fake, is_async):
    """The callback runs without an argument."""
    cleaned = []

    async def clean_up():
        cleaned.append(1)

    slow = Flaky({}, takes_s=9, clock=fake)
    node = create_node(
        slow.awaited if mode.is_async else slow.sync,
        timeout_ms=10,
        on_timeout=clean_up if is_async else lambda: cleaned.append(1),
        runtime=fake,
    )
    mode.call(node, {})
    assert cleaned == [1]


@pytest.mark.req("N-23")
def test_on_retry_attempt_may_take_nothing(mode, fake):
    """A callback that only counts needs no argument."""
    retries = []
    node = create_node(
        mode.function(Flaky(ConnectionError, {}).sync),
        retry=2,
        on_retry_attempt=lambda: retries.append(1),
        runtime=fake,
    )
    mode.call(node, {})
    assert retries == [1]


@pytest.mark.parametrize("option", ["on_timeout", "on_retry_attempt"])
def test_a_node_refuses_a_callback_with_too_many_parameters(option):
    """The error comes when the node is made."""
    with pytest.raises(TypeError, match=f"{option} must .* needs the argument 'b'"):
        create_node(lambda state: {}, **{option: lambda a, b: None})


def test_a_lambda_that_returns_a_coroutine_is_awaited(mode, fake):
    """A sync node runs it on an event loop of its own."""
    done = []

    async def notify(retry):
        await asyncio.sleep(0)
        done.append(retry.attempt)

    node = create_node(
        mode.function(Flaky(ConnectionError, {}).sync),
        retry=2,
        on_retry_attempt=lambda retry: notify(retry),  # noqa: PLW0108 - `notify` itself is async
        runtime=fake,
    )
    mode.call(node, {})
    assert done == [1]


def test_listeners_may_take_nothing():
    """This holds for listeners of a breaker and of a collector."""
    told = []
    breaker = NodeCircuitBreaker(CircuitBreakerConfig(failure_threshold=1))
    breaker.add_listener(lambda: told.append("circuit"))
    breaker.record_failure(breaker.acquire())
    collector = NodeMetricsCollector(
        thresholds=[MetricThreshold(metric="failure_rate", limit=0.1, min_samples=1)],
        on_threshold=lambda: told.append("threshold"),
    )
    collector.record_failure("n", 1.0, "other")
    assert told == ["circuit", "threshold"]


def test_listeners_with_too_many_parameters_are_refused():
    """The error comes when they are given."""
    with pytest.raises(TypeError, match=r"listener must .* needs the argument 'b'"):
        NodeCircuitBreaker().add_listener(lambda a, b: None)
    with pytest.raises(TypeError, match=r"on_threshold must .* needs the argument 'b'"):
        NodeMetricsCollector(
            thresholds=[MetricThreshold(metric="failure_rate", limit=0.1)], on_threshold=lambda a, b: None
        )
