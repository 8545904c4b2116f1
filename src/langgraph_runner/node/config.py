"""The options of a node, as frozen values that cannot be invalid.

Everything is checked when a value is made; a bad one is refused with a message that names the field, what was
given and the range.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, TypeAlias

from langgraph.types import RetryPolicy, TimeoutPolicy
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    model_validator,
)
from tenacity.retry import retry_base
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from langgraph_runner.callbacks import accept_fewer_arguments
from langgraph_runner.errors import FailureCategory, failure_category, is_retryable_node_error
from langgraph_runner.errors.hints import refuse_unknown_options, refused_options
from langgraph_runner.runtime.timeouts import MAX_MS

__all__ = [
    "CircuitBreakerConfig",
    "OptionModel",
    "RetryConfig",
    "RetryLike",
    "TimeoutLike",
    "as_retry_config",
    "trips_circuit",
]

DEFAULT_CAP_MS: Final = 30_000


def _no_bool(value: Any) -> Any:
    # To pydantic True is 1, and `retry=True` would quietly mean "one attempt".
    if isinstance(value, bool):
        raise ValueError(f"expected a number, got {value}")  # noqa: TRY004 - pydantic reports ValueErrors
    return value


def _as_predicate(value: Any) -> Any:
    if isinstance(value, type) and issubclass(value, BaseException):
        value = (value,)
    if isinstance(value, (list, tuple)):
        kinds = tuple(value)
        if not kinds or not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
            raise ValueError("expected exception classes or a predicate")
        return lambda error: isinstance(error, kinds)
    if inspect.iscoroutinefunction(value):
        raise ValueError("a predicate decides at once; it cannot be a coroutine function")
    if not callable(value):
        return value  # pydantic says what is wrong with it.
    try:
        return accept_fewer_arguments(value, "error", field="predicate")
    except TypeError as error:
        raise ValueError(str(error)) from error  # pydantic reports ValueErrors.


Count = Annotated[int, BeforeValidator(_no_bool)]
Milliseconds = Annotated[float, BeforeValidator(_no_bool), Field(ge=0, le=MAX_MS, allow_inf_nan=False)]
ErrorPredicate = Annotated[Callable[[BaseException], bool], BeforeValidator(_as_predicate)]


class OptionModel(BaseModel):
    """Options that cannot be changed, and refuse fields that they do not have."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_fields(cls, values: Any) -> Any:
        # As Python refuses an unknown keyword: a TypeError, which pydantic lets through as it is.
        if isinstance(values, Mapping):
            refuse_unknown_options(values, cls.model_fields, of=cls.__name__)
        return values

    if not TYPE_CHECKING:  # Type checkers make `__init__` of the fields.

        def __init__(self, **options: Any) -> None:
            try:
                super().__init__(**options)
            except ValidationError as error:
                raise ValueError(f"{type(self).__name__}: {refused_options(error)}.") from None


class RetryConfig(OptionModel):
    """When to try again, and how long to wait before.

    tenacity's `stop`, `wait` and `retry` objects are accepted as they are; where one is given it replaces
    `max_attempts`, the back-off fields, or `retry_on`.

    Example:
        >>> RetryConfig(max_attempts=5, backoff_ms=200).max_attempts
        5
    """

    max_attempts: Annotated[Count, Field(ge=1, le=10_000)] = 3
    """Attempts in all, the first call included: 1 to 10,000. 1 means no retry."""
    backoff_ms: Milliseconds = 1000
    """Wait before the first retry."""
    backoff_multiplier: Annotated[
        float, BeforeValidator(_no_bool), Field(ge=1, le=1000, allow_inf_nan=False)
    ] = 2.0
    """Growth from one wait to the next: 1 to 1,000."""
    max_backoff_ms: Milliseconds = DEFAULT_CAP_MS
    """No computed wait is longer; it holds after the jitter. At least `backoff_ms`, which it is if only that is
    given and longer."""
    jitter: Annotated[float, BeforeValidator(_no_bool), Field(ge=0, le=0.25)] = 0.25
    """Share of a wait that chance may add: 0 to 0.25. Jitter keeps many clients from retrying in step."""
    max_retry_after_ms: Milliseconds = 60_000
    """A server's `Retry-After` is honoured up to this, also beyond `max_backoff_ms`. One that asks for more ends
    the retries, because to wait less would only be refused again."""
    retry_on: ErrorPredicate | InstanceOf[retry_base] = is_retryable_node_error
    """Which errors are tried again: a predicate, exception classes, or a tenacity retry object."""
    stop: InstanceOf[stop_base] | None = None
    """A tenacity stop object, in place of `max_attempts`."""
    wait: InstanceOf[wait_base] | None = None
    """A tenacity wait object, in place of the back-off fields. `Retry-After` still lengthens its waits."""

    @model_validator(mode="before")
    @classmethod
    def _cap_of_a_long_backoff(cls, values: Any) -> Any:
        """Whoever asks for a first wait beyond the usual cap, and names no other, means that wait."""
        backoff_ms = values.get("backoff_ms") if isinstance(values, dict) else None
        if (
            isinstance(backoff_ms, (int, float))
            and backoff_ms > DEFAULT_CAP_MS
            and "max_backoff_ms" not in values
        ):
            return {**values, "max_backoff_ms": backoff_ms}
        return values

    @model_validator(mode="after")
    def _cap_is_not_below_first_delay(self) -> Self:
        if self.max_backoff_ms < self.backoff_ms:
            raise ValueError(
                f"max_backoff_ms ({self.max_backoff_ms:g}) must not be below backoff_ms ({self.backoff_ms:g})"
            )
        return self

    @classmethod
    def from_policy(cls, policy: RetryPolicy) -> Self:
        """The same in LangGraph's words: seconds become ms, `jitter=True` becomes up to 25 %."""
        retry_on: Any = policy.retry_on
        return cls(
            max_attempts=policy.max_attempts,
            backoff_ms=policy.initial_interval * 1000,
            backoff_multiplier=policy.backoff_factor,
            max_backoff_ms=max(policy.max_interval, policy.initial_interval) * 1000,
            jitter=0.25 if policy.jitter else 0.0,
            retry_on=retry_on,
        )


RetryLike: TypeAlias = RetryConfig | RetryPolicy | int | Mapping[str, Any]
"""What `retry=` takes: a config, its fields as a dict, LangGraph's `RetryPolicy`, or just `max_attempts`."""

TimeoutLike: TypeAlias = float | timedelta | TimeoutPolicy
"""What `timeout_ms=` takes: ms, a `timedelta`, or LangGraph's `TimeoutPolicy` (its `run_timeout`)."""


def as_retry_config(retry: RetryLike | None) -> RetryConfig | None:
    """Read what was given as `retry=`.

    Raises:
        ValueError: A field is out of its range.
        TypeError: It is none of the accepted kinds.
    """
    if retry is None or isinstance(retry, RetryConfig):
        return retry
    if isinstance(retry, RetryPolicy):
        return RetryConfig.from_policy(retry)
    if isinstance(retry, Mapping):
        return RetryConfig(**retry)
    if isinstance(retry, int):
        return RetryConfig(max_attempts=retry)
    raise TypeError(
        f"retry: expected a RetryConfig, a dict, a number of attempts or a RetryPolicy, got {retry!r:.80}."
    )


def trips_circuit(error: BaseException) -> bool:
    """The usual rule of what counts as a failure for a circuit breaker.

    Validation errors do not: the service answered, and it was the data that did not fit. Cancellations and
    LangGraph's control flow are never asked about; they count under no rule.
    """
    return failure_category(error) is not FailureCategory.VALIDATION


class CircuitBreakerConfig(OptionModel):
    """When a circuit breaker opens, and how it recovers.

    Two modes. Consecutive failures (the default): `failure_threshold` failures in a row open it. Failure rate
    (`failure_rate` given): it opens when at least that share of the last `window` calls failed, and at least
    `failure_threshold` of them.
    """

    failure_threshold: Annotated[Count, Field(ge=1, le=1_000_000)] = 5
    """Failures that open the breaker, at least 1."""
    recovery_timeout_ms: Milliseconds = 30_000
    """How long it stays open before a probe. At exactly this time a probe is allowed."""
    half_open_max_calls: Annotated[Count, Field(ge=1, le=10_000)] = 1
    """Probes that may be under way at once."""
    failure_rate: Annotated[float, BeforeValidator(_no_bool), Field(gt=0, le=1)] | None = None
    """Share of failed calls that opens the breaker: above 0, at most 1."""
    window: Annotated[Count, Field(ge=1, le=100_000)] | None = None
    """How many calls the failure rate looks back on; 100 unless given. Only with `failure_rate`."""
    trips_on: ErrorPredicate = trips_circuit
    """Which errors count as failures: a predicate or exception classes."""

    @model_validator(mode="before")
    @classmethod
    def _window_goes_with_rate(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if values.get("failure_rate") is None:
            if values.get("window") is not None:
                raise ValueError("window: it goes with failure_rate, which is not given")
            return values
        return {
            "window": 100,
            **{key: value for key, value in values.items() if (key, value) != ("window", None)},
        }

    @model_validator(mode="after")
    def _threshold_fits_window(self) -> Self:
        if self.window is not None and self.failure_threshold > self.window:
            raise ValueError(
                f"failure_threshold ({self.failure_threshold}) can never be met in a window of {self.window}"
            )
        return self
