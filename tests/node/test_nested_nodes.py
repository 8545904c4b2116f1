"""Nodes whose functions call nodes and graphs: stopping, interrupts and contexts across the levels."""

import asyncio
import contextvars
import gc
import threading
import time

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from langgraph_runner import GraphState, create_node, get_node_context
from langgraph_runner.testing import FakeRuntime


class State(GraphState, total=False):
    """The state of the graphs in this module."""

    x: int
    answers: list[str]


THREAD = {"configurable": {"thread_id": "t"}}


def asking_graph(node):
    """A graph of one node that can be resumed."""
    return StateGraph(State).add_node("n", node).add_edge(START, "n").compile(checkpointer=InMemorySaver())


@pytest.mark.req("N-26", "N-25")
def test_a_fallback_asks_its_own_question(mode, fake):
    """It does not get the answer to the question of the function."""

    def primary(state):
        if get_node_context().attempt == 1:
            raise ConnectionError
        raise ValueError(f"bad answer {interrupt('primary?')}")

    node = create_node(
        mode.function(primary),
        retry={"max_attempts": 2, "backoff_ms": 0},
        fallback=mode.function(lambda s: {"answers": [interrupt("fallback?")]}),
        runtime=fake,
    )
    graph = asking_graph(node)
    assert mode.invoke(graph, {"x": 0}, THREAD)["__interrupt__"][0].value == "primary?"
    assert mode.invoke(graph, Command(resume="one"), THREAD)["__interrupt__"][0].value == "fallback?"
    assert mode.invoke(graph, Command(resume="two"), THREAD)["answers"] == ["two"]


@pytest.mark.req("N-26")
def test_a_nested_node_that_retries_keeps_the_questions_of_the_outer_one_apart(mode):
    """Three questions get their own answers: before, inside and after the nested node."""
    calls = []

    def inner(state):
        calls.append(1)
        if len(calls) % 2:
            raise ConnectionError
        return {"answers": [interrupt("inner?")]}

    nested = create_node(inner, retry={"max_attempts": 3, "backoff_ms": 0}, on_error="raise")

    def outer(state):
        before = interrupt("before?")
        inside = nested(state)["answers"][0]
        return {"answers": [before, inside, interrupt("after?")]}

    graph = asking_graph(create_node(mode.function(outer)))
    mode.invoke(graph, {"x": 0}, THREAD)
    for answer in ("one", "two"):
        mode.invoke(graph, Command(resume=answer), THREAD)
    assert mode.invoke(graph, Command(resume="three"), THREAD)["answers"] == ["one", "two", "three"]


@pytest.mark.req("N-26")
def test_an_interrupt_in_a_task_group_is_control_flow():
    """The group is raised unchanged, as without the wrapper. Nothing is captured."""

    async def work(state):
        async def ask():
            interrupt("in a task?")

        async with asyncio.TaskGroup() as group:
            group.create_task(ask())

    with pytest.raises(BaseExceptionGroup) as raised:
        asyncio.run(asking_graph(create_node(work, retry=3)).ainvoke({"x": 0}, THREAD))
    assert "GraphInterrupt" in repr(raised.value.exceptions)


@pytest.mark.req("N-17", "N-15")
def test_what_is_nested_in_a_stopped_attempt_stops_too():
    """Real time: the thread is abandoned, but the node in it makes no further attempt."""
    calls = []

    def fail(state):
        calls.append(1)
        raise ConnectionError

    inner = create_node(fail, retry={"max_attempts": 1000, "backoff_ms": 5, "max_backoff_ms": 5})
    inside = []
    ended = threading.Event()

    def outer(state):
        inside.append(inner(state))
        ended.set()

    create_node(outer, timeout_ms=60)({})
    assert ended.wait(10)
    assert inside[0]["errors"][0]["code"] == "NODE_CANCELLED"
    assert len(calls) < 100


@pytest.mark.req("N-17", "N-15")
def test_a_graph_inside_a_stopped_attempt_walks_no_further():
    """Its next nodes are refused."""
    walked = []
    ended = threading.Event()
    release = threading.Event()

    def step(state):
        walked.append(1)
        release.wait(10)
        return {}

    builder = StateGraph(State)
    for name in "abcd":
        builder.add_node(name, create_node(step))
    builder.add_edge(START, "a").add_edge("a", "b").add_edge("b", "c").add_edge("c", "d")
    inner = builder.compile()

    def outer(state, config):
        try:
            return inner.invoke(state, config)
        finally:
            ended.set()

    create_node(outer, timeout_ms=30)({"x": 1})
    release.set()
    assert ended.wait(10)
    assert len(walked) == 1


@pytest.mark.req("N-17")
@pytest.mark.parametrize("options", [{"retry": {"backoff_ms": 60_000}}, {"fallback": lambda s: {"x": 1}}, {}])
def test_a_cancellation_that_became_another_error_still_cancels(options):
    """Some clients turn a cancellation into another error. The node stops all the same."""
    has_begun = asyncio.Event()

    async def convert(state):
        has_begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError("lost") from None

    async def main():
        task = asyncio.create_task(create_node(convert, **options)({}))
        await has_begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.req("N-17")
def test_the_attempts_signal_fires_when_the_task_is_cancelled():
    """So a thread that the function has started can stop, too."""
    heard = threading.Event()
    started = threading.Event()

    async def work(state):
        signal = get_node_context().abort_signal

        def loop():
            started.set()
            if signal.wait(timeout_ms=10_000):
                heard.set()

        threading.Thread(target=loop, daemon=True).start()
        await asyncio.Event().wait()

    async def main():
        task = asyncio.create_task(create_node(work)({}))
        await asyncio.to_thread(started.wait, 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert heard.wait(10)


@pytest.mark.req("N-25", "N-15")
def test_a_blocking_fallback_of_an_async_node_does_not_hold_up_the_loop():
    """It runs in a daemon thread, which the timeout abandons. The loop closes at once."""
    release = threading.Event()

    async def fail(state):
        raise ConnectionError

    node = create_node(fail, timeout_ms=30, fallback=lambda s: release.wait(60))
    begun = time.monotonic()
    record = asyncio.run(node({}))["errors"][0]
    took = time.monotonic() - begun
    release.set()
    assert record["code"] == "FALLBACK_FAILED"
    assert took < 30


@pytest.mark.req("N-25", "N-15")
def test_an_async_fallback_of_a_blocking_node_is_cancelled_at_the_timeout():
    """Unlike a thread, a coroutine can be stopped."""
    cancelled = threading.Event()

    async def fall_back(state):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    node = create_node(lambda s: 1 / 0, timeout_ms=30, fallback=fall_back)
    assert node({})["errors"][0]["code"] == "FALLBACK_FAILED"
    assert cancelled.wait(10)


@pytest.mark.req("N-22")
def test_a_coroutine_that_is_collected_leaves_the_running_node_alone():
    """The garbage collector closes it in the context of the code that runs at that moment."""

    async def suspend(state):
        await asyncio.sleep(0)

    holder = [create_node(suspend, name="collected", retry=2)({})]
    contextvars.copy_context().run(holder[0].send, None)

    def work(state):
        holder.clear()
        gc.collect()
        return {"x": get_node_context().node_name}

    assert create_node(work, name="running")({}) == {"x": "running"}


@pytest.mark.req("N-15")
def test_no_attempt_begins_once_the_total_time_is_used_up(mode):
    """Even if a callback has used up the time."""
    fake = FakeRuntime()
    calls = []

    def fail(state):
        calls.append(1)
        raise ConnectionError

    node = create_node(
        mode.function(fail),
        retry={"backoff_ms": 0},
        total_timeout_ms=100,
        on_retry_attempt=lambda _: fake.advance(1),
        runtime=fake,
    )
    record = mode.call(node, {})["errors"][0]
    assert (record["code"], len(calls)) == ("NODE_TIMEOUT", 1)


@pytest.mark.req("N-15")
def test_a_returned_runnable_has_only_what_is_left_of_the_total_time(mode):
    """It does not get the whole limit again."""
    from langchain_core.runnables import RunnableLambda

    fake = FakeRuntime()

    def slow(state):
        fake.advance(0.15)
        return RunnableLambda(lambda _: fake.advance(0.15) or {})

    node = create_node(mode.function(slow), total_timeout_ms=200, runtime=fake)
    assert mode.call(node, {})["errors"][0]["code"] == "NODE_TIMEOUT"
    assert fake.now == pytest.approx(0.2)


@pytest.mark.req("N-17")
def test_the_fake_clock_stops_a_function_inside_a_task_group():
    """The stop is inside an exception group, and the node finds it there."""
    fake = FakeRuntime()

    async def work(state):
        async def slow():
            fake.advance(60)

        async with asyncio.TaskGroup() as group:
            group.create_task(slow())

    record = asyncio.run(create_node(work, timeout_ms=500, runtime=fake)({}))["errors"][0]
    assert record["code"] == "NODE_TIMEOUT"


@pytest.mark.req("N-17", "N-15")
def test_a_wait_ends_however_deep_it_is_nested():
    """Real time: the back-off of a node two levels down is interrupted."""
    ended = threading.Event()

    def fail(state):
        raise ConnectionError

    inner = create_node(fail, retry={"backoff_ms": 600_000})
    middle = create_node(lambda s: inner(s) or {}, name="middle")

    def outer(state):
        middle(state)
        ended.set()

    create_node(outer, timeout_ms=50)({})
    assert ended.wait(30)


@pytest.mark.req("N-19", "N-15")
def test_an_async_callback_of_a_blocking_node_is_cancelled_at_its_limit():
    """It has the limit of an attempt; then it is stopped."""
    cancelled = threading.Event()
    release = threading.Event()

    async def hang(error):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    node = create_node(lambda s: release.wait(30), timeout_ms=30, on_timeout=hang)
    assert node({})["errors"][0]["code"] == "NODE_TIMEOUT"
    assert cancelled.wait(10)
    release.set()


@pytest.mark.req("N-25")
def test_a_blocking_fallback_that_nothing_limits_stays_in_its_thread():
    """So it may use resources of the thread, such as a database connection."""
    node = create_node(lambda s: 1 / 0, fallback=lambda s: {"x": threading.get_ident()})
    assert node({}) == {"x": threading.get_ident()}
