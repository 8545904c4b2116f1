"""`NodePolicies`: the options of one node, checked and brought into the colour of its function."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

from langgraph_runner.callbacks import accept_fewer_arguments
from langgraph_runner.errors import DEFAULT_SANITIZER, NodeTimeoutError, Sanitizer
from langgraph_runner.node.callee import Callee
from langgraph_runner.node.policies.retry import RetryAttempt

if TYPE_CHECKING:
    from langgraph_runner.metrics import NodeMetricsCollector
    from langgraph_runner.node.config import RetryConfig
    from langgraph_runner.node.policies.circuit_breaker import NodeCircuitBreaker
    from langgraph_runner.node.policies.fallback import FallbackNode
    from langgraph_runner.runtime.runtimes import Runtime, Runtimes

__all__ = [
    "Callback",
    "NodePolicies",
    "OnDrain",
    "OnError",
    "OnRetryAttempt",
    "OnTimeout",
    "Span",
    "Spans",
    "as_choice",
    "as_spans",
]

OnError = Literal["capture", "record", "stop", "raise"]
OnDrain = Literal["stop", "finish"]
OnTimeout: TypeAlias = Callable[[NodeTimeoutError], Any] | Callable[[], Any]
"""Called with the timeout error of an attempt, or without it, to clean up after it. Sync or async."""
OnRetryAttempt: TypeAlias = Callable[[RetryAttempt], Any] | Callable[[], Any]
"""Called before each wait. Sync or async."""


class Span(Protocol):
    """What one node call tells of itself to a tracer; `NodeSpan` of the exporters is one."""

    def attempt_failed(self, attempt: int, *, error_type: str, retry_in_ms: float | None = None) -> None:
        """An attempt failed."""

    def fell_back(self, *, error_type: str) -> None:
        """The fallback takes over."""

    def end(
        self, outcome: Any, *, attempts: int, error_type: str | None = None, message: str | None = None
    ) -> None:
        """The call is over."""


class Spans(Protocol):
    """What starts them; `NodeSpans` of the exporters is one."""

    def start(
        self, node: str, *, trace_id: str | None = None, attributes: Mapping[str, str | int] | None = None
    ) -> Span:
        """Start the span of one call."""
        ...


class Callback(NamedTuple):
    """A callback of the user's, in the colour of the runtime."""

    function: Callable[..., Any]
    waits: bool
    """Whether it is async, and so may take its time."""

    @classmethod
    def of(
        cls, function: Callable[..., Any] | None, runtime: Runtime, *, argument: str, field: str
    ) -> Callback | None:
        """Check a callback and adapt it. It may ignore its one argument.

        Raises:
            TypeError: It cannot be called, or needs more arguments.
        """
        if function is None:
            return None
        callback = accept_fewer_arguments(function, argument, field=field)
        if Callee.of(function).is_async:
            return cls(runtime.adapt(callback, is_async=True), waits=True)
        return cls(_at_once(callback, runtime), waits=False)


def _at_once(function: Callable[..., Any], runtime: Runtime) -> Callable[..., Any]:
    """A quick blocking callback for `runtime`. What a lambda hands on may have to be awaited."""

    async def awaited(awaitable: Awaitable[object]) -> None:
        await awaitable

    async def call(argument: object) -> None:
        result = function(argument)
        if inspect.isawaitable(result):
            await result

    def call_blocking(argument: object) -> None:
        result = function(argument)
        if inspect.isawaitable(result):
            runtime.adapt(awaited, is_async=True)(result)

    return call if runtime.is_async else call_blocking


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePolicies:
    """What one node does, and how. Immutable; only the breaker and the collector have state, and a lock each."""

    callee: Callee
    name: str | None
    """The name it was given; None to take LangGraph's."""
    runtime: Runtime
    runtimes: Runtimes
    """Where `runtime` is from."""
    retry: RetryConfig | None
    timeout_ms: float | None
    total_timeout_ms: float | None
    on_timeout: Callback | None
    on_retry_attempt: Callback | None
    circuit_breaker: NodeCircuitBreaker | None
    fallback: Callee | FallbackNode | None
    """In the colour of the runtime."""
    metrics_collector: NodeMetricsCollector | None
    spans: Spans | None
    on_error: OnError
    drain_stops: bool
    log_level: int
    sanitizer: Sanitizer
    has_timeout: bool = field(init=False)
    """Whether time may stop an attempt."""

    @classmethod
    def bare(cls, function: Callable[..., Any], name: str, runtimes: Runtimes) -> NodePolicies:
        """Policies that do nothing, for a function that runs outside of `create_node()`."""
        callee = Callee.of(function)
        return cls(
            callee=callee,
            name=name,
            runtime=runtimes.awaiting if callee.is_async else runtimes.blocking,
            runtimes=runtimes,
            retry=None,
            timeout_ms=None,
            total_timeout_ms=None,
            on_timeout=None,
            on_retry_attempt=None,
            circuit_breaker=None,
            fallback=None,
            metrics_collector=None,
            spans=None,
            on_error="raise",
            drain_stops=True,
            log_level=logging.INFO,
            sanitizer=DEFAULT_SANITIZER,
        )

    def __post_init__(self) -> None:
        has_timeout = self.timeout_ms is not None or self.total_timeout_ms is not None
        object.__setattr__(self, "has_timeout", has_timeout)


def as_choice(value: object, choices: tuple[str, ...], *, field: str) -> None:
    """Refuse a value that is none of `choices`.

    Raises:
        ValueError: It is not.
    """
    if value not in choices:
        raise ValueError(f"{field}: {value!r} is not one of {', '.join(map(repr, choices))}.")


def as_spans(spans: object) -> None:
    """Refuse what cannot start spans.

    Raises:
        TypeError: It has no method `start`.
    """
    if spans is not None and not callable(getattr(spans, "start", None)):
        raise TypeError(f"spans: expected a NodeSpans or the like, got {spans!r:.80}.")
