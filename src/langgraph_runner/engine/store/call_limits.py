"""Time limits for calls of a PostgreSQL that does not answer.

TCP cannot tell a slow server from a proxy that accepts every packet and forwards none, so a client needs a limit of
its own. A thread sets a deadline for its calls (`call_deadline`), and a connection that waits longer is closed.
`statement_timeout` and `idle_in_transaction_session_timeout` end the work of the server for a client that is gone,
whose transaction would otherwise keep its locks.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import OperationalError

from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL

__all__ = [
    "CALL_TIMEOUT",
    "call_deadline",
    "is_time_over",
    "is_unanswered",
    "limit_of",
    "long_running",
    "moment_in",
    "read_limit",
    "seconds_left",
    "unanswered",
]

CALL_TIMEOUT: Final = "call_timeout"
"""The option of the URL that sets how many seconds a call may take."""
_DEFAULT_S: Final = 30
_MIN_S: Final = 5
_MAX_S: Final = 3_600
_LONG_FACTOR: Final = 10
"""How many times longer calls may take that work on any number of runs, such as `prune()` and `archive()`."""
_clock: Final = REAL_RUNTIMES.blocking
"""The real clock: the limits are for a real server, also in tests with another clock."""
_thread: Final = threading.local()


def read_limit(url: URL) -> float:
    """Return how many seconds a call may take, from the URL of a PostgreSQL.

    Raises:
        ValueError: The option is not a whole number in its range.
    """
    given = url.query.get(CALL_TIMEOUT)
    if given is None:
        return _DEFAULT_S
    text = str(given)
    seconds = int(text) if text.isascii() and text.isdigit() else 0
    if not _MIN_S <= seconds <= _MAX_S:
        raise ValueError(
            f"store: {CALL_TIMEOUT} must be a whole number of seconds from {_MIN_S} to {_MAX_S:,}, got {given!r:.80}."
        )
    return seconds


def long_running(query: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a query for `RunStore.read` that works on any number of runs, and so may take longer."""
    query.is_long = True  # type: ignore[attr-defined]
    return query


def limit_of(call_limit_s: float | None, *calls: object) -> float | None:
    """Return how many seconds some queries or writes may take together; None for no limit.

    Args:
        call_limit_s: The limit for a call that is not long.
        *calls: Long ones have an attribute `is_long`.
    """
    if call_limit_s is not None and any(getattr(call, "is_long", False) for call in calls):
        return call_limit_s * _LONG_FACTOR
    return call_limit_s


def moment_in(seconds: float | None) -> float | None:
    """Return the moment in so many seconds, on the real monotonic clock; None for no limit."""
    return None if seconds is None else _clock.monotonic() + seconds


def seconds_left() -> float | None:
    """Return how many seconds the calls of this thread have left; None for no limit."""
    moment = getattr(_thread, "ends_at", None)
    return None if moment is None else moment - _clock.monotonic()


def is_time_over() -> bool:
    """Return whether the deadline of this thread has passed."""
    left_s = seconds_left()
    return left_s is not None and left_s <= 0


@contextlib.contextmanager
def call_deadline(moment: float | None) -> Iterator[None]:
    """Give the calls of this thread to PostgreSQL a deadline within the block, from `moment_in()`; None for none.

    Raises:
        sqlalchemy.exc.OperationalError: A call had no answer by then. Its connection is closed.
    """
    before = getattr(_thread, "ends_at", None)
    _thread.ends_at = moment
    try:
        yield
    finally:
        _thread.ends_at = before


def is_unanswered(error: BaseException) -> bool:
    """Return whether a call ended because nothing answered in time."""
    return bool(getattr(getattr(error, "orig", None), "is_unanswered", False))


def unanswered(limit_s: float) -> OperationalError:
    """Return the error of a call that was not tried because no time was left."""
    reason = TimeoutError(f"the database did not answer within {limit_s:g} s")
    reason.is_unanswered = True  # type: ignore[attr-defined]
    return OperationalError(None, None, reason)
