"""Metrics of nodes in a graph that LangGraph runs."""

import pytest
from langgraph.graph import END, START, StateGraph

from langgraph_runner import GraphState, MetricThreshold, NodeMetricsCollector, create_node, runner_config


class State(GraphState, total=False):
    """The state of the two nodes."""

    x: int
    y: int


def graph_of(**nodes):
    """Compile a chain of nodes."""
    builder = StateGraph(State)
    before = START
    for name, node in nodes.items():
        builder.add_node(name, node)
        builder.add_edge(before, name)
        before = name
    builder.add_edge(before, END)
    return builder.compile()


@pytest.mark.req("M-6", "M-9", "M-11")
def test_a_run_reports_each_node_to_the_collector_of_the_config():
    """It counts one execution of each node, under the node's name in the graph."""
    collector = NodeMetricsCollector()
    graph = graph_of(first=create_node(lambda state: {"y": 1}), second=create_node(lambda state: {"y": 2}))
    graph.invoke({"x": 1}, runner_config(metrics_collector=collector))
    totals = {name: found.success_count for name, found in collector.get_all_node_metrics().items()}
    assert totals == {"first": 1, "second": 1}


@pytest.mark.req("M-6")
def test_the_collector_of_the_config_wins():
    """The collector of the node gets no records of that run."""
    own, of_the_run = NodeMetricsCollector(), NodeMetricsCollector()
    graph = graph_of(only=create_node(lambda state: {"y": 1}, metrics_collector=own))
    graph.invoke({"x": 1}, runner_config(metrics_collector=of_the_run))
    heard = [list(collector.get_all_node_metrics()) for collector in (own, of_the_run)]
    assert heard == [[], ["only"]]


@pytest.mark.req("M-11", "M-15")
async def test_retries_and_failures_of_a_run_are_counted():
    """A node that times out twice is one failed execution with one retry."""
    collector = NodeMetricsCollector()

    async def slow(state):
        raise TimeoutError

    node = create_node(slow, retry={"max_attempts": 2, "backoff_ms": 0}, metrics_collector=collector)
    await graph_of(slow=node).ainvoke({"x": 1})
    found = collector.get_node_metrics("slow")
    assert (found.total_executions, found.retry_count, found.failures_by_category["timeout"]) == (1, 1, 1)


@pytest.mark.req("M-19")
def test_a_fallback_does_not_hide_an_outage(mode):
    """Five runs of a failing node with breaker and fallback succeed, and all metrics show the outage."""
    events = []
    collector = NodeMetricsCollector(
        thresholds=[
            MetricThreshold(metric=metric, limit=0.5, min_samples=2)
            for metric in ("failure_rate", "fallback_rate", "circuit_open_rate")
        ],
        on_threshold=events.append,
    )

    def dead(state):
        raise ConnectionError("down")

    node = create_node(
        mode.function(dead),
        circuit_breaker={"failure_threshold": 2},
        fallback=lambda state: {"y": 7},
        metrics_collector=collector,
    )
    graph = graph_of(dead=node)
    assert [mode.invoke(graph, {"x": 1})["y"] for _ in range(5)] == [7] * 5
    found = collector.get_node_metrics("dead")
    assert (found.success_count, found.failure_count, found.circuit_open_count) == (0, 2, 3)
    assert (found.fallback_count, found.failures_by_category["network"]) == (5, 2)
    assert (found.failure_rate, found.fallback_rate, found.circuit_open_rate) == (1.0, 1.0, 0.6)
    assert {event.metric for event in events} == {"failure_rate", "fallback_rate", "circuit_open_rate"}


@pytest.mark.req("M-19")
def test_a_fallback_that_fails_as_well_is_no_fallback_that_delivered(mode):
    """The call counts once, with the category of the function's exception."""
    collector = NodeMetricsCollector()

    def dead(state):
        raise ConnectionError("down")

    def dead_too(state):
        raise ValueError("down as well")

    node = create_node(mode.function(dead), name="n", fallback=dead_too, metrics_collector=collector)
    mode.call(node, {})
    found = collector.get_node_metrics("n")
    assert (found.failure_count, found.failures_by_category["network"], found.fallback_count) == (1, 1, 0)


@pytest.mark.req("M-6", "M-19")
def test_a_collector_that_does_not_know_fallbacks_is_told_the_failure(mode):
    """A user's collector with only the three methods sees the outage, too."""
    told = []

    class Collector:
        def record_success(self, node, duration_ms):
            told.append("success")

        def record_failure(self, node, duration_ms, category):
            told.append(str(category))

        def record_retry(self, node):
            told.append("retry")

    def dead(state):
        raise ConnectionError("down")

    node = create_node(mode.function(dead), fallback=lambda state: {}, metrics_collector=Collector())
    assert mode.call(node, {}) == {}
    assert told == ["network"]
