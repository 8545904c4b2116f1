"""What users give as a timeout, in milliseconds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from langgraph.types import TimeoutPolicy

    from langgraph_runner.node.config import TimeoutLike

__all__ = ["MAX_MS", "as_timeout_ms"]

MAX_MS: Final = 366 * 24 * 3600 * 1000
"""A year; whoever asks for more has mixed up the units."""


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
        raise TypeError(f"{field}: expected ms, a timedelta or a TimeoutPolicy, got {timeout!r:.80}.")
    if not 0 < timeout <= MAX_MS:
        raise ValueError(f"{field}: {timeout!r:.80} is not between 0 (exclusive) and {MAX_MS} ms.")
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
