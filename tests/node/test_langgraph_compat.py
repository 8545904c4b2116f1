"""The module that knows LangGraph from the inside, against the installed version."""

import pytest
from langgraph.graph import START, StateGraph
from langgraph.runtime import RunControl
from langgraph.types import interrupt

from langgraph_runner import GraphState
from langgraph_runner.node.langgraph_compat import (
    graph_channels,
    next_attempt_config,
    next_attempt_keywords,
    restore_config,
    run_control,
    run_id,
    use_config,
)


class State(GraphState, total=False):
    """What the graph here works on."""

    x: int


def in_node(inspect, **keywords):
    """What `inspect(config)` gives inside a node."""
    seen = []

    def node(state, config):
        seen.append(inspect(config))

    graph = StateGraph(State).add_node("n", node).add_edge(START, "n").compile()
    graph.invoke({"x": 1}, **keywords)
    return seen[0]


@pytest.mark.req("N-26")
def test_the_channels_of_the_graph_are_found():
    """The fields of the state are among them."""
    assert in_node(graph_channels) >= {"x", "errors", "routing_flags"}


@pytest.mark.req("N-17")
def test_the_control_of_the_run_is_found():
    """The very object that the caller holds."""
    control = RunControl()
    assert in_node(run_control, control=control) is control


@pytest.mark.req("N-26")
def test_another_attempt_counts_interrupts_from_the_first():
    """And knows its number, and that it resumes."""

    def look(config):
        before = config["configurable"]["__pregel_scratchpad"]
        before.interrupt_counter()
        after = next_attempt_config(config, 2)["configurable"]
        return (
            after["__pregel_scratchpad"].interrupt_counter(),
            before.interrupt_counter(),
            after["__pregel_runtime"].execution_info.node_attempt,
            after["__pregel_resuming"],
        )

    assert in_node(look) == (0, 1, 2, True)


@pytest.mark.req("N-26")
def test_interrupt_reads_the_config_that_is_in_use():
    """`use_config` is what makes LangGraph's own functions see another attempt."""
    from langchain_core.runnables.config import var_child_runnable_config

    def look(config):
        before = var_child_runnable_config.get()
        token = use_config(2)
        during = var_child_runnable_config.get()
        restore_config(token)
        return before is not during, var_child_runnable_config.get() is before

    assert in_node(look) == (True, True)
    assert callable(interrupt)


@pytest.mark.req("N-26")
def test_outside_a_graph_everything_gives_the_answer_that_changes_nothing():
    """A unit test has no LangGraph around it."""
    assert use_config(2) is None
    restore_config(None)
    for config in (None, {}, {"configurable": {}}, {"configurable": {"__pregel_read": 5}}):
        assert graph_channels(config) is None
        assert run_control(config) is None
        assert run_id(config) is None
        assert next_attempt_config(config, 2) is config
    assert run_id({"metadata": {"run_id": 7}}) == "7"
    keywords = {"writer": print}
    assert next_attempt_keywords(keywords, 2) is keywords
