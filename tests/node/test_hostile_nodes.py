"""Functions that do what no function should. docs/nodes.md lists the outcomes that surprise."""

import asyncio
import gc
import threading
from dataclasses import dataclass

import pytest
from langgraph.types import Command

from langgraph_runner import create_node


def verdict(mode, function, **options):
    """The record of a function's failure."""
    return mode.call(create_node(mode.function(function), name="n", **options), {})["errors"][0]


@pytest.mark.req("N-4", "N-24")
@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([], "a list"),
        ([1, 2], "a list"),
        (42, "an int"),
        ("text", "a str"),
        (True, "a bool"),
        (object(), "an object"),
        ({1, 2}, "a set"),
        ([Command(update={}), 5], "a list"),
        (dict, "a type"),
    ],
)
def test_returns_something_that_is_no_update(mode, value, found):
    """INVALID_NODE_OUTPUT, without a retry. The message says what to return."""
    record = verdict(mode, lambda s: value, retry=3)
    assert (record["code"], record["category"], record["attempts"], record["recoverable"]) == (
        "INVALID_NODE_OUTPUT",
        "validation",
        1,
        False,
    )
    assert record["message"].startswith(f"Node 'n' returned {found}. Return a dict of state fields")


@pytest.mark.req("N-4")
def test_returns_a_generator(mode):
    """The generator is closed."""
    closed = []

    def numbers():
        try:
            yield 1
        finally:
            closed.append(True)

    def work(state):
        generator = numbers()
        next(generator)
        return generator

    assert "a generator, which is not consumed" in verdict(mode, work)["message"]
    assert closed == [True]


@pytest.mark.req("N-4")
def test_returns_a_coroutine_that_nobody_awaited():
    """The message says "async def". Python does not warn about the coroutine."""

    async def work(state):
        return {}

    def hands_on(state):
        return work(state)

    record = create_node(hands_on)({})["errors"][0]
    gc.collect()
    assert 'declare it as "async def"' in record["message"]


@pytest.mark.req("N-4")
def test_returns_a_key_that_is_no_string(mode):
    """The message shows the key."""
    record = verdict(mode, lambda s: {1: "x"})
    assert "a dict with the key 1 of type int" in record["message"]


class Boom(BaseException):
    """A BaseException that is not an Exception."""


@pytest.mark.req("N-4")
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, Boom])
def test_raises_what_is_no_exception(error):
    """It is raised, because a shutdown must not be delayed. Sync, with and without a thread."""

    def work(state):
        raise error

    for options in ({}, {"timeout_ms": 5000}, {"retry": 3, "fallback": lambda s: {}}):
        with pytest.raises(error):
            create_node(work, **options)({})


@pytest.mark.req("N-4")
def test_raises_what_is_no_exception_in_a_coroutine():
    """It is raised, also in a coroutine."""

    async def work(state):
        raise Boom

    with pytest.raises(Boom):
        asyncio.run(create_node(work, retry=3, timeout_ms=5000)({}))


@pytest.mark.req("N-17")
def test_raises_cancelled_error_itself(mode):
    """It is always raised again. LangGraph turns it into its NodeCancelledError."""

    def work(state):
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        mode.call(create_node(mode.function(work), retry=3), {})


@pytest.mark.req("N-4")
@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration])
def test_raises_stop_iteration(mode, error):
    """It becomes a RuntimeError, as in coroutines of Python (PEP 479), and no result is lost."""

    def work(state):
        raise error

    record = verdict(mode, work, retry=3)
    assert record["error_type"] in {"RuntimeError", "StopAsyncIteration"}
    assert (record["code"], record["attempts"]) == ("NODE_EXECUTION_FAILED", 1)


@pytest.mark.req("N-4")
def test_recurses_for_ever(mode):
    """It is not retried, and the stack in the record is bounded."""

    def work(state):
        return work(state)

    record = verdict(mode, work, retry=3)
    assert (record["error_type"], record["attempts"]) == ("RecursionError", 1)
    assert len(record["stack"]) <= 8_100


@pytest.mark.req("N-4")
def test_raises_a_group(mode):
    """Its members are the causes. It is retried, because all members may be retried."""

    def work(state):
        raise ExceptionGroup("both down", [ConnectionError("a"), TimeoutError("b")])

    record = verdict(mode, work, retry={"max_attempts": 2, "backoff_ms": 0})
    assert (record["error_type"], record["attempts"]) == ("ExceptionGroup", 2)
    assert {c["error_type"] for c in record["causes"]} == {"ConnectionError", "TimeoutError"}


class Unprintable(Exception):
    """An exception whose text cannot be read."""

    def __str__(self):
        """Fails."""
        raise ZeroDivisionError

    __repr__ = __str__


@pytest.mark.req("N-4", "N-20")
def test_raises_an_exception_that_cannot_be_printed(mode):
    """The record has only the type."""

    def work(state):
        raise Unprintable

    assert verdict(mode, work)["error_type"] == "Unprintable"


@pytest.mark.req("N-4")
def test_raises_the_same_exception_again_and_again(mode):
    """The same object in many calls: its notes do not accumulate."""
    error = ConnectionError("same")

    def work(state):
        raise error

    node = create_node(mode.function(work), retry={"max_attempts": 2, "backoff_ms": 0})
    for _ in range(50):
        record = mode.call(node, {})["errors"][0]
    assert len(getattr(error, "__notes__", [])) == 1
    assert len(record["stack"]) <= 8_100


@pytest.mark.req("N-15")
def test_blocks_the_event_loop():
    """An async function that blocks holds its loop. The timeout acts as soon as the loop runs again."""
    import time

    async def block(state):
        time.sleep(0.05)  # noqa: ASYNC251 - that is the mistake under test
        await asyncio.Event().wait()

    record = asyncio.run(create_node(block, timeout_ms=10)({}))["errors"][0]
    assert record["code"] == "NODE_TIMEOUT"


@pytest.mark.req("N-15", "N-17")
def test_ignores_cancellation_once():
    """The node waits for it, because it may be cleaning up. Its result is dropped."""

    async def stubborn(state):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return {"x": 1}

    assert "errors" in asyncio.run(create_node(stubborn, timeout_ms=10)({}))


@pytest.mark.req("N-17")
def test_starts_threads(mode):
    """The threads belong to the function and continue. The node does not wait for them."""
    release = threading.Event()
    started = []

    def work(state):
        thread = threading.Thread(target=release.wait, args=(10,), daemon=True)
        thread.start()
        started.append(thread)
        return {"x": 1}

    assert mode.call(create_node(mode.function(work), timeout_ms=5000), {}) == {"x": 1}
    assert started[0].is_alive()
    release.set()


@pytest.mark.req("N-4")
def test_mutates_its_input(mode):
    """With a retry, each attempt gets an unchanged state."""
    state = {"items": [1]}

    def work(s):
        s["items"].append(2)
        return {"items": s["items"]}

    assert mode.call(create_node(mode.function(work), retry=2), state) == {"items": [1, 2]}


@pytest.mark.req("N-4")
def test_returns_a_subclass_of_dict(mode):
    """It is a valid update."""
    from collections import OrderedDict

    update = OrderedDict(x=1)
    assert mode.call(create_node(mode.function(lambda s: update)), {}) is update


@dataclass(frozen=True)
class Frozen(ConnectionError):
    """An exception that accepts no attributes, and so no notes."""

    text: str


@pytest.mark.req("N-4", "N-25")
def test_raises_a_frozen_exception(mode):
    """The record is about this exception, not about the failed attempt to add a note."""

    def work(state):
        raise Frozen("frozen")

    record = verdict(mode, work, retry={"max_attempts": 2, "backoff_ms": 0})
    assert (record["code"], record["error_type"]) == ("RETRY_EXHAUSTED", "Frozen")
    record = verdict(mode, lambda s: 1 / 0, fallback=work)
    assert record["code"] == "FALLBACK_FAILED"


@pytest.mark.req("N-25")
def test_a_fallback_raises_the_primary_error_again(mode):
    """No exception becomes its own context."""
    from langgraph_runner import get_node_context

    def again(state):
        raise get_node_context().primary_error

    node = create_node(mode.function(lambda s: 1 / 0), fallback=again)
    error = mode.call(node.run, {}).exception
    assert error.fallback_error is error.primary_error
    assert error.fallback_error.__context__ is not error.fallback_error


@pytest.mark.req("N-4")
@pytest.mark.parametrize(
    "config",
    [{"configurable": None}, {"metadata": None}, {"metadata": {"langgraph_node": 5}}, {"tags": None}],
)
def test_is_called_with_an_odd_config(mode, config):
    """With a success and with a failure."""
    assert mode.call(create_node(mode.function(lambda s: {"x": 1})), {}, config) == {"x": 1}
    record = mode.call(create_node(mode.function(lambda s: 1 / 0)), {}, config)["errors"][0]
    assert record["error_type"] == "ZeroDivisionError"


class Moody:
    """A state whose story cannot be read."""

    @property
    def story_id(self):
        """Fails."""
        raise ZeroDivisionError


@pytest.mark.req("N-4")
def test_is_called_with_a_state_whose_story_raises(mode):
    """The record has no story id."""
    record = mode.call(create_node(mode.function(lambda s: [])), Moody())["errors"][0]
    assert record["code"] == "INVALID_NODE_OUTPUT"
    assert "story_id" not in record


@pytest.mark.req("N-16", "N-21")
def test_coroutine_functions_are_refused_where_an_answer_is_wanted_at_once():
    """A coroutine is always true, which is never intended."""
    from langgraph_runner import CircuitBreakerConfig, NodeCircuitBreaker, RetryConfig

    async def predicate(error):
        return False

    with pytest.raises(ValueError, match="retry_on"):
        RetryConfig(retry_on=predicate)
    with pytest.raises(ValueError, match="trips_on"):
        CircuitBreakerConfig(trips_on=predicate)
    with pytest.raises(TypeError, match="coroutine function"):
        NodeCircuitBreaker().add_listener(predicate)


@pytest.mark.req("N-1")
def test_a_decorated_node_is_a_function_again(mode):
    """The attributes that functools.wraps copies do not turn the decorator into a node."""
    import functools

    inner = create_node(lambda s: {"x": 1})

    @functools.wraps(inner)
    def decorated(*args, **kwargs):
        return {**inner(*args, **kwargs), "y": 2}

    assert create_node(decorated)({}) == {"x": 1, "y": 2}
    node = create_node(mode.function(lambda s: 1 / 0), fallback=decorated)
    assert mode.call(node, {}) == {"x": 1, "y": 2}
