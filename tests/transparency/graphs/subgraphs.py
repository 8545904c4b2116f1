"""Graphs as nodes, and graphs that nodes call."""

from __future__ import annotations

from operator import add
from typing import Annotated, Any, Literal

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt
from typing_extensions import TypedDict

from tests.transparency.scenario import LONG, Form, graph

ONLY = LONG


class State(TypedDict, total=False):
    """What the graphs here work on."""

    x: int
    said: Annotated[list[str], add]


class Inner(TypedDict, total=False):
    """The state of a subgraph; it shares `x` with its parent."""

    x: int
    own: Annotated[list[str], add]


def subgraph(wrap: Form, action: Any = None, **options: Any) -> Any:
    """A subgraph of two nodes."""

    def one(state: Inner) -> dict[str, Any]:
        get_stream_writer()({"inner": state["x"]})
        return {"x": state["x"] + 1, "own": ["one"]}

    builder = StateGraph(Inner).add_node("one", wrap(one)).add_node("two", wrap(action or _two))
    return builder.add_edge(START, "one").add_edge("one", "two").compile(**options)


def _two(state: Inner) -> dict[str, Any]:
    return {"x": state["x"] * 10, "own": ["two"]}


def _ask(state: Inner) -> dict[str, Any]:
    return {"x": interrupt({"x": state["x"]})}


def around(wrap: Form, node: Any, **options: Any) -> Any:
    """A graph with a node before and one after."""
    builder = StateGraph(State)
    builder.add_node("before", wrap(lambda state: {"said": ["before"]}))
    builder.add_node("sub", node, **options)
    builder.add_node("after", wrap(lambda state: {"said": [f"after {state['x']}"]}))
    builder.add_edge(START, "before").add_edge("before", "sub")
    if not options:
        builder.add_edge("sub", "after")
    return builder.compile(checkpointer=InMemorySaver())


@graph({"x": 1}, {"x": 2}, only=None)
def as_a_node(wrap: Form) -> Any:
    """A subgraph as a node, which shares a field with its parent."""
    return around(wrap, wrap(subgraph(wrap)))


@graph({"x": 1}, {"x": 2})
def with_its_own_memory(wrap: Form) -> Any:
    """With `checkpointer=True` a subgraph keeps its fields between turns."""
    return around(wrap, wrap(subgraph(wrap, checkpointer=True)))


@graph({"x": 1})
def without_checkpoints(wrap: Form) -> Any:
    """A subgraph with `checkpointer=False`."""
    return around(wrap, wrap(subgraph(wrap, checkpointer=False)))


@graph({"x": 1}, Command(resume=7), only=None)
def that_asks(wrap: Form) -> Any:
    """An interrupt inside a subgraph."""
    return around(wrap, wrap(subgraph(wrap, _ask)))


@graph({"x": 1}, Command(resume=7), Command(resume=8))
def that_asks_and_asks(wrap: Form) -> Any:
    """Two interrupts at different depths."""
    return around(wrap, wrap(around_inner(wrap, wrap(subgraph(wrap, _ask)))))


def around_inner(wrap: Form, node: Any) -> Any:
    """A subgraph of a subgraph."""
    builder = StateGraph(State).add_node("deep", node).add_node("ask", wrap(_ask))
    return builder.add_edge(START, "deep").add_edge("deep", "ask").compile()


@graph({"x": 1})
def three_deep(wrap: Form) -> Any:
    """A graph in a graph in a graph."""
    return around(wrap, wrap(around_inner_quiet(wrap)))


def around_inner_quiet(wrap: Form) -> Any:
    """A subgraph of a subgraph without an interrupt."""
    return StateGraph(State).add_node("deep", wrap(subgraph(wrap))).add_edge(START, "deep").compile()


@graph({"x": 1})
def called_inside(wrap: Form) -> Any:
    """A node calls a graph with a new state."""
    inner = subgraph(wrap)

    def call(state: State) -> dict[str, Any]:
        return {"x": inner.invoke({"x": state["x"] + 100})["x"]}

    async def acall(state: State) -> dict[str, Any]:
        return {"x": (await inner.ainvoke({"x": state["x"] + 100}))["x"]}

    return around(wrap, wrap(acall if wrap.mode == "async" else call))


@graph({"x": 1}, Command(resume=7))
def called_inside_and_asking(wrap: Form) -> Any:
    """After an interrupt the node runs again from its start, and the graph that it calls continues."""
    inner = subgraph(wrap, _ask)

    def call(state: State) -> dict[str, Any]:
        return {"x": inner.invoke({"x": state["x"] + 100})["x"], "said": ["called"]}

    async def acall(state: State) -> dict[str, Any]:
        return {"x": (await inner.ainvoke({"x": state["x"] + 100}))["x"], "said": ["called"]}

    return around(wrap, wrap(acall if wrap.mode == "async" else call))


@graph({"x": 1})
def streamed_inside(wrap: Form) -> Any:
    """A node streams a graph and forwards its chunks."""
    inner = subgraph(wrap)

    def call(state: State) -> dict[str, Any]:
        writer = get_stream_writer()
        for chunk in inner.stream({"x": state["x"]}, stream_mode="updates"):
            writer({"chunk": chunk})
        return {"said": ["streamed"]}

    return around(wrap, wrap(call))


def _leaving(goto: Any) -> Any:
    def leave(state: Inner) -> Command[Any]:
        return Command(graph=Command.PARENT, goto=goto, update={"x": 5, "said": ["left"]})

    return leave


@graph({"x": 1})
def left_to_the_parent(wrap: Form) -> Any:
    """A node goes to the parent graph with `Command(graph=Command.PARENT)`."""
    return around(wrap, wrap(subgraph(wrap, _leaving("after"))), destinations=("after",))


@graph({"x": 1}, parallel=True)
def left_to_sends(wrap: Form) -> Any:
    """A node goes to the parent graph with a list of `Send`."""
    leaving = _leaving([Send("after", {"x": 3}), Send("after", {"x": 4})])
    return around(wrap, wrap(subgraph(wrap, leaving)), destinations=("after",))


@graph({"x": 1})
def left_from_a_list_of_commands(wrap: Form) -> Any:
    """A node returns a command for the subgraph and one for the parent."""

    def leave(state: Inner) -> list[Command[Any]]:
        return [Command(update={"own": ["mine"]}), Command(graph=Command.PARENT, goto="after")]

    return around(wrap, wrap(subgraph(wrap, leave)), destinations=("after",))


@graph({"x": 1}, parallel=True)
def in_parallel(wrap: Form) -> Any:
    """The same subgraph as two nodes."""
    builder = StateGraph(State)
    for name in ("left", "right"):
        inner = StateGraph(State).add_node("say", wrap(lambda state, name=name: {"said": [name]}))
        builder.add_node(name, wrap(inner.add_edge(START, "say").compile())).add_edge(START, name)
    return builder.compile(checkpointer=InMemorySaver())


@graph({"x": 1}, parallel=True)
def sent_to(wrap: Form) -> Any:
    """A `Send` to a subgraph for each item."""
    builder = StateGraph(State).add_node("sub", wrap(subgraph(wrap, lambda state: {"own": ["two"]})))
    builder.add_node("end", wrap(lambda state: {"said": ["end"]}))
    builder.add_conditional_edges(START, lambda state: [Send("sub", {"x": 1})])
    return builder.add_edge("sub", "end").compile(checkpointer=InMemorySaver())


@graph({"x": 1})
def that_fails(wrap: Form) -> Any:
    """An error inside is an error of the parent."""

    def fail(state: Inner) -> dict[str, Any]:
        raise KeyError("inside")

    return around(wrap, wrap(subgraph(wrap, fail)))


@graph({"x": 1})
def with_a_config_of_its_own(wrap: Form) -> Any:
    """A subgraph with its own tags, metadata and name."""
    inner = subgraph(wrap).with_config(tags=["inner"], metadata={"m": 1}, run_name="named")
    return around(wrap, wrap(inner))


@graph({"x": 1})
def drawn_through_a_closure(wrap: Form) -> Any:
    """A function with a graph in its closure is drawn with that graph."""
    inner = subgraph(wrap)

    def call(state: State) -> Command[Literal["after"]]:
        return Command(goto="after", update={"x": inner.invoke({"x": 1})["x"]})

    return around(wrap, wrap(call), destinations=("after",))
