"""Nodes of callable objects have the attributes of the object."""

import copy
import inspect
from typing import Literal, TypedDict

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Command

from langgraph_runner import GraphState, create_node
from langgraph_runner.node.callee import is_node


class State(GraphState, total=False):
    """The state of the graphs in this module."""

    ticks: int


class Clock:
    """Counts its calls."""

    def __init__(self):
        self.ticks = 0
        self.run = "not the node's"

    def __call__(self, state: State) -> dict:
        """Count a call."""
        self.ticks += 1
        return {"ticks": self.ticks}

    def reset(self):
        """A method."""
        self.ticks = 0


class AsyncClock(Clock):
    """Counts its calls; async."""

    async def __call__(self, state: State) -> dict:
        """Count a call."""
        return super().__call__(state)


@pytest.fixture
def clock(mode):
    """An object in the mode of the test."""
    return AsyncClock() if mode.is_async else Clock()


def test_attributes_are_those_of_the_object_at_the_moment(mode, clock):
    """Also values that change, and methods."""
    node = create_node(clock)
    mode.call(node, {})
    mode.call(node, {})
    assert (node.ticks, clock.ticks) == (2, 2)
    node.reset()
    assert node.ticks == 0


def test_an_attribute_that_the_object_has_is_set_there(clock):
    """Other attributes are set on the node."""
    node = create_node(clock)
    node.ticks, node.note = 7, "mine"
    assert (clock.ticks, node.note, hasattr(clock, "note")) == (7, "mine", False)


def test_what_a_node_has_itself_wins(mode, clock):
    """`run` is the node's method, even if the object has an attribute of this name."""
    node = create_node(clock, name="tick")
    assert mode.call(node.run, {}).value == {"ticks": 1}
    assert (node.__name__, is_node(node)) == ("tick", True)
    with pytest.raises(AttributeError, match="no attribute 'missing'"):
        node.missing  # noqa: B018 - that it raises is the point


def test_a_graph_runs_it_in_its_mode(mode, clock):
    """It is sync or async like the object's call."""
    node = create_node(clock)
    builder = StateGraph(State).add_node("tick", node).add_edge(START, "tick")
    assert mode.invoke(builder.compile(), {})["ticks"] == 1
    assert inspect.iscoroutinefunction(node.__call__) is mode.is_async


class Narrow(TypedDict):
    """A part of the state."""

    ticks: int


class Router:
    """Reads a part of the state, and says where to go."""

    seen = None

    def __call__(self, state: Narrow) -> Command[Literal["far"]]:
        """Always return "far"."""
        self.seen = dict(state)
        return Command(goto="far")


def test_langgraph_reads_its_annotations(mode):
    """For the input schema and for the edges of a drawing."""
    router = Router()
    builder = StateGraph(State).add_node("route", create_node(router)).add_node("far", lambda state: {})
    graph = builder.add_edge(START, "route").compile()
    mode.invoke(graph, {"ticks": 3, "story_id": "s"})
    assert router.seen == {"ticks": 3}
    assert ("route", "far") in {(edge.source, edge.target) for edge in graph.get_graph().edges}


def test_a_copy_is_a_node_of_the_same_object(mode, clock):
    """A copied node calls the same object."""
    node = copy.copy(create_node(clock))
    mode.call(node, {})
    assert (node.ticks, clock.ticks, is_node(node)) == (1, 1, True)
