"""Captured failures of nodes reach the result of the run, and can end the run."""

import asyncio
import itertools

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from langgraph_runner import ExecutionOptions, GraphRunner, GraphRunStatus, GraphState, create_node
from langgraph_runner.graph.captures import Captures
from tests.graph.test_runner import chain, fails, fan, run, thread

__all__ = ["run"]  # The fixture.

STOPS = ExecutionOptions(stop_when_blocked=True)


class Narrow(TypedDict, total=False):
    """A state without fields for errors and flags."""

    story_id: str


def narrow(*actions):
    """A chain whose output schema has no fields for errors and flags."""
    builder, before = StateGraph(GraphState, output_schema=Narrow), START
    for number, action in enumerate(actions):
        builder.add_node(f"inner{number}", action).add_edge(before, f"inner{number}")
        before = f"inner{number}"
    return builder.compile()


def failing(mode, **options):
    """A node that captures its failure."""
    return create_node(mode.function(fails), **options)


def calls(mode, graph, then=None):
    """A function that calls a graph and returns `then(result)`."""
    then = then or (lambda result: {})

    async def awaited(state):
        return then(await graph.ainvoke({}))

    def blocking(state):
        return then(graph.invoke({}))

    return awaited if mode.is_async else blocking


def errors_of(result):
    """The nodes that the records name."""
    return [record["node_id"] for record in result.errors]


# --- records that an output schema drops


@pytest.mark.req("G-8")
@pytest.mark.parametrize("depth", [1, 2])
def test_a_record_that_a_schema_drops_is_in_the_result(run, mode, depth):
    """The run is also blocked, because no node could handle the failure."""
    graph = narrow(failing(mode))
    for _ in range(depth - 1):
        graph = narrow(graph)
    result = run(chain(graph))
    assert (result.status, errors_of(result)) == (GraphRunStatus.BLOCKED, ["inner0"])
    assert (result.state or {}).get("errors", []) == []


@pytest.mark.req("G-8")
def test_a_graph_that_a_function_calls_loses_no_record(run, mode):
    """The function calls the graph in a thread or on the event loop."""
    result = run(chain(calls(mode, narrow(failing(mode)))))
    assert (result.status, errors_of(result)) == (GraphRunStatus.BLOCKED, ["inner0"])


@pytest.mark.req("G-8")
def test_a_graph_without_room_for_errors_around_it_loses_no_record(run, mode):
    """The nested graph passes the record on, and the outer graph drops it."""
    builder = StateGraph(Narrow).add_node("part", chain(failing(mode))).add_edge(START, "part")
    result = run(builder.compile())
    assert (result.status, errors_of(result)) == (GraphRunStatus.BLOCKED, ["n0"])


@pytest.mark.req("G-8")
def test_a_recorded_failure_does_not_block(run, mode):
    """The node has `on_error="record"`."""
    result = run(chain(narrow(failing(mode, on_error="record"))))
    assert (result.status, errors_of(result)) == (GraphRunStatus.COMPLETED, ["inner0"])


@pytest.mark.req("G-8")
def test_a_record_that_arrives_is_there_once(run, mode):
    """It reaches the state through a nested graph. The result has all records in the order of their times."""
    result = run(chain(narrow(failing(mode)), chain(failing(mode)), narrow(failing(mode))))
    assert result.status is GraphRunStatus.BLOCKED
    assert errors_of(result) == ["inner0", "n0", "inner0"]
    times = [record["timestamp"] for record in result.errors]
    assert times == sorted(times)
    assert len({record["error_id"] for record in result.errors}) == 3


@pytest.mark.req("G-8")
def test_a_parent_that_handled_the_failure_is_not_blocked(run, mode):
    """The parent has read the flags of the graph that it called."""
    seen = []

    def recover(result):
        seen.append(result["routing_flags"]["blocked"])
        return {"story_id": "recovered"}

    result = run(chain(calls(mode, chain(failing(mode)), recover)))
    assert (result.status, result.errors, seen) == (GraphRunStatus.COMPLETED, (), [True])


@pytest.mark.req("G-8")
def test_a_nested_graph_that_handled_the_failure_is_not_blocked(run, mode):
    """One of its nodes has cleared the flag. The record is lost all the same, so the result has it."""
    clear = mode.function(lambda state: {"routing_flags": {"blocked": False}})
    result = run(chain(narrow(failing(mode), clear)))
    assert (result.status, errors_of(result)) == (GraphRunStatus.COMPLETED, ["inner0"])


@pytest.mark.req("G-8")
def test_records_of_a_run_that_fails_are_kept(run, mode):
    """Also those of the last wave, which is not in the state. The error that ended the run comes last."""
    both = fan(1, mode.function(fails))
    builder = StateGraph(GraphState).add_node("part", narrow(failing(mode), both)).add_edge(START, "part")
    result = run(builder.compile())
    assert (result.status, errors_of(result)) == (GraphRunStatus.FAILED, ["inner0", "part"])


# --- stop at the first failure


@pytest.mark.req("N-30")
def test_a_run_stops_when_it_is_blocked(run, mode):
    """It stops after the superstep: parallel nodes finish, later nodes do not begin."""
    ended = []
    builder = StateGraph(GraphState).add_node("load", failing(mode))
    builder.add_node("beside", mode.function(lambda state: {"story_id": "beside"}))
    builder.add_node("send", mode.function(lambda state: ended.append(1)))
    builder.add_edge(START, "load").add_edge(START, "beside").add_edge("load", "send")
    graph = builder.compile(checkpointer=InMemorySaver())
    result = run(graph, STOPS)
    assert (result.status, result.waves, result.error) == (GraphRunStatus.BLOCKED, 1, None)
    assert (errors_of(result), result.state["story_id"], ended) == (["load"], "beside", [])
    saved = graph.get_state(thread(result))
    assert (saved.next, saved.values["routing_flags"]["blocked"]) == (("send",), True)
    assert run(graph, None, None, thread(result)).waves == 1
    assert ended == [1]


@pytest.mark.req("N-30")
@pytest.mark.parametrize("options", [None, STOPS])
def test_static_edges_are_warned_of_unless_the_run_stops(run, mode, caplog, options):
    """A run that stops does not follow them."""
    run(chain(failing(mode), mode.function(lambda state: {})), options)
    assert ("node.static_edge_after_failure" in caplog.text) is (options is None)


@pytest.mark.req("N-30")
def test_made_nodes_beside_the_failed_one_are_not_stopped(run, mode):
    """A stop between two supersteps does not drain running nodes."""
    counted = itertools.count()

    async def awaited(state):

        for _ in range(100):
            await asyncio.sleep(0)
        return {"story_id": str(next(counted))}

    def blocking(state):
        return {"story_id": str(next(counted))}

    builder = StateGraph(GraphState).add_node("load", failing(mode)).add_edge(START, "load")
    builder.add_node(
        "beside", create_node(awaited if mode.is_async else blocking, retry=3, timeout_ms=60_000)
    )
    result = run(builder.add_edge(START, "beside").compile(), STOPS)
    assert (result.status, errors_of(result), result.state["story_id"]) == ("blocked", ["load"], "0")


@pytest.mark.req("N-30")
@pytest.mark.parametrize("make", [chain, narrow])
def test_a_nested_graph_stops_and_with_it_the_run(run, mode, make):
    """With any output schema."""
    ended = []
    after = mode.function(lambda state: ended.append(1))
    result = run(chain(make(failing(mode), after), after), STOPS)
    assert (result.status, len(errors_of(result)), ended, result.error) == ("blocked", 1, [], None)


@pytest.mark.req("N-30")
def test_a_failure_in_the_last_node_of_a_nested_graph_stops_the_run(run, mode):
    """The nested graph has already ended."""
    ended = []
    after = mode.function(lambda state: ended.append(1))
    result = run(chain(chain(failing(mode)), after), STOPS)
    assert (result.status, errors_of(result), ended) == ("blocked", ["n0"], [])


@pytest.mark.req("N-30")
def test_a_failure_that_does_not_block_does_not_stop(run, mode):
    """With `on_error="record"`, and with a fallback that succeeds."""
    ended = []
    after = mode.function(lambda state: ended.append(1))
    saved = failing(mode, fallback=lambda state: {})
    result = run(chain(failing(mode, on_error="record"), saved, after), STOPS)
    assert (result.status, ended) == ("completed", [1])


@pytest.mark.req("N-30")
async def test_a_stopped_stream_ends_without_an_exception():
    """It delivers what was streamed before."""
    stream = GraphRunner(chain(create_node(fails), lambda state: {}), STOPS).astream(
        {}, stream_mode="updates"
    )
    assert [next(iter(chunk)) async for chunk in stream] == ["n0"]


def test_what_nodes_return_besides_is_ignored():
    """Such as numbers, objects, and other values in fields of the same names."""
    captures = Captures()
    for output in (None, 5, {"errors": 3}, {"errors": ["odd", {"a": 1}], "routing_flags": "yes"}, object()):
        captures.node_ended("a:1", "", output)
        captures.graph_ended("a:1", output)
    assert (captures.with_lost((), {}, is_complete=False), captures.blocks()) == ((), False)
