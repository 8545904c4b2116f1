"""Return values of a node: updates in every form, and commands."""

from __future__ import annotations

from dataclasses import dataclass
from operator import add
from typing import Annotated, Any, Literal

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from pydantic import BaseModel
from typing_extensions import TypedDict

from tests.transparency.scenario import Form, graph


class State(TypedDict, total=False):
    """What the graphs here work on."""

    x: int
    said: Annotated[list[str], add]


class Update(BaseModel):
    """A partial state as a model."""

    x: int = 0
    said: list[str] = []


@dataclass
class Fields:
    """A partial state as a dataclass."""

    x: int = 0
    said: list[str] | None = None


def one_node(wrap: Form, action: Any, **options: Any) -> Any:
    """A graph of this action, and two nodes that may follow."""
    builder = StateGraph(State)
    builder.add_node("n", wrap(action), **options)
    for other in ("a", "b"):
        builder.add_node(other, wrap(lambda state, other=other: {"said": [f"{other}{state.get('x')}"]}))
    return builder.add_edge(START, "n").compile(checkpointer=InMemorySaver())


def returning(value: Any) -> Any:
    """Return an action that returns a value."""

    def action(state: State) -> Any:
        return value() if callable(value) else value

    return action


VALUES = {
    "a_dict": {"x": 1, "said": ["n"]},
    "none": None,
    "an_empty_dict": {},
    "an_unknown_field": {"x": 1, "typo": 2},
    "a_model": lambda: Update(x=2),
    "a_dataclass": lambda: Fields(x=3, said=["n"]),
    "command_with_a_dict": lambda: Command(update={"x": 4}, goto="a"),
    "command_with_pairs": lambda: Command(update=[("x", 5), ("said", ["p"]), ("said", ["q"])], goto="b"),
    "command_with_a_model": lambda: Command(update=Update(x=6)),
    "command_with_a_dataclass": lambda: Command(update=Fields(x=7, said=["d"])),
    "command_to_many": lambda: Command(goto=["a", "b"]),
    "command_to_sends": lambda: Command(goto=[Send("a", {"x": 8}), Send("b", {"x": 9}), "a"]),
    "command_to_a_send": lambda: Command(goto=Send("a", {"x": 8})),
    "command_to_the_end": lambda: Command(goto=END, update={"x": 1}),
    "command_to_nobody": lambda: Command(goto="nobody", update={"x": 1}),
    "a_list_of_commands": lambda: [Command(update={"said": ["1"]}), Command(goto="a", update={"x": 2})],
    "a_list_with_updates": lambda: [{"said": ["1"]}, Command(goto="b"), Update(x=3), None],
    "a_tuple_of_commands": lambda: (Command(update={"said": ["1"]}), Command(goto="a")),
    "a_command_to_the_parent_of_none": lambda: Command(graph=Command.PARENT, goto="a"),
    "a_number": 7,
    "a_string": "seven",
    "a_list": [1, 2],
    "an_empty_list": [],
    "a_send": lambda: Send("a", {"x": 1}),
    "a_set": lambda: {"x"},
    "a_dict_with_other_keys": {1: 2, "x": 3},
    "a_class": Update,
}


AT_ONCE = ("command_to_many", "command_to_sends")
ENOUGH = ("results", "each_stream_alone", "all_streams_v2", "events_v2", "callbacks", "states")


def _register() -> None:
    for name, value in VALUES.items():

        def build(wrap: Form, value: Any = value) -> Any:
            return one_node(wrap, returning(value))

        build.__name__ = name
        graph({"x": 0}, only=ENOUGH, parallel=name in AT_ONCE)(build)


_register()


@graph({"x": 0})
def drawn_destinations(wrap: Form) -> Any:
    """The edges of a `Command[Literal[...]]`."""

    def route(state: State) -> Command[Literal["a", "b"]]:
        return Command(goto="b", update={"x": 5})

    return one_node(wrap, route)


@graph({"x": 0})
def drawn_destinations_of_a_union(wrap: Form) -> Any:
    """The edges of a union of a command and an update."""

    def route(state: State) -> Command[Literal["a", "__end__"]] | dict:
        return Command(goto="a", update={"x": 5})

    return one_node(wrap, route)


@graph({"x": 0})
def named_destinations(wrap: Form) -> Any:
    """Destinations that are given as an option, with labels."""
    return one_node(wrap, lambda state: Command(goto="a"), destinations={"a": "yes", "b": "no"})
