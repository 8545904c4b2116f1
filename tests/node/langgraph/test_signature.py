"""The signature of a node for LangGraph, `inspect` and type hints."""

import functools
import inspect
import sys
import warnings
from typing import Literal, get_type_hints

import pytest
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.cache.memory import InMemoryCache
from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph.types import CachePolicy, Command, StreamWriter
from typing_extensions import TypedDict

from langgraph_runner import GraphState, create_node


class State(GraphState, total=False):
    """The state of the graphs in this module."""

    x: int
    y: int


class NodeInput(TypedDict):
    """A node's own input schema."""

    y: int


@pytest.mark.req("N-12")
def test_identity_is_that_of_the_function(mode):
    """The node has its name, module and docstring."""

    def work(state):
        """Do it."""

    node = create_node(mode.function(work))
    assert (node.__name__, node.__module__, node.__doc__) == ("work", __name__, "Do it.")
    assert inspect.unwrap(node) is not node


@pytest.mark.req("N-12", "N-26")
def test_the_input_schema_is_inferred(mode):
    """LangGraph reads it from the annotation of the first parameter."""
    seen = []

    def work(state: NodeInput) -> dict:
        seen.append(dict(state))
        return {}

    node = create_node(mode.function(work), retry=2)
    builder = StateGraph(State).add_node("n", node).add_edge(START, "n")
    assert builder.nodes["n"].input_schema is NodeInput
    mode.invoke(builder.compile(), {"x": 1, "y": 2})
    assert seen == [{"y": 2}]


@pytest.mark.req("N-12", "N-26")
def test_command_destinations_are_drawn(mode):
    """`Command[Literal[...]]` survives, so Studio draws the edges."""

    def route(state: State) -> Command[Literal["a", "b"]]:
        return Command(goto="b", update={"x": 5})

    graph = (
        StateGraph(State)
        .add_node("route", create_node(mode.function(route)))
        .add_node("a", lambda s: {"y": 1})
        .add_node("b", lambda s: {"y": 2})
        .add_edge(START, "route")
        .compile()
    )
    drawn = {(e.source, e.target) for e in graph.get_graph().edges}
    assert {("route", "a"), ("route", "b")} <= drawn
    result = mode.invoke(graph, {"x": 0})
    assert (result["x"], result["y"]) == (5, 2)


@pytest.mark.req("N-26")
def test_everything_that_langgraph_injects_arrives(mode):
    """config, runtime, store, writer and previous arrive by name, as without the wrapper."""
    seen = {}

    def work(
        state: State, config: RunnableConfig, *, runtime: Runtime, store: BaseStore, writer: StreamWriter
    ) -> dict:
        seen.update(config=config, runtime=runtime, store=store)
        writer({"progress": 1})
        return {"y": 1}

    store = InMemoryStore()
    node = create_node(mode.function(work), retry=2, timeout_ms=5000)
    graph = StateGraph(State).add_node("n", node).add_edge(START, "n").compile(store=store)
    mode.invoke(graph, {"x": 1}, {"configurable": {"k": 1}})
    assert seen["config"]["configurable"]["k"] == 1
    assert seen["runtime"].execution_info.node_attempt == 1
    assert seen["store"] is not None


@pytest.mark.req("N-26")
def test_the_config_reaches_the_runner_even_if_the_function_does_not_ask(mode):
    """Otherwise the node would get no collector and no abort signal."""
    from langgraph_runner import NodeMetricsCollector, runner_config

    collector = NodeMetricsCollector()
    node = create_node(mode.function(lambda s: {}))
    graph = StateGraph(State).add_node("n", node).add_edge(START, "n").compile()
    mode.invoke(graph, {"x": 1}, runner_config(metrics_collector=collector))
    assert collector.get_node_metrics("n").success_count == 1


def _string_annotations():
    """A function as a module with `from __future__ import annotations` defines it."""
    namespace = {"State": State, "RunnableConfig": RunnableConfig, "Command": Command, "Literal": Literal}
    code = (
        "from __future__ import annotations\n"
        "def work(state: State, config: RunnableConfig | None = None) -> Command[Literal['a']]:\n"
        "    return Command(update={'y': config['configurable']['k']})\n"
    )
    exec(code, namespace)  # noqa: S102
    return namespace["work"]


@pytest.mark.req("N-26")
def test_a_config_annotated_as_a_union_in_a_string_still_arrives():
    """LangGraph itself does not recognise it and would pass None."""
    node = create_node(_string_annotations())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph = (
            StateGraph(State).add_node("n", node).add_node("a", lambda s: {}).add_edge(START, "n").compile()
        )
    assert graph.invoke({"x": 0}, {"configurable": {"k": 3}})["y"] == 3
    assert ("n", "a") in {(e.source, e.target) for e in graph.get_graph().edges}


@pytest.mark.req("N-12")
def test_type_hints_of_the_wrapper_resolve(mode):
    """They include the added config."""

    def work(state: State) -> dict[str, int]:
        return {}

    hints = get_type_hints(create_node(mode.function(work)))
    assert (hints["state"], hints["config"], hints["return"]) == (State, RunnableConfig, dict[str, int])


@pytest.mark.req("N-12")
@pytest.mark.parametrize(
    "function",
    [
        len,
        functools.partial(lambda a, state: {}, 1),
        dict.fromkeys,
        lambda *args: {},
        lambda state, *, k=1: {},
    ],
)
def test_odd_callables_get_a_signature(function):
    """Such as builtins, partials and star-arguments. Creation never fails."""
    signature = inspect.signature(create_node(function))
    assert "config" in signature.parameters


@pytest.mark.req("N-12")
def test_further_parameters_keep_their_defaults(mode):
    """They belong to the user."""

    def work(state, factor=3):
        return {"y": state["x"] * factor}

    assert mode.call(create_node(mode.function(work)), {"x": 2}) == {"y": 6}
    assert mode.call(create_node(mode.function(work)), {"x": 2}, factor=5) == {"y": 10}


def _closure(value):
    def work(state):
        return {"y": value}

    return work


def _as_graph(action):
    return StateGraph(State).add_node("i", action).add_edge(START, "i").compile()


@pytest.mark.req("N-26")
def test_nodes_of_one_factory_do_not_share_a_cache():
    """LangGraph's cache uses module and qualname. The name of the node is part of the qualname."""
    one = create_node(_closure(1), name="one", on_error="raise")
    two = create_node(_closure(2), name="two", on_error="raise")
    assert one.__qualname__ != two.__qualname__

    def graph(node):
        return (
            StateGraph(State)
            .add_node("same", node, cache_policy=CachePolicy())
            .add_edge(START, "same")
            .add_edge("same", END)
            .compile(cache=cache)
        )

    cache = InMemoryCache()
    assert graph(one).invoke({"x": 0})["y"] == 1
    assert graph(two).invoke({"x": 0})["y"] == 2


@pytest.mark.req("N-26")
def test_subgraphs_that_a_function_calls_are_still_found():
    """LangGraph looks through the wrapper."""
    inner = StateGraph(State).add_node("i", lambda s: {"y": 1}).add_edge(START, "i").compile()

    def call_inner(state):
        return {"y": inner.invoke(state)["y"]}

    graph = StateGraph(State).add_node("n", create_node(call_inner)).add_edge(START, "n").compile()
    assert [name for name, _ in graph.get_subgraphs()] == ["n"]


@pytest.mark.req("N-26")
def test_a_wrapped_graph_is_still_found_as_a_subgraph():
    """It is drawn with its inner nodes."""
    inner = StateGraph(State).add_node("i", lambda s: {"y": 1}).add_edge(START, "i").compile()
    graph = StateGraph(State).add_node("n", create_node(inner)).add_edge(START, "n").compile()
    assert [name for name, _ in graph.get_subgraphs()] == ["n"]
    assert "n:i" in graph.get_graph(xray=True).nodes


@pytest.mark.req("N-1")
@pytest.mark.parametrize(
    ("name", "message"), [("a|b", "reserved character"), ("a:b", "reserved character"), (END, "reserved")]
)
def test_names_that_langgraph_refuses_are_left_to_langgraph(name, message):
    """`|` and `:` fail in add_node, where the name is used."""
    node = create_node(lambda s: {}, name=name)
    with pytest.raises(ValueError, match=message):
        StateGraph(State).add_node(node)


@pytest.mark.req("N-1")
@pytest.mark.parametrize("name", ["", 5])
def test_a_name_must_be_a_string(name):
    """The message names the option."""
    with pytest.raises(ValueError, match=r"name must be a non-empty string, got"):
        create_node(lambda s: {}, name=name)


@pytest.mark.req("N-26")
def test_a_generator_is_called_after_its_function():
    """Also in `add_sequence()`, which does not read the name of a Runnable."""

    def words(state):
        yield {"x": 1}

    builder = StateGraph(State).add_sequence([create_node(words)])
    assert list(builder.nodes) == ["words"]


def _generator(value):
    def parts(state):
        yield {"y": value}

    return parts


@pytest.mark.req("N-26")
@pytest.mark.parametrize(
    ("one", "two", "names"),
    [
        (_generator(1), _generator(2), ("one", "two")),
        (RunnableLambda(_closure(1)), RunnableLambda(_closure(2)), ("one", "two")),
        (_as_graph(_closure(1)), _as_graph(_closure(2)), ("one", "two")),
        (RunnableLambda(lambda s: {"y": 1}), RunnableLambda(_closure(2)), (None, None)),
    ],
    ids=["generators", "lambdas", "graphs", "functions of different names"],
)
def test_nodes_of_runnables_do_not_share_a_cache(mode, one, two, names):
    """LangGraph alone gives all Runnables the same name, so the cache would return the result of the first."""
    cache = InMemoryCache()

    def result(action):
        builder = StateGraph(State).add_node("same", action, cache_policy=CachePolicy())
        return mode.invoke(builder.add_edge(START, "same").compile(cache=cache), {"x": 0})["y"]

    nodes = [
        create_node(source, name=name, on_error="raise")
        for source, name in zip((one, two), names, strict=True)
    ]
    assert [result(node) for node in nodes * 2] == [1, 2, 1, 2]


@pytest.mark.req("N-26")
def test_an_error_handler_may_be_a_node(mode):
    """It gets LangGraph's `NodeError`, which is injected by name."""

    def fail(state):
        raise KeyError("gone")

    def handle(state: State, error: NodeError) -> dict:
        return {"story_id": f"{error.node}: {error.error!r}"}

    builder = StateGraph(State).add_node(
        "n",
        create_node(mode.function(fail), on_error="raise"),
        error_handler=create_node(mode.function(handle), retry=2, timeout_ms=5_000),
    )
    result = mode.invoke(builder.add_edge(START, "n").compile(), {"x": 0})
    assert (result["story_id"], result["errors"]) == ("n: KeyError('gone')", [])


@pytest.mark.req("N-26")
def test_nothing_is_injected_that_the_function_does_not_ask_for(mode):
    """Not even into a function with `**keywords`. The node keeps the config that it needs itself."""
    seen = []
    node = create_node(mode.function(lambda state, **given: seen.append(given)), retry=2, timeout_ms=5_000)
    builder = StateGraph(State).add_node("n", node).add_edge(START, "n")
    mode.invoke(builder.compile(store=InMemoryStore()), {"x": 0})
    assert seen == [{}]


LATER_NAMES = """
@create_node
{define} work(state: {quote}Narrow{quote}) -> {quote}Command[Target]{quote}:
    return Command(update={{"x": len(state)}}, goto="b")

Target = Literal["b"]
class Narrow(TypedDict):
    y: int
"""


def test_annotations_may_name_what_is_defined_below_the_node(mode):
    """LangGraph resolves them in `add_node()`: quoted names, and on Python 3.14 any name (PEP 649)."""
    quote = "" if sys.version_info >= (3, 14) else "'"
    names = dict(globals())
    source = LATER_NAMES.format(define="async def" if mode.is_async else "def", quote=quote)
    exec(compile(source, __file__, "exec", dont_inherit=True), names)  # noqa: S102
    builder = (
        StateGraph(State).add_node("a", names["work"]).add_node("b", lambda state: {}).add_edge(START, "a")
    )
    assert builder.nodes["a"].ends == ("b",)
    assert mode.invoke(builder.compile(), {"x": 0, "y": 7})["x"] == 1
