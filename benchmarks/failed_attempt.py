"""What a failed attempt with an immediate retry costs."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy

from benchmarks import rivals
from benchmarks.contenders import IMMEDIATE, MAX_ATTEMPTS, flaky, warnings_to_null
from benchmarks.harness import Contender, race
from benchmarks.report import Goal, Section, Table, microseconds, times
from langgraph_runner import CircuitBreakerConfig, NodeMetricsCollector, create_node

if TYPE_CHECKING:
    from collections.abc import Callable

    Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]

ROUNDS = 200
FAILURES = 20
LIMIT_US = 12
LIMITS_IN_GRAPH = {"awaited": 0.3, "blocking": 0.15}

LOOP = "a loop by hand"
SLEEPING_LOOP = "a loop by hand with `time.sleep(0)`"
NODE = "node"
NODE_IN_GRAPH = "node in a graph"
LANGGRAPH = "LangGraph's `RetryPolicy`"

METHOD = f"""
A function raises `ConnectionError` {FAILURES} times, then succeeds, without back-off. The figure is the time that the
failures add to a run without failures, divided by {FAILURES}, so the cost of the graph is not included. *A loop by
hand* shows the cost of raising and catching, and of the turn of the event loop between two awaited attempts.
Between two blocking attempts LangGraph, tenacity and stamina call `time.sleep(0)`, which yields to the kernel; a node
with a wait of 0 does not. stamina's hooks are off. A node logs a warning for each retry, LangGraph an event at INFO;
only one row has a handler for it.
"""

WHY_SLOW = (
    "the exception passes through every coroutine of the pipeline, and is classified by its class and attributes;"
    " an awaited node also takes a turn of the event loop."
)
WHY_SLOW_IN_GRAPH = "LangGraph's config has to be made again for each attempt, as LangGraph's own retry does."


class _State(TypedDict, total=False):
    a: int
    b: int
    errors: list[Any]
    routing_flags: dict[str, bool]


def by_hand(function: Callable[..., Any]) -> Callable[..., Any]:
    """Retry in a plain loop: the lower bound of the cost."""

    def call(state: Any) -> Any:
        for _ in range(MAX_ATTEMPTS - 1):
            try:
                return function(state)
            except ConnectionError:
                continue
        return function(state)

    return call


def by_hand_async(function: Callable[..., Any]) -> Callable[..., Any]:
    """Retry in a plain loop of a coroutine."""

    async def call(state: Any) -> Any:
        for _ in range(MAX_ATTEMPTS - 1):
            try:
                return await function(state)
            except ConnectionError:
                await asyncio.sleep(0)
        return await function(state)

    return call


def by_hand_sleeping(function: Callable[..., Any]) -> Callable[..., Any]:
    """Retry in a plain loop with the sleep that other libraries call for a wait of 0."""

    def call(state: Any) -> Any:
        for _ in range(MAX_ATTEMPTS - 1):
            try:
                return function(state)
            except ConnectionError:
                time.sleep(0)
        return function(state)

    return call


def node(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a node that retries."""
    return create_node(function, retry=IMMEDIATE)


def fuller_node(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a node that retries, with a breaker that stays closed, and a collector."""
    return create_node(
        function,
        retry=IMMEDIATE,
        circuit_breaker=CircuitBreakerConfig(failure_threshold=1_000),
        metrics_collector=NodeMetricsCollector(),
    )


def _one_node_graph(function: Callable[..., Any], policy: RetryPolicy | None = None) -> Any:
    graph = StateGraph(_State)
    graph.add_node("only", function, retry_policy=policy)
    graph.add_edge(START, "only")
    return graph.compile()


def _ways(*, is_async: bool) -> dict[str, Wrap]:
    policy = RetryPolicy(
        initial_interval=0.0, max_attempts=MAX_ATTEMPTS, jitter=False, retry_on=ConnectionError
    )

    def entry(graph: Any) -> Callable[..., Any]:
        return graph.ainvoke if is_async else graph.invoke

    return {
        LOOP: by_hand_async if is_async else by_hand,
        **({} if is_async else {SLEEPING_LOOP: by_hand_sleeping}),
        NODE: node,
        "node, breaker, collector": fuller_node,
        "tenacity": rivals.with_tenacity_at_once,
        "stamina": rivals.with_stamina_at_once,
        NODE_IN_GRAPH: lambda function: entry(_one_node_graph(node(function))),
        LANGGRAPH: lambda function: entry(_one_node_graph(function, policy)),
    }


def contenders(failures: int, *, is_async: bool) -> list[Contender]:
    """Return every contender around a function that fails this often."""
    found = [
        Contender(name, wrap(flaky(failures, is_async=is_async)), is_async=is_async)
        for name, wrap in _ways(is_async=is_async).items()
    ]
    heard = node(flaky(failures, is_async=is_async))
    name = f"{NODE}, its warnings logged and dropped"
    return [*found, Contender(name, heard, is_async=is_async, setting=warnings_to_null)]


def per_failure(rounds: int, *, is_async: bool) -> dict[str, float]:
    """Return the microseconds of one failed attempt, by contender."""
    failing = contenders(FAILURES, is_async=is_async)
    smooth = [
        Contender(f"{each.name}, smooth", each.call, is_async=is_async, setting=each.setting)
        for each in contenders(0, is_async=is_async)
    ]
    found = race([*failing, *smooth], rounds=rounds).best
    return {each.name: (found[each.name] - found[f"{each.name}, smooth"]) / FAILURES for each in failing}


def measure(rounds: int = ROUNDS) -> Section:
    """Race the awaited and the blocking contenders."""
    times_us = {kind: per_failure(rounds, is_async=kind == "awaited") for kind in LIMITS_IN_GRAPH}
    tables, goals = [], []
    for kind, limit in LIMITS_IN_GRAPH.items():
        in_graph = {name: times_us[kind].pop(name) for name in (NODE_IN_GRAPH, LANGGRAPH)}
        tables.append(_table(f"{kind.capitalize()}, called directly", times_us[kind], base=NODE))
        tables.append(_table(f"{kind.capitalize()}, in a graph", in_graph, base=LANGGRAPH))
        goals.append(
            Goal(
                f"failed attempt, {kind} node called directly",
                times_us[kind][NODE],
                LIMIT_US,
                "µs",
                if_missed=WHY_SLOW,
            )
        )
        goals.append(
            Goal(
                f"failed attempt in a graph, {kind} node compared with LangGraph's `RetryPolicy`",
                in_graph[NODE_IN_GRAPH] / in_graph[LANGGRAPH],
                limit,
                if_missed=WHY_SLOW_IN_GRAPH,
            )
        )
    return Section("An attempt that fails", METHOD, tables, goals)


def _table(title: str, times_us: dict[str, float], *, base: str) -> Table:
    rows = [[name, times(value / times_us[base]), microseconds(value)] for name, value in times_us.items()]
    return Table(title, ["Contender", f"Relative to {base}", "Per failed attempt, µs"], rows)
