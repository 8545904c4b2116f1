"""`create_node()`: one function in, one resilient LangGraph node out."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, Protocol, TypedDict, TypeVar, Unpack, overload

from langchain_core.runnables import Runnable

from langgraph_runner.errors import DEFAULT_SANITIZER, Sanitizer
from langgraph_runner.errors.hints import as_choice
from langgraph_runner.node.callee import Callee, NodeFunction, as_fallback, is_node, without_partial
from langgraph_runner.node.logs import as_log_level
from langgraph_runner.node.nodes import AsyncNode, RunnableNode, SyncNode, async_node, sync_node
from langgraph_runner.node.option_model import OnDrain, OnError
from langgraph_runner.node.options import (
    Callback,
    CheckedOptions,
    NodeConfig,
    OnRetryAttempt,
    OnTimeout,
    Spans,
    as_collector,
    as_spans,
    check_name,
    check_sanitizer,
    taking_options,
)
from langgraph_runner.node.policies.bulkhead import BulkheadLike
from langgraph_runner.node.policies.circuit_breaker import CircuitBreakerLike
from langgraph_runner.node.policies.fallback import FallbackNode
from langgraph_runner.node.policies.policy import Policy, as_policies
from langgraph_runner.node.policies.rate_limit import RateLimitLike
from langgraph_runner.node.policies.retry import RetryLike, as_retry_config
from langgraph_runner.node.policies.shared import policy_of
from langgraph_runner.redaction import compile_patterns
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, ClockOfCalls, Runtime, Runtimes, as_runtimes
from langgraph_runner.runtime.timeouts import TimeoutLike, as_timeout_ms

if TYPE_CHECKING:
    from langgraph_runner.metrics import NodeMetricsCollector

__all__ = ["NodeDecorator", "NodeOptions", "create_node"]

StateT = TypeVar("StateT")
ResultT = TypeVar("ResultT")


class NodeOptions(TypedDict, total=False):
    """The keyword options of `create_node()`, which explains them."""

    config: NodeConfig | None
    name: str | None
    retry: RetryLike | None
    timeout_ms: TimeoutLike | None
    total_timeout_ms: TimeoutLike | None
    on_timeout: OnTimeout | None
    on_retry_attempt: OnRetryAttempt | None
    circuit_breaker: CircuitBreakerLike | None
    bulkhead: BulkheadLike | None
    rate_limit: RateLimitLike | None
    policies: Iterable[Policy] | None
    fallback: NodeFunction | str | None
    metrics_collector: NodeMetricsCollector | None
    spans: Spans | None
    on_error: OnError
    on_drain: OnDrain | None
    log_level: int | str
    sanitizer: Sanitizer
    runtime: Runtimes | None


class NodeDecorator(Protocol):
    """A decorator that makes a node of a function: what `create_node()` returns without one."""

    @overload
    def __call__(self, fn: Runnable[StateT, ResultT], /) -> RunnableNode[StateT, ResultT]: ...

    @overload
    def __call__(  # type: ignore[overload-overlap] # as of create_node()
        self, fn: Callable[Concatenate[StateT, ...], Coroutine[Any, Any, ResultT]], /
    ) -> AsyncNode[StateT, ResultT]: ...

    @overload
    def __call__(self, fn: Callable[Concatenate[StateT, ...], ResultT], /) -> SyncNode[StateT, ResultT]: ...


@overload
def create_node(
    fn: Runnable[StateT, ResultT], **options: Unpack[NodeOptions]
) -> RunnableNode[StateT, ResultT]: ...


@overload
def create_node(  # type: ignore[overload-overlap] # a coroutine function is also a function; this one is tried first
    fn: Callable[Concatenate[StateT, ...], Coroutine[Any, Any, ResultT]], **options: Unpack[NodeOptions]
) -> AsyncNode[StateT, ResultT]: ...


@overload
def create_node(
    fn: Callable[Concatenate[StateT, ...], ResultT], **options: Unpack[NodeOptions]
) -> SyncNode[StateT, ResultT]: ...


@overload
def create_node(**options: Unpack[NodeOptions]) -> NodeDecorator: ...


@taking_options
def create_node(
    fn: NodeFunction,
    *,
    name: str | None = None,
    retry: RetryLike | None = None,
    timeout_ms: TimeoutLike | None = None,
    total_timeout_ms: TimeoutLike | None = None,
    on_timeout: OnTimeout | None = None,
    on_retry_attempt: OnRetryAttempt | None = None,
    circuit_breaker: CircuitBreakerLike | None = None,
    bulkhead: BulkheadLike | None = None,
    rate_limit: RateLimitLike | None = None,
    policies: Iterable[Policy] | None = None,
    fallback: NodeFunction | str | None = None,
    metrics_collector: NodeMetricsCollector | None = None,
    spans: Spans | None = None,
    on_error: OnError = "capture",
    on_drain: OnDrain | None = None,
    log_level: int | str = "INFO",
    sanitizer: Sanitizer = DEFAULT_SANITIZER,
    runtime: Runtimes | None = None,
) -> Any:
    """Make a resilient LangGraph node of a function.

    Everything happens in one order, outermost first: log and context, metrics, capture, fallback, total
    timeout, retry, policies, bulkhead, rate limit, circuit breaker, attempt timeout, call. Every option may be left
    out.

    Args:
        fn: A function `(state, ...)`, a coroutine function, a callable object or a `Runnable`, a compiled graph
            too; or a dict of these, which run side by side. It may have parameters that LangGraph injects by
            name (`config`, `runtime`, `store`, `writer`, `previous`), and return what any node may. Without it,
            the result is a decorator: `@create_node(retry=3)`.
        name: For errors, logs and metrics. If not given, the node is called what LangGraph calls it, or after
            its function outside a graph. Give it where several nodes share one function.
        retry: A `RetryConfig`, its fields as a dict, a number of attempts, or LangGraph's `RetryPolicy`. Each
            attempt gets a copy of its own of the state's containers (the first 10,000 of them).
        timeout_ms: Limit of one attempt (ms, more than 0; or a `timedelta` or a `TimeoutPolicy`). It works for
            sync functions too: they run in a thread, which is left behind when the time is up.
        total_timeout_ms: Limit of all attempts and the waits between them.
        on_timeout: Called with the `NodeTimeoutError` of each attempt that took too long, to clean up. Sync or
            async. If it raises, that is logged and hides nothing.
        on_retry_attempt: Called with a `RetryAttempt` before each wait, in the same way.
        circuit_breaker: A `CircuitBreakerConfig`, its fields as a dict, or a `NodeCircuitBreaker` to share
            between nodes.
        bulkhead: A `BulkheadConfig`, its fields as a dict, a number of calls that may run at once, or a `Bulkhead` to
            share between nodes. Further attempts wait for their turn; when the queue is full, they are refused.
        rate_limit: A `RateLimitConfig`, its fields as a dict, or a `RateLimiter` to share between nodes. Attempts
            wait for their turn; one that would have to wait too long is refused.
        policies: Policies of your own, the first one outermost; see `Policy`.
        fallback: Runs with the same state when `fn` has finally failed, under `timeout_ms` and the abort
            signal. A plain or a coroutine function, a node, or the id of another node of the same graph, which is
            found when the graph runs. `get_node_context().primary_error` says why it runs.
        metrics_collector: What to report to; one in `config["configurable"]` wins.
        spans: A `NodeSpans` (extra `otel`), for one OpenTelemetry span a call with its attempts as events; one in
            `config["configurable"]` wins.
        on_error: `"capture"` writes a failure to the state: `errors`, and `routing_flags["blocked"] = True`.
            `"record"` writes `errors` only, for one of many branches whose failure must not block the rest.
            `"stop"` captures it, too, and ends the run after this superstep, without an exception: no edge leads on.
            `"raise"` raises the original exception, so that LangGraph's `retry_policy` and `error_handler` act.
        on_drain: What LangGraph's drain request does to a running attempt: `"stop"` it, or let it `"finish"`. A
            wait between attempts it always ends, and no further attempt begins.
            Unless given, `"finish"` with `on_error="raise"`, else `"stop"`.
        log_level: Level of the `node.started` and `node.completed` events, by name or number.
        sanitizer: Redacts and bounds what is recorded.
        runtime: Clock, sleep and chance; a `testing.FakeRuntime` in tests.
        config: A `NodeConfig` with any of these options. A keyword that is given beside it replaces the option of its
            name as a whole, also with None.

    Returns:
        A node, async if `fn` is: `(state, config) -> partial state`. Thread-safe, and good for any number of
        graphs and event loops. `node.run(state, config)` gives the outcome as a value, and
        `node.circuit_breaker` is its breaker.

        What counts as a failure: any `Exception` but LangGraph's own control flow (interrupts, commands to a
        parent graph, drains), which goes through untouched, as do asyncio's cancellation, `KeyboardInterrupt`
        and every other `BaseException`.

    Raises:
        ValueError: A field of `retry` is out of its range.
        ValueError: An option is out of its range.
        TypeError: An option is of no accepted kind, or there is no such option.

    Example:
        >>> def flaky(state: dict) -> dict:
        ...     return {"answer": 6 * 7}
        >>> node = create_node(flaky, retry=3, timeout_ms=5_000)
        >>> node({})
        {'answer': 42}
    """
    as_choice(on_error, ("capture", "record", "stop", "raise"), field="on_error")
    as_choice(on_drain or "stop", ("stop", "finish"), field="on_drain")
    if name is not None:
        check_name(name)
    if is_node(without_partial(fn)):
        raise TypeError("fn: it is a node already; give all options to one create_node().")
    check_sanitizer(sanitizer)
    compile_patterns()
    as_collector(metrics_collector)
    as_spans(spans)
    callee = Callee.of(fn)
    runtimes = as_runtimes(runtime, field="runtime") or REAL_RUNTIMES
    world = runtimes.awaiting if callee.is_async else runtimes.blocking
    made = partial(policy_of, name=name or callee.name, clock=ClockOfCalls(world))
    options = CheckedOptions(
        callee=callee,
        name=name,
        runtime=world,
        runtimes=runtimes,
        retry=as_retry_config(retry),
        timeout_ms=as_timeout_ms(timeout_ms, field="timeout_ms"),
        total_timeout_ms=as_timeout_ms(total_timeout_ms, field="total_timeout_ms"),
        on_timeout=Callback.of(on_timeout, world, argument="error", field="on_timeout"),
        on_retry_attempt=Callback.of(on_retry_attempt, world, argument="retry", field="on_retry_attempt"),
        circuit_breaker=made("circuit_breaker", circuit_breaker),
        bulkhead=made("bulkhead", bulkhead),
        rate_limit=made("rate_limit", rate_limit),
        policies=as_policies(policies),
        fallback=_as_fallback(fallback, world),
        metrics_collector=metrics_collector,
        spans=spans,
        on_error=on_error,
        drain_stops=on_drain == "stop" or (on_drain is None and on_error != "raise"),
        log_level=as_log_level(log_level),
        sanitizer=sanitizer,
    )
    if isinstance(callee.source, Runnable):
        awaiting = replace(
            options,
            callee=Callee.of(fn, prefer_async=True),
            runtime=runtimes.awaiting,
            on_timeout=Callback.of(on_timeout, runtimes.awaiting, argument="error", field="on_timeout"),
            on_retry_attempt=Callback.of(
                on_retry_attempt, runtimes.awaiting, argument="retry", field="on_retry_attempt"
            ),
            fallback=_as_fallback(fallback, runtimes.awaiting),
        )
        return RunnableNode(options, awaiting)
    return async_node(options) if callee.is_async else sync_node(options)


def _as_fallback(fallback: NodeFunction | str | None, runtime: Runtime) -> Callee | FallbackNode | None:
    if fallback is None:
        return None
    return FallbackNode(fallback, runtime) if isinstance(fallback, str) else as_fallback(fallback, runtime)
