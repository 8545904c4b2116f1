"""Errors pass through unchanged: type, text, cause, notes, and the frames of the user's code."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphBubbleUp, GraphInterrupt, NodeInterrupt
from langgraph.graph import START, StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from tests.transparency.scenario import LIGHT, Form, graph

ONLY = LIGHT


class State(TypedDict, total=False):
    """What the graphs here work on."""

    x: int


def one(wrap: Form, action: Any) -> Any:
    """A graph of one node."""
    builder = StateGraph(State).add_node("n", wrap(action)).add_edge(START, "n")
    return builder.compile(checkpointer=InMemorySaver())


class OwnError(Exception):
    """An error with attributes."""

    def __init__(self, code: int, *, why: str) -> None:
        super().__init__(f"{code} because {why}")
        self.code = code


class FrozenError(Exception):
    """An error that refuses notes."""

    def add_note(self, note: str) -> None:
        """Refuse."""
        raise TypeError(note)


def _deep(depth: int) -> None:
    if depth:
        _deep(depth - 1)
    raise OwnError(7, why="it is deep")


@graph({"x": 1})
def own_error(wrap: Form) -> Any:
    """An error with its attributes and frames."""
    return one(wrap, lambda state: _deep(3))


@graph({"x": 1})
def with_a_cause(wrap: Form) -> Any:
    """An error with a cause and a note."""

    def work(state: State) -> Any:
        try:
            _deep(1)
        except OwnError as error:
            raised = ValueError("around")
            raised.add_note("mine")
            raise raised from error

    return one(wrap, work)


@graph({"x": 1})
def with_a_context(wrap: Form) -> Any:
    """An error that is raised while another one is handled."""

    def work(state: State) -> Any:
        try:
            _deep(1)
        finally:
            {}["missing"]

    return one(wrap, work)


@graph({"x": 1})
def group(wrap: Form) -> Any:
    """An exception group."""

    def work(state: State) -> Any:
        raise ExceptionGroup("two", [ValueError("one"), KeyError("two")])

    return one(wrap, work)


@graph({"x": 1})
def validation_error(wrap: Form) -> Any:
    """A validation error of pydantic, raised in the node."""

    class Strict(BaseModel):
        y: int

    return one(wrap, lambda state: Strict.model_validate({**state}))


@graph({"x": 1})
def frozen(wrap: Form) -> Any:
    """An error that refuses notes."""

    def work(state: State) -> Any:
        raise FrozenError("no notes")

    return one(wrap, work)


@graph({"x": 1}, modes=("mixed",))
def stop_iteration(wrap: Form) -> Any:
    """A function that raises StopIteration."""
    return one(wrap, lambda state: next(iter(())))


@graph({"x": 1})
def system_errors(wrap: Form) -> Any:
    """A `TimeoutError`, which retry policies often include."""

    def work(state: State) -> Any:
        raise TimeoutError("slow")

    return one(wrap, work)


@graph({"x": 1}, None)
def raised_interrupts(wrap: Form) -> Any:
    """A node raises `GraphInterrupt` itself."""

    def work(state: State) -> Any:
        raise GraphInterrupt

    return one(wrap, work)


@graph({"x": 1}, None)
def raised_bubble_up(wrap: Form) -> Any:
    """A node raises `GraphBubbleUp`, the base class of control flow."""

    def work(state: State) -> Any:
        raise GraphBubbleUp("up")

    return one(wrap, work)


@graph({"x": 1}, None)
def node_interrupts(wrap: Form) -> Any:
    """A node raises the deprecated `NodeInterrupt`."""

    def work(state: State) -> Any:
        raise NodeInterrupt("stop here")

    return one(wrap, work)


@graph({"x": 1})
def wrong_signature(wrap: Form) -> Any:
    """A function without parameters."""
    return one(wrap, lambda: {"x": 1})


@graph({"x": 1})
def recursion(wrap: Form) -> Any:
    """A function that calls itself without end."""

    def work(state: State) -> Any:
        raise RecursionError("too deep")

    return one(wrap, work)
