"""The cost of a success in calls of Python and C functions. Unlike a time, this count is always the same.

The node has a retry, a circuit breaker and a collector, as in `benchmarks/success_path.py`. The calls of the function
itself are counted separately and subtracted; in a graph also those that LangGraph makes for a plain node.
"""

import asyncio
import gc
import sys
from contextlib import contextmanager
from typing import Any, TypedDict

import pytest
from langgraph.graph import StateGraph

from langgraph_runner import (
    CircuitBreakerConfig,
    NodeMetricsCollector,
    RetryConfig,
    create_node,
    runner_config,
)

RESULT = {"b": 2}
# Before 3.12, asyncio.current_task() is written in Python: one call of Python, two of C.
CURRENT_TASK = (1, 2) if sys.version_info < (3, 12) else (0, 1)


class State(TypedDict, total=False):
    """A state with the fields for captured failures."""

    a: int
    b: int
    errors: list[Any]
    routing_flags: dict[str, bool]


def plain(state):
    """A function that does nothing."""
    return RESULT


async def plain_async(state):
    """An async function that does nothing."""
    return RESULT


def full_node(function, **options):
    """A node with a retry and a breaker."""
    return create_node(
        function, retry=RetryConfig(max_attempts=3), circuit_breaker=CircuitBreakerConfig(), **options
    )


class Counter:
    """A profile function that counts the calls of Python and of C functions."""

    def __init__(self):
        self.python = 0
        self.c = 0

    def __call__(self, _frame, event, _argument):
        """Count a call."""
        self.python += event == "call"
        self.c += event == "c_call"

    def __sub__(self, other):
        return self.python - other.python, self.c - other.c


@contextmanager
def counting():
    """Count the calls of the block, without those of the garbage collector and its callbacks."""
    counter, before = Counter(), sys.getprofile()
    gc.disable()
    sys.setprofile(counter)
    try:
        yield counter
    finally:
        sys.setprofile(before)
        gc.enable()


def calls_of(call, *arguments, is_async):
    """Return how many functions one call calls, without the work of the first call.

    It is the minimum of several calls, because the event loop may have other work during one of them.
    """
    counters = []

    async def awaited():
        for _ in range(8):
            with counting() as counter:
                await call(*arguments)
            counters.append(counter)

    if is_async:
        asyncio.run(awaited())
    else:
        for _ in range(8):
            with counting() as counter:
                call(*arguments)
            counters.append(counter)
    return min(counters, key=lambda counter: counter.python + counter.c)


def graph_of(node):
    """A compiled graph with one node."""
    return StateGraph(State).add_node("n", node).add_edge("__start__", "n").compile()


@pytest.fixture(autouse=True)
def no_structlog(monkeypatch):
    """Hides structlog, which other tests have imported, as in a program without it."""
    monkeypatch.delitem(sys.modules, "structlog", raising=False)


@pytest.mark.no_cover
@pytest.mark.parametrize(("is_async", "limit"), [(False, (9, 10)), (True, (9, 10))])
def test_a_success_calls_few_functions(is_async, limit):
    """When it is called directly."""
    function = plain_async if is_async else plain
    node = full_node(function, metrics_collector=NodeMetricsCollector())
    more = calls_of(node, {"a": 1}, is_async=is_async) - calls_of(function, {"a": 1}, is_async=is_async)
    task = CURRENT_TASK if is_async else (0, 0)
    assert more == (limit[0] + task[0], limit[1] + task[1])


@pytest.mark.no_cover
@pytest.mark.parametrize(("is_async", "limit"), [(False, (14, 11)), (True, (15, 14))])
def test_a_success_in_a_graph_calls_few_functions(is_async, limit):
    """Compared with the same graph with a plain node."""
    config = runner_config(metrics_collector=NodeMetricsCollector())
    function = plain_async if is_async else plain
    graphs = [graph_of(function), graph_of(full_node(function))]
    calls = [
        calls_of(graph.ainvoke if is_async else graph.invoke, {"a": 1}, config, is_async=is_async)
        for graph in graphs
    ]
    more = calls[1] - calls[0]
    task = CURRENT_TASK if is_async else (0, 0)
    assert more == (limit[0] + task[0], limit[1] + task[1])
