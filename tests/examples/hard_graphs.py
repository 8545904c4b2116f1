"""Graphs that no example needs but that Studio must support. Every node is wrapped.

`nested_questions` asks two subgraphs deep, in parallel branches; the node that asks fails once between its two
questions, and is retried. `refusing` raises. `blocking` sleeps on the event loop. `kept` and `rebuilt` are
factories, which the server calls for each run: `kept` uses a node of the module, `rebuilt` makes a new node.
"""

import threading
import time
from typing import Annotated, Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.types import Send, interrupt

from langgraph_runner import GraphState, create_node, merge_mappings


class Answers(GraphState, total=False):
    """The state that branches share with the graph."""

    answers: Annotated[dict[str, list[str]], merge_mappings]


class Asking(Answers, total=False):
    """The state of a branch."""

    who: str


FAILED: set[str] = set()
_LOCK = threading.Lock()


def ask(state: Asking) -> dict[str, Any]:
    """Ask two questions. Between them, each branch fails once."""
    who = state["who"]
    name = interrupt(f"{who}: name?")
    with _LOCK:
        first, _ = name not in FAILED, FAILED.add(name)
    if first:
        raise ConnectionError("lost between two questions")
    return {"answers": {who: [name, interrupt(f"{who}: age?")]}}


inner = StateGraph(Asking, output_schema=Answers)
inner.add_node("ask", create_node(ask, retry={"max_attempts": 2, "backoff_ms": 1}, timeout_ms=10_000))
inner.add_edge(START, "ask")

middle = StateGraph(Asking, output_schema=Answers)
middle.add_node("inner", create_node(inner.compile(), retry=2, timeout_ms=20_000))
middle.add_edge(START, "inner")


def open_branches(_: Answers) -> list[Send]:
    """Start two branches."""
    return [Send("middle", {"who": "left"}), Send("middle", {"who": "right"})]


def refuse(_: Answers) -> None:
    """Raise an error."""
    raise PermissionError("not today")


outer = StateGraph(Answers)
outer.add_node("middle", create_node(middle.compile(), on_error="record"))
outer.add_conditional_edges(START, open_branches, ["middle"])
nested_questions = outer.compile(name="nested_questions")

raising = StateGraph(Answers)
raising.add_node("refuse", create_node(refuse, retry={"max_attempts": 2, "backoff_ms": 1}, on_error="raise"))
raising.add_edge(START, "refuse")
refusing = raising.compile(name="refusing")


async def sleep(_: Answers) -> None:
    """Block the event loop."""
    time.sleep(0.001)  # noqa: ASYNC251 - as one should not


blocking = (
    StateGraph(Answers).add_node("sleep", create_node(sleep, retry=3)).add_edge(START, "sleep").compile()
)


def breaking() -> Any:
    """Make a node whose breaker opens at the second failure."""
    return create_node(refuse, circuit_breaker={"failure_threshold": 2, "recovery_timeout_ms": 3_600_000})


OF_THE_MODULE = breaking()


def kept(_: RunnableConfig) -> Any:
    """Build a graph around the node of the module."""
    return StateGraph(Answers).add_node("refuse", OF_THE_MODULE).add_edge(START, "refuse").compile()


def rebuilt(_: RunnableConfig) -> Any:
    """Build a graph with a new node for each run. Users should not do this."""
    return StateGraph(Answers).add_node("refuse", breaking()).add_edge(START, "refuse").compile()
