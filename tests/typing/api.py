"""The types of nodes and states that users see, checked by mypy and by pyright in strict mode; never run.

The other files here do the same for the other parts of the package.
"""

# LangGraph ships no stubs for `langgraph.graph`, and leaves `CachePolicy` without its parameter.
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, assert_type

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, RetryPolicy

from langgraph_runner import (
    AbortController,
    AbortSignal,
    AsyncNode,
    Bulkhead,
    BulkheadConfig,
    CircuitBreakerConfig,
    CircuitState,
    CircuitTransition,
    EvidenceRef,
    Failure,
    GateDecision,
    GraphState,
    NodeCircuitBreaker,
    NodeConfig,
    NodeContext,
    NodeLogger,
    NodeMetricsCollector,
    NodeTimeoutError,
    Outcome,
    Policy,
    RateLimitConfig,
    RateLimiter,
    RetryAttempt,
    RetryConfig,
    RoutingFlag,
    RoutingFlags,
    RunnableNode,
    Success,
    SyncNode,
    abandoned_threads,
    add_node_context,
    append_bounded,
    append_unique,
    create_node,
    create_node_context,
    create_node_logger,
    get_node_context,
    merge_mappings,
    route_by_flags,
    runner_config,
    sanitize_stack,
    sanitize_text,
    update_state,
    with_retry,
    with_timeout,
)
from langgraph_runner.testing import FakeRuntime, node_context


class State(GraphState, total=False):
    """A user's state."""

    question: str
    answer: str


def plain(state: State) -> dict[str, str]:
    """A function."""
    return {"answer": state.get("question", "")}


async def awaited(state: State, config: RunnableConfig) -> dict[str, str]:
    """A coroutine function with a parameter `config`."""
    return {"answer": str(config.get("tags", state))}


def routes(state: State, *, runtime: Runtime[None]) -> Command[Literal["a", "b"]]:
    """A function that returns a command."""
    del runtime
    return Command(goto="a" if state else "b")


def heard(event: RetryAttempt) -> None:
    """A sync callback."""
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
    """Calls of a node in a unit test."""
    assert_type(await async_node({"question": "?"}, {"tags": ["a"]}), dict[str, str])
    assert_type(await async_node.run({"question": "?"}), Outcome)


def wraps_a_runnable(chain: Runnable[State, dict[str, Any]]) -> None:
    """A wrapped Runnable is a Runnable."""
    node = create_node(chain, retry={"max_attempts": 2})
    assert_type(node, RunnableNode[State, dict[str, Any]])
    assert_type(node.invoke({"question": "?"}), dict[str, Any])


def builds_a_graph() -> None:
    """`add_node` accepts every kind of node."""
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


def reads_an_outcome(outcome: Outcome) -> None:
    """Read the result of `run()`."""
    if isinstance(outcome, Success):
        assert_type(outcome.value, Any)
    else:
        assert_type(outcome, Failure)
        assert_type(outcome.exception, Exception)


def listens(transition: CircuitTransition) -> None:
    """A listener of a breaker."""


def watches(breaker: NodeCircuitBreaker, signal: AbortSignal, context: NodeContext) -> None:
    """Breakers, signals and contexts."""
    assert_type(breaker.state, CircuitState)
    breaker.add_listener(listens)
    breaker.add_listener(lambda: None)
    assert_type(signal.wait(5), bool)
    assert_type(context.story_id, str | None)
    assert_type(abandoned_threads(), int)
    assert_type(add_node_context(None, "info", {})["node"], Any)


def merges(flags: RoutingFlags, evidence: EvidenceRef, gate: GateDecision) -> None:
    """Reducers, and edges that follow flags."""
    flag: RoutingFlag = "blocked"
    assert_type(flags.get(flag), bool | None)
    assert_type(append_unique([evidence], None), list[EvidenceRef])
    assert_type(merge_mappings({"legal": gate}, None), dict[str, GateDecision])
    assert_type(append_bounded(10)([1], [2]), list[Any])
    assert_type(route_by_flags(default="publish", blocked="review"), Callable[[Any], str | list[str]])


@with_retry(retry=3, on_retry_attempt=lambda attempt: attempt.error, circuit_breaker={"window": None})
@with_timeout(timeout_ms=500, on_timeout=lambda error: error.timeout_ms)
def fetches(url: str, *, depth: int = 1) -> list[str]:
    """A function of any signature."""
    return [url] * depth


async def pages(url: str) -> bytes:
    """A coroutine function of any signature."""
    return url.encode()


class Recording:
    """A user-defined policy."""

    async def run(self, attempt: NodeContext, proceed: Callable[[NodeContext], Awaitable[Any]]) -> Any:
        """Run the rest of the pipeline."""
        await attempt.sleep_ms(1)
        return await proceed(attempt)


def has_policies(policy: Policy) -> None:
    """Policies that limit attempts, and user-defined policies."""
    bulkhead, limiter = Bulkhead(BulkheadConfig(max_concurrent=2)), RateLimiter(RateLimitConfig(max_calls=3))
    assert_type(bulkhead.running, int)
    assert_type(limiter.queued, int)
    node = create_node(plain, bulkhead=bulkhead, rate_limit=limiter, policies=[Recording(), policy, bulkhead])
    assert_type(node, SyncNode[State, dict[str, str]])
    create_node(awaited, bulkhead=2, rate_limit={"max_calls": 3})


def shares_options(config: NodeConfig) -> None:
    """An options object accepts the same values as the keywords."""
    careful = NodeConfig(retry=3, timeout_ms=500, on_error="raise", circuit_breaker={"failure_threshold": 2})
    assert_type(create_node(plain, config=careful, name="n"), SyncNode[State, dict[str, str]])
    assert_type(config.on_error, Literal["capture", "record", "stop", "raise"])


async def uses_units() -> None:
    """Policies without a node keep the type of the wrapped function."""
    assert_type(fetches("x", depth=2), list[str])
    assert_type(await with_retry(pages, RetryConfig(max_attempts=2))("x"), bytes)
    assert_type(await with_timeout(pages, 500)("x"), bytes)
    assert_type(sanitize_text("x", max_chars=9), str)
    assert_type(sanitize_stack(ValueError()), str)
    assert_type(create_node_logger("n").bind(page=1), NodeLogger)
    create_node_logger("n").info("fetched", bytes=7)
    collector = NodeMetricsCollector()
    collector.record_failure("n", 1.5, TimeoutError())
    collector.record_fallback("n", 1.5, "network")
    collector.record_retry("n", 2)
    assert_type(collector.get_node_metrics("n").fallback_count, int)
    assert_type(runner_config(runtime=FakeRuntime()), RunnableConfig)
    assert_type(create_node_context("n", attempt=2), NodeContext)
    with node_context("n", attempt=2) as context:
        assert_type(context.attempt, int)
