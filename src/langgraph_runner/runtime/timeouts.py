"""What users give as a timeout, in milliseconds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from langgraph.types import TimeoutPolicy

    TimeoutLike: TypeAlias = float | timedelta | TimeoutPolicy
    """What `timeout_ms=` takes: ms, a `timedelta`, or LangGraph's `TimeoutPolicy` (its `run_timeout`)."""

__all__ = ["MAX_MS", "TimeoutLike", "as_timeout_ms"]

MAX_MS: Final = 366 * 24 * 3600 * 1000
"""A year. A larger number is a mistake in the unit."""


def __getattr__(name: str) -> Any:
    # The alias needs LangGraph, and most users of this module do not: only those that read it at run time pay.
    if name == "TimeoutLike":
        from langgraph.types import TimeoutPolicy  # noqa: PLC0415 - imports LangGraph

        return float | timedelta | TimeoutPolicy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def as_timeout_ms(timeout: TimeoutLike | None, *, field: str) -> float | None:
    """Read what was given as a timeout.

    Args:
        timeout: See `TimeoutLike`.
        field: Name of the option, for the message.

    Returns:
        Milliseconds, more than 0; None for no limit.

    Raises:
        ValueError: Not more than 0, more than a year, or a policy with an idle timeout.
        TypeError: No kind of time.
    """
    if timeout is None:
        return None
    if isinstance(timeout, timedelta):
        timeout = timeout.total_seconds() * 1000
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        from langgraph.types import TimeoutPolicy  # noqa: PLC0415 - imports LangGraph

        if isinstance(timeout, TimeoutPolicy):
            return _policy_ms(timeout, field)
        raise TypeError(f"{field} must be ms, a timedelta or a TimeoutPolicy, got {timeout!r:.80}.")
    if not 0 < timeout <= MAX_MS:
        raise ValueError(f"{field} must be above 0 and at most {MAX_MS} ms, got {timeout!r:.80}.")
    return float(timeout)


def _policy_ms(policy: TimeoutPolicy, field: str) -> float | None:
    if policy.idle_timeout is not None:
        raise ValueError(
            f"{field}: TimeoutPolicy(idle_timeout=...) has no counterpart here; give run_timeout only, or pass"
            " the policy to add_node(timeout=...)."
        )
    run_timeout = policy.run_timeout
    if run_timeout is None:
        return None
    seconds = run_timeout.total_seconds() if isinstance(run_timeout, timedelta) else run_timeout
    return as_timeout_ms(seconds * 1000, field=field)
