"""How long a call of PostgreSQL may take, though nothing answers.

TCP cannot tell a slow server from a proxy that takes every packet and passes none on, so a client needs a limit of
its own. A thread says by when its calls have to end (`ending_by`), and each wait of its connections holds to it:
a connection that has waited longer is closed. `statement_timeout` and `idle_in_transaction_session_timeout` end
the work of the server for a client that is gone, which would keep its locks.
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
    "ending_by",
    "ends_at",
    "is_long",
    "is_unanswered",
    "long_running",
    "read_limit",
    "unanswered",
]

CALL_TIMEOUT: Final = "call_timeout"
"""The option of the address: how many seconds a call may take."""
_DEFAULT_S: Final = 30
_MIN_S: Final = 5
_MAX_S: Final = 3_600
LONG_FACTOR: Final = 10
"""How many times longer a call may take that works on any number of runs: `prune()`, `archive()`, `restore()`."""
_thread: Final = threading.local()


def read_limit(url: URL) -> float:
    """How many seconds a call may take, from the address of a PostgreSQL.

    Raises:
        ValueError: The option is no whole number in its range.
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
    """Mark a query for `RunStore.read` that works on any number of runs."""
    query.is_long = True  # type: ignore[attr-defined]
    return query


def is_long(call: object) -> bool:
    """Whether a query or a write may take `LONG_FACTOR` times longer."""
    return bool(getattr(call, "is_long", False))


def ends_at() -> float | None:
    """By when the calls of this thread have to end, on the monotonic clock; None for no limit."""
    return getattr(_thread, "ends_at", None)


@contextlib.contextmanager
def ending_by(moment: float | None) -> Iterator[None]:
    """All that this thread asks of PostgreSQL within the block ends by a moment of the monotonic clock.

    Raises:
        sqlalchemy.exc.OperationalError: From a call that had no answer by then; its connection is closed.
    """
    before = ends_at()
    _thread.ends_at = moment
    try:
        yield
    finally:
        _thread.ends_at = before


def is_unanswered(error: BaseException) -> bool:
    """Whether a call has ended because nothing answered in time."""
    return bool(getattr(getattr(error, "orig", None), "is_unanswered", False))


def unanswered(limit_s: float) -> OperationalError:
    """The error of a call for which there was no time left, so that it was not even tried."""
    reason = TimeoutError(f"the database did not answer within {limit_s:g} s")
    reason.is_unanswered = True  # type: ignore[attr-defined]
    return OperationalError(None, None, reason)
