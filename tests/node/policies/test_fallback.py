"""Fallbacks run after all attempts of the function have failed."""

import asyncio
import json

import pytest
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph.types import interrupt

from langgraph_runner import (
    AbortController,
    CircuitBreakerConfig,
    FallbackError,
    GraphState,
    create_node,
    get_node_context,
    runner_config,
)
from langgraph_runner.testing import Flaky


def failing(state):
    """Fails in a way that is retried."""
    raise ConnectionError("primary down")


@pytest.mark.req("N-25")
@pytest.mark.parametrize("fallback_is_async", [False, True])
def test_runs_with_the_same_state_when_the_function_has_failed(mode, fake, fallback_is_async):
    """A sync or async fallback runs after all retries."""
    seen = []

    def fall_back(state):
        seen.append(state)
        return {"x": "fallback"}

    async def fall_back_async(state):
        return fall_back(state)

    node = create_node(
        mode.function(failing),
        retry=3,
        fallback=fall_back_async if fallback_is_async else fall_back,
        runtime=fake,
    )
    outcome = mode.call(node.run, {"a": [1]})
    assert (outcome.value, outcome.attempts, outcome.fallback_used) == ({"x": "fallback"}, 3, True)
    assert seen == [{"a": [1]}]


@pytest.mark.req("N-25")
def test_is_not_run_after_a_success(mode):
    """Then it has no cost."""
    node = create_node(mode.function(lambda s: {"x": 1}), fallback=lambda s: {"x": 2})
    assert mode.call(node, {}) == {"x": 1}


@pytest.mark.req("N-25")
def test_can_read_the_primary_error_and_input(mode, fake):
    """From its context. The context of the function has neither."""
    seen = {}

    def primary(state):
        seen["in primary"] = get_node_context().primary_error
        state["a"].append("dirt")
        raise ConnectionError("primary down")

    def fall_back(state):
        context = get_node_context()
        return {"error": str(context.primary_error), "input": context.primary_input, "state": state}

    node = create_node(
        mode.function(primary),
        retry=2,
        fallback=mode.function(fall_back),
        runtime=fake,
    )
    assert mode.call(node, {"a": [1]}) == {
        "error": "primary down",
        "input": {"a": [1]},
        "state": {"a": [1]},
    }
    assert seen == {"in primary": None}


@pytest.mark.req("N-25", "N-24")
def test_its_own_failure_keeps_both_errors(mode, fake):
    """The record and the exception have both errors."""

    def fall_back(state):
        raise ValueError("fallback broken")

    node = create_node(
        mode.function(failing),
        name="n",
        retry=2,
        fallback=mode.function(fall_back),
        runtime=fake,
    )
    record = mode.call(node, {})["errors"][0]
    assert (record["code"], record["category"]) == ("FALLBACK_FAILED", "network")
    assert record["message"] == (
        "Node 'n' failed (ConnectionError: primary down), and its fallback failed as well:"
        " ValueError: fallback broken"
    )
    assert {c["error_type"] for c in record["causes"]} >= {"ValueError", "ConnectionError"}
    error = mode.call(node.run, {}).exception
    assert isinstance(error, FallbackError)
    assert (str(error.primary_error), str(error.fallback_error)) == ("primary down", "fallback broken")


@pytest.mark.req("N-25")
def test_a_node_may_be_the_fallback_and_keeps_its_own_retry(mode, fake):
    """It can read the primary error, too. Its success is the success of the call."""
    flaky = Flaky(TimeoutError, TimeoutError, {"x": "third"})

    def second(state):
        assert str(get_node_context().primary_error) == "primary down"
        return flaky.sync(state)

    fallback = create_node(mode.function(second), name="second", retry=3, runtime=fake)
    node = create_node(mode.function(failing), fallback=fallback, runtime=fake)
    assert mode.call(node, {}) == {"x": "third"}


@pytest.mark.req("N-25")
def test_a_node_that_fails_as_fallback_is_a_failed_fallback(mode, fake):
    """Its captured error does not count as a result."""
    fallback = create_node(mode.function(lambda s: 1 / 0), name="second")
    node = create_node(mode.function(failing), fallback=fallback, runtime=fake)
    assert mode.call(node, {})["errors"][0]["code"] == "FALLBACK_FAILED"


@pytest.mark.req("N-25")
def test_a_runnable_may_be_the_fallback(mode):
    """Sync and async."""
    node = create_node(mode.function(failing), fallback=RunnableLambda(lambda s: {"x": s["a"]}))
    assert mode.call(node, {"a": 3}) == {"x": 3}


@pytest.mark.req("N-25")
def test_a_resilient_runnable_may_be_the_fallback(mode):
    """If a Runnable that is a node fails, the fallback has failed, sync and async."""
    fallback = create_node(RunnableLambda(lambda s: 1 / 0))
    node = create_node(mode.function(failing), fallback=fallback)
    assert mode.call(node, {})["errors"][0]["code"] == "FALLBACK_FAILED"


@pytest.mark.req("N-25")
def test_a_sync_node_called_in_a_coroutine_can_have_an_async_fallback():
    """The running event loop of the caller does not prevent that."""

    async def fall_back(state):
        await asyncio.sleep(0)
        return {"x": 1}

    async def main():
        return create_node(failing, fallback=fall_back)({})

    assert asyncio.run(main()) == {"x": 1}


@pytest.mark.req("N-25")
def test_it_gets_what_it_asks_for_even_if_the_function_does_not(mode):
    """The fallback gets the config, although the function does not take it."""

    def fall_back(state, config: RunnableConfig):
        return {"x": config["configurable"]["k"]}

    node = create_node(mode.function(failing), fallback=mode.function(fall_back))
    assert mode.call(node, {}, {"configurable": {"k": 7}}) == {"x": 7}


@pytest.mark.req("N-25")
def test_it_runs_when_the_circuit_is_open(mode, fake):
    """This is the purpose of a fallback."""
    node = create_node(
        mode.function(failing),
        circuit_breaker=CircuitBreakerConfig(failure_threshold=1),
        fallback=lambda s: {"x": get_node_context().primary_error.code},
        runtime=fake,
    )
    mode.call(node.run, {})
    outcome = mode.call(node.run, {})
    assert (outcome.value, outcome.attempts) == ({"x": "CIRCUIT_OPEN"}, 0)


@pytest.mark.req("N-25", "N-15")
def test_it_cannot_hang_the_graph(mode, fake):
    """`timeout_ms` applies to it, too."""
    flaky = Flaky({"x": 1}, takes_s=99, clock=fake)
    node = create_node(
        mode.function(failing),
        name="n",
        timeout_ms=500,
        fallback=flaky.awaited if mode.is_async else flaky.sync,
        runtime=fake,
    )
    record = mode.call(node, {})["errors"][0]
    assert record["code"] == "FALLBACK_FAILED"
    assert "fallback timeout of 500 ms" in record["message"]
    assert fake.now == 0.5


@pytest.mark.req("N-25", "N-17")
def test_it_does_not_run_after_an_abort(mode, fake):
    """After an abort no substitute is wanted."""
    controller = AbortController()
    controller.abort("stop")
    node = create_node(mode.function(lambda s: {}), fallback=lambda s: {"x": 1}, runtime=fake)
    record = mode.call(node, {}, runner_config(abort_signal=controller.signal))["errors"][0]
    assert record["code"] == "NODE_CANCELLED"


@pytest.mark.req("N-25", "N-26")
def test_an_interrupt_of_the_function_is_no_failure_to_fall_back_from(mode):
    """LangGraph gets the interrupt."""
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import START, StateGraph
    from langgraph.types import Command

    from langgraph_runner import GraphState

    class State(GraphState, total=False):
        x: str

    node = create_node(
        mode.function(lambda s: {"x": interrupt("sure?")}), retry=2, fallback=lambda s: {"x": "no"}
    )
    graph = StateGraph(State).add_node("n", node).add_edge(START, "n").compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}
    first = mode.invoke(graph, {"x": ""}, config)
    assert first["__interrupt__"][0].value == "sure?"
    assert mode.invoke(graph, Command(resume="yes"), config)["x"] == "yes"


@pytest.mark.req("N-25")
def test_its_output_is_checked_too(mode):
    """A fallback with an invalid result has failed."""
    node = create_node(mode.function(failing), fallback=lambda s: 5)
    record = mode.call(node, {})["errors"][0]
    assert "InvalidNodeOutputError" in json.dumps(record["causes"])


@pytest.mark.req("N-25")
def test_one_that_takes_anything_gets_everything(mode):
    """`**keywords` accepts all injected parameters."""
    node = create_node(mode.function(failing), fallback=lambda s, **keywords: {"x": sorted(keywords)})
    assert mode.call(node, {}, {"configurable": {}}) == {"x": ["config"]}


@pytest.mark.req("N-25", "N-26")
def test_langgraph_injects_what_only_the_fallback_asks_for(mode):
    """It gets the store and the runtime by name, although the function takes only the state."""
    seen = {}

    def fallback(state, *, store: BaseStore, runtime: Runtime):
        seen.update(store=store, node=runtime.execution_info is not None)
        return {}

    store = InMemoryStore()
    node = create_node(mode.function(failing), fallback=mode.function(fallback), on_error="raise")
    graph = StateGraph(GraphState).add_node("n", node).add_edge(START, "n").compile(store=store)
    mode.invoke(graph, {})
    assert seen == {"store": store, "node": True}
