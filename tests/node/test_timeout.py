"""Timeouts of one attempt and of all attempts, for async and for blocking functions."""

import asyncio
import pickle
import threading
from datetime import timedelta

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.config import get_config, get_stream_writer
from langgraph.errors import NodeTimeoutError as LangGraphNodeTimeoutError
from langgraph.graph import START, StateGraph
from langgraph.types import TimeoutPolicy
from typing_extensions import TypedDict

from langgraph_runner import (
    NodeMetricsCollector,
    NodeTimeoutError,
    RetryConfig,
    abandoned_threads,
    create_node,
    get_node_context,
)
from langgraph_runner.metrics.exporters import NodeMetricsPrometheusCollector
from langgraph_runner.testing import Flaky


def slow_node(mode, fake, *script, takes_s, **options):
    """A node whose function takes some time of the fake clock."""
    flaky = Flaky(*script, takes_s=takes_s, clock=fake)
    function = flaky.awaited if mode.is_async else flaky.sync
    return create_node(function, name="slow", runtime=fake, **options), flaky


@pytest.mark.req("N-15", "N-24")
def test_an_attempt_that_takes_too_long_is_a_timeout(mode, fake):
    """The record has the limit and the elapsed time."""
    node, _ = slow_node(mode, fake, {}, takes_s=9, timeout_ms=500)
    record = mode.call(node, {})["errors"][0]
    assert (record["code"], record["category"], record["recoverable"]) == ("NODE_TIMEOUT", "timeout", True)
    assert record["message"] == "Node 'slow' exceeded its attempt timeout of 500 ms (elapsed: 500 ms)."


@pytest.mark.req("N-15")
def test_an_attempt_in_time_is_none(mode, fake):
    """For example, half of the limit."""
    node, _ = slow_node(mode, fake, {"x": 1}, takes_s=0.25, timeout_ms=500)
    assert mode.call(node, {}) == {"x": 1}


@pytest.mark.req("N-15")
def test_each_attempt_has_the_whole_limit(mode, fake):
    """A timeout is retried, and the limit of the next attempt starts again."""
    retry = RetryConfig(max_attempts=3, backoff_ms=0)
    node, flaky = slow_node(mode, fake, {}, takes_s=9, timeout_ms=500, retry=retry)
    record = mode.call(node, {})["errors"][0]
    assert (flaky.calls, fake.now) == (3, 1.5)
    assert (record["code"], record["error_type"]) == ("RETRY_EXHAUSTED", "NodeTimeoutError")


@pytest.mark.req("N-15")
def test_the_total_timeout_covers_attempts_and_waits(mode, fake):
    """The attempt in which it passes is stopped, and no attempt follows."""
    retry = RetryConfig(max_attempts=10, backoff_ms=1000, backoff_multiplier=1, jitter=0)
    node, flaky = slow_node(
        mode, fake, ConnectionError, takes_s=1, retry=retry, total_timeout_ms=4500, timeout_ms=2000
    )
    record = mode.call(node, {})["errors"][0]
    assert (flaky.calls, fake.now) == (3, 4.5)
    assert record["message"] == "Node 'slow' exceeded its total timeout of 4500 ms (elapsed: 4500 ms)."


@pytest.mark.req("N-15")
def test_a_wait_beyond_the_total_timeout_is_not_begun(mode, fake):
    """An attempt after it would be too late. The error of the last attempt is the cause."""
    retry = RetryConfig(max_attempts=3, backoff_ms=5000, jitter=0)
    node, _ = slow_node(mode, fake, ConnectionError("x"), takes_s=1, retry=retry, total_timeout_ms=3000)
    outcome = mode.call(node.run, {})
    assert (fake.sleeps, fake.now) == ([], 1.0)
    assert isinstance(outcome.exception, NodeTimeoutError)
    assert isinstance(outcome.exception.__cause__, ConnectionError)


@pytest.mark.req("N-15")
def test_the_error_is_langgraphs_too():
    """So policies for LangGraph's error work unchanged. It survives pickle with all attributes."""
    error = pickle.loads(pickle.dumps(NodeTimeoutError(node="n", timeout_ms=500, elapsed_ms=510.5)))  # noqa: S301
    assert isinstance(error, LangGraphNodeTimeoutError)
    assert (error.node, error.timeout, error.elapsed, error.kind) == ("n", 0.5, 0.5105, "run")
    assert (error.scope, error.timeout_ms, error.elapsed_ms) == ("attempt", 500, 510.5)


@pytest.mark.req("N-15", "N-27")
@pytest.mark.parametrize("limit", [500, timedelta(milliseconds=500), TimeoutPolicy(run_timeout=0.5)])
def test_other_forms_of_a_limit_mean_the_same(mode, fake, limit):
    """A number of milliseconds, a timedelta and LangGraph's policy."""
    node, _ = slow_node(mode, fake, {}, takes_s=9, timeout_ms=limit)
    assert "timeout of 500 ms" in mode.call(node, {})["errors"][0]["message"]


@pytest.mark.req("N-27")
def test_an_idle_timeout_is_refused_with_the_way_out():
    """Nodes have no such timeout. The message says where to use it."""
    with pytest.raises(ValueError, match=r"timeout_ms: TimeoutPolicy\(idle_timeout=...\).*add_node"):
        create_node(lambda s: {}, timeout_ms=TimeoutPolicy(idle_timeout=1))


@pytest.mark.req("N-19")
def test_on_timeout_is_called_for_each_attempt_that_took_too_long(mode, fake):
    """It gets the error, before the next attempt."""
    heard = []
    node, _ = slow_node(
        mode,
        fake,
        {},
        takes_s=9,
        timeout_ms=500,
        retry=RetryConfig(max_attempts=2, backoff_ms=0),
        on_timeout=lambda error: heard.append((error.node, error.elapsed_ms, get_node_context().attempt)),
    )
    mode.call(node, {})
    assert heard == [("slow", 500, 1), ("slow", 500, 2)]


@pytest.mark.req("N-19")
def test_on_timeout_may_be_async_in_both_modes(mode, fake):
    """It may be async in a sync node, and sync in an async one."""
    heard = []

    async def clean_up(error):
        await asyncio.sleep(0)
        heard.append(error.scope)

    node, _ = slow_node(mode, fake, {}, takes_s=9, timeout_ms=500, on_timeout=clean_up)
    mode.call(node, {})
    assert heard == ["attempt"]


@pytest.mark.req("N-19")
def test_a_failing_clean_up_is_logged_and_hides_nothing(mode, fake, caplog):
    """The record is still that of the timeout."""

    def broken(error):
        raise ZeroDivisionError

    node, _ = slow_node(mode, fake, {}, takes_s=9, timeout_ms=500, on_timeout=broken)
    assert mode.call(node, {})["errors"][0]["code"] == "NODE_TIMEOUT"
    assert "on_timeout_failed" in caplog.text


@pytest.mark.req("N-19")
def test_on_timeout_is_not_called_for_a_timeout_of_the_functions_own(mode, fake):
    """A `TimeoutError` of the function is its own error, not the limit of the node."""
    heard = []
    node, _ = slow_node(mode, fake, TimeoutError("db"), takes_s=0, timeout_ms=500, on_timeout=heard.append)
    mode.call(node, {})
    assert heard == []


@pytest.mark.req("N-15")
def test_a_blocked_thread_is_told_left_and_counted(no_thread_left):
    """Real time: the node continues at the deadline. The thread's signal fires, and it ends by itself."""
    told = threading.Event()
    ended = threading.Event()

    def block(state):
        signal = get_node_context().abort_signal
        assert signal.wait(timeout_ms=10_000)
        told.set()
        ended.wait(10)
        return {"x": "too late"}

    update = create_node(block, timeout_ms=20)({})
    assert update["errors"][0]["code"] == "NODE_TIMEOUT"
    assert told.wait(10)
    assert abandoned_threads() == 1
    *_, gauge = NodeMetricsPrometheusCollector(NodeMetricsCollector()).collect()
    assert [(each.name, each.value) for each in gauge.samples] == [("langgraph_node_abandoned_threads", 1)]
    thread = next(t for t in threading.enumerate() if t.name == "node-block")
    assert thread.daemon
    ended.set()
    thread.join(10)
    assert abandoned_threads() == 0


@pytest.mark.req("N-15")
def test_an_abandoned_attempt_keeps_its_own_signal():
    """The thread of the first attempt does not see the signal of the second one."""
    signals = []
    release = threading.Event()

    def block(state):
        signals.append(get_node_context().abort_signal)
        if len(signals) == 1:
            release.wait(10)
        return {"x": len(signals)}

    node = create_node(block, timeout_ms=50, retry={"max_attempts": 2, "backoff_ms": 0})
    assert node({}) == {"x": 2}
    assert [signal.aborted for signal in signals] == [True, False]
    release.set()


@pytest.mark.req("N-15")
def test_a_coroutine_is_cancelled_at_the_deadline():
    """Real time: its clean-up ends before the node continues."""
    steps = []

    async def slow(state):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned up")

    update = asyncio.run(create_node(slow, timeout_ms=20)({}))
    assert update["errors"][0]["code"] == "NODE_TIMEOUT"
    assert steps == ["cleaned up"]


@pytest.mark.req("N-15")
def test_a_late_result_is_dropped():
    """A coroutine that swallows its cancellation and returns is still late."""

    async def stubborn(state):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return {"x": "late"}

    update = asyncio.run(create_node(stubborn, timeout_ms=20)({}))
    assert update["errors"][0]["code"] == "NODE_TIMEOUT"


@pytest.mark.req("N-15")
def test_a_late_error_is_the_cause_of_the_timeout():
    """An exception of the clean-up is not lost."""

    async def stubborn(state):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("while cleaning up") from None

    outcome = asyncio.run(create_node(stubborn, timeout_ms=20).run({}))
    assert isinstance(outcome.exception, NodeTimeoutError)
    assert str(outcome.exception.__cause__) == "while cleaning up"


@pytest.mark.req("N-15")
def test_no_task_is_left_behind():
    """After a timeout no task of the attempt is still running."""

    async def slow(state):
        await asyncio.Event().wait()

    async def main():
        await create_node(slow, timeout_ms=20)({})
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(main()) == set()


@pytest.mark.req("N-15")
def test_a_thread_sees_the_context_of_the_caller():
    """Context variables of the caller, LangGraph's config among them, reach the thread."""
    from contextvars import ContextVar

    variable = ContextVar("v", default="unset")
    variable.set("set")
    node = create_node(lambda state: {"x": variable.get()}, timeout_ms=5000)
    assert node({}) == {"x": "set"}


@pytest.mark.req("N-15")
def test_an_exception_in_a_thread_keeps_its_traceback():
    """The stack names the function, not only the runner."""

    def fail_in_thread(state):
        raise ValueError("inside")

    record = create_node(fail_in_thread, timeout_ms=5000)({})["errors"][0]
    assert "fail_in_thread" in record["stack"]


@pytest.mark.req("N-15", "N-20")
def test_the_record_of_a_timeout_tells_where_the_function_was(mode):
    """Real time: the stack of the record has the line that hung."""
    release = threading.Event()

    def hang_here(state):
        release.wait(10)

    async def hang_here_async(state):
        await asyncio.Event().wait()

    node = create_node(hang_here_async if mode.is_async else hang_here, timeout_ms=50)
    stack = mode.call(node, {})["errors"][0]["stack"]
    release.set()
    assert "hang_here" in stack
    assert "test_timeout.py" in stack


class Empty(TypedDict):
    """A state."""


def graph_of(node, **options):
    """A graph of one node."""
    return StateGraph(Empty).add_node("n", node, **options).add_edge(START, "n").compile()


@pytest.mark.req("N-15")
@pytest.mark.parametrize("limits", [{"timeout_ms": 5_000}, {"timeout_ms": 5_000, "retry": 3}])
def test_a_thread_knows_the_run_that_it_belongs_to(limits):
    """LangGraph's `get_config()` and stream writer work in the thread of an attempt."""

    def work(state):
        assert threading.current_thread() is not threading.main_thread()
        get_stream_writer()(get_config()["metadata"]["langgraph_node"])

    graph = graph_of(create_node(work, on_error="raise", **limits))
    assert list(graph.stream({}, stream_mode="custom")) == ["n"]


@pytest.mark.req("N-15")
@pytest.mark.parametrize("is_awaited", [False, True], ids=["invoke", "ainvoke"])
def test_a_sync_node_is_timed_out_where_langgraph_refuses_to(is_awaited):
    """Real time: LangGraph has no `timeout` for it. `timeout_ms` ends it in sync and async runs."""
    release = threading.Event()

    def block(state):
        release.wait(10)

    with pytest.raises(ValueError, match="only supported for async nodes"):
        graph_of(block, timeout=0.02)
    graph = graph_of(create_node(block, timeout_ms=20, on_error="raise"))
    with pytest.raises(NodeTimeoutError):
        asyncio.run(graph.ainvoke({})) if is_awaited else graph.invoke({})
    release.set()


@pytest.mark.req("N-15")
@pytest.mark.parametrize("is_awaited", [False, True], ids=["invoke", "ainvoke"])
def test_a_node_of_both_modes_is_timed_out_in_both(is_awaited):
    """Real time: LangGraph accepts a `timeout` for it, and fails in a sync run."""
    release = threading.Event()

    async def hang(state):
        await asyncio.Event().wait()

    both = RunnableLambda(lambda state: release.wait(10), hang)
    accepted = graph_of(both, timeout=0.02)
    with pytest.raises(ValueError, match="only supported for async nodes"):
        accepted.invoke({})
    graph = graph_of(create_node(both, timeout_ms=20, on_error="raise"))
    with pytest.raises(NodeTimeoutError):
        asyncio.run(graph.ainvoke({})) if is_awaited else graph.invoke({})
    release.set()
