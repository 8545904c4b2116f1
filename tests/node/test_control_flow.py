"""Interrupts, commands and other control flow of LangGraph through a wrapped node."""

import asyncio
from typing import TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphInterrupt
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from pydantic import BaseModel, ValidationError

from langgraph_runner import (
    CircuitBreakerConfig,
    CircuitState,
    GraphState,
    NodeCircuitBreaker,
    NodeMetricsCollector,
    create_node,
    runner_config,
)


class State(GraphState, total=False):
    """The state of the graphs in this module."""

    x: int
    answers: list[str]


def checkpointed(node, **options):
    """A graph of one node that can be resumed."""
    return (
        StateGraph(State)
        .add_node("n", node, **options)
        .add_edge(START, "n")
        .add_edge("n", END)
        .compile(checkpointer=InMemorySaver())
    )


THREAD = {"configurable": {"thread_id": "t"}}


@pytest.mark.req("N-26")
def test_an_interrupt_goes_through_and_counts_as_nothing(mode):
    """It is neither a success nor a failure. The breaker's permit is released."""
    collector = NodeMetricsCollector()
    breaker = NodeCircuitBreaker(CircuitBreakerConfig(failure_threshold=1, recovery_timeout_ms=0))
    breaker.record_failure(breaker.acquire())
    node = create_node(
        mode.function(lambda s: {"answers": [interrupt("?")]}),
        retry=3,
        timeout_ms=5000,
        circuit_breaker=breaker,
        metrics_collector=collector,
    )
    graph = checkpointed(node)
    assert mode.invoke(graph, {"x": 0}, THREAD)["__interrupt__"][0].value == "?"
    assert collector.get_node_metrics("n").total_executions == 0
    assert breaker.state is CircuitState.HALF_OPEN
    assert mode.invoke(graph, Command(resume="yes"), THREAD)["answers"] == ["yes"]
    assert breaker.state is CircuitState.CLOSED
    assert collector.get_node_metrics("n").success_count == 1


@pytest.mark.req("N-26")
def test_a_retry_keeps_the_answers_given_so_far(mode, fake):
    """The second attempt finds the answer and does not ask again."""
    calls = []

    def ask_then_fail_once(state):
        answer = interrupt("name?")
        calls.append(answer)
        if len(calls) == 1:
            raise ConnectionError("after the answer")
        return {"answers": [answer, interrupt("age?")]}

    node = create_node(mode.function(ask_then_fail_once), retry=3, runtime=fake)
    graph = checkpointed(node)
    assert mode.invoke(graph, {"x": 0}, THREAD)["__interrupt__"][0].value == "name?"
    assert mode.invoke(graph, Command(resume="Ada"), THREAD)["__interrupt__"][0].value == "age?"
    assert mode.invoke(graph, Command(resume="36"), THREAD)["answers"] == ["Ada", "36"]
    assert set(calls) == {"Ada"}


class Age(BaseModel):
    """The model of a valid answer."""

    years: int


@pytest.mark.req("N-26")
def test_a_wrong_answer_can_be_given_again(mode):
    """LangGraph's invalid resume is raised, not captured: the question is not lost."""
    node = create_node(mode.function(lambda s: {"x": interrupt("age?", response_schema=Age).years}), retry=3)
    graph = checkpointed(node)
    mode.invoke(graph, {"x": 0}, THREAD)
    with pytest.raises(ValidationError):
        mode.invoke(graph, Command(resume={"years": "many"}), THREAD)
    assert mode.invoke(graph, Command(resume={"years": 36}), THREAD)["x"] == 36


@pytest.mark.req("N-26")
def test_a_command_to_the_parent_graph_passes(mode):
    """`Command(graph=Command.PARENT)` leaves the subgraph."""
    inner_node = create_node(
        mode.function(lambda s: Command(graph=Command.PARENT, goto="other", update={"x": 7})), retry=2
    )
    inner = StateGraph(State).add_node("i", inner_node).add_edge(START, "i").compile()
    outer = (
        StateGraph(State)
        .add_node("sub", inner, destinations=("other",))
        .add_node("other", mode.function(lambda s: {"answers": [str(s["x"])]}))
        .add_edge(START, "sub")
        .compile()
    )
    result = mode.invoke(outer, {"x": 0})
    assert (result["x"], result["answers"]) == (7, ["7"])


@pytest.mark.req("N-26")
def test_a_wrapped_subgraph_can_leave_to_its_parent(mode):
    """ParentCommand is an exception, but not a failure."""
    inner = (
        StateGraph(State)
        .add_node("i", mode.function(lambda s: Command(graph=Command.PARENT, goto="other")))
        .add_edge(START, "i")
        .compile()
    )
    outer = (
        StateGraph(State)
        .add_node("sub", create_node(inner, retry=2), destinations=("other",))
        .add_node("other", mode.function(lambda s: {"x": 1}))
        .add_edge(START, "sub")
        .compile()
    )
    result = mode.invoke(outer, {"x": 0})
    assert (result["x"], result["errors"]) == (1, [])


@pytest.mark.req("N-27")
def test_langgraphs_own_retry_acts_on_a_node_that_raises(mode):
    """The native policy sees the original exception."""
    calls = []

    def flaky(state):
        calls.append(1)
        if len(calls) < 3:
            raise ConnectionError
        return {"x": 1}

    node = create_node(mode.function(flaky), on_error="raise")
    graph = checkpointed(node, retry_policy=RetryPolicy(initial_interval=0, jitter=False))
    assert mode.invoke(graph, {"x": 0}, THREAD)["x"] == 1
    assert len(calls) == 3


@pytest.mark.req("N-27")
def test_langgraphs_own_retry_never_acts_on_a_node_that_captures(mode):
    """It sees a success, as the docs say."""
    calls = []

    def fail(state):
        calls.append(1)
        raise ConnectionError

    graph = checkpointed(
        create_node(mode.function(fail)), retry_policy=RetryPolicy(initial_interval=0, jitter=False)
    )
    assert mode.invoke(graph, {"x": 0}, THREAD)["routing_flags"] == {"blocked": True}
    assert len(calls) == 1


@pytest.mark.req("N-27")
def test_langgraphs_error_handler_acts_on_a_node_that_raises(mode):
    """It gets the original exception."""
    from langgraph.errors import NodeError

    def fail(state):
        raise KeyError("gone")

    def handler(state: State, error: NodeError) -> dict:
        return {"answers": [f"{error.node}: {type(error.error).__name__}"]}

    node = create_node(mode.function(fail), on_error="raise", retry=2)
    result = mode.invoke(checkpointed(node, error_handler=mode.function(handler)), {"x": 0}, THREAD)
    assert result["answers"] == ["n: KeyError"]


@pytest.mark.req("N-27", "N-15")
def test_langgraphs_timeout_policies_know_the_runners_timeout():
    """LangGraph's retry policy with the default rule retries it."""
    calls = []

    async def slow_once(state):
        calls.append(1)
        if len(calls) == 1:
            await asyncio.Event().wait()
        return {"x": 1}

    node = create_node(slow_once, timeout_ms=20, on_error="raise")
    graph = checkpointed(node, retry_policy=RetryPolicy(initial_interval=0, jitter=False))
    assert asyncio.run(graph.ainvoke({"x": 0}, THREAD))["x"] == 1


@pytest.mark.req("N-26")
def test_custom_stream_events_come_through(mode):
    """`stream_mode="custom"` works as without the wrapper."""
    from langgraph.config import get_stream_writer

    def work(state):
        get_stream_writer()({"progress": 50})
        return {"x": 1}

    graph = checkpointed(create_node(mode.function(work), retry=2, timeout_ms=5000))
    if mode.is_async:

        async def collect():
            return [e async for e in graph.astream({"x": 0}, THREAD, stream_mode="custom")]

        events = asyncio.run(collect())
    else:
        events = list(graph.stream({"x": 0}, THREAD, stream_mode="custom"))
    assert events == [{"progress": 50}]


@pytest.mark.req("N-26")
def test_a_graph_interrupt_that_is_raised_by_hand_is_control_flow(mode):
    """Code that catches Exception has to re-raise it first."""

    def stop(state):
        raise GraphInterrupt

    with pytest.raises(GraphInterrupt):
        mode.call(create_node(mode.function(stop), retry=3, fallback=lambda s: {}), {})


@pytest.mark.req("N-4")
def test_fields_that_the_schema_lacks_are_reported_once(mode, caplog):
    """LangGraph drops them silently; the log names them."""
    graph = checkpointed(create_node(mode.function(lambda s: {"x": 1, "typo": 2}), retry=2))
    for _ in range(2):
        assert "typo" not in mode.invoke(graph, {"x": 0}, THREAD)
    messages = [r.message for r in caplog.records if "unknown_fields_dropped" in r.message]
    assert len(messages) == 1
    assert "['typo']" in messages[0]


@pytest.mark.req("N-26")
def test_the_own_fields_of_a_subgraph_stay_behind_in_silence(mode, caplog):
    """A compiled graph returns its whole state. Fields that the parent does not share are not reported."""

    class Inner(State, total=False):
        own: int

    inner = (
        StateGraph(Inner)
        .add_node("i", create_node(mode.function(lambda s: {"x": 1, "own": 2})))
        .add_edge(START, "i")
        .compile()
    )
    assert mode.invoke(checkpointed(create_node(inner)), {"x": 0}, THREAD)["x"] == 1
    assert caplog.records == []


@pytest.mark.req("N-26")
def test_a_subgraph_whose_errors_would_be_lost_is_reported(mode, caplog):
    """The state of the parent needs the field, too."""

    class Bare(TypedDict, total=False):
        x: int

    inner = StateGraph(State).add_node("i", lambda s: {"x": 1}).add_edge(START, "i").compile()
    outer = StateGraph(Bare).add_node("n", create_node(inner)).add_edge(START, "n").compile()
    assert mode.invoke(outer, {"x": 0}) == {"x": 1}
    assert [r.message.split()[0] for r in caplog.records] == ["node.state_cannot_hold_errors"]


@pytest.mark.req("N-4")
def test_fields_are_reported_for_each_graph_that_lacks_them(mode, caplog):
    """A graph with the field does not prevent the report for a graph without it."""

    class Wider(State, total=False):
        typo: int

    node = create_node(mode.function(lambda s: {"x": 1, "typo": 2}))
    for schema in (Wider, State, Wider, State):
        graph = StateGraph(schema).add_node("n", node).add_edge(START, "n").compile()
        mode.invoke(graph, {"x": 0})
    assert len([r for r in caplog.records if "unknown_fields_dropped" in r.message]) == 1


@pytest.mark.req("N-4")
def test_nothing_is_dropped_where_there_are_no_fields(caplog):
    """The functional API passes on everything that a function returns."""
    from langgraph.func import entrypoint

    flow = entrypoint()(create_node(lambda given: {"typo": given, 2: 3}, on_error="raise"))
    assert flow.invoke(1) == {"typo": 1, 2: 3}
    assert "unknown_fields_dropped" not in caplog.text


@pytest.mark.req("N-4")
def test_a_state_without_errors_is_reported_for_each_graph(mode, caplog):
    """Also if the node was in a graph with the field before."""

    class Bare(TypedDict):
        x: int

    class Barer(TypedDict):
        x: int
        y: int

    node = create_node(mode.function(lambda s: {"x": 1}))
    for schema in (State, Bare, Barer, Bare):
        mode.invoke(StateGraph(schema).add_node("n", node).add_edge(START, "n").compile(), {"x": 0})
    assert len([r for r in caplog.records if "state_cannot_hold_errors" in r.message]) == 2


@pytest.mark.req("M-6")
def test_the_collector_of_the_config_wins(mode):
    """It wins over that of the node."""
    own, given = NodeMetricsCollector(), NodeMetricsCollector()
    node = create_node(mode.function(lambda s: {}), name="n", metrics_collector=own)
    mode.call(node, {}, runner_config(metrics_collector=given))
    mode.call(node, {})
    assert own.get_node_metrics("n").success_count == 1
    assert given.get_node_metrics("n").success_count == 1


class BrokenCollector:
    """A collector whose methods all raise."""

    def __getattr__(self, name):
        """Every method fails."""

        def fail(*_):
            raise ZeroDivisionError(name)

        return fail


@pytest.mark.req("M-7")
def test_a_collector_that_raises_harms_nothing(mode, fake, caplog):
    """It affects neither a success nor a retry nor a failure."""
    calls = []

    def flaky(state):
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionError
        return {"x": 1}

    node = create_node(mode.function(flaky), retry=2, metrics_collector=BrokenCollector(), runtime=fake)
    assert mode.call(node, {}) == {"x": 1}
    bad = create_node(mode.function(lambda s: 1 / 0), metrics_collector=BrokenCollector())
    assert mode.call(bad, {})["errors"][0]["error_type"] == "ZeroDivisionError"
    assert "node.metrics_failed" in caplog.text


@pytest.mark.req("M-6", "M-15")
def test_failures_are_counted_by_category(mode, fake):
    """Cancelled and refused calls are not failures of the node."""
    collector = NodeMetricsCollector()
    script = iter([TimeoutError(), ConnectionError(), ValueError()])

    def fail(state):
        raise next(script)

    node = create_node(
        mode.function(fail),
        name="n",
        metrics_collector=collector,
        circuit_breaker=CircuitBreakerConfig(failure_threshold=3),
        runtime=fake,
    )
    for _ in range(4):
        mode.call(node, {})
    metrics = collector.get_node_metrics("n")
    assert metrics.failures_by_category == {"timeout": 1, "validation": 0, "network": 1, "other": 1}
    assert metrics.circuit_open_count == 1
