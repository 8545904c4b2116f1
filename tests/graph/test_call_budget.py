"""The overhead of the runner for each node, counted in function calls: a busy machine does not change it."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from functools import partial
from typing import Any, TypedDict

import pytest
from langgraph.graph import START, StateGraph

from langgraph_runner import ExecutionOptions, GraphRunner

SHORT, LONG = 5, 25
CAP = 10
BUDGET = {"sync": 50, "async": 78 if sys.version_info < (3, 12) else 95}
"""Calls of Python functions and of functions in C, per node of a chain. More than half of them are LangChain's, for
one callback handler; from Python 3.12 on it finds out with 17 more whether the handler is async."""


class State(TypedDict, total=False):
    """A state that no node changes."""

    story_id: str


def nothing(state: State) -> State:
    """A node that does nothing."""
    return {}


async def nothing_async(state: State) -> State:
    """An async node that does nothing."""
    return {}


def chain(length: int, function: Any) -> Any:
    """A compiled graph of `length` nodes, one after the other."""
    builder = StateGraph(State)
    previous = START
    for number in range(length):
        builder.add_node(f"n{number}", function).add_edge(previous, f"n{number}")
        previous = f"n{number}"
    return builder.compile()


def calls_of(call: Any, *, is_async: bool) -> int:
    """Count the calls of one run, in all its threads, once caches are warm."""
    count = 0

    def profile(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        if event in {"call", "c_call"}:
            count += 1

    async def run_on_loop() -> None:
        for _ in range(2):
            await call({})
        sys.setprofile(profile)
        try:
            await call({})
        finally:
            sys.setprofile(None)

    def run() -> None:
        for _ in range(2):
            call({})
        threading.setprofile(profile)
        sys.setprofile(profile)
        try:
            call({})
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    previous = sys.getprofile()
    gc.disable()  # A collection would call finalizers of other tests.
    try:
        asyncio.run(run_on_loop()) if is_async else run()
    finally:
        gc.enable()
        sys.setprofile(previous)
    return count


def calls_per_node(call_of: Any, *, is_async: bool) -> float:
    """The calls for each additional node of a chain, without the calls for the run as a whole."""
    function = nothing_async if is_async else nothing
    short, long = (calls_of(call_of(chain(length, function)), is_async=is_async) for length in (SHORT, LONG))
    return (long - short) / (LONG - SHORT)


@pytest.mark.no_cover
@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.req("G-1")
def test_the_runner_adds_few_calls_to_each_node(kind):
    """Compared with a run of LangGraph that has a cap, in a chain, where nodes run one after another."""
    is_async = kind == "async"

    def of_langgraph(graph: Any) -> Any:
        return partial(graph.ainvoke if is_async else graph.invoke, config={"max_concurrency": CAP})

    def of_runner(graph: Any) -> Any:
        runner = GraphRunner(graph, ExecutionOptions(max_concurrency=CAP))
        return runner.ainvoke if is_async else runner.invoke

    langgraph = calls_per_node(of_langgraph, is_async=is_async)
    added = calls_per_node(of_runner, is_async=is_async) - langgraph
    assert langgraph > 100  # This counts LangGraph's work, too.
    assert 0 < added <= BUDGET[kind]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_run_leaves_nothing_for_the_garbage_collector(kind):
    """Its objects have no reference cycles, so they are freed when the run ends."""
    is_async = kind == "async"
    runner = GraphRunner(chain(2, nothing_async if is_async else nothing))

    async def run_on_loop() -> int:
        for _ in range(3):
            await runner.ainvoke({})
        gc.collect()
        await runner.ainvoke({})
        return ours_in_garbage()

    def run() -> int:
        for _ in range(3):
            runner.invoke({})
        gc.collect()
        runner.invoke({})
        return ours_in_garbage()

    gc.disable()
    try:
        found = asyncio.run(run_on_loop()) if is_async else run()
    finally:
        gc.enable()
    assert found == 0


def ours_in_garbage() -> int:
    """Collect the garbage, and count the objects of this package in it."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return sum(type(each).__module__.startswith("langgraph_runner.") for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
