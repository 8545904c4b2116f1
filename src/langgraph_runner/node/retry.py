"""Whether to try again, decided from what the attempt raised: a value, not an action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from tenacity import RetryCallState
from tenacity.retry import retry_base

from langgraph_runner.errors import is_retryable_node_error, retry_after_ms
from langgraph_runner.node.backoff import backoff_delay_ms

if TYPE_CHECKING:
    from langgraph_runner.node.call import NodeCall
    from langgraph_runner.node.config import RetryConfig
    from langgraph_runner.node.context import NodeContext

__all__ = ["GiveUp", "RetryAfter", "RetryAttempt", "decide_retry"]


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


def decide_retry(retry: RetryConfig, call: NodeCall, error: Exception) -> RetryAfter | GiveUp:
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


def _delay_ms(retry: RetryConfig, call: NodeCall, error: Exception) -> float:
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


def _asked_ms(call: NodeCall, error: Exception) -> float:
    """What a server asks for; most errors carry neither a response nor headers, and cost nothing here."""
    if getattr(error, "response", None) is None and getattr(error, "headers", None) is None:
        return 0.0
    return retry_after_ms(error, call.runtime.now_utc()) or 0.0


def _tenacity_state(call: NodeCall, error: Exception, upcoming_sleep_s: float = 0.0) -> RetryCallState:
    """The call as tenacity's strategies want to see it."""
    no_retrying: Any = None
    state = RetryCallState(no_retrying, None, (), {})
    state.attempt_number = call.attempts
    state.start_time = call.started
    state.set_exception((type(error), error, error.__traceback__))
    state.outcome_timestamp = call.runtime.monotonic()
    state.upcoming_sleep = upcoming_sleep_s
    return state
