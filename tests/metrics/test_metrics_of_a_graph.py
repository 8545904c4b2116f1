"""Metrics of nodes in a graph that LangGraph runs."""

import pytest
from langgraph.graph import END, START, StateGraph

from langgraph_runner import GraphState, NodeMetricsCollector, create_node, runner_config


class State(GraphState, total=False):
    """What the two nodes hand on."""

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
    """One execution of each node, under the name that the graph has for it."""
    collector = NodeMetricsCollector()
    graph = graph_of(first=create_node(lambda state: {"y": 1}), second=create_node(lambda state: {"y": 2}))
    graph.invoke({"x": 1}, runner_config(metrics_collector=collector))
    totals = {name: found.success_count for name, found in collector.get_all_node_metrics().items()}
    assert totals == {"first": 1, "second": 1}


@pytest.mark.req("M-6")
def test_the_collector_of_the_config_wins():
    """The one that the node was made with hears nothing of that run."""
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
