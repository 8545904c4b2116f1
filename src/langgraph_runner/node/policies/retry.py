"""Retry: its configuration, and whether to try again, decided from what an attempt raised: a value, not an action."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, Self, TypeAlias

from langgraph.types import RetryPolicy
from pydantic import BeforeValidator, Field, InstanceOf, model_validator
from tenacity import RetryCallState, TryAgain
from tenacity.retry import retry_base, retry_if_not_result, retry_if_result
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from langgraph_runner.errors import (
    CallRefusedError,
    RetryExhaustedError,
    is_retryable_node_error,
    retry_after_ms,
)
from langgraph_runner.errors.exceptions import note_once
from langgraph_runner.node.option_model import Count, Milliseconds, OptionModel, Ratio, as_predicate
from langgraph_runner.node.policies.backoff import backoff_delay_ms

if TYPE_CHECKING:
    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.runtime.runtimes import Runtime

__all__ = [
    "GiveUp",
    "RetryAfter",
    "RetryAttempt",
    "RetryConfig",
    "RetryLike",
    "as_retry_config",
    "decide_retry",
    "given_up",
]

DEFAULT_CAP_MS: Final = 30_000


def _as_condition(value: Any) -> Any:
    if not isinstance(value, retry_base):
        return as_predicate(value)
    _refuse_unusable(value)
    return value


def _refuse_unusable(condition: Any) -> None:
    """Refuse a tenacity retry object that would never act, or always.

    Raises:
        ValueError: It, or one that it combines, judges results or has to be awaited.
    """
    name = getattr(type(condition), "__name__", "")
    if isinstance(condition, (retry_if_result, retry_if_not_result)):
        raise ValueError(  # noqa: TRY004 - pydantic reports ValueErrors
            f"{name} judges results, and a node tries again only after an error; let the function raise one"
        )
    predicate = getattr(condition, "predicate", None)
    if any(map(inspect.iscoroutinefunction, (condition, type(condition).__call__, predicate))):
        raise ValueError(f"{name} has to be awaited; a node decides at once, so pass a plain predicate")
    for part in getattr(condition, "retries", ()):
        _refuse_unusable(part)


class RetryConfig(OptionModel):
    """When to try again, and how long to wait before.

    tenacity's `stop`, `wait` and `retry` objects are accepted as they are; where one is given it replaces
    `max_attempts`, the back-off fields, or `retry_on`. tenacity's `TryAgain` is always tried again.

    Example:
        >>> RetryConfig(max_attempts=5, backoff_ms=200).max_attempts
        5
    """

    max_attempts: Annotated[Count, Field(ge=1, le=10_000)] = 3
    """Attempts in all, the first call included: 1 to 10,000. 1 means no retry."""
    backoff_ms: Milliseconds = 1000
    """Wait before the first retry."""
    backoff_multiplier: Annotated[Ratio, Field(ge=1, le=1000, allow_inf_nan=False)] = 2.0
    """Growth from one wait to the next: 1 to 1,000."""
    max_backoff_ms: Milliseconds = DEFAULT_CAP_MS
    """No computed wait is longer; it holds after the jitter. At least `backoff_ms`, which it is if only that is
    given and longer."""
    jitter: Annotated[Ratio, Field(ge=0, le=0.25)] = 0.25
    """Share of a wait that chance may add: 0 to 0.25. Jitter keeps many clients from retrying in step."""
    max_retry_after_ms: Milliseconds = 60_000
    """A server's `Retry-After` is honoured up to this, also beyond `max_backoff_ms`. One that asks for more ends
    the retries, because to wait less would only be refused again."""
    retry_on: Annotated[Callable[[BaseException], bool] | retry_base, BeforeValidator(_as_condition)] = (
        is_retryable_node_error
    )
    """Which errors are tried again: a predicate, exception classes, or a tenacity retry object. Conditions on results
    and async conditions are refused."""
    stop: InstanceOf[stop_base] | None = None
    """A tenacity stop object, in place of `max_attempts`."""
    wait: InstanceOf[wait_base] | None = None
    """A tenacity wait object, in place of the back-off fields. `Retry-After` still lengthens its waits."""

    @model_validator(mode="before")
    @classmethod
    def _cap_of_a_long_backoff(cls, values: Any) -> Any:
        """A first wait above the default cap raises the cap, unless `max_backoff_ms` is given."""
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
        f"retry must be a RetryConfig, a dict, a number of attempts or a RetryPolicy, got {retry!r:.80}."
    )


class RetryAttempt(NamedTuple):
    """A retry is about to happen. `on_retry_attempt` gets one before each wait."""

    attempt: int
    """Which attempt failed, from 1."""
    error: Exception
    """What it raised."""
    delay_ms: float
    """How long the runner will wait."""
    context: NodeContext
    """The context of the failed attempt."""


class RetryAfter(NamedTuple):
    """Try again after a wait."""

    delay_ms: float


class GiveUp(NamedTuple):
    """Do not try again."""

    reason: Literal["final", "exhausted", "retry_after_too_long"]


_FINAL = GiveUp("final")
_EXHAUSTED = GiveUp("exhausted")


def decide_retry(
    retry: RetryConfig, error: Exception, *, attempts: int, started: float, runtime: Runtime
) -> RetryAfter | GiveUp:
    """Decide what to do after attempt number `attempts` raised `error`.

    `started` is when the first attempt began, in seconds of the runtime's monotonic clock.

    Raises:
        Exception: A predicate of the user's raised.
    """
    if retry.retry_on is is_retryable_node_error:
        retryable = is_retryable_node_error(error)
    elif isinstance(error, TryAgain):
        retryable = True
    elif isinstance(retry.retry_on, retry_base):
        retryable = retry.retry_on(_tenacity_state(error, attempts, started, runtime))
    else:
        retryable = retry.retry_on(error)
    if not retryable:
        return _FINAL
    if retry.stop is None and attempts >= retry.max_attempts:
        return _EXHAUSTED
    delay_ms = _delay_ms(retry, error, attempts, started, runtime)
    if retry.stop is not None and retry.stop(
        _tenacity_state(error, attempts, started, runtime, delay_ms / 1000)
    ):
        return _EXHAUSTED
    asked_ms = _asked_ms(error, runtime)
    if asked_ms > retry.max_retry_after_ms:
        return GiveUp("retry_after_too_long")
    return RetryAfter(max(delay_ms, asked_ms))


def given_up(decision: GiveUp, error: Exception, *, node: str, attempts: int) -> Exception:
    """Make what to raise after attempt number `attempts`, the last one, raised `error`.

    Returns:
        A `RetryExhaustedError` caused by `error` after more than one attempt, else `error` itself.
    """
    if decision.reason == "exhausted" and attempts > 1:
        note_once(error, f"Node '{node}' gave up after {attempts} attempts.")
        return RetryExhaustedError(node=node, attempts=attempts, last_error=error)
    if decision.reason == "retry_after_too_long":
        note_once(error, "Not retried: the server asks to wait longer than max_retry_after_ms allows.")
    return error


def _delay_ms(retry: RetryConfig, error: Exception, attempts: int, started: float, runtime: Runtime) -> float:
    if retry.wait is not None:
        return max(0.0, retry.wait(_tenacity_state(error, attempts, started, runtime)) * 1000)
    if not retry.backoff_ms:
        return 0.0
    return backoff_delay_ms(
        attempts,
        backoff_ms=retry.backoff_ms,
        multiplier=retry.backoff_multiplier,
        max_backoff_ms=retry.max_backoff_ms,
        jitter=retry.jitter,
        random=runtime.random(),
    )


def _asked_ms(error: Exception, runtime: Runtime) -> float:
    """How long a server or a policy asks to wait, in ms; most errors carry nothing that says so."""
    if isinstance(error, CallRefusedError):
        return error.retry_after_ms or 0.0
    if getattr(error, "response", None) is None and getattr(error, "headers", None) is None:
        return 0.0
    return retry_after_ms(error, runtime.now_utc()) or 0.0


def _tenacity_state(
    error: Exception, attempts: int, started: float, runtime: Runtime, upcoming_sleep_s: float = 0.0
) -> RetryCallState:
    """The call as tenacity's strategies read it."""
    no_retrying: Any = None
    state = RetryCallState(no_retrying, None, (), {})
    state.attempt_number = attempts
    state.start_time = started
    state.set_exception((type(error), error, error.__traceback__))
    state.outcome_timestamp = runtime.monotonic()
    state.upcoming_sleep = upcoming_sleep_s
    return state
