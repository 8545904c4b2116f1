"""The types that users see, checked by mypy and by pyright in strict mode; never run."""

# LangGraph ships no stubs for `langgraph.graph`, and leaves `CachePolicy` without its parameter.
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from __future__ import annotations

from typing import Any, Literal, assert_type

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, RetryPolicy

from langgraph_runner import (
    AbortController,
    AsyncNode,
    CircuitBreakerConfig,
    GraphState,
    NodeCircuitBreaker,
    NodeMetricsCollector,
    NodeTimeoutError,
    Outcome,
    RetryAttempt,
    RetryConfig,
    RunnableNode,
    SyncNode,
    create_node,
    get_node_context,
    runner_config,
    update_state,
)


class State(GraphState, total=False):
    """A state of the user's own."""

    question: str
    answer: str


def plain(state: State) -> dict[str, str]:
    """A function."""
    return {"answer": state.get("question", "")}


async def awaited(state: State, config: RunnableConfig) -> dict[str, str]:
    """A coroutine function that wants the config."""
    return {"answer": str(config.get("tags", state))}


def routes(state: State, *, runtime: Runtime[None]) -> Command[Literal["a", "b"]]:
    """A function that goes somewhere."""
    del runtime
    return Command(goto="a" if state else "b")


def heard(event: RetryAttempt) -> None:
    """A callback."""
    assert_type(event.attempt, int)
    assert_type(event.delay_ms, float)


async def cleaned(error: NodeTimeoutError) -> None:
    """An async callback."""
    assert_type(error.timeout_ms, float)


sync_node = create_node(plain, retry=3, timeout_ms=500)
assert_type(sync_node, SyncNode[State, dict[str, str]])
assert_type(sync_node({"question": "?"}), dict[str, str])
assert_type(sync_node.run({"question": "?"}), Outcome)
assert_type(sync_node.circuit_breaker, NodeCircuitBreaker | None)

async_node = create_node(
    awaited,
    retry=RetryConfig(max_attempts=2),
    circuit_breaker=CircuitBreakerConfig(),
    fallback=plain,
    metrics_collector=NodeMetricsCollector(),
    on_retry_attempt=heard,
    on_timeout=cleaned,
    on_error="raise",
)
assert_type(async_node, AsyncNode[State, dict[str, str]])

command_node = create_node(routes, retry=RetryPolicy(max_attempts=2), name="routes")
assert_type(command_node, SyncNode[State, Command[Literal["a", "b"]]])


async def calls() -> None:
    """What a unit test writes."""
    assert_type(await async_node({"question": "?"}, {"tags": ["a"]}), dict[str, str])
    assert_type(await async_node.run({"question": "?"}), Outcome)


def wraps_a_runnable(chain: Runnable[State, dict[str, Any]]) -> None:
    """A Runnable stays one."""
    node = create_node(chain, retry={"max_attempts": 2})
    assert_type(node, RunnableNode[State, dict[str, Any]])
    assert_type(node.invoke({"question": "?"}), dict[str, Any])


def builds_a_graph() -> None:
    """`add_node` takes every form."""
    builder: StateGraph[State, None, State, State] = StateGraph(State)
    builder.add_node("plain", sync_node)
    builder.add_node("awaited", async_node)
    builder.add_node("routes", command_node)
    builder.add_edge(START, "plain")


def uses_the_rest(controller: AbortController) -> None:
    """Config, context and updates."""
    assert_type(runner_config(abort_signal=controller.signal, story_id="S"), RunnableConfig)
    assert_type(get_node_context().attempt, int)
    assert_type(get_node_context().trace_id, str)
    assert_type(update_state(story_id="S"), dict[str, Any])
