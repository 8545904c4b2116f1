"""What nodes cost inside a graph."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from langchain_core.runnables import RunnableConfig  # noqa: TC002 - LangGraph reads the annotation
from langgraph.graph import START, StateGraph
from langgraph.types import RetryPolicy

from benchmarks.contenders import RETRY, TIMEOUT_MS
from benchmarks.harness import Contender, Figures, race_in_processes
from benchmarks.report import Goal, Section, Table, microseconds, times
from langgraph_runner import CircuitBreakerConfig, NodeMetricsCollector, create_node, runner_config

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 40
PROCESSES = 6
NODES = 20
LIMIT = 1.07

PLAIN = "plain functions"
WRAPPED = "functions in a wrapper that takes the config and does nothing"
OURS = "nodes: retry, breaker, collector"
OURS_TIMEOUT = "nodes: retry, breaker, collector, timeout"
LANGGRAPH = "LangGraph's `RetryPolicy` and `timeout`"

METHOD = f"""
A chain of {NODES} nodes that do nothing, in a compiled `StateGraph`, run once from start to end. The collector
comes with the config of the run. Each blocking node with a timeout runs in a thread, because a blocking function
cannot be interrupted otherwise; LangGraph's own `timeout` supports coroutine functions only. The ratio is that of
the median round of {PROCESSES} processes.
"""

WHY_SLOW = (
    "a call costs several times as much here as in a loop: between two calls, LangGraph makes about 800 calls of its"
    " own, which evict the node's code and data from the processor's caches. No single part stands out; fewer"
    " instructions and fewer objects a call would help."
)


class PlainState(TypedDict, total=False):
    """A state with the key that nodes need to capture a failure."""

    a: int
    errors: list[Any]
    routing_flags: dict[str, bool]


def nothing(state: PlainState) -> dict[str, Any]:
    return {}


async def nothing_async(state: PlainState) -> dict[str, Any]:
    return {}


def wrapped(state: PlainState, config: RunnableConfig) -> dict[str, Any]:
    return nothing(state)


async def wrapped_async(state: PlainState, config: RunnableConfig) -> dict[str, Any]:
    return await nothing_async(state)


def chain(make: Callable[[str], Any], nodes: int = NODES, **options: Any) -> Any:
    """Compile a chain of nodes; `make` returns the node for a name."""
    graph = StateGraph(PlainState)
    previous = START
    for number in range(nodes):
        name = f"n{number}"
        graph.add_node(name, make(name), **options)
        graph.add_edge(previous, name)
        previous = name
    return graph.compile()


def contenders(*, is_async: bool, nodes: int = NODES) -> list[Contender]:
    """Return the same chain, built in several ways."""
    function = nothing_async if is_async else nothing
    config = runner_config(metrics_collector=NodeMetricsCollector())

    def ours(**options: Any) -> Any:
        return lambda name: create_node(
            function, name=name, retry=RETRY, circuit_breaker=CircuitBreakerConfig(), **options
        )

    graphs = {
        PLAIN: chain(lambda _: function, nodes),
        WRAPPED: chain(lambda _: wrapped_async if is_async else wrapped, nodes),
        OURS: chain(ours(), nodes),
        OURS_TIMEOUT: chain(ours(timeout_ms=TIMEOUT_MS), nodes),
    }
    if is_async:
        graphs[LANGGRAPH] = chain(
            lambda _: function, nodes, retry_policy=RetryPolicy(), timeout=TIMEOUT_MS / 1000
        )
    return [
        Contender(
            name, partial(graph.ainvoke if is_async else graph.invoke, config=config), is_async=is_async
        )
        for name, graph in graphs.items()
    ]


def measure(rounds: int = ROUNDS, processes: int = PROCESSES) -> Section:
    """Race the awaited and the blocking chains."""
    awaiting, blocking = (
        race_in_processes(contenders, is_async=is_async, rounds=rounds, processes=processes)
        for is_async in (True, False)
    )
    goals = [
        Goal(
            f"chain of {kind} nodes compared with plain ones",
            found.ratio(OURS, PLAIN),
            LIMIT,
            if_missed=WHY_SLOW,
        )
        for kind, found in (("awaited", awaiting), ("blocking", blocking))
    ]
    goals.insert(
        1,
        Goal(
            "chain of awaited nodes with a timeout compared with LangGraph's own retry and timeout",
            awaiting.ratio(OURS_TIMEOUT, LANGGRAPH),
            1,
            if_missed=WHY_SLOW,
        ),
    )
    return Section(
        title=f"A graph of {NODES} nodes",
        method=METHOD,
        tables=[_table("Awaited", awaiting), _table("Blocking", blocking)],
        goals=goals,
    )


def _table(title: str, found: Figures) -> Table:
    best = found.best
    rows = [
        [
            name,
            times(found.ratio(name, PLAIN)),
            microseconds((value - best[PLAIN]) / NODES),
            microseconds(value),
        ]
        for name, value in best.items()
    ]
    return Table(title, ["Contender", "Relative to plain", "Added per node, µs", "Whole run, µs"], rows)
