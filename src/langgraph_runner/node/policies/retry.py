"""Whether to try again, decided from what the attempt raised: a value, not an action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from tenacity import RetryCallState
from tenacity.retry import retry_base

from langgraph_runner.errors import RetryExhaustedError, is_retryable_node_error, retry_after_ms
from langgraph_runner.errors.exceptions import note_once
from langgraph_runner.node.policies.backoff import backoff_delay_ms

if TYPE_CHECKING:
    from langgraph_runner.node.config import RetryConfig
    from langgraph_runner.node.context import NodeContext
    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["GiveUp", "RetryAfter", "RetryAttempt", "RetryProgress", "decide_retry", "given_up"]


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


class RetryProgress(Protocol):
    """What the decision looks at; a `NodeCall` is one."""

    @property
    def name(self) -> str:
        """What is called."""
        ...

    @property
    def attempts(self) -> int:
        """How many attempts have been made."""
        ...

    @property
    def started(self) -> float:
        """When the first one began, by the runtime's monotonic clock."""
        ...

    @property
    def runtime(self) -> Runtime:
        """Clock and chance."""
        ...


_FINAL = GiveUp("final")
_EXHAUSTED = GiveUp("exhausted")


def decide_retry(retry: RetryConfig, call: RetryProgress, error: Exception) -> RetryAfter | GiveUp:
    """What to do after an attempt of `call` raised `error`.

    Args:
        retry: The rules.
        call: The call; `call.attempts` attempts have been made.
        error: What the last one raised.

    Raises:
        Exception: A predicate of the user's own raised.
    """
    if retry.retry_on is is_retryable_node_error:
        retryable = is_retryable_node_error(error)
    elif isinstance(retry.retry_on, retry_base):
        retryable = retry.retry_on(_tenacity_state(call, error))
    else:
        retryable = retry.retry_on(error)
    if not retryable:
        return _FINAL
    if retry.stop is None and call.attempts >= retry.max_attempts:
        return _EXHAUSTED
    delay_ms = _delay_ms(retry, call, error)
    if retry.stop is not None and retry.stop(_tenacity_state(call, error, delay_ms / 1000)):
        return _EXHAUSTED
    asked_ms = _asked_ms(call, error)
    if asked_ms > retry.max_retry_after_ms:
        return GiveUp("retry_after_too_long")
    return RetryAfter(max(delay_ms, asked_ms))


def given_up(decision: GiveUp, call: RetryProgress, error: Exception) -> Exception:
    """What to raise after the last attempt of `call` raised `error`.

    Returns:
        A `RetryExhaustedError` caused by `error` after more than one attempt, else `error` itself.
    """
    if decision.reason == "exhausted" and call.attempts > 1:
        note_once(error, f"Node '{call.name}' gave up after {call.attempts} attempts.")
        return RetryExhaustedError(node=call.name, attempts=call.attempts, last_error=error)
    if decision.reason == "retry_after_too_long":
        note_once(error, "Not retried: the server asks to wait longer than max_retry_after_ms allows.")
    return error


def _delay_ms(retry: RetryConfig, call: RetryProgress, error: Exception) -> float:
    if retry.wait is not None:
        return max(0.0, retry.wait(_tenacity_state(call, error)) * 1000)
    if not retry.backoff_ms:
        return 0.0
    return backoff_delay_ms(
        call.attempts,
        backoff_ms=retry.backoff_ms,
        multiplier=retry.backoff_multiplier,
        max_backoff_ms=retry.max_backoff_ms,
        jitter=retry.jitter,
        random=call.runtime.random(),
    )


def _asked_ms(call: RetryProgress, error: Exception) -> float:
    """What a server asks for; most errors carry neither a response nor headers, and cost nothing here."""
    if getattr(error, "response", None) is None and getattr(error, "headers", None) is None:
        return 0.0
    return retry_after_ms(error, call.runtime.now_utc()) or 0.0


def _tenacity_state(call: RetryProgress, error: Exception, upcoming_sleep_s: float = 0.0) -> RetryCallState:
    """The call as tenacity's strategies want to see it."""
    no_retrying: Any = None
    state = RetryCallState(no_retrying, None, (), {})
    state.attempt_number = call.attempts
    state.start_time = call.started
    state.set_exception((type(error), error, error.__traceback__))
    state.outcome_timestamp = call.runtime.monotonic()
    state.upcoming_sleep = upcoming_sleep_s
    return state
