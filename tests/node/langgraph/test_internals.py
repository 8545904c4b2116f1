"""The modules that use internals of LangGraph, with the installed version."""

import re
from dataclasses import make_dataclass
from itertools import count
from pathlib import Path

import pytest
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.config import get_config
from langgraph.graph import START, StateGraph
from langgraph.runtime import RunControl

import langgraph_runner
from langgraph_runner import GraphState
from langgraph_runner.node.langgraph import interrupts
from langgraph_runner.node.langgraph.internals import (
    graph_channels,
    is_checkpointed,
    name_in_graph,
    run_control,
    run_id,
)
from langgraph_runner.node.langgraph.interrupts import (
    ConfigOfAttempt,
    interrupts_so_far,
    next_attempt_config,
    next_attempt_keywords,
)


class State(GraphState, total=False):
    """The state of the graph in this module."""

    x: int


def in_node(inspect, **keywords):
    """Return `inspect(config)` of a node."""
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
    """It is the same object as the caller's."""
    control = RunControl()
    assert in_node(run_control, control=control) is control


@pytest.mark.req("N-26")
def test_another_attempt_counts_interrupts_from_where_the_call_began():
    """It also knows its number, and whether it resumes."""

    def look(config):
        before = config["configurable"]["__pregel_scratchpad"]
        before.interrupt_counter()
        before.interrupt_counter()
        after = next_attempt_config(config, 2, 1)[0]["configurable"]
        return (
            after["__pregel_scratchpad"].interrupt_counter(),
            before.interrupt_counter(),
            after["__pregel_runtime"].execution_info.node_attempt,
            after["__pregel_resuming"],
        )

    assert in_node(look) == (1, 2, 2, True)


@pytest.mark.req("N-26")
def test_what_asks_after_an_attempt_goes_on_counting_where_it_ended():
    """The counter of the task continues from that of the attempt."""

    def look(config):
        def ask():
            # As `interrupt()` does.
            return get_config()["configurable"]["__pregel_scratchpad"].interrupt_counter()

        asked = [interrupts_so_far()]
        ask()
        asked.append(interrupts_so_far())
        with ConfigOfAttempt(2, 0):
            asked += [ask(), ask(), ask(), interrupts_so_far()]
        return [*asked, interrupts_so_far(), ask()]

    assert in_node(look) == [0, 1, 0, 1, 2, 3, 3, 3]


@pytest.mark.req("N-26")
def test_outside_a_graph_everything_gives_the_answer_that_changes_nothing():
    """For example, in a unit test."""
    with ConfigOfAttempt(2, 0):
        assert interrupts_so_far() == 0
    odd = {"configurable": None, "metadata": None}
    for config in (None, {}, odd, {"configurable": {}}, {"configurable": {"__pregel_read": 5}}):
        assert name_in_graph(config) is None
        assert is_checkpointed(config) is False
        assert graph_channels(config) is None
        assert run_control(config) is None
        assert run_id(config) is None
        assert next_attempt_config(config, 2, 0) == (config, None)
    assert run_id({"metadata": {"run_id": 7}}) == "7"
    keywords = {"writer": print}
    assert next_attempt_keywords(keywords, 2, 0) is keywords


@pytest.mark.parametrize("slots", [True, False])
def test_a_frozen_record_is_copied_with_one_change(slots):
    """Also without slots, which a later LangGraph may give up."""
    record = make_dataclass("Info", [("attempt", int), ("node", str, "n")], frozen=True, slots=slots)(1)
    copy = interrupts._changed(record, "attempt", 2)
    assert (type(copy), copy.attempt, copy.node, record.attempt) == (type(record), 2, "n", 1)


def test_a_fallback_of_a_langgraph_without_answers_changes_nothing():
    """Its scratchpad has another form."""
    scratchpad = make_dataclass("Scratchpad", ["interrupt_counter"], frozen=True)(count().__next__)
    token = var_child_runnable_config.set({"configurable": {"__pregel_scratchpad": scratchpad}})
    try:
        with interrupts.QuestionsOfFallback("n"):
            assert interrupts_so_far() == 0
    finally:
        var_child_runnable_config.reset(token)


@pytest.mark.req("N-26")
def test_nothing_else_knows_langgraph_from_the_inside():
    """Only two files of the package use its private keys and modules."""
    package = Path(langgraph_runner.__file__).parent
    # An indented import is under TYPE_CHECKING, and has no effect.
    inside = re.compile(r"__pregel_|^(from|import) langgraph\.(\w+\.)*_", re.MULTILINE)
    knowing = [file for file in package.rglob("*.py") if inside.search(file.read_text(encoding="utf-8"))]
    assert sorted(file.relative_to(package).as_posix() for file in knowing) == [
        "node/langgraph/internals.py",
        "node/langgraph/interrupts.py",
    ]
