"""`NodeConfig`: the options of `create_node()` as one value, to share between nodes."""

import functools
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias, get_args

from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_plain_validator_function

from langgraph_runner.callbacks import accept_fewer_arguments
from langgraph_runner.errors import DEFAULT_SANITIZER, Sanitizer
from langgraph_runner.errors.hints import refuse_unknown_options
from langgraph_runner.metrics import NodeMetricsCollector
from langgraph_runner.node.callee import Callee, NodeFunction
from langgraph_runner.node.config import (
    CircuitBreakerConfig,
    OptionModel,
    RetryLike,
    TimeoutLike,
    as_retry_config,
)
from langgraph_runner.node.configurable import as_collector
from langgraph_runner.node.logs import as_log_level
from langgraph_runner.node.options import (
    OnDrain,
    OnError,
    OnRetryAttempt,
    OnTimeout,
    Spans,
    as_choice,
    as_spans,
)
from langgraph_runner.node.policies.circuit_breaker import NodeCircuitBreaker
from langgraph_runner.runtime.runtimes import Runtimes, as_runtimes
from langgraph_runner.runtime.timeouts import as_timeout_ms

__all__ = ["CircuitBreakerLike", "NodeConfig", "taking_options"]

CircuitBreakerLike: TypeAlias = CircuitBreakerConfig | NodeCircuitBreaker | Mapping[str, Any]
"""What `circuit_breaker=` takes: a config, its fields as a dict, or a breaker to share."""


_NOT_GIVEN: Any = object()


class _Option:
    """How pydantic reads an option: by one function, whatever the annotation says.

    Not a PlainValidator: that also looks into the annotated classes, of which some are not pydantic's to know.
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


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise ValueError(f"name: {name!r} is not a non-empty string.")


def _check_sanitizer(sanitizer: object) -> None:
    if not isinstance(sanitizer, Sanitizer):
        raise TypeError(f"sanitizer: expected a Sanitizer, got {sanitizer!r:.80}.")


def _check_fallback(fallback: Any) -> None:
    if not isinstance(fallback, str):  # The id of a node; its graph is not known yet.
        Callee.of(fallback, field="fallback")


def _as_breaker(breaker: Any) -> Any:
    if isinstance(breaker, Mapping):
        return CircuitBreakerConfig(**breaker)
    if breaker is None or isinstance(breaker, CircuitBreakerConfig | NodeCircuitBreaker):
        return breaker
    raise TypeError(
        f"circuit_breaker: expected a CircuitBreakerConfig or a NodeCircuitBreaker, got {breaker!r:.80}."
    )


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

    name: Annotated[str | None, _checked(_check_name)] = None
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
    circuit_breaker: Annotated[CircuitBreakerLike | None, _Option(_as_breaker)] = None
    """Read back as a `CircuitBreakerConfig` or a `NodeCircuitBreaker`."""
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
    sanitizer: Annotated[Sanitizer, _checked(_check_sanitizer, optional=False)] = DEFAULT_SANITIZER
    runtime: Annotated[Runtimes | None, _checked(functools.partial(as_runtimes, field="runtime"))] = None

    def options(self) -> dict[str, Any]:
        """Return the fields that were given, as keywords of `create_node()`."""
        return {
            name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set
        }


def taking_options(make: Callable[..., Any]) -> Callable[..., Any]:
    """Let `make(fn, **options)` take its options from `config=` too, and be a decorator where `fn` is left out.

    An option that does not exist is refused with the closest name.
    """

    @functools.wraps(make)
    def create(fn: Any = _NOT_GIVEN, *, config: NodeConfig | None = None, **options: Any) -> Any:
        refuse_unknown_options(options, {"config", *NodeConfig.model_fields}, of=f"{make.__name__}()")
        if config is not None:
            if not isinstance(config, NodeConfig):
                raise TypeError(f"config: expected a NodeConfig, got {config!r:.80}.")
            options = {**config.options(), **options}
        return functools.partial(make, **options) if fn is _NOT_GIVEN else make(fn, **options)

    return create
