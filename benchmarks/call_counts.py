"""The cost of a success in calls of Python and C functions. Unlike times, counts have no noise."""

from __future__ import annotations

import asyncio
import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from langgraph.graph import StateGraph

from benchmarks.contenders import full_node, plain, plain_async
from benchmarks.graph_chain import PlainState
from benchmarks.report import Goal, Section, Table
from langgraph_runner import NodeMetricsCollector, runner_config
from langgraph_runner.errors.logs import STRUCTLOG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

METHOD = """
How many functions a success of a node with a retry, a circuit breaker and a collector calls, by `sys.setprofile`,
without the calls of the function itself, and in a graph without those of LangGraph for a plain node. On CPython 3.11
an awaited node has one Python call and one C call more than on 3.12. structlog is not imported.
"""
WHY_MANY = "the node needs each of these calls; the table shows where they happen."
REPEATS = 8
DIRECT, IN_GRAPH = (10, 12), (16, 20)


class _State(PlainState, total=False):
    b: int
    """What the functions return."""


class Calls(NamedTuple):
    """How many functions were called."""

    python: int
    c: int


def of_success(*, is_async: bool, in_graph: bool) -> Calls:
    """Count what one success of a node calls in addition to what a plain function costs."""
    function = plain_async if is_async else plain
    node = full_node(function)
    calls: list[Callable[..., Any]] = [node, function]
    arguments: tuple[Any, ...] = ({"a": 1},)
    if in_graph:
        graphs = [
            StateGraph(_State).add_node("n", each).add_edge("__start__", "n").compile() for each in calls
        ]
        calls = [graph.ainvoke if is_async else graph.invoke for graph in graphs]
        arguments = ({"a": 1}, runner_config(metrics_collector=NodeMetricsCollector()))
    with _without_structlog():
        ours, plains = [_fewest(call, arguments, is_async=is_async) for call in calls]
    return Calls(ours.python - plains.python, ours.c - plains.c)


def measure() -> Section:
    """Count the calls of awaited and blocking nodes, by themselves and in a graph."""
    rows, goals = [], []
    for place, in_graph, limits in (("called directly", False, DIRECT), ("in a graph", True, IN_GRAPH)):
        awaited, blocking = (of_success(is_async=is_async, in_graph=in_graph) for is_async in (True, False))
        rows.append([f"awaited, {place}", str(awaited.python), str(awaited.c)])
        rows.append([f"blocking, {place}", str(blocking.python), str(blocking.c)])
        most = Calls(max(awaited.python, blocking.python), max(awaited.c, blocking.c))
        for language, count, limit in zip(("Python", "C"), most, limits, strict=True):
            text = f"calls of {language} functions by a success {place}"
            goals.append(Goal(text, count, limit, if_missed=WHY_MANY))
    return Section(
        title="Calls of a success",
        method=METHOD,
        tables=[Table("", ["Node", "Python functions", "C functions"], rows)],
        goals=goals,
    )


class _Profile:
    """A profile function that counts calls."""

    def __init__(self) -> None:
        self.python = 0
        self.c = 0

    def __call__(self, _frame: object, event: str, _argument: object) -> None:
        self.python += event == "call"
        self.c += event == "c_call"


@contextmanager
def _counting() -> Iterator[_Profile]:
    """Count the calls of the block, without those of the garbage collector and its callbacks."""
    profile, before = _Profile(), sys.getprofile()
    gc.disable()
    sys.setprofile(profile)
    try:
        yield profile
    finally:
        sys.setprofile(before)
        gc.enable()


def _fewest(call: Callable[..., Any], arguments: tuple[Any, ...], *, is_async: bool) -> Calls:
    """Count the calls of the cheapest of several calls: the event loop may have other work during one of them."""
    found = []

    async def awaited() -> None:
        for _ in range(REPEATS):
            with _counting() as profile:
                await call(*arguments)
            found.append(Calls(profile.python, profile.c))

    if is_async:
        asyncio.run(awaited())
    else:
        for _ in range(REPEATS):
            with _counting() as profile:
                call(*arguments)
            found.append(Calls(profile.python, profile.c))
    return min(found, key=sum)


@contextmanager
def _without_structlog() -> Iterator[None]:
    """Hide structlog, as in a program that does not use it and has logged no event yet."""
    module, STRUCTLOG.is_imported = sys.modules.pop("structlog", None), False
    try:
        yield
    finally:
        if module is not None:
            sys.modules["structlog"] = module
