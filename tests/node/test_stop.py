"""`on_error="stop"`, and edges that continue after a captured failure."""

import asyncio
import operator
from typing import Annotated

import pytest
import structlog
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send

from langgraph_runner import GraphState, create_node, route_by_flags
from langgraph_runner.node.langgraph import internals as langgraph_compat

pytestmark = pytest.mark.req("N-30")


class State(GraphState, total=False):
    """The state of the graphs in this module."""

    ran: Annotated[list[str], operator.add]


def note(name):
    """A node that records its run in the state."""
    return lambda state: {"ran": [name]}


def broken(_state):
    """A node's function that always fails."""
    raise ConnectionError("no route")


def chain(mode, on_error="stop", *, beside=False):
    """`load` fails, `send` follows it; the parallel branch has `beside` and then `late`."""
    builder = StateGraph(State)
    builder.add_node("load", create_node(mode.function(broken), on_error=on_error))
    builder.add_node("send", note("send"))
    builder.add_edge(START, "load").add_edge("load", "send")
    if beside:
        builder.add_node("beside", note("beside")).add_node("late", note("late"))
        builder.add_edge(START, "beside").add_edge("beside", "late")
    return builder


def test_the_run_ends_after_a_failure_without_an_exception(mode):
    """The failure is recorded as with `capture`, and no edge is followed."""
    state = mode.invoke(chain(mode).compile(), {})
    assert [error["node_id"] for error in state["errors"]] == ["load"]
    assert (state["routing_flags"], state["ran"]) == ({"blocked": True}, [])


def test_the_superstep_of_the_failure_is_completed(mode):
    """Parallel nodes keep their writes; later nodes do not begin."""
    assert mode.invoke(chain(mode, beside=True).compile(), {})["ran"] == ["beside"]


@pytest.mark.parametrize("stream_mode", ["values", "updates", "debug"])
def test_a_stream_ends_as_well(mode, stream_mode):
    """The update of the failure is its last one."""
    graph = chain(mode).compile()

    async def streamed():
        return [chunk async for chunk in graph.astream({}, stream_mode=stream_mode)]

    chunks = asyncio.run(streamed()) if mode.is_async else [*graph.stream({}, stream_mode=stream_mode)]
    assert (
        "send" not in str(chunks[-1].get("ran", ""))
        if stream_mode == "values"
        else "'send'" not in str(chunks[:-1])
    )


def test_the_graphs_around_a_nested_one_end_too(mode):
    """Otherwise they would continue without the result of the nested graph."""
    inner = chain(mode).compile()
    builder = StateGraph(State).add_node("inner", inner).add_node("after", note("after"))
    state = mode.invoke(builder.add_edge(START, "inner").add_edge("inner", "after").compile(), {})
    assert state["ran"] == []
    assert state["errors"][0]["node_id"] == "load"


def test_the_graphs_around_a_graph_that_is_a_node_end_too(mode):
    """Also around a graph that `create_node()` has wrapped."""
    inner = create_node(chain(mode).compile())
    builder = StateGraph(State).add_node("inner", inner).add_node("after", note("after"))
    state = mode.invoke(builder.add_edge(START, "inner").add_edge("inner", "after").compile(), {})
    assert state["ran"] == []


def test_a_function_that_invokes_a_graph_decides_for_its_own(mode):
    """It gets the state of the stopped run, and its own run continues."""
    inner = chain(mode).compile()

    def call(state):
        return {"ran": [f"call saw {len(inner.invoke({})['errors'])} failure"]}

    async def call_async(state):
        return {"ran": [f"call saw {len((await inner.ainvoke({}))['errors'])} failure"]}

    builder = StateGraph(State).add_node("call", call_async if mode.is_async else call)
    builder.add_node("after", note("after")).add_edge(START, "call").add_edge("call", "after")
    assert mode.invoke(builder.compile(), {})["ran"] == ["call saw 1 failure", "after"]


def test_one_of_many_branches_ends_the_run(mode):
    """The other branches of the superstep keep their writes."""

    def each(branch):
        if branch["number"] == 1:
            raise ConnectionError("no route")
        return {"ran": [f"branch {branch['number']}"]}

    builder = StateGraph(State)
    builder.add_node("each", create_node(mode.function(each), on_error="stop"))
    builder.add_node("after", note("after"))
    builder.add_conditional_edges(
        START, lambda state: [Send("each", {"number": n}) for n in range(3)], ["each"]
    )
    state = mode.invoke(builder.add_edge("each", "after").compile(), {})
    assert state["ran"] == ["branch 0", "branch 2"]


def test_a_command_of_a_node_beside_does_not_go_on(mode):
    """Neither its edges nor its `Send`s are followed."""
    builder = chain(mode).add_node("far", note("far"))

    def jump(state):
        return Command(goto=["far", Send("far", {})], update={"ran": ["jump"]})

    builder.add_node("jump", jump, destinations=("far",)).add_edge(START, "jump")
    assert mode.invoke(builder.compile(), {})["ran"] == ["jump"]


def test_a_stopped_thread_goes_on_when_it_is_invoked_again(mode):
    """The next nodes are still pending, as after a breakpoint."""
    graph = chain(mode).compile(InMemorySaver())
    thread = {"configurable": {"thread_id": "t"}}
    mode.invoke(graph, {}, thread)
    assert graph.get_state(thread).next == ("send",)
    assert mode.invoke(graph, None, thread)["ran"] == ["send"]


def test_a_new_run_of_a_stopped_thread_begins_at_the_start(mode):
    """Because it has a new input."""
    graph = chain(mode).compile(InMemorySaver())
    thread = {"configurable": {"thread_id": "t"}}
    mode.invoke(graph, {}, thread)
    assert len(mode.invoke(graph, {}, thread)["errors"]) == 2


def test_a_success_goes_on(mode):
    """Only a failure stops the run."""
    builder = StateGraph(State)
    builder.add_node("load", create_node(mode.function(note("load")), on_error="stop"))
    builder.add_node("send", note("send")).add_edge(START, "load").add_edge("load", "send")
    assert mode.invoke(builder.compile(), {})["ran"] == ["load", "send"]


def test_outside_a_graph_the_failure_is_captured(mode):
    """So a unit test sees the update that the graph would get."""
    node = create_node(mode.function(broken), on_error="stop")
    assert mode.call(node, {})["routing_flags"] == {"blocked": True}


def test_a_task_of_the_functional_api_raises_the_failure():
    """It has neither a state for the failure nor edges."""
    step = task(create_node(broken, on_error="stop"))

    @entrypoint()
    def flow(value):
        return step(value).result()

    with pytest.raises(ConnectionError):
        flow.invoke({})


def test_a_langgraph_whose_runs_cannot_be_ended_gets_the_exception(mode, monkeypatch):
    """Otherwise the run would continue, and the failure would be hidden."""
    monkeypatch.setattr(langgraph_compat, "PregelLoop", type("Unknown", (), {}))
    with pytest.raises(ConnectionError) as raised:
        mode.invoke(chain(mode).compile(), {})
    assert "runs cannot be ended by a node" in raised.value.__notes__[0]


@pytest.fixture
def warnings(structlog_restored):
    """The warnings about edges."""
    logs = structlog.testing.LogCapture()
    structlog.configure(processors=[logs])
    return lambda: [
        (entry["node"], entry["successors"])
        for entry in logs.entries
        if entry["event"] == "node.static_edge_after_failure"
    ]


def test_an_edge_that_leads_on_from_a_captured_failure_is_warned_of(mode, warnings):
    """Once, with the node and the target of the edge."""
    graph = chain(mode, "capture").compile()
    for _ in range(2):
        assert mode.invoke(graph, {})["ran"] == ["send"]
    assert warnings() == [("load", ["send"])]


def test_a_join_is_an_edge_too(mode, warnings):
    """It treats the failed node like a successful one."""
    builder = StateGraph(State).add_node("beside", note("beside")).add_node("both", note("both"))
    builder.add_node("load", create_node(mode.function(broken)))
    builder.add_edge(START, "load").add_edge(START, "beside").add_edge(["load", "beside"], "both")
    mode.invoke(builder.compile(), {})
    assert warnings() == [("load", ["both"])]


@pytest.mark.parametrize("on_error", ["record", "stop"])
def test_what_asks_for_that_is_not_warned_of(mode, warnings, on_error):
    """With `record` the run is meant to continue; with `stop` it ends."""
    mode.invoke(chain(mode, on_error).compile(), {})
    assert warnings() == []


def test_an_edge_with_a_condition_is_not_warned_of(mode, warnings):
    """Nor is an edge to END."""
    builder = StateGraph(State).add_node("send", note("send")).add_node("last", create_node(broken))
    builder.add_node("load", create_node(mode.function(broken)))
    builder.add_edge(START, "load").add_edge("last", END)
    builder.add_conditional_edges("load", route_by_flags(blocked="last", default="send"))
    mode.invoke(builder.compile(), {})
    assert warnings() == []
