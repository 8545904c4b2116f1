"""Stopping: abort signals, asyncio's cancellation and LangGraph's drain."""

import asyncio
import gc
import threading
import weakref

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphDrained
from langgraph.graph import START, StateGraph
from langgraph.runtime import RunControl

from langgraph_runner import (
    AbortController,
    AbortSignal,
    GraphState,
    NodeCancellationError,
    NodeMetricsCollector,
    create_node,
    get_node_context,
    runner_config,
)
from langgraph_runner.testing import Flaky


class State(GraphState, total=False):
    """The state of the graphs in this module."""

    x: int


def aborted(reason="stop"):
    """A controller that has been aborted."""
    controller = AbortController()
    controller.abort(reason)
    return controller


@pytest.mark.req("N-17")
def test_a_signal_fires_once_and_keeps_its_reason():
    """The first reason counts."""
    controller = AbortController()
    assert (controller.signal.aborted, controller.signal.reason) == (False, None)
    controller.abort("first")
    controller.abort("second")
    assert (controller.signal.aborted, controller.signal.reason) == (True, "first")
    assert "first" in repr(controller.signal)


@pytest.mark.req("N-17")
def test_throw_if_aborted():
    """It does nothing before the abort, and raises after it."""
    AbortController().signal.throw_if_aborted()
    with pytest.raises(NodeCancellationError, match="stop"):
        aborted().signal.throw_if_aborted("n")


@pytest.mark.req("N-17")
def test_callbacks_are_called_once_and_can_be_taken_back(caplog):
    """A late callback is called at once. One that raises has no other effect."""
    controller = AbortController()
    heard = []

    def broken():
        raise ZeroDivisionError

    controller.signal.add_callback(broken)
    controller.signal.add_callback(lambda: heard.append("a"))
    remove = controller.signal.add_callback(lambda: heard.append("removed"))
    remove()
    remove()
    controller.abort()
    controller.abort()
    controller.signal.add_callback(lambda: heard.append("late"))()
    assert heard == ["a", "late"]
    assert "abort.callback_failed" in caplog.text


@pytest.mark.req("N-17")
def test_wait_blocks_until_the_signal_fires_or_the_time_is_up():
    """The signal fires in another thread."""
    controller = AbortController()
    assert controller.signal.wait(timeout_ms=1) is False
    threading.Thread(target=controller.abort).start()
    assert controller.signal.wait(timeout_ms=10_000) is True


@pytest.mark.req("N-17")
def test_wait_async_wakes_when_another_thread_aborts():
    """The waiting coroutine is on an event loop."""

    async def main():
        controller = AbortController()
        thread = threading.Thread(target=controller.abort)
        waiting = asyncio.create_task(controller.signal.wait_async())
        await asyncio.sleep(0)
        thread.start()
        await waiting

    asyncio.run(main())


@pytest.mark.req("N-17")
def test_a_waiter_whose_loop_is_gone_harms_nobody():
    """An abort after the loop has closed has no effect on it."""
    controller = AbortController()
    loop = asyncio.new_event_loop()
    task = loop.create_task(controller.signal.wait_async())
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    controller.abort()
    assert controller.signal.aborted
    task._log_destroy_pending = False


@pytest.mark.req("N-17")
def test_any_fires_with_the_first_and_takes_its_reason():
    """Also if a signal has fired before."""
    a, b = AbortController(), AbortController()
    combined = AbortSignal.any(a.signal, b.signal)
    b.abort("b did")
    a.abort("a did")
    assert combined.reason == "b did"
    assert AbortSignal.any(aborted("old").signal, a.signal).reason == "old"


@pytest.mark.req("N-17")
def test_a_combination_that_nobody_holds_goes_away():
    """A long-lived signal does not keep the combinations made from it."""
    controller = AbortController()
    combined = weakref.ref(AbortSignal.any(controller.signal))
    gc.collect()
    assert combined() is None
    controller.abort()


@pytest.mark.req("N-17")
def test_timeout_ms_fires_by_itself():
    """The reason names the limit; an invalid limit is refused."""
    signal = AbortSignal.timeout_ms(1)
    assert signal.wait(timeout_ms=10_000)
    assert signal.reason == "timed out after 1 ms"
    with pytest.raises(ValueError, match="timeout_ms must be at least 0, got -1"):
        AbortSignal.timeout_ms(-1)


@pytest.mark.req("N-17")
def test_a_timeout_signal_inside_any_lives_as_long_as_the_combination():
    """Only the combination refers to it."""
    combined = AbortSignal.any(AbortSignal.timeout_ms(1), AbortController().signal)
    gc.collect()
    assert combined.wait(timeout_ms=10_000)


@pytest.mark.req("N-17", "N-24")
def test_an_aborted_run_does_not_call_the_function(mode, fake):
    """The record is NODE_CANCELLED with the reason."""
    called = []
    node = create_node(mode.function(called.append), name="n", runtime=fake)
    update = mode.call(node, {}, runner_config(abort_signal=aborted("user left").signal))
    record = update["errors"][0]
    assert (record["code"], record["category"]) == ("NODE_CANCELLED", "cancelled")
    assert record["message"] == "Node 'n' was cancelled: user left"
    assert update["routing_flags"] == {"blocked": True}
    assert called == []


@pytest.mark.req("N-17")
def test_an_abort_stops_a_back_off_wait(mode, fake):
    """No further attempt is made."""
    controller = AbortController()
    fake.at(1.0, lambda: controller.abort("enough"))
    calls = []

    def fail(state):
        calls.append(1)
        raise ConnectionError

    node = create_node(
        mode.function(fail),
        retry={"backoff_ms": 60_000, "max_backoff_ms": 60_000},
        runtime=fake,
    )
    record = mode.call(node, {}, runner_config(abort_signal=controller.signal))["errors"][0]
    assert (record["code"], len(calls), fake.now) == ("NODE_CANCELLED", 1, 1.0)


@pytest.mark.req("N-17")
def test_an_abort_stops_a_running_attempt(mode, fake):
    """In the middle of its work."""
    controller = AbortController()
    fake.at(2.0, controller.abort)

    def work(state):
        fake.advance(100)
        return {"x": 1}

    node = create_node(mode.function(work), retry=3, runtime=fake)
    record = mode.call(node, {}, runner_config(abort_signal=controller.signal))["errors"][0]
    assert (record["code"], fake.now) == ("NODE_CANCELLED", 2.0)


@pytest.mark.req("N-17")
def test_a_blocked_thread_is_left_when_the_run_is_aborted():
    """Real time, without a timeout: the node returns, and the function's signal fires."""
    controller = AbortController()
    told, node_returned = threading.Event(), threading.Event()

    def block(state):
        controller.abort("now")
        assert get_node_context().abort_signal.wait(timeout_ms=10_000)
        told.set()
        node_returned.wait(10)

    record = create_node(block)({}, runner_config(abort_signal=controller.signal))["errors"][0]
    node_returned.set()
    assert record["code"] == "NODE_CANCELLED"
    assert told.wait(10)


@pytest.mark.req("N-17")
def test_a_real_back_off_of_a_blocking_node_ends_with_the_abort():
    """Real time: a wait of an hour ends at once."""
    controller = AbortController()

    def fail(state):
        raise ConnectionError

    node = create_node(
        fail,
        retry={"backoff_ms": 3_600_000, "max_backoff_ms": 3_600_000},
        on_retry_attempt=lambda _: threading.Timer(0.01, controller.abort).start(),
    )
    record = node({}, runner_config(abort_signal=controller.signal))["errors"][0]
    assert record["code"] == "NODE_CANCELLED"


@pytest.mark.req("N-17")
def test_an_abort_from_another_thread_stops_a_coroutine():
    """Real time; no task is left."""
    controller = AbortController()

    async def hang(state):
        threading.Thread(target=controller.abort).start()
        await asyncio.Event().wait()

    async def main():
        update = await create_node(hang)({}, runner_config(abort_signal=controller.signal))
        return update, asyncio.all_tasks() - {asyncio.current_task()}

    update, left = asyncio.run(main())
    assert update["errors"][0]["code"] == "NODE_CANCELLED"
    assert left == set()


@pytest.mark.req("N-17")
@pytest.mark.parametrize("options", [{}, {"timeout_ms": 60_000, "retry": 3}])
def test_asyncio_cancellation_is_raised_again(options):
    """After the clean-up, with any options. The collector counts a cancellation, not a failure."""
    collector = NodeMetricsCollector()
    steps, has_begun = [], asyncio.Event()

    async def hang(state):
        has_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("cleaned up")

    async def main():
        task = asyncio.create_task(
            create_node(hang, name="n", metrics_collector=collector, fallback=lambda s: {}, **options)({})
        )
        await has_begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert asyncio.run(main())
    assert steps == ["cleaned up"]
    metrics = collector.get_node_metrics("n")
    assert (metrics.cancelled_count, metrics.failure_count) == (1, 0)


@pytest.mark.req("N-17")
def test_cancellation_during_a_back_off_is_raised_again():
    """The wait does not swallow it."""
    waits = asyncio.Event()

    async def fail(state):
        raise ConnectionError

    async def main():
        node = create_node(fail, retry={"backoff_ms": 30_000}, on_retry_attempt=lambda _: waits.set())
        task = asyncio.create_task(node({}))
        await waits.wait()  # The back-off begins in the same turn of the event loop.
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.req("N-17")
def test_an_outer_timeout_is_not_taken_for_the_nodes_own():
    """`asyncio.timeout` around the node still works, although the node has its own timeout."""

    async def hang(state):
        await asyncio.Event().wait()

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await create_node(hang, timeout_ms=60_000)({})
        return asyncio.current_task().cancelling()

    assert asyncio.run(main()) == 0


@pytest.mark.req("N-17")
def test_the_nodes_timeout_leaves_no_trace_of_cancellation_in_the_task():
    """`uncancel()` is balanced: later code is not cancelled, and can be."""

    async def hang(state):
        await asyncio.Event().wait()

    async def main():
        await create_node(hang, timeout_ms=10)({})
        await asyncio.sleep(0)
        return asyncio.current_task().cancelling()

    assert asyncio.run(main()) == 0


def draining_graph(node):
    """A graph of one node, with a checkpointer."""
    return (
        StateGraph(State)
        .add_node("n", node)
        .add_edge(START, "n")
        .add_node("after", lambda s: {"x": 99})
        .add_edge("n", "after")
        .compile(checkpointer=InMemorySaver())
    )


def drained_then_resumed(mode, node):
    """Run a graph until it drains, then to its end. Return the state at both points."""
    graph = draining_graph(node)
    config = {"configurable": {"thread_id": "t"}}
    with pytest.raises(GraphDrained, match="deploy"):
        mode.invoke(graph, {"x": 0}, config, control=DRAINED.pop())
    drained = graph.get_state(config)
    return drained, mode.invoke(graph, None, config)


DRAINED: list[RunControl] = []


@pytest.fixture
def control():
    """The control of the run that `drained_then_resumed` starts."""
    control = RunControl()
    DRAINED[:] = [control]
    return control


@pytest.mark.req("N-17")
def test_a_drain_stops_a_back_off_wait_and_the_node_runs_again_on_resume(mode, control, caplog):
    """The run ends at its checkpoint before the node: nothing is skipped. The log has NODE_CANCELLED."""
    calls = []

    def fail_once(state):
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionError
        return {"x": 5}

    node = create_node(
        mode.function(fail_once),
        retry={"backoff_ms": 3_600_000},
        on_retry_attempt=lambda _: control.request_drain("deploy"),
    )
    drained, result = drained_then_resumed(mode, node)
    assert (drained.next, drained.values["errors"]) == (("n",), [])
    assert (result["x"], len(calls)) == (99, 2)
    assert "NODE_CANCELLED" in caplog.text


@pytest.mark.req("N-17")
def test_a_drain_stops_a_running_attempt_and_the_node_runs_again_on_resume(mode, control):
    """Real time: a coroutine stops at once; a blocked function only if it has its own thread."""
    calls = []

    def block(state):
        calls.append(1)
        if len(calls) == 1:
            control.request_drain("deploy")
            get_node_context().abort_signal.wait(timeout_ms=10_000)
        return {"x": 5}

    async def hang(state):
        calls.append(1)
        if len(calls) == 1:
            control.request_drain("deploy")
            await asyncio.Event().wait()
        return {"x": 5}

    node = create_node(hang) if mode.is_async else create_node(block, timeout_ms=60_000)
    drained, result = drained_then_resumed(mode, node)
    assert drained.next == ("n",)
    assert (result["x"], result["errors"], len(calls)) == (99, [], 2)


@pytest.mark.req("N-17")
def test_a_drained_node_of_a_run_that_cannot_be_resumed_is_recorded(mode):
    """Without a checkpointer the run cannot resume, so the record says what was stopped."""
    control = RunControl()

    def fail(state):
        raise ConnectionError

    node = create_node(
        mode.function(fail),
        retry={"backoff_ms": 3_600_000},
        on_retry_attempt=lambda _: control.request_drain("deploy"),
    )
    graph = StateGraph(State).add_node("n", node).add_edge(START, "n").compile()
    result = mode.invoke(graph, {"x": 0}, control=control)
    record = result["errors"][0]
    assert (record["code"], record["message"]) == ("NODE_CANCELLED", "Node 'n' was cancelled: drain: deploy")


@pytest.mark.req("N-17")
def test_calls_leave_nothing_behind_in_a_signal_that_outlives_them(mode):
    """For example, callbacks in a shutdown signal of the process."""
    controller = AbortController()
    node = create_node(mode.function(lambda s: {"x": get_node_context().abort_signal.aborted}))
    for _ in range(20):
        mode.call(node, {}, runner_config(abort_signal=AbortSignal.any(controller.signal)))
        mode.call(node, {}, runner_config(abort_signal=controller.signal))
    gc.collect()
    assert controller.signal._callbacks == {}


@pytest.mark.req("N-17")
def test_on_drain_finish_lets_the_attempt_end(mode):
    """Its result is kept; then the run drains."""
    control = RunControl()

    def work(state):
        control.request_drain("deploy")
        return {"x": 5}

    graph = draining_graph(create_node(mode.function(work), on_drain="finish", timeout_ms=60_000))
    config = {"configurable": {"thread_id": "t"}}
    with pytest.raises(GraphDrained):
        mode.invoke(graph, {"x": 0}, config, control=control)
    values = graph.get_state(config).values
    assert (values["x"], values["errors"]) == (5, [])


@pytest.mark.req("N-17", "N-27")
@pytest.mark.parametrize("on_drain", [None, "stop", "finish"])
def test_with_raise_a_drained_node_runs_again_on_resume(mode, on_drain):
    """A wait always ends. LangGraph gets GraphDrained and ends at the last checkpoint, so nothing is lost."""
    control = RunControl()
    calls = []

    def work(state):
        calls.append(1)
        if len(calls) == 1:
            control.request_drain("deploy")
            raise ConnectionError
        return {"x": 7}

    node = create_node(
        mode.function(work),
        retry={"backoff_ms": 3_600_000},
        on_error="raise",
        on_drain=on_drain,
    )
    graph = draining_graph(node)
    config = {"configurable": {"thread_id": "t"}}
    with pytest.raises(GraphDrained, match="deploy"):
        mode.invoke(graph, {"x": 0}, config, control=control)
    assert mode.invoke(graph, None, config)["x"] == 99
    assert len(calls) == 2


@pytest.mark.req("N-17")
def test_a_wrong_kind_of_signal_is_named(mode):
    """The message says where the signal was given and what is expected."""
    node = create_node(mode.function(lambda s: {}))
    record = mode.call(node, {}, {"configurable": {"abort_signal": "stop"}})["errors"][0]
    assert "abort_signal" in record["message"]
    assert "must be an AbortSignal" in record["message"]


@pytest.mark.req("N-17")
def test_aborting_inside_the_function_lets_it_finish_or_not_but_never_hangs():
    """A coroutine that aborts its own run and returns at once may succeed."""
    controller = AbortController()

    async def f(state):
        controller.abort()
        return {"x": 1}

    update = asyncio.run(create_node(f)({}, runner_config(abort_signal=controller.signal)))
    assert update == {"x": 1}


@pytest.mark.req("N-17")
def test_a_signal_can_be_fired_in_a_signal_handler():
    """The handler may interrupt methods of the signal. The abort is not lost, and nothing hangs."""
    controller = AbortController()
    heard = []

    class Interrupting(dict):
        """Calls a signal handler at a chosen moment, in place of the operating system."""

        def __setitem__(self, key, value):
            super().__setitem__(key, value)
            controller.abort("SIGTERM")

    controller.signal._callbacks = Interrupting()
    controller.signal.add_callback(lambda: heard.append("once"))
    assert (heard, controller.signal.reason) == (["once"], "SIGTERM")


@pytest.mark.req("N-17")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("waits", ["for a signal", "for a thread", "before a retry"])
def test_an_abort_by_a_signal_that_did_not_wake_the_main_thread_is_heard(unheard_signal, waits):
    """Python calls handlers in the main thread, which must not wait for its own handler."""
    controller = AbortController()
    released = threading.Event()
    unheard_signal(lambda *_: controller.abort("SIGTERM"))
    if waits == "for a signal":
        assert controller.signal.wait()
        return
    if waits == "for a thread":
        node = create_node(lambda state: released.wait(60), on_error="raise")
    else:
        retry = {"max_attempts": 2, "backoff_ms": 60_000}
        node = create_node(Flaky(ConnectionError).sync, retry=retry, on_error="raise")
    with pytest.raises(NodeCancellationError, match="SIGTERM"):
        node({}, runner_config(abort_signal=controller.signal))
    released.set()


@pytest.mark.req("N-17")
def test_a_late_callback_that_raises_is_logged_as_well(caplog):
    """The caller that adds the callback does not get its exception."""
    aborted().signal.add_callback(lambda: 1 / 0)
    assert "abort.callback_failed" in caplog.text


@pytest.mark.req("N-17", "N-22")
def test_all_threads_get_the_same_signal_of_an_attempt():
    """Regardless of which thread asks first."""
    seen = []

    def work(state):
        context = get_node_context()
        start = threading.Barrier(8)

        def ask():
            start.wait()
            seen.append(context.abort_signal)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    create_node(work)({})
    assert len({id(signal) for signal in seen}) == 1


@pytest.mark.req("N-17")
def test_a_watched_loop_keeps_no_state_of_a_finished_node_alive():
    """The drain timer of a busy loop runs in its own context."""

    class Heavy:
        """An object that must be freed."""

    async def main():
        heavy = Heavy()
        gone = weakref.ref(heavy)
        graph = StateGraph(dict).add_node("n", create_node(quick)).add_edge(START, "n").compile()
        await graph.ainvoke({"heavy": heavy})
        del heavy
        gc.collect()
        return gone() is None

    async def quick(state):
        return {}

    assert asyncio.run(main())


@pytest.mark.req("N-17")
def test_an_abort_signal_ends_a_sync_node_whose_awaited_run_was_cancelled():
    """Real time: the node runs in a thread, which the cancellation does not reach. The signal does."""
    controller, waiting, stopped, updates = AbortController(), threading.Event(), threading.Event(), []

    def fail(state):
        raise ConnectionError

    def work(state, config: RunnableConfig):
        try:
            updates.append(node(state, config))
            return updates[0]
        finally:
            stopped.set()

    node = create_node(
        fail,
        retry={"backoff_ms": 3_600_000, "max_backoff_ms": 3_600_000},
        on_retry_attempt=lambda _: waiting.set(),
    )
    graph = StateGraph(State).add_node("n", work).add_edge(START, "n").compile()

    async def main():
        task = asyncio.create_task(graph.ainvoke({"x": 0}, runner_config(abort_signal=controller.signal)))
        await asyncio.to_thread(waiting.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        controller.abort("request cancelled")

    asyncio.run(main())
    assert stopped.wait(10)
    assert "request cancelled" in updates[0]["errors"][0]["message"]
