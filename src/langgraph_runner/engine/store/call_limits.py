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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL

__all__ = [
    "CALL_TIMEOUT",
    "LONG_FACTOR",
    "call_deadline",
    "deadline_of_thread",
    "is_long",
    "is_unanswered",
    "long_running",
    "read_limit",
    "unanswered",
]

CALL_TIMEOUT: Final = "call_timeout"
"""The option of the URL that sets how many seconds a call may take."""
_DEFAULT_S: Final = 30
_MIN_S: Final = 5
_MAX_S: Final = 3_600
LONG_FACTOR: Final = 10
"""How many times longer calls may take that work on any number of runs, such as `prune()` and `archive()`."""
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


def is_long(call: object) -> bool:
    """Return whether a query or a write may take `LONG_FACTOR` times longer."""
    return bool(getattr(call, "is_long", False))


def deadline_of_thread() -> float | None:
    """Return the deadline of this thread's calls, on the monotonic clock; None for no limit."""
    return getattr(_thread, "ends_at", None)


@contextlib.contextmanager
def call_deadline(moment: float | None) -> Iterator[None]:
    """Give the calls of this thread to PostgreSQL a deadline within the block, on the monotonic clock.

    Raises:
        sqlalchemy.exc.OperationalError: A call had no answer by then. Its connection is closed.
    """
    before = deadline_of_thread()
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
