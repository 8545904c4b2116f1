"""Branches, map-reduce, loops, conditional edges, sends, deferred nodes."""

from __future__ import annotations

from operator import add
from typing import Annotated, Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from tests.transparency.scenario import LONG, Form, graph

ONLY = LONG


class State(TypedDict, total=False):
    """What the graphs here work on."""

    x: int
    said: Annotated[list[str], add]
    subjects: list[str]


def saying(word: str) -> Any:
    """Return an action that adds a word, and how many words it has seen."""

    def say(state: State) -> dict[str, Any]:
        return {"said": [f"{word}{len(state.get('said', []))}"]}

    return say


def with_nodes(wrap: Form, *names: str) -> StateGraph:
    """Return a builder with a node for each letter."""
    builder = StateGraph(State)
    for name in names:
        builder.add_node(name, wrap(saying(name)))
    return builder


@graph({"x": 1}, parallel=True)
def fan_out_and_in(wrap: Form) -> Any:
    """Branches of equal length."""
    builder = with_nodes(wrap, "a", "b", "c", "d")
    for start, end in ((START, "a"), ("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")):
        builder.add_edge(start, end)
    return builder.compile(checkpointer=InMemorySaver())


# The saver's thread pickles the set of finished nodes while the next superstep adds to it, so an earlier snapshot
# sometimes shows `d` as due too early. With durability "sync" the checkpoint is written before the run continues.
@graph({"x": 1}, parallel=True, keywords={"durability": "sync"})
def waiting_for_all(wrap: Form) -> Any:
    """An edge from several nodes, with branches of different length."""
    builder = with_nodes(wrap, "a", "b", "b2", "c", "d")
    builder.add_edge(START, "a").add_edge("a", "b").add_edge("a", "c").add_edge("b", "b2")
    return builder.add_edge(["b2", "c"], "d").compile(checkpointer=InMemorySaver())


@graph({"x": 1}, parallel=True)
def deferred(wrap: Form) -> Any:
    """A node that waits until everything else is done."""
    builder = with_nodes(wrap, "a", "b", "b2", "c")
    builder.add_node("d", wrap(saying("d")), defer=True)
    builder.add_edge(START, "a").add_edge("a", "b").add_edge("a", "c").add_edge("b", "b2")
    return builder.add_edge("b2", "d").add_edge("c", "d").compile(checkpointer=InMemorySaver())


@graph({"x": 1}, {"x": 2}, {"x": 3}, parallel=True)
def conditional_edges(wrap: Form) -> Any:
    """Conditional edges by name, by map, to several nodes, and to the end."""
    builder = with_nodes(wrap, "a", "b", "c")

    def route(state: State) -> Any:
        return {1: "b", 2: ["b", "c"], 3: END}[state["x"]]

    builder.add_edge(START, "a").add_conditional_edges("a", route)
    builder.add_conditional_edges("b", lambda state: state["x"] == 1, {True: "c", False: END})
    return builder.compile(checkpointer=InMemorySaver())


@graph({"x": 1})
def conditional_entry(wrap: Form) -> Any:
    """A conditional entry point whose return type is drawn."""
    builder = with_nodes(wrap, "a", "b")

    def route(state: State) -> Literal["a", "b"]:
        return "b"

    return builder.add_conditional_edges(START, route).compile(checkpointer=InMemorySaver())


@graph({"subjects": ["x", "y", "z"]}, parallel=True, only=None)
def map_reduce(wrap: Form) -> Any:
    """A `Send` for each item, and one node that collects the results."""
    builder = StateGraph(State)
    builder.add_node("split", wrap(lambda state: {"said": ["split"]}))
    builder.add_node("work", wrap(lambda item: {"said": [f"work {item['subject']}"]}))
    builder.add_node("gather", wrap(lambda state: {"x": len(state["said"])}))
    builder.add_edge(START, "split").add_edge("work", "gather")
    builder.add_conditional_edges(
        "split", lambda state: [Send("work", {"subject": s}) for s in state["subjects"]], ["work"]
    )
    return builder.compile(checkpointer=InMemorySaver())


@graph({"subjects": ["x", "y"]}, parallel=True)
def sends_of_other_types(wrap: Form) -> Any:
    """A `Send` may carry any value."""
    builder = StateGraph(State)
    builder.add_node("work", wrap(lambda item: {"said": [f"{type(item).__name__} {item}"]}))
    builder.add_conditional_edges(
        START,
        lambda state: [Send("work", 1), Send("work", "text"), Send("work", ("a", 2)), Send("work", None)],
    )
    return builder.compile(checkpointer=InMemorySaver())


@graph({"x": 0}, only=None)
def loop(wrap: Form) -> Any:
    """A loop that ends when a condition holds."""
    builder = StateGraph(State)
    builder.add_node("a", wrap(lambda state: {"x": state["x"] + 1, "said": ["a"]}))
    builder.add_node("b", wrap(saying("b")))
    builder.add_edge(START, "a").add_edge("b", "a")
    builder.add_conditional_edges("a", lambda state: "b" if state["x"] < 3 else END)
    return builder.compile(checkpointer=InMemorySaver())


@graph({"x": 0}, None, config={"recursion_limit": 4})
def recursion_limit(wrap: Form) -> Any:
    """The recursion limit stops an endless loop, which continues when it is run again."""
    builder = with_nodes(wrap, "a", "b").add_edge(START, "a").add_edge("a", "b").add_edge("b", "a")
    return builder.compile(checkpointer=InMemorySaver())


@graph({"x": 0})
def loop_of_commands(wrap: Form) -> Any:
    """A node that goes to itself by command."""

    def step(state: State) -> Command[Literal["step", "__end__"]]:
        return Command(update={"x": state["x"] + 1}, goto="step" if state["x"] < 3 else END)

    builder = StateGraph(State).add_node(wrap(step)).add_edge(START, "step")
    return builder.compile(checkpointer=InMemorySaver())


@graph({"x": 0}, parallel=True)
def command_and_edge(wrap: Form) -> Any:
    """A static edge is followed in addition to a command's `goto`."""
    builder = with_nodes(wrap, "b", "c")
    builder.add_node("a", wrap(lambda state: Command(goto="c", update={"said": ["a"]})))
    return builder.add_edge(START, "a").add_edge("a", "b").compile(checkpointer=InMemorySaver())


@graph({"x": 0})
def route_that_fails(wrap: Form) -> Any:
    """A condition that raises."""
    builder = with_nodes(wrap, "a", "b").add_edge(START, "a")
    builder.add_conditional_edges("a", lambda state: state["missing"])
    return builder.compile(checkpointer=InMemorySaver())


@graph({"x": 0}, parallel=True)
def evaluator_and_optimizer(wrap: Form) -> Any:
    """A writer, and several critics who vote in parallel."""

    def write(state: State) -> dict[str, Any]:
        return {"x": state["x"] + 1, "said": [f"draft {state['x']}"]}

    def judge(state: State) -> Command[Literal["write", "__end__"]]:
        votes = [word for word in state["said"] if word.startswith("vote")]
        return Command(goto=END if len(votes) >= 4 else "write")

    builder = StateGraph(State).add_node(wrap(write)).add_node(wrap(judge)).add_edge(START, "write")
    for critic in ("one", "two"):
        builder.add_node(critic, wrap(lambda state, critic=critic: {"said": [f"vote {critic} {state['x']}"]}))
        builder.add_edge("write", critic)
    return builder.add_edge(["one", "two"], "judge").compile(checkpointer=InMemorySaver())


@graph({"x": 3}, parallel=True)
def orchestrator_and_workers(wrap: Form) -> Any:
    """A node that starts workers by command."""

    def orchestrate(state: State) -> Command[Literal["worker"]]:
        return Command(goto=[Send("worker", {"part": i}) for i in range(state["x"])])

    builder = StateGraph(State).add_node(wrap(orchestrate)).add_edge(START, "orchestrate")
    builder.add_node("worker", wrap(lambda part: {"said": [f"part {part['part']}"]}))
    builder.add_node("join", wrap(saying("join"))).add_edge("worker", "join")
    return builder.compile(checkpointer=InMemorySaver())


@graph({"x": 3}, config={"configurable": {"way": "short"}})
def configurable_way(wrap: Form) -> Any:
    """The config of the run decides about the route."""
    builder = with_nodes(wrap, "a", "b").add_edge(START, "a")

    def route(state: State, config: RunnableConfig) -> str:
        return END if config["configurable"]["way"] == "short" else "b"

    return builder.add_conditional_edges("a", route, ["b", END]).compile(checkpointer=InMemorySaver())
