"""Successful calls of a node, and its interface for callers."""

import asyncio
import functools
import inspect
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from langgraph_runner import (
    CircuitBreakerConfig,
    GraphState,
    NodeMetricsCollector,
    RunnableNode,
    create_node,
    get_node_context,
    runner_config,
)
from langgraph_runner.runtime.runtimes import drive


class State(GraphState, total=False):
    """The state of the graphs in this module."""

    x: int
    y: int


def one_node_graph(node, **options):
    """START -> node -> END."""
    return StateGraph(State).add_node("n", node, **options).add_edge(START, "n").add_edge("n", END).compile()


@pytest.mark.req("N-1", "N-2", "N-9")
def test_returns_what_the_function_returns(mode):
    """A success returns the same value."""
    node = create_node(mode.function(lambda state: {"y": state["x"] + 1}))
    assert mode.call(node, {"x": 1}) == {"y": 2}


@pytest.mark.req("N-2")
def test_keeps_sync_and_async_functions_apart(mode):
    """The node of a sync function is sync, that of an async function is async."""
    node = create_node(mode.function(lambda state: {}))
    assert inspect.iscoroutinefunction(node) is mode.is_async


@pytest.mark.req("N-2")
def test_works_in_a_graph(mode):
    """`add_node` accepts it like a function."""
    graph = one_node_graph(create_node(mode.function(lambda state: {"y": state["x"] * 2}), retry=3))
    assert mode.invoke(graph, {"x": 21})["y"] == 42


@pytest.mark.req("N-2")
def test_sync_node_works_under_ainvoke():
    """LangGraph runs it in a thread, like a function."""
    graph = one_node_graph(create_node(lambda state: {"y": 1}, timeout_ms=5000))
    assert asyncio.run(graph.ainvoke({"x": 0}))["y"] == 1


@pytest.mark.req("N-26")
def test_async_node_fails_under_invoke_as_its_function_would():
    """LangGraph refuses an async node in a sync run, and the wrapper does not hide that."""

    async def f(state):
        return {}

    with pytest.raises(TypeError, match="No synchronous function"):
        one_node_graph(create_node(f)).invoke({"x": 0})


@pytest.mark.req("N-26")
@pytest.mark.parametrize(
    "value",
    [None, {}, {"x": 1}, Command(update={"x": 1}), [Command(update={"x": 1}), {"y": 2}]],
    ids=["none", "empty", "dict", "command", "list-of-commands"],
)
def test_every_kind_of_update_passes_unchanged(mode, value):
    """Everything that LangGraph accepts from a node is returned as the same object."""
    node = create_node(mode.function(lambda state: value))
    assert mode.call(node, {}) is value


@pytest.mark.req("N-1")
def test_wraps_a_runnable_in_both_modes():
    """A Runnable can still be called sync and async."""
    node = create_node(RunnableLambda(lambda state: {"y": state["x"] + 1}), name="chain", retry=2)
    assert isinstance(node, RunnableNode)
    assert node({"x": 1}) == {"y": 2}
    assert asyncio.run(node.ainvoke({"x": 2})) == {"y": 3}


@pytest.mark.req("N-1", "N-4")
def test_a_runnable_that_fails_is_captured():
    """A Runnable goes through the same pipeline, sync and async."""

    def fail(state):
        raise ConnectionError("down")

    node = create_node(RunnableLambda(fail), retry={"max_attempts": 2, "backoff_ms": 0})
    assert node({})["errors"][0]["attempts"] == 2
    assert asyncio.run(node.ainvoke({}))["errors"][0]["code"] == "RETRY_EXHAUSTED"


@pytest.mark.req("N-1")
def test_wraps_a_compiled_graph(mode):
    """A subgraph is one node."""
    inner = one_node_graph(mode.function(lambda state: {"y": state["x"] + 1}))
    outer = one_node_graph(create_node(inner, name="inner", timeout_ms=5000))
    assert mode.invoke(outer, {"x": 1})["y"] == 2


@pytest.mark.req("N-1")
def test_a_failing_compiled_graph_is_captured_by_the_outer_node(mode):
    """The record of the failure names the node that contains the subgraph."""

    def fail(state):
        raise ConnectionError("down")

    inner = StateGraph(State).add_node("f", mode.function(fail)).add_edge(START, "f").compile()
    result = mode.invoke(one_node_graph(create_node(inner)), {"x": 1})
    assert [(e["node_id"], e["error_type"]) for e in result["errors"]] == [("n", "ConnectionError")]


class Adder:
    """A callable object."""

    def __call__(self, state: State) -> dict:
        """Add one."""
        return {"y": state["x"] + 1}

    def method(self, state: State, config: RunnableConfig) -> dict:
        """Add one; a method that takes the config."""
        return {"y": state["x"] + config["configurable"]["step"]}


@pytest.mark.req("N-1")
def test_wraps_callable_objects_partials_and_methods():
    """Everything that LangGraph accepts as a node can be wrapped."""

    def add(amount, state):
        return {"y": state["x"] + amount}

    config = {"configurable": {"step": 5}}
    for function, expected in [
        (Adder(), 2),
        (functools.partial(add, 10), 11),
        (Adder().method, 6),
        (lambda state: {"y": 0}, 0),
    ]:
        assert one_node_graph(create_node(function)).invoke({"x": 1}, config)["y"] == expected


@pytest.mark.req("N-1")
def test_generator_functions_add_up_as_in_langgraph():
    """The parts that a generator yields are added up to its update."""

    def parts(state):
        yield {"x": 1}
        yield {"y": 2}

    plain = one_node_graph(parts).invoke({"x": 0})
    assert one_node_graph(create_node(parts)).invoke({"x": 0}) == plain


@pytest.mark.req("N-1")
def test_a_returned_runnable_is_invoked_inside_the_attempt(mode):
    """LangGraph invokes a Runnable that a node returns. Its failure is captured like a failure of the function."""

    def fail(state):
        raise KeyError("inner")

    node = create_node(mode.function(lambda state: RunnableLambda(fail)))
    assert mode.call(node, {})["errors"][0]["error_type"] == "KeyError"


@pytest.mark.req("N-1")
def test_refuses_what_cannot_be_called():
    """The message names the option and what was given."""
    with pytest.raises(TypeError, match=r"fn must be a function.*got 42"):
        create_node(42)


@pytest.mark.req("N-2")
@pytest.mark.parametrize("keyword", ["config", "runtime", "store", "writer", "previous"])
def test_injected_parameters_have_stand_ins_in_a_unit_test(mode, keyword):
    """`node(state)` works without a graph. Parameters for injection get stand-ins."""
    seen = {}
    namespace = {"seen": seen}
    exec(f"def f(state, {keyword}):\n    seen['called'] = True\n    return {{}}", namespace)  # noqa: S102
    node = create_node(mode.function(namespace["f"]))
    assert mode.call(node, {}) == {}
    assert seen == {"called": True}


@pytest.mark.req("N-2")
@pytest.mark.parametrize(
    "options", [{}, {"retry": 2}, {"fallback": lambda state: {}}], ids=["bare", "retry", "fallback"]
)
@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, {"configurable": {}}),
        ({"tags": ["t"]}, {"tags": ["t"], "configurable": {}}),
        ({"tenant": "a", "configurable": {"k": 7}}, {"configurable": {"k": 7, "tenant": "a"}}),
    ],
)
def test_the_config_of_a_direct_call_is_complete(mode, options, config, expected):
    """As LangGraph hands it to a node: with `configurable`, to which unknown keys move."""
    seen = []

    def f(state, config: RunnableConfig):
        seen.append(config)
        return {}

    mode.call(create_node(mode.function(f), **options), {}, config)
    assert seen == [expected]


@pytest.mark.req("M-6")
@pytest.mark.parametrize("is_in_graph", [True, False])
def test_keys_of_the_package_may_be_at_the_top_of_a_config(mode, is_in_graph):
    """In a direct call and in a graph, where LangGraph moves them."""
    collector = NodeMetricsCollector()

    def f(state):
        return {"y": get_node_context().story_id}

    node = create_node(mode.function(f), name="n", metrics_collector=NodeMetricsCollector())
    config = {"metrics_collector": collector, "story_id": "ST-7"}
    function = one_node_graph(node) if is_in_graph else node
    call = mode.invoke if is_in_graph else mode.call
    assert call(function, {"x": 1}, config)["y"] == "ST-7"
    assert collector.get_node_metrics("n").success_count == 1


@pytest.mark.req("N-2")
def test_config_may_be_given_by_position(mode):
    """`node(state, config)` is how LangGraph documents a node call."""

    def f(state, config: RunnableConfig):
        return {"y": config["configurable"]["k"]}

    node = create_node(mode.function(f))
    assert mode.call(node, {}, {"configurable": {"k": 7}}) == {"y": 7}


@pytest.mark.req("N-2")
def test_run_gives_the_outcome_as_a_value(mode):
    """`node.run` neither captures into a state nor raises."""
    node = create_node(mode.function(lambda state: {"y": 1}), retry=2)
    outcome = mode.call(node.run, {"x": 1})
    assert (outcome.value, outcome.attempts, outcome.fallback_used) == ({"y": 1}, 1, False)


@pytest.mark.req("N-1")
def test_order_of_the_pipeline_is_the_documented_one(mode, fake):
    """Log -> metrics -> capture -> fallback -> total timeout -> retry -> breaker -> attempt timeout -> call."""
    from langgraph_runner.testing import Flaky

    collector = NodeMetricsCollector()
    flaky = Flaky(ConnectionError, takes_s=1, clock=fake)
    node = create_node(
        flaky.awaited if mode.is_async else flaky.sync,
        name="n",
        retry={"max_attempts": 5, "backoff_ms": 100, "jitter": 0},
        timeout_ms=500,
        total_timeout_ms=60_000,
        circuit_breaker=CircuitBreakerConfig(failure_threshold=2),
        fallback=lambda state: {"y": type(get_node_context().primary_error).__name__},
        metrics_collector=collector,
        runtime=fake,
    )
    # Each attempt times out (attempt timeout inside the breaker), two of them open the breaker (inside the
    # retry), which ends the retries and leads to the fallback. Metrics see both: the failure and the fallback.
    assert mode.call(node, {}) == {"y": "NodeTimeoutError"}
    assert flaky.calls == 2
    metrics = collector.get_node_metrics("n")
    assert (metrics.failure_count, metrics.fallback_count, metrics.retry_count) == (1, 1, 1)
    assert metrics.success_count == 0


@pytest.mark.req("N-9")
def test_drive_refuses_a_coroutine_that_suspends():
    """Otherwise a sync node would silently skip the rest of the coroutine."""
    with pytest.raises(RuntimeError, match="suspends"):
        drive(asyncio.sleep(0))


@pytest.mark.req("N-22")
def test_get_node_context_outside_a_node_says_so():
    """The message says where it works."""
    with pytest.raises(RuntimeError, match="inside a function that create_node"):
        get_node_context()


@pytest.mark.req("N-1")
def test_one_node_serves_many_threads_and_loops():
    """A node is not bound to one event loop."""

    async def f(state):
        await asyncio.sleep(0)
        return {"y": state["x"]}

    node = create_node(f, retry=2, timeout_ms=5000)
    assert [asyncio.run(node({"x": n}, runner_config(story_id="s")))["y"] for n in range(3)] == [0, 1, 2]


@pytest.mark.req("N-1", "N-21")
@pytest.mark.usefixtures("restless_threads")
def test_one_node_is_in_use_on_many_loops_at_once():
    """Each loop has its own thread. The shared breaker and collector count correctly."""
    loops, rounds = 4, 25
    together = threading.Barrier(loops, timeout=10)
    collector = NodeMetricsCollector()
    failures = itertools.count()

    async def work(state):
        await asyncio.sleep(0)
        if next(failures) % 3 == 0:
            raise ConnectionError
        return {"y": state["x"]}

    node = create_node(
        work,
        name="n",
        retry={"max_attempts": 100, "backoff_ms": 0},
        timeout_ms=60_000,
        circuit_breaker=CircuitBreakerConfig(failure_threshold=10_000),
        metrics_collector=collector,
    )

    async def use(number):
        together.wait()
        return [(await node({"x": number}))["y"] for _ in range(rounds)]

    with ThreadPoolExecutor(loops) as pool:
        results = list(pool.map(lambda number: asyncio.run(use(number)), range(loops)))
    metrics = collector.get_node_metrics("n")
    assert results == [[number] * rounds for number in range(loops)]
    assert metrics.success_count == loops * rounds
    assert next(failures) == metrics.success_count + metrics.retry_count
