"""A fake clock in the config of a run, for nodes that were made with the real clock."""

import pytest
from langgraph.graph import START, StateGraph

from langgraph_runner import GraphState, create_node, get_node_context, runner_config
from langgraph_runner.testing import Flaky

HOUR_MS = 3_600_000


class State(GraphState, total=False):
    """The state that the nodes write."""

    x: int


@pytest.mark.req("N-5", "N-18")
def test_waits_and_chance_are_those_of_the_run(mode, fake):
    """A node with an hour of back-off is tested without waiting."""
    flaky = Flaky(ConnectionError, ConnectionError, {"x": 1})
    retry = {"max_attempts": 3, "backoff_ms": HOUR_MS, "backoff_multiplier": 1, "jitter": 0.25}
    node = create_node(flaky.awaited if mode.is_async else flaky.sync, retry=retry)
    graph = StateGraph(State).add_node("n", node).add_edge(START, "n").compile()
    assert mode.invoke(graph, {}, runner_config(runtime=fake))["x"] == 1
    assert fake.sleeps == [3600.0, 3600.0]


@pytest.mark.req("N-15")
def test_timeouts_go_by_the_clock_of_the_run(mode, fake):
    """The record has the time that passed on the clock of the run."""
    node = create_node(mode.function(lambda state: fake.advance(60)), timeout_ms=500)
    (record,) = mode.call(node, {}, runner_config(runtime=fake))["errors"]
    assert (record["code"], record["timestamp"][:19]) == ("NODE_TIMEOUT", "2026-01-01T00:00:00")


@pytest.mark.req("N-21")
def test_a_breaker_recovers_by_the_clock_of_the_run(mode, fake):
    """This also holds for reads between the calls; the next run without a clock uses the real one."""
    flaky = Flaky(ConnectionError, {"x": 1})
    node = create_node(
        flaky.awaited if mode.is_async else flaky.sync,
        circuit_breaker={"failure_threshold": 1, "recovery_timeout_ms": HOUR_MS},
    )
    config = runner_config(runtime=fake)
    mode.call(node, {}, config)
    fake.advance(1800)
    assert node.circuit_breaker.retry_after_ms == HOUR_MS / 2
    fake.advance(1800)
    assert mode.call(node, {}, config) == {"x": 1}
    assert node.circuit_breaker.state == "closed"
    assert mode.call(node, {}) == {"x": 1}


def test_a_node_that_a_node_calls_goes_by_the_clock_of_the_run(mode, fake):
    """The inner node uses the clock although it gets no config."""
    flaky = Flaky(ConnectionError, {"x": 1})
    inner = create_node(
        flaky.awaited if mode.is_async else flaky.sync, retry={"max_attempts": 2, "backoff_ms": HOUR_MS}
    )

    async def call_async(state):
        return await inner(state)

    def call(state):
        return inner(state)

    outer = create_node(call_async if mode.is_async else call)
    assert mode.call(outer, {}, runner_config(runtime=fake)) == {"x": 1}
    assert fake.sleeps == [3600.0]


def test_the_time_of_a_call_begins_on_the_clock_of_the_run(mode, fake):
    """Durations and `started_at` use the same clock."""
    started = []

    def look(state):
        fake.advance(2)
        started.append(get_node_context().started_at.isoformat())
        return {}

    node = create_node(mode.function(look))
    outcome = mode.call(node.run, {}, runner_config(runtime=fake))
    assert (outcome.duration_ms, started) == (2000.0, ["2026-01-01T00:00:00+00:00"])


@pytest.mark.parametrize(
    "give",
    [
        lambda clock: runner_config(runtime=clock),
        lambda clock: create_node(dict, on_error="raise")({}, {"configurable": {"node_runtime": clock}}),
    ],
    ids=["runner_config", "raw config"],
)
def test_what_is_no_runtime_is_refused(give):
    """The message names the expected type."""
    with pytest.raises(TypeError, match=r"runtime.* must be a testing.FakeRuntime or the like, got 3"):
        give(3)
