"""`wrap_graph()`: the same options for every node of a graph."""

import warnings

import pytest
from langgraph.cache.memory import InMemoryCache
from langgraph.graph import END, START, StateGraph
from langgraph.types import CachePolicy, RetryPolicy

from langgraph_runner import GraphState, NodeMetricsCollector, create_node
from langgraph_runner.graph import wrap_graph
from langgraph_runner.node.callee import is_node
from langgraph_runner.node.langgraph.internals import action_of
from langgraph_runner.testing import Flaky


def _flaky(mode, *script):
    flaky = Flaky(*script)
    return flaky.awaited if mode.is_async else flaky.sync


def _chain(*actions, **options):
    builder = StateGraph(GraphState)
    names = [START]
    for number, action in enumerate(actions):
        names.append(f"n{number}")
        builder.add_node(names[-1], action, **options)
        builder.add_edge(names[-2], names[-1])
    return builder.add_edge(names[-1], END)


def test_every_node_gets_the_same_care(mode, fake):
    """Retry, and capture if the retries fail. The nodes keep the names of the graph."""
    metrics = NodeMetricsCollector()
    builder = _chain(_flaky(mode, ConnectionError, {"story_id": "s"}), _flaky(mode, ValueError("no")))
    wrapped = wrap_graph(builder, retry=2, metrics_collector=metrics, runtime=fake, on_error="capture")
    assert wrapped is builder
    state = mode.invoke(builder.compile(), {})
    assert state["story_id"] == "s"
    assert [error["node_id"] for error in state["errors"]] == ["n1"]
    assert metrics.get_node_metrics("n0").retry_count == 1


def test_a_node_keeps_its_own_options(mode):
    """Nodes of `create_node()` are not changed; a second wrap changes nothing."""
    flaky = Flaky(ConnectionError, {"story_id": "s"})
    node = create_node(flaky.awaited if mode.is_async else flaky.sync)
    builder = wrap_graph(_chain(node), retry={"max_attempts": 2, "backoff_ms": 0})
    first = builder.nodes["n0"].runnable
    assert wrap_graph(builder, retry=5).nodes["n0"].runnable is first
    assert mode.invoke(builder.compile(), {})["errors"][0]["error_type"] == "ConnectionError"


def test_kinds_of_actions_are_wrapped_as_what_they_are():
    """Such as a sync or async function, a generator, a Runnable and a compiled graph."""

    async def awaited(state):
        return {}

    def generated(state):
        yield {"story_id": "g"}

    graph = _chain(lambda state: {"story_id": "inner"}).compile()
    builder = wrap_graph(_chain(lambda state: {}, awaited, generated, graph))
    actions = [action_of(spec.runnable) for spec in builder.nodes.values()]
    assert all(is_node(action) for action in actions)
    assert [type(action).__name__ for action in actions] == ["function"] * 2 + ["RunnableNode"] * 2
    assert [name for name, _ in builder.compile().get_subgraphs()] == ["n3"]


def test_each_node_has_a_breaker_of_its_own():
    """Although all nodes share one config."""
    builder = wrap_graph(_chain(lambda state: {}, lambda state: {}), circuit_breaker={"failure_threshold": 1})
    first, second = (action_of(spec.runnable).circuit_breaker for spec in builder.nodes.values())
    assert first is not None
    assert first is not second


def test_a_retry_policy_of_langgraph_is_taken_over(mode):
    """It could not retry a node that captures its errors, so the retry is inside the node."""
    policy = RetryPolicy(max_attempts=3, initial_interval=0, jitter=False, retry_on=KeyError)
    builder = _chain(_flaky(mode, KeyError, KeyError, {"story_id": "s"}), retry_policy=policy)
    wrap_graph(builder, retry=1, on_error="capture")
    assert builder.nodes["n0"].retry_policy is None
    assert mode.invoke(builder.compile(), {})["story_id"] == "s"


@pytest.mark.req("N-27")
def test_langgraph_goes_on_acting_where_nodes_raise(mode):
    """Its retry policy, its error handler and its cache still work."""
    calls = []

    def fail(state):
        calls.append(1)
        raise KeyError("x")

    policy = RetryPolicy(max_attempts=2, initial_interval=0, jitter=False, retry_on=KeyError)
    builder = StateGraph(GraphState).add_node(
        "n", mode.function(fail), retry_policy=policy, error_handler=lambda state: {"story_id": "handled"}
    )
    wrap_graph(builder.add_edge(START, "n"), retry=3)
    assert mode.invoke(builder.compile(), {})["story_id"] == "handled"
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retry_policy": [RetryPolicy(), RetryPolicy()]}, "retry policies have no effect"),
        ({"error_handler": lambda state: {}}, "error_handler is never called"),
        ({"cache_policy": CachePolicy()}, "raised, not captured"),
    ],
)
def test_what_cannot_work_with_captured_errors_is_warned_of(options, message):
    """The warning names the node and a fix. There is none if nodes raise."""
    with pytest.warns(UserWarning, match=f"Node 'n0': .*{message}.*on_error='raise'"):
        wrap_graph(_chain(lambda state: {}, **options), on_error="capture")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wrap_graph(_chain(lambda state: {}, **options))


@pytest.mark.req("N-29")
def test_a_failure_is_raised_as_it_was_before(mode, fake):
    """Because the edges of the graph do not expect captured failures."""
    builder = wrap_graph(_chain(_flaky(mode, ConnectionError("model down"))), retry=2, runtime=fake)
    with pytest.raises(ConnectionError, match="model down"):
        mode.invoke(builder.compile(), {})
    assert len(fake.sleeps) == 1


def test_a_failure_stays_out_of_langgraphs_cache(mode):
    """It is raised. A captured failure would be cached as a result."""
    action = _flaky(mode, ValueError("first"), {"story_id": "s"})
    with pytest.warns(UserWarning, match="raised, not captured"):
        builder = wrap_graph(_chain(action, cache_policy=CachePolicy()), on_error="capture")
    graph = builder.compile(cache=InMemoryCache())
    with pytest.raises(ValueError, match="first") as raised:
        mode.invoke(graph, {})
    assert "CachePolicy" in raised.value.__notes__[0]
    assert mode.invoke(graph, {})["story_id"] == "s"


def test_a_bad_option_changes_nothing():
    """The graph stays unchanged."""
    builder = _chain(lambda state: {}, lambda state: {})
    before = [spec.runnable for spec in builder.nodes.values()]
    with pytest.raises(ValueError, match="max_attempts"):
        wrap_graph(builder, retry=0)
    assert [spec.runnable for spec in builder.nodes.values()] == before


@pytest.mark.parametrize(
    ("graph", "options", "message"),
    [
        (_chain(lambda state: {}).compile(), {}, "builder must be a StateGraph, before compile"),
        (_chain(lambda state: {}), {"name": "x"}, "name must not be given: each node keeps"),
    ],
)
def test_what_cannot_be_wrapped_is_refused(graph, options, message):
    """The message names the node and a fix."""
    with pytest.raises(TypeError, match=message):
        wrap_graph(graph, **options)
