"""What `GraphRunner` costs compared with the graph alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import BaseCallbackHandler
from langgraph.graph import START, StateGraph

from benchmarks.graph_chain import PlainState, chain, nothing, nothing_async
from benchmarks.harness import Contender, Figures, race_in_processes
from benchmarks.report import Goal, Section, Table, microseconds, times
from langgraph_runner import AbortController, ExecutionOptions, GraphRunner

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 30
PROCESSES = 6
NODES = 20
PARALLEL = 10
SUBGRAPHS = 5
NODES_OF_SUBGRAPH = 4
CAP = 10
TIMEOUT_S = 60
LIMIT_STOPPABLE = 1.1

ALONE = "the graph alone"
CAPPED = "the graph with LangGraph's `max_concurrency`"
CANCELLED = "the graph in `asyncio.timeout`"
HANDLED = "the graph with the cap and a callback handler that does nothing"
OURS = "runner: default options"
OURS_TIMEOUT = "runner: timeout"
OURS_SIGNAL = "runner: abort signal"

METHOD = f"""
A compiled graph of functions that do nothing, run once from start to end, by its own `invoke` or `ainvoke`
and by a `GraphRunner`: a chain of {NODES} nodes; {PARALLEL} nodes in one wave; a chain of {SUBGRAPHS}
subgraphs of {NODES_OF_SUBGRAPH} nodes in a chain (the waves of all graphs count). Each pair of columns is the time
relative to the graph alone, in the median round of {PROCESSES} processes, and what is added per wave in the best
round. Both caps are {CAP}; LangGraph's cap applies to each graph, the runner's to the whole run. With a timeout or a
signal, a blocking run has its own thread; neither of them stops a run here.
"""

WHY_SLOW = (
    "the row of a handler that does nothing shows LangChain's part: it calls a handler at the start and at the end"
    " of each node. Most of the rest is the work of our handler: it records slots, waves and the nesting of nodes."
)
WHY_SLOW_STOPPABLE = (
    "a blocking run with a limit runs in its own thread; an awaited one enters a scope for each part of the"
    " stream."
)


@dataclass(frozen=True)
class Shape:
    """A shape of graph."""

    short: str
    waves: int
    make: Callable[[Any], Any]
    """Compiles the graph with this function as every node."""
    limit: float = 1.2
    """The limit of the cost of a run, relative to LangGraph's own cap."""


class IdleHandler(BaseCallbackHandler):
    """A handler that LangChain calls like the handler of the runner, and that does nothing."""

    run_inline = True

    def on_chain_start(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    def on_chain_end(self, *_: Any, **__: Any) -> None:
        """Do nothing."""


def row(function: Any) -> Any:
    """Compile a graph whose nodes are all in one wave."""
    graph = StateGraph(PlainState)
    for number in range(PARALLEL):
        graph.add_node(f"n{number}", function)
        graph.add_edge(START, f"n{number}")
    return graph.compile()


def nested(function: Any) -> Any:
    """Compile a graph of subgraphs."""
    return chain(lambda _: chain(lambda _: function, NODES_OF_SUBGRAPH), SUBGRAPHS)


SHAPES = (
    Shape("a chain", NODES, lambda function: chain(lambda _: function, NODES), limit=1.12),
    Shape("one wave", 1, row),
    Shape("subgraphs", SUBGRAPHS * (1 + NODES_OF_SUBGRAPH), nested),
)


def contenders(shape: Shape, *, is_async: bool) -> list[Contender]:
    """Return the same graph, run in several ways."""
    graph = shape.make(nothing_async if is_async else nothing)
    alone = graph.ainvoke if is_async else graph.invoke

    def runner(**options: Any) -> Any:
        made = GraphRunner(graph, ExecutionOptions(max_concurrency=CAP, **options))
        return made.ainvoke if is_async else made.invoke

    async def within_timeout(state: Any) -> Any:
        async with asyncio.timeout(TIMEOUT_S):
            return await alone(state)

    ways: dict[str, Any] = {ALONE: alone, CAPPED: partial(alone, config={"max_concurrency": CAP})}
    ways[HANDLED] = partial(alone, config={"max_concurrency": CAP, "callbacks": [IdleHandler()]})
    if is_async:
        ways[CANCELLED] = within_timeout
    ways[OURS] = runner()
    ways[OURS_TIMEOUT] = runner(timeout_ms=TIMEOUT_S * 1000)
    ways[OURS_SIGNAL] = partial(runner(), abort_signal=AbortController().signal)
    return [Contender(name, call, is_async=is_async) for name, call in ways.items()]


def contenders_of(shape: str, *, is_async: bool) -> list[Contender]:
    """Return the contenders of the shape with this short name."""
    return contenders(next(each for each in SHAPES if each.short == shape), is_async=is_async)


def measure(rounds: int = ROUNDS, processes: int = PROCESSES) -> Section:
    """Race each shape, awaited and blocking."""
    kinds = {
        kind: {
            shape: race_in_processes(
                contenders_of, shape.short, is_async=is_async, rounds=rounds, processes=processes
            )
            for shape in SHAPES
        }
        for kind, is_async in (("awaited", True), ("blocking", False))
    }
    goals = [_goal_of_shape(shape, [figures[shape] for figures in kinds.values()]) for shape in SHAPES]
    goals += [_goal_of_timeout(kind, figures) for kind, figures in kinds.items()]
    tables = [_table(kind.capitalize(), figures) for kind, figures in kinds.items()]
    return Section(title="A run of a whole graph", method=METHOD, tables=tables, goals=goals)


def _goal_of_shape(shape: Shape, kinds: list[Figures]) -> Goal:
    return Goal(
        f"runner compared with LangGraph's own cap, {shape.short}",
        max(figures.ratio(OURS, CAPPED) for figures in kinds),
        shape.limit,
        if_missed=WHY_SLOW,
    )


def _goal_of_timeout(kind: str, shapes: dict[Shape, Figures]) -> Goal:
    ratios = {shape.short: figures.ratio(OURS_TIMEOUT, OURS) for shape, figures in shapes.items()}
    missed = ", ".join(
        f"{short} {times(ratio)}" for short, ratio in ratios.items() if ratio > LIMIT_STOPPABLE
    )
    return Goal(
        f"runner with a timeout compared with one without, {kind}",
        max(ratios.values()),
        LIMIT_STOPPABLE,
        if_missed=f"{missed}; {WHY_SLOW_STOPPABLE}",
    )


def _table(title: str, shapes: dict[Shape, Figures]) -> Table:
    columns = ["Contender"]
    for shape in shapes:
        columns += [shape.short.capitalize(), "µs"]
    rows = []
    for name in next(iter(shapes.values())).best:
        cells = [name]
        for shape, figures in shapes.items():
            added = (figures.best[name] - figures.best[ALONE]) / shape.waves
            cells += [times(figures.ratio(name, ALONE)), microseconds(added)]
        rows.append(cells)
    return Table(title, columns, rows)
