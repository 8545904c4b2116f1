"""How long to wait before the next attempt: exponential back-off with jitter, as plain arithmetic."""

from __future__ import annotations

__all__ = ["backoff_delay_ms"]


def backoff_delay_ms(
    retry: int, *, backoff_ms: float, multiplier: float, max_backoff_ms: float, jitter: float, random: float
) -> float:
    """The delay before retry number `retry`.

    `backoff_ms * multiplier ** (retry - 1)`, lengthened by up to `jitter` of itself, at most
    `max_backoff_ms`. The cap holds after the jitter. Jitter only lengthens, so that the configured back-off
    is a lower bound that a server can count on.

    Args:
        retry: 1 for the wait after the first attempt.
        backoff_ms: The first delay, at least 0.
        multiplier: Growth from one delay to the next, at least 1.
        max_backoff_ms: The cap.
        jitter: Share of the delay that chance may add, 0 to 1.
        random: A random number in [0, 1).

    Returns:
        A delay in ms, from 0 to `max_backoff_ms`.
    """
    try:
        delay = backoff_ms * multiplier ** (retry - 1)
    except OverflowError:
        return max_backoff_ms
    return min(delay * (1 + jitter * random), max_backoff_ms)
