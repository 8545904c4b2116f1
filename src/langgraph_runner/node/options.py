"""The options of a node: `NodeConfig` as users share them, and `CheckedOptions`, which the pipeline works with."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, Protocol, TypeAlias, get_args

from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_plain_validator_function

from langgraph_runner.callbacks import accept_fewer_arguments
from langgraph_runner.errors import DEFAULT_SANITIZER, NodeTimeoutError, Sanitizer
from langgraph_runner.errors.hints import as_choice, refuse_unknown_options
from langgraph_runner.metrics import NodeMetricsCollector
from langgraph_runner.metrics.forwarding import check_recorder
from langgraph_runner.node.callee import Callee, NodeFunction
from langgraph_runner.node.logs import as_log_level
from langgraph_runner.node.option_model import OnDrain, OnError, OptionModel
from langgraph_runner.node.policies.bulkhead import Bulkhead, BulkheadLike
from langgraph_runner.node.policies.circuit_breaker import CircuitBreakerLike, NodeCircuitBreaker
from langgraph_runner.node.policies.fallback import FallbackNode
from langgraph_runner.node.policies.policy import Policy, as_policies
from langgraph_runner.node.policies.rate_limit import RateLimiter, RateLimitLike
from langgraph_runner.node.policies.retry import RetryAttempt, RetryConfig, RetryLike, as_retry_config
from langgraph_runner.node.policies.shared import read_policy
from langgraph_runner.runtime.runtimes import Runtime, Runtimes, as_runtimes
from langgraph_runner.runtime.timeouts import TimeoutLike, as_timeout_ms

__all__ = [
    "Callback",
    "CheckedOptions",
    "NodeConfig",
    "OnRetryAttempt",
    "OnTimeout",
    "Span",
    "Spans",
    "as_collector",
    "as_spans",
    "check_name",
    "check_sanitizer",
    "taking_options",
]

OnTimeout: TypeAlias = Callable[[NodeTimeoutError], Any] | Callable[[], Any]
"""Called with the timeout error of an attempt, or without it, to clean up after it. Sync or async."""
OnRetryAttempt: TypeAlias = Callable[[RetryAttempt], Any] | Callable[[], Any]
"""Called before each wait. Sync or async."""


class Span(Protocol):
    """The trace of one node call; `NodeSpan` of the exporters is one."""

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
    """A callback of the user's, as a function that the node's runtime can call."""

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
        return cls(_called_at_once(callback, runtime), waits=False)


def _called_at_once(function: Callable[..., Any], runtime: Runtime) -> Callable[..., Any]:
    """A quick blocking callback for `runtime`. A lambda may return something that has to be awaited."""

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
class CheckedOptions:
    """What one node does, and how. Immutable; only its policies and the collector have state, and a lock each."""

    callee: Callee
    name: str | None
    """The name it was given; None to take LangGraph's."""
    runtime: Runtime
    runtimes: Runtimes
    """Where `runtime` is from."""
    retry: RetryConfig | None = None
    timeout_ms: float | None = None
    total_timeout_ms: float | None = None
    on_timeout: Callback | None = None
    on_retry_attempt: Callback | None = None
    circuit_breaker: NodeCircuitBreaker | None = None
    bulkhead: Bulkhead | None = None
    rate_limit: RateLimiter | None = None
    policies: tuple[Policy, ...] = ()
    """Those of the user's, the first one outermost."""
    fallback: Callee | FallbackNode | None = None
    """As a function that the runtime can call, or as the id of a node."""
    metrics_collector: NodeMetricsCollector | None = None
    spans: Spans | None = None
    on_error: OnError = "raise"
    drain_stops: bool = True
    log_level: int = logging.INFO
    sanitizer: Sanitizer = DEFAULT_SANITIZER
    has_timeout: bool = field(init=False)
    """Whether time may stop an attempt."""

    @classmethod
    def bare(cls, function: Callable[..., Any], name: str, runtimes: Runtimes) -> CheckedOptions:
        """Options without any policy, for a function that runs outside of `create_node()`."""
        callee = Callee.of(function)
        runtime = runtimes.awaiting if callee.is_async else runtimes.blocking
        return cls(callee=callee, name=name, runtime=runtime, runtimes=runtimes)

    def __post_init__(self) -> None:
        has_timeout = self.timeout_ms is not None or self.total_timeout_ms is not None
        object.__setattr__(self, "has_timeout", has_timeout)


def check_name(name: object) -> None:
    """Refuse what cannot be the name of a node.

    Raises:
        ValueError: It is not a non-empty string.
    """
    if not isinstance(name, str) or not name:
        raise ValueError(f"name must be a non-empty string, got {name!r}.")


def check_sanitizer(sanitizer: object) -> None:
    """Refuse what cannot redact records.

    Raises:
        TypeError: It is not a `Sanitizer`.
    """
    if not isinstance(sanitizer, Sanitizer):
        raise TypeError(f"sanitizer must be a Sanitizer, got {sanitizer!r:.80}.")


def as_collector(collector: object, *, field: str = "metrics_collector") -> None:
    """Refuse what nodes cannot report to; any object with the three methods, all of them plain, will do.

    Raises:
        TypeError: It is a class, lacks a method, or has one that must be awaited.
    """
    # Checked at each call that a config gives one: the usual kind costs a comparison.
    if collector is not None and type(collector) is not NodeMetricsCollector:
        check_recorder(collector, field=field)


def as_spans(spans: object) -> None:
    """Refuse an object that cannot start spans.

    Raises:
        TypeError: It has no method `start`.
    """
    if spans is not None and not callable(getattr(spans, "start", None)):
        raise TypeError(f"spans must be a NodeSpans or the like, got {spans!r:.80}.")


_NOT_GIVEN: Any = object()


class _Option:
    """Makes pydantic read an option by one function, whatever the annotation says.

    Not a PlainValidator: that also inspects the annotated classes, and some of them are unknown to pydantic.
    """

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self.read = read

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> CoreSchema:
        return no_info_plain_validator_function(self.read)


def _checked(check: Callable[[Any], object], *, optional: bool = True) -> _Option:
    """An option that is kept as it was given, once `check` has not raised."""

    def read(value: Any) -> Any:
        if value is not None or not optional:
            check(value)
        return value

    return _Option(read)


def _policy(option: str) -> _Option:
    return _Option(functools.partial(read_policy, option))


def _check_fallback(fallback: Any) -> None:
    if not isinstance(fallback, str):  # The id of a node; its graph is not known yet.
        Callee.of(fallback, field="fallback")


_TIMEOUT = functools.partial(as_timeout_ms, field="timeout_ms")
_TOTAL = functools.partial(as_timeout_ms, field="total_timeout_ms")


class NodeConfig(OptionModel):
    """The options of `create_node()`, which explains them, checked and frozen.

    `create_node(fn, config=NodeConfig(retry=3, timeout_ms=5_000))`. Only the fields that you give count. A keyword
    of `create_node()` replaces the field of its name as a whole, also with None: `retry=None` beside a config with a
    retry makes a node without one.

    Safe to share between nodes and threads. `config.model_copy(update={...})` makes another. A `circuit_breaker`
    given as a config makes a breaker for each node; a `NodeCircuitBreaker` is shared by all of them.

    Raises:
        ValueError: A field is out of its range.
        TypeError: A field is of no accepted kind, or there is no such option.

    Example:
        >>> from langgraph_runner import create_node
        >>> careful = NodeConfig(retry=3, timeout_ms=5_000)
        >>> create_node(lambda state: {"answer": 42}, config=careful, timeout_ms=500)({})
        {'answer': 42}
    """

    name: Annotated[str | None, _checked(check_name)] = None
    retry: Annotated[RetryLike | None, _Option(as_retry_config)] = None
    """Read back as a `RetryConfig`."""
    timeout_ms: Annotated[TimeoutLike | None, _Option(_TIMEOUT)] = None
    """Read back in ms."""
    total_timeout_ms: Annotated[TimeoutLike | None, _Option(_TOTAL)] = None
    """Read back in ms."""
    on_timeout: Annotated[
        OnTimeout | None,
        _checked(lambda callback: accept_fewer_arguments(callback, "error", field="on_timeout")),
    ] = None
    on_retry_attempt: Annotated[
        OnRetryAttempt | None,
        _checked(lambda callback: accept_fewer_arguments(callback, "attempt", field="on_retry_attempt")),
    ] = None
    circuit_breaker: Annotated[CircuitBreakerLike | None, _policy("circuit_breaker")] = None
    """Read back as a `CircuitBreakerConfig` or a `NodeCircuitBreaker`."""
    bulkhead: Annotated[BulkheadLike | None, _policy("bulkhead")] = None
    """Read back as a `BulkheadConfig`, of which each node makes a bulkhead, or as a shared `Bulkhead`."""
    rate_limit: Annotated[RateLimitLike | None, _policy("rate_limit")] = None
    """Read back as a `RateLimitConfig`, of which each node makes a limiter, or as a shared `RateLimiter`."""
    policies: Annotated[Iterable[Policy] | None, _Option(as_policies)] = None
    """Read back as a tuple."""
    fallback: Annotated[NodeFunction | str | None, _checked(_check_fallback)] = None
    metrics_collector: Annotated[NodeMetricsCollector | None, _checked(as_collector)] = None
    spans: Annotated[Spans | None, _checked(as_spans)] = None
    on_error: Annotated[
        OnError, _checked(lambda value: as_choice(value, get_args(OnError), field="on_error"), optional=False)
    ] = "capture"
    on_drain: Annotated[
        OnDrain | None, _checked(lambda value: as_choice(value, get_args(OnDrain), field="on_drain"))
    ] = None
    log_level: Annotated[int | str, _checked(as_log_level, optional=False)] = "INFO"
    sanitizer: Annotated[Sanitizer, _checked(check_sanitizer, optional=False)] = DEFAULT_SANITIZER
    runtime: Annotated[Runtimes | None, _checked(functools.partial(as_runtimes, field="runtime"))] = None

    def options(self) -> dict[str, Any]:
        """Return the fields that were given, as keywords of `create_node()`."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def taking_options(make: Callable[..., Any]) -> Callable[..., Any]:
    """Let `make(fn, **options)` take its options from `config=` too, and be a decorator where `fn` is left out.

    An option that does not exist is refused with the closest name.
    """

    @functools.wraps(make)
    def create(fn: Any = _NOT_GIVEN, *, config: NodeConfig | None = None, **options: Any) -> Any:
        refuse_unknown_options(options, {"config", *NodeConfig.model_fields}, of=f"{make.__name__}()")
        if config is not None:
            if not isinstance(config, NodeConfig):
                raise TypeError(f"config must be a NodeConfig, got {config!r:.80}.")
            options = {**config.options(), **options}
        return functools.partial(make, **options) if fn is _NOT_GIVEN else make(fn, **options)

    return create
