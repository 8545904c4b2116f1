"""with_retry() and with_timeout(): policies of a node for functions of any kind."""

import asyncio
import inspect
import logging
import threading

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from langgraph_runner import (
    AbortController,
    CircuitBreakerConfig,
    CircuitOpenError,
    CircuitState,
    GraphState,
    NodeCancellationError,
    NodeCircuitBreaker,
    NodeTimeoutError,
    RetryConfig,
    RetryExhaustedError,
    abandoned_threads,
    create_node,
    get_node_context,
    runner_config,
    with_retry,
    with_timeout,
)
from langgraph_runner.testing import node_context

MINUTE_MS = 60_000


def scripted(mode, script, calls=None):
    """A function `(a, *, b)` in a mode, which raises or returns what the script says."""
    entries = iter(script)

    def step(a, b):
        if calls is not None:
            calls.append((a, b))
        entry = next(entries)
        if isinstance(entry, BaseException):
            raise entry
        return entry

    def function(a: int, *, b: int = 0) -> object:
        """Does as the script says."""
        return step(a, b)

    async def coroutine_function(a: int, *, b: int = 0) -> object:
        """Does as the script says."""
        return step(a, b)

    return coroutine_function if mode.is_async else function


def called(mode, function, *arguments, **keywords):
    """Return the result in either mode, outside an event loop."""
    result = function(*arguments, **keywords)
    return asyncio.run(_awaited(result)) if mode.is_async else result


async def _awaited(result):
    return await result


@pytest.mark.req("N-5", "N-31")
def test_a_function_of_any_signature_is_retried(mode, fake, caplog):
    """With the back-off of the config. Each wait is logged."""
    calls = []
    function = scripted(mode, [ConnectionError(), TimeoutError(), 7], calls)
    retrying = with_retry(function, RetryConfig(max_attempts=3, backoff_ms=100))
    with node_context(runtime=fake), caplog.at_level(logging.WARNING, logger="langgraph_runner"):
        assert called(mode, retrying, 1, b=2) == 7
    assert (calls, fake.sleeps) == ([(1, 2)] * 3, [0.1, 0.2])
    assert [record.getMessage().split()[0] for record in caplog.records] == ["function.retrying"] * 2


@pytest.mark.req("N-31")
@pytest.mark.parametrize("unit", [lambda f: with_retry(f, 3), lambda f: with_timeout(f, MINUTE_MS)])
def test_name_doc_and_signature_stay(mode, unit):
    """So LangGraph and readers see those of the function."""
    function = scripted(mode, [])
    wrapped = unit(function)
    assert (wrapped.__name__, wrapped.__doc__) == (function.__name__, "Does as the script says.")
    assert inspect.signature(wrapped) == inspect.signature(function)
    assert inspect.iscoroutinefunction(wrapped) == mode.is_async


@pytest.mark.req("N-31")
def test_when_all_attempts_fail_the_error_is_that_of_a_node(mode, fake):
    """Caused by the last error."""
    last = ConnectionError("second")
    retrying = with_retry(scripted(mode, [ConnectionError("first"), last]), {"max_attempts": 2})
    with node_context(runtime=fake), pytest.raises(RetryExhaustedError) as caught:
        called(mode, retrying, 1)
    assert (caught.value.attempts, caught.value.last_error, caught.value.__cause__) == (2, last, last)


@pytest.mark.req("N-16", "N-31")
def test_what_is_not_retried_is_raised_as_it_is(mode, fake):
    """Such as a programming error, or the first error if there is only one attempt."""
    for error, retry in ((ValueError("wrong"), 3), (ConnectionError("down"), 1)):
        with node_context(runtime=fake), pytest.raises(type(error)) as caught:
            called(mode, with_retry(scripted(mode, [error]), retry), 1)
        assert caught.value is error


@pytest.mark.req("N-16", "N-31")
def test_retry_after_is_honoured(mode, fake):
    """If the wait of the server is longer than the back-off."""

    class BusyError(Exception):
        """An error like those of HTTP clients."""

        status_code = 429
        headers = {"Retry-After": "7"}  # noqa: RUF012

    with node_context(runtime=fake):
        called(mode, with_retry(scripted(mode, [BusyError(), 1]), {"max_attempts": 2, "backoff_ms": 10}), 1)
    assert fake.sleeps == [7.0]


@pytest.mark.req("N-31")
def test_a_broken_predicate_hides_nothing(mode, fake, caplog):
    """The error of the function is raised; that of the predicate is logged."""

    def broken(error):
        raise KeyError("oops")

    retry = {"max_attempts": 3, "retry_on": broken}
    with node_context(runtime=fake), pytest.raises(ConnectionError, match="down"):
        called(mode, with_retry(scripted(mode, [ConnectionError("down")]), retry), 1)
    assert "function.retry_predicate_failed" in caplog.text


@pytest.mark.req("N-17", "N-31")
def test_an_abort_of_the_node_around_ends_the_wait(mode, fake):
    """No further attempt begins."""
    calls = []
    retrying = with_retry(
        scripted(mode, [ConnectionError()] * 9, calls), {"max_attempts": 9, "backoff_ms": 1000}
    )
    controller = AbortController()

    async def work_async(state):
        return await retrying(1)

    def work(state):
        return retrying(1)

    node = create_node(work_async if mode.is_async else work, name="n")
    fake.at(1.5, lambda: controller.abort("enough"))
    config = runner_config(runtime=fake, abort_signal=controller.signal)
    record = mode.call(node, {}, config)["errors"][0]
    assert (record["code"], len(calls)) == ("NODE_CANCELLED", 2)


@pytest.mark.req("N-17", "N-31")
def test_nothing_begins_where_the_node_around_has_stopped(mode):
    """As for a nested node."""
    for unit in (with_retry(scripted(mode, [1]), 3), with_timeout(scripted(mode, [1]), MINUTE_MS)):
        with node_context() as context:
            context.stop("over")
            with pytest.raises(NodeCancellationError, match="over"):
                called(mode, unit, 1)


@pytest.mark.req("N-31")
async def test_a_cancelled_task_is_not_retried():
    """Although the function turns its cancellation into an ordinary error."""
    started, calls = asyncio.Event(), []

    async def stubborn():
        calls.append(1)
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError("lost") from None

    task = asyncio.ensure_future(with_retry(stubborn, {"max_attempts": 3, "backoff_ms": 0})())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert calls == [1]


@pytest.mark.req("N-26", "N-31")
def test_answers_to_interrupts_stay_with_their_questions(mode):
    """A retry after an answered question does not ask it again."""

    class State(GraphState, total=False):
        answer: str

    failures = iter([ConnectionError(), None])

    def ask():
        answer = interrupt("name?")
        if (error := next(failures)) is not None:
            raise error
        return answer

    asking = with_retry(ask, {"max_attempts": 2, "backoff_ms": 0})
    node = create_node(mode.function(lambda state: {"answer": asking()}))
    graph = StateGraph(State).add_node("n", node).add_edge(START, "n").compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}
    mode.invoke(graph, {}, config)
    assert mode.invoke(graph, Command(resume="Ada"), config)["answer"] == "Ada"


@pytest.mark.req("N-15", "N-31")
def test_a_call_that_takes_too_long_is_ended(mode, fake):
    """At the limit, by the clock of the surrounding node."""

    def slow(a):
        fake.advance(2)

    limited = with_timeout(mode.function(slow), 500)
    with node_context(runtime=fake), pytest.raises(NodeTimeoutError) as caught:
        called(mode, limited, 1)
    assert (caught.value.node, caught.value.timeout_ms, fake.now) == (limited.__name__, 500.0, 0.5)


@pytest.mark.req("N-15", "N-31")
def test_a_plain_function_in_a_thread_can_stop_itself(no_thread_left):
    """Also outside a node: the abort signal of its context fires."""
    stopped = threading.Event()

    def loop():
        signal = get_node_context().abort_signal
        signal.wait(60)
        stopped.set()

    with pytest.raises(NodeTimeoutError):
        with_timeout(loop, 20)()
    assert stopped.wait(60)
    assert abandoned_threads() <= 1
    with pytest.raises(RuntimeError, match="no node call here"):
        get_node_context()


@pytest.mark.req("N-15", "N-31")
def test_retries_end_with_the_time_limit_around_them(mode, fake):
    """Also in the middle of a wait."""
    calls = []
    retrying = with_retry(
        scripted(mode, [ConnectionError()] * 5, calls), {"max_attempts": 5, "backoff_ms": 1000}
    )
    with node_context(runtime=fake), pytest.raises(NodeTimeoutError):
        called(mode, with_timeout(retrying, 1500), 1)
    assert (len(calls), fake.now) == (2, 1.5)


@pytest.mark.req("N-15", "N-31")
def test_each_attempt_can_have_a_limit(mode, fake):
    """A timeout is an error that is retried."""
    takes = iter([5, 0])

    def slow():
        fake.advance(next(takes))
        return "done"

    unit = with_retry(with_timeout(mode.function(slow), 500), {"max_attempts": 2, "backoff_ms": 0})
    with node_context(runtime=fake):
        assert called(mode, unit) == "done"


def recorder(mode, calls, *, returns=None):
    """A callback that records its argument, sync or async."""

    def record(argument):
        calls.append(argument)
        return returns

    return mode.function(record)


@pytest.mark.req("N-19", "N-31")
def test_a_timeout_calls_its_callback(mode, fake):
    """With the error that is raised. A timeout of a call inside the function is not its own."""
    calls, inner = [], NodeTimeoutError(node="other", timeout_ms=1, elapsed_ms=1, scope="attempt")
    steps = iter([lambda: fake.advance(2), lambda: raise_(inner), lambda: None])

    def step():
        next(steps)()

    limited = with_timeout(mode.function(step), 500, on_timeout=recorder(mode, calls))
    with node_context(runtime=fake):
        with pytest.raises(NodeTimeoutError) as caught:
            called(mode, limited)
        assert calls == [caught.value]
        with pytest.raises(NodeTimeoutError) as caught:
            called(mode, limited)
        called(mode, limited)
    assert (caught.value, len(calls)) == (inner, 1)


def raise_(error):
    """Raise an error in an expression."""
    raise error


@pytest.mark.req("N-19", "N-23", "N-31")
def test_a_callback_that_fails_hides_nothing(mode, fake, caplog):
    """It is logged."""

    def broken():
        raise KeyError("oops")

    callback = mode.function(lambda _: broken()) if mode.is_async else broken
    limited = with_timeout(mode.function(lambda: fake.advance(2)), 500, on_timeout=callback)
    retrying = with_retry(
        scripted(mode, [ConnectionError(), 7]),
        {"max_attempts": 2, "backoff_ms": 0},
        on_retry_attempt=callback,
    )
    with node_context(runtime=fake):
        with pytest.raises(NodeTimeoutError):
            called(mode, limited)
        assert called(mode, retrying, 1) == 7
    assert "function.on_timeout_failed" in caplog.text
    assert "function.on_retry_attempt_failed" in caplog.text


@pytest.mark.req("N-23", "N-31")
@pytest.mark.parametrize("is_in_node", [True, False])
def test_each_retry_calls_its_callback_before_the_wait(mode, fake, is_in_node):
    """With the attempt that failed, its error, the wait and a context."""
    calls, first, second = [], ConnectionError("first"), TimeoutError("second")
    retry = {"max_attempts": 3, "backoff_ms": 1, "jitter": 0}
    function = scripted(mode, [first, second, 7])
    retrying = with_retry(function, retry, on_retry_attempt=recorder(mode, calls))
    if is_in_node:
        with node_context("n", runtime=fake):
            assert called(mode, retrying, 1) == 7
    else:
        assert called(mode, retrying, 1) == 7
    assert [(call.attempt, call.error, call.delay_ms) for call in calls] == [(1, first, 1), (2, second, 2)]
    assert [call.context.attempt for call in calls] == [1, 2]
    assert {call.context.node_name for call in calls} == {"n" if is_in_node else function.__name__}


@pytest.mark.req("N-17", "N-31")
def test_an_abort_signal_ends_the_waits_of_retries(mode, fake):
    """And nothing begins once it has fired."""
    calls, controller = [], AbortController()
    script = scripted(mode, [ConnectionError()] * 9, calls)
    retry = {"max_attempts": 9, "backoff_ms": 1000}
    retrying = with_retry(script, retry, abort_signal=controller.signal)
    fake.at(1.5, lambda: controller.abort("enough"))
    with node_context(runtime=fake):
        for _ in range(2):
            with pytest.raises(NodeCancellationError, match="enough"):
                called(mode, retrying, 1)
    assert len(calls) == 2


@pytest.mark.req("N-17", "N-31")
@pytest.mark.parametrize(
    "unit",
    [
        lambda fn, signal: with_retry(fn, 3, abort_signal=signal),
        lambda fn, signal: with_timeout(fn, MINUTE_MS, abort_signal=signal),
    ],
)
def test_an_abort_signal_stops_a_running_call(mode, unit):
    """The function can see it, and it is not retried."""
    controller, seen = AbortController(), []

    def look():
        seen.append(get_node_context().abort_signal)
        controller.abort("enough")
        seen[0].wait(60)

    async def look_async():
        seen.append(get_node_context().abort_signal)
        controller.abort("enough")
        await asyncio.Event().wait()

    with pytest.raises(NodeCancellationError, match="enough"):
        called(mode, unit(look_async if mode.is_async else look, controller.signal))
    assert (len(seen), "enough" in seen[0].reason) == (1, True)


@pytest.mark.req("N-21", "N-31")
def test_retries_go_through_a_circuit_breaker(mode, fake):
    """Each attempt counts. The attempt that opens it is the last one, and later calls are refused."""
    calls = []
    function = scripted(mode, [ConnectionError("down")] * 9, calls)
    breaker = {"failure_threshold": 2, "recovery_timeout_ms": 60_000}
    guarded = with_retry(function, {"max_attempts": 9, "backoff_ms": 1000}, circuit_breaker=breaker)
    with node_context("n", runtime=fake):
        with pytest.raises(CircuitOpenError) as caught:
            called(mode, guarded, 1)
        assert (len(calls), str(caught.value.last_error)) == (2, "down")
        with pytest.raises(CircuitOpenError) as caught:
            called(mode, guarded, 1)
        assert (len(calls), caught.value.node, caught.value.last_error) == (2, function.__name__, None)
        fake.advance(60)
        with pytest.raises(CircuitOpenError):
            called(mode, guarded, 1)
    assert len(calls) == 3


@pytest.mark.req("N-21", "N-31")
def test_a_breaker_that_opens_during_a_wait_ends_the_retries(mode, fake):
    """The refusal has the error of the attempt before."""
    breaker = NodeCircuitBreaker()
    retry = {"max_attempts": 9, "backoff_ms": 1000}
    guarded = with_retry(scripted(mode, [ConnectionError("down")]), retry, circuit_breaker=breaker)
    fake.at(0.5, breaker.force_open)
    with node_context(runtime=fake), pytest.raises(CircuitOpenError) as caught:
        called(mode, guarded, 1)
    assert str(caught.value.last_error) == "down"


@pytest.mark.req("N-21", "N-31")
def test_a_shared_breaker_closes_after_a_success(mode, fake):
    """A node, or another function, may have opened it."""
    breaker = NodeCircuitBreaker(CircuitBreakerConfig(failure_threshold=1, recovery_timeout_ms=0))
    breaker.record_failure()
    guarded = with_retry(retry=2, circuit_breaker=breaker)(scripted(mode, [7]))
    with node_context(runtime=fake):
        assert called(mode, guarded, 1) == 7
    assert breaker.state is CircuitState.CLOSED


@pytest.mark.req("N-31")
def test_both_are_decorators(mode, fake):
    """For functions and methods."""

    class Service:
        def __init__(self):
            self.calls = 0

        @with_retry(retry={"max_attempts": 2, "backoff_ms": 0})
        @with_timeout(timeout_ms=MINUTE_MS)
        def sync(self, x):
            return self._ask(x)

        @with_retry(retry={"max_attempts": 2, "backoff_ms": 0})
        @with_timeout(timeout_ms=MINUTE_MS)
        async def awaited(self, x):
            return self._ask(x)

        def _ask(self, x):
            self.calls += 1
            if self.calls == 1:
                raise ConnectionError
            return 2 * x

    service = Service()
    with node_context(runtime=fake):
        assert called(mode, service.awaited if mode.is_async else service.sync, 21) == 42


@pytest.mark.req("N-31")
@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: with_retry(None, None), TypeError, "retry: required"),
        (
            lambda: with_retry(5, 3),
            TypeError,
            r"fn: with_retry\(\) takes a function or a coroutine function, got 5",
        ),
        (lambda: with_retry(RunnableLambda(str), 3), TypeError, r"use create_node\(\)"),
        (lambda: with_timeout(_generator, 3), TypeError, r"fn: with_timeout\(\) takes"),
        (lambda: with_timeout(str, None), TypeError, "timeout_ms: required"),
        (lambda: with_timeout(str, 0), ValueError, "timeout_ms must be above 0"),
        (
            lambda: with_timeout(str, 5, on_timeout=_needs_two),
            TypeError,
            "on_timeout must be callable with error",
        ),
        (lambda: with_timeout(str, 5, abort_signal=AbortController()), TypeError, "Pass its `.signal`"),
        (
            lambda: with_retry(str, 5, on_retry_attempt=_needs_two),
            TypeError,
            "on_retry_attempt must be callable",
        ),
        (lambda: with_retry(str, 5, abort_signal=5), TypeError, "abort_signal must be an AbortSignal, got 5"),
        (
            lambda: with_retry(retry=5, circuit_breaker=5),
            TypeError,
            "circuit_breaker must be a CircuitBreakerConfig",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_once(make, kind, message):
    """When it is given, not at the first call."""
    with pytest.raises(kind, match=message):
        make()


def _needs_two(a, b):
    return a, b


def _generator():
    yield 1
