"""Fallbacks that name another node of the same graph."""

import re

import pytest
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.memory import InMemoryStore

from langgraph_runner import (
    ExecutionOptions,
    GraphRunner,
    GraphState,
    create_node,
    get_node_context,
    wrap_graph,
)
from langgraph_runner.testing import Flaky


def fails(state):
    """A node that fails."""
    raise ValueError("no such price")


def graph_of(store=None, **actions):
    """A graph whose first node runs. The other nodes are only fallbacks."""
    builder = StateGraph(GraphState)
    for name, action in actions.items():
        builder.add_node(name, action)
    return builder.add_edge(START, next(iter(actions))).compile(store=store)


@pytest.mark.req("G-3")
def test_the_other_node_stands_in(mode):
    """Without the runner. It reads the error and the input, and its update counts as that of the failed node."""
    seen = []

    def cached(state):
        context = get_node_context()
        seen.append((context.node_name, str(context.primary_error), context.primary_input["story_id"]))
        return {"story_id": "cached"}

    node = create_node(mode.function(fails), fallback="cached_price")
    graph = graph_of(price=node, cached_price=mode.function(cached))
    state = mode.invoke(graph, {"story_id": "s"})
    assert (state["story_id"], seen) == ("cached", [("price", "no such price", "s")])
    assert not state.get("errors")


@pytest.mark.req("G-3")
def test_the_graph_is_the_one_that_the_node_is_in(mode):
    """A node with the same id in the outer graph is not used."""
    inner = graph_of(
        price=create_node(mode.function(fails), fallback="cached"),
        cached=mode.function(lambda state: {"story_id": "inner"}),
    )
    outer = graph_of(part=inner, cached=mode.function(lambda state: {"story_id": "outer"}))
    assert mode.invoke(outer, {})["story_id"] == "inner"
    runner = GraphRunner(outer, ExecutionOptions(default_retry=2))
    assert mode.call(runner.ainvoke if mode.is_async else runner.invoke, {}).state["story_id"] == "inner"


@pytest.mark.req("G-3")
def test_a_made_node_keeps_its_retry_and_its_own_fallback(mode):
    """So fallbacks can form a chain."""
    flaky = Flaky(ConnectionError, ConnectionError, {})
    second = create_node(
        flaky.awaited if mode.is_async else flaky.sync,
        retry={"max_attempts": 2, "backoff_ms": 0},
        fallback="third",
    )
    graph = graph_of(
        first=create_node(mode.function(fails), fallback="second"),
        second=second,
        third=mode.function(lambda state: {"story_id": "third"}),
    )
    assert (mode.invoke(graph, {})["story_id"], flaky.calls) == ("third", 2)


@pytest.mark.req("G-3")
def test_the_other_node_gets_what_langgraph_injects(mode):
    """For example, the store of the run, although the failed node does not take it."""
    store, seen = InMemoryStore(), []

    def cached(state, runtime: Runtime, *, store):
        seen.append((runtime.store is store, store))
        return {}

    node = create_node(mode.function(fails), fallback="cached")
    mode.invoke(graph_of(store, price=node, cached=cached), {})
    assert seen == [(True, store)]


@pytest.mark.req("G-3")
def test_a_failure_of_the_other_node_keeps_both_errors(mode):
    """As with any fallback."""
    node = create_node(mode.function(fails), fallback="cached")
    state = mode.invoke(graph_of(price=node, cached=mode.function(fails)), {})
    assert [record["code"] for record in state["errors"]] == ["FALLBACK_FAILED"]


def wrap(actions):
    """Wrap a graph of existing nodes."""
    builder = StateGraph(GraphState)
    for name, action in actions.items():
        builder.add_node(name, action)
    wrap_graph(builder)


SEEN_BY = {
    "invoke": lambda actions: graph_of(**actions).invoke({}),
    "runner": lambda actions: GraphRunner(graph_of(part=graph_of(**actions))),
    "wrap": wrap,
}
WRONG = [
    (
        {"price": create_node(fails, fallback="cached_pric"), "cached_price": fails},
        "the graph has no node 'cached_pric'. Did you mean 'cached_price'? It has: cached_price, price.",
    ),
    (
        {"price": create_node(fails, fallback="price")},
        "fallback: 'price' -> 'price' is a cycle. A node cannot stand in for itself.",
    ),
    (
        {"a": create_node(fails, fallback="b"), "b": create_node(fails, fallback="a")},
        "fallback: 'a' -> 'b' -> 'a' is a cycle.",
    ),
    ({"price": create_node(fails, fallback=START)}, "the graph has no node '__start__'"),
]


@pytest.mark.req("G-3")
@pytest.mark.parametrize(("actions", "message"), WRONG)
@pytest.mark.parametrize("how", ["invoke", "runner", "wrap"])
def test_a_wrong_id_is_refused(actions, message, how):
    """By the runner and `wrap_graph()`, or when the graph runs. The error is not captured."""
    with pytest.raises(ValueError, match=re.escape(message)):
        SEEN_BY[how](actions)


@pytest.mark.req("G-3")
def test_one_node_stands_in_for_all_others():
    """As a default of `wrap_graph()`, which does not change that node."""
    builder = StateGraph(GraphState).add_node("price", fails).add_edge(START, "price")
    builder.add_node("cached", lambda state: {"story_id": "cached"})
    assert wrap_graph(builder, fallback="cached").compile().invoke({})["story_id"] == "cached"


def test_outside_a_graph_the_message_says_what_to_do(mode):
    """A unit test calls the node alone."""
    node = create_node(mode.function(fails), name="price", fallback="cached")
    outcome = mode.call(node.run, {})
    assert outcome.record["code"] == "FALLBACK_FAILED"
    assert "cannot be found outside a graph. Pass its function instead." in outcome.record["message"]


def test_an_empty_id_is_refused():
    """It is refused when the node is created."""
    with pytest.raises(ValueError, match="fallback: '' is not the id of a node"):
        create_node(fails, fallback="")
