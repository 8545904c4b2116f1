"""The cap on running nodes holds when nested graphs of an awaited run fail.

LangGraph then cancels the siblings of the failed node, and cannot stop those that block in a thread.
"""

import asyncio
import functools
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.graph import START, StateGraph

from langgraph_runner import ExecutionOptions, GraphRunner, GraphState, create_node


class Gauge:
    """Counts the functions that run now."""

    def __init__(self):
        self.now = self.peak = 0
        self._lock = threading.Lock()

    def __enter__(self):
        with self._lock:
            self.now += 1
            self.peak = max(self.peak, self.now)

    def __exit__(self, *_):
        with self._lock:
            self.now -= 1


def fan(*actions):
    """A graph of nodes that run side by side."""
    builder = StateGraph(GraphState)
    for number, action in enumerate(actions):
        builder.add_node(f"n{number}", action).add_edge(START, f"n{number}")
    return builder.compile()


def catches(graph):
    """A node that calls `graph` and succeeds even if the graph fails."""

    async def call(state):
        try:
            await graph.ainvoke({})
        except ValueError:
            return {}

    return call


def catches_blocking(graph):
    """The same as a sync node."""

    def call(state):
        try:
            graph.invoke({})
        except ValueError:
            return {}

    return call


async def until(happened):
    """Let other tasks run until a thread sets an event."""
    while not happened.is_set():  # noqa: ASYNC110 - a thread sets it
        await asyncio.sleep(0)


@pytest.mark.req("G-1")
@pytest.mark.parametrize("wrap", [lambda function: function, create_node])
async def test_a_thread_that_was_left_behind_keeps_its_slot(wrap):
    """The node has ended, but its function still runs."""
    gauge, begun, go_on = Gauge(), threading.Event(), threading.Event()

    def blocks(state):
        with gauge:
            begun.set()
            go_on.wait(30)

    async def fails(state):
        with gauge:
            await until(begun)
        raise ValueError

    async def works(state):
        with gauge:
            for _ in range(50):  # Long enough for the other node to begin, if the cap lets it.
                await asyncio.sleep(0)
            go_on.set()

    builder = StateGraph(GraphState).add_node("part", catches(fan(fails, wrap(blocks))))
    builder.add_edge(START, "part")
    for name in ("a", "b"):
        builder.add_node(name, works).add_edge("part", name)
    result = await GraphRunner(builder.compile(), ExecutionOptions(max_concurrency=2)).arun({})
    assert (result.status, gauge.peak) == ("completed", 2)


@pytest.mark.req("G-1")
async def test_a_node_that_continues_after_a_failure_waits_for_a_slot():
    """The slot that it lent to its graph is that of a function which the graph has left behind."""
    gauge, begun, go_on, failed = Gauge(), threading.Event(), threading.Event(), asyncio.Event()

    def blocks(state):
        with gauge:
            begun.set()
            go_on.wait(30)

    async def fails(state):
        await until(begun)
        failed.set()
        raise ValueError

    async def works(state):
        with gauge:
            for _ in range(100):  # Long enough for the other nodes to begin, if the cap lets them.
                await asyncio.sleep(0)

    async def continues(state):
        await catches(fan(fails, blocks))(state)
        await works(state)

    async def calls_others(state):
        await failed.wait()
        await fan(works, works).ainvoke({})
        go_on.set()

    graph = fan(continues, calls_others)
    result = await GraphRunner(graph, ExecutionOptions(max_concurrency=3)).arun({})
    assert (result.status, gauge.peak) == ("completed", 3)


async def test_what_a_thread_calls_after_its_node_was_cancelled_uses_its_slot():
    """Otherwise it would wait for itself with a cap of 1."""
    begun, failed, called = threading.Event(), threading.Event(), threading.Event()
    inner = fan(lambda state: called.set())

    def blocks(state):
        begun.set()
        failed.wait(30)
        inner.invoke({})

    async def fails_later(state):
        await fan(blocks).ainvoke({})

    async def call(state):
        calling = asyncio.ensure_future(fails_later(state))
        await until(begun)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        failed.set()

    result = await GraphRunner(fan(call), ExecutionOptions(max_concurrency=1)).arun({})
    assert result.status == "completed"
    assert called.wait(30)


LEAVES = st.sampled_from(["works", "works", "awaits", "fails", "fails awaited"])
TREES = st.recursive(
    LEAVES,
    lambda below: st.tuples(
        st.sampled_from(["nested", "catches", "catches", "catches blocking"]),
        st.lists(below, min_size=1, max_size=4),
    ),
    max_leaves=16,
)


class Actions:
    """Makes the nodes of a random tree."""

    def __init__(self, gauge):
        self.gauge = gauge

    def of(self, tree):
        """The action of a tree or a leaf."""
        if isinstance(tree, str):
            return {
                "works": functools.partial(self._block, None),
                "fails": functools.partial(self._block, ValueError),
                "awaits": functools.partial(self._wait, None),
                "fails awaited": functools.partial(self._wait, ValueError),
            }[tree]
        kind, branches = tree
        graph = fan(*map(self.of, branches))
        if kind == "nested":
            return graph
        return self._continues(catches(graph)) if kind == "catches" else catches_blocking(graph)

    def _continues(self, call):
        async def call_and_work(state):
            await call(state)
            await self._wait(None, state)

        return call_and_work

    def _block(self, error, state):
        with self.gauge:
            for _ in range(50):  # Lets other threads run.
                time.sleep(0)
        if error is not None:
            raise error

    async def _wait(self, error, state):
        with self.gauge:
            await asyncio.sleep(0)
        if error is not None:
            raise error


@pytest.mark.req("G-1")
@settings(max_examples=60, deadline=None)
@given(branches=st.lists(TREES, min_size=1, max_size=4), limit=st.integers(1, 3))
def test_the_cap_holds_in_random_trees_with_failures(branches, limit):
    """With any nesting of graphs, wherever they fail and are caught. No run hangs."""
    gauge = Gauge()
    graph = fan(*map(Actions(gauge).of, branches))
    options = ExecutionOptions(max_concurrency=limit, timeout_ms=60_000)
    result = asyncio.run(GraphRunner(graph, options).arun({}))
    assert result.status in {"completed", "failed"}
    assert gauge.peak <= limit
