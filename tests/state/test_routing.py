"""Conditional edges by routing flags."""

from dataclasses import dataclass, field

import pytest
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel

from langgraph_runner import GraphState, RoutingFlags, create_node, route_by_flags


def _graph(route):
    builder = StateGraph(GraphState)
    builder.add_node("work", create_node(lambda state: 1 / 0))
    for name in ("review", "publish"):
        builder.add_node(name, lambda state, name=name: {"artifact_paths": {name: "here"}})
    builder.add_edge(START, "work").add_conditional_edges("work", route)
    return builder.compile()


@pytest.mark.req("N-6")
def test_a_failed_node_leads_to_the_review():
    """The flag that the runner sets is the flag that the edge reads."""
    state = _graph(route_by_flags(blocked="review", default="publish")).invoke({})
    assert state["artifact_paths"] == {"review": "here"}


def test_langgraph_draws_only_the_edges_that_can_be_taken():
    """LangGraph reads the edges from the return annotation."""
    graph = _graph(route_by_flags(blocked=["review", "publish"], default=END)).get_graph()
    assert {edge.target for edge in graph.edges if edge.source == "work"} == {"review", "publish", END}


def test_a_node_may_have_two_routes():
    """Their names differ, as LangGraph requires."""
    builder = StateGraph(GraphState).add_node("work", lambda state: {"routing_flags": {"skip": True}})
    builder.add_edge(START, "work")
    builder.add_conditional_edges("work", route_by_flags(blocked=END, default=END))
    builder.add_conditional_edges("work", route_by_flags(skip=END, default=END))
    assert builder.compile().invoke({})["routing_flags"] == {"skip": True}


@pytest.mark.parametrize(
    ("flags", "target"),
    [
        ({}, "next"),
        (None, "next"),
        ({"blocked": False}, "next"),
        ({"escalate": True}, "boss"),
        ({"escalate": True, "blocked": True}, "review"),
        ({"proceed": True}, "next"),
    ],
)
def test_the_first_flag_that_is_set_wins(flags, target):
    """The order is that of the call; flags that are False or not in the call do not count."""
    route = route_by_flags(blocked="review", escalate="boss", default="next")
    assert route({"routing_flags": flags}) == target


def test_the_state_may_be_an_object():
    """It may be a pydantic model, a dataclass, or an object without the field."""

    class Model(BaseModel):
        routing_flags: RoutingFlags = {}

    @dataclass
    class Data:
        routing_flags: RoutingFlags = field(default_factory=dict)

    route = route_by_flags(skip=["a", "b"], default="next")
    assert route(Model(routing_flags={"skip": True})) == ["a", "b"]
    assert route(Data(routing_flags={"skip": True})) == ["a", "b"]
    assert route(object()) == "next"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"default": "a"}, ValueError, "must have at least one flag of proceed"),
        ({"default": "a", "bloked": "b"}, TypeError, "unknown flag 'bloked'.*Did you mean 'blocked'"),
        ({"default": "a", "blocked": 3}, TypeError, "blocked must be the name of a node"),
        ({"default": None, "blocked": "b"}, TypeError, "default must be the name"),
        ({"default": "a", "blocked": []}, ValueError, "blocked must name at least one node"),
        ({"default": "", "blocked": "b"}, ValueError, "default must name at least one node, got ''"),
    ],
)
def test_a_mistake_is_refused_when_the_edge_is_made(options, error, message):
    """The error comes before any run takes the edge."""
    with pytest.raises(error, match=message):
        route_by_flags(**options)
