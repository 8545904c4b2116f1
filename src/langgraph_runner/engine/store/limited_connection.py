"""`LimitedConnection`: a connection to PostgreSQL that keeps the deadlines of its threads. It needs psycopg."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

import psycopg
from psycopg.errors import ConnectionTimeout

from langgraph_runner.engine.store.call_limits import is_time_over, seconds_left

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["LimitedConnection", "UnansweredError"]

_MIN_CONNECT_S: Final = 2
"""The shortest connect timeout of psycopg."""
_LATEST_CONNECT_S: Final = 1.5
"""With less time left, no connection is tried: it could overrun the deadline by more than half a second."""
_SETTINGS: Final = (
    "SELECT set_config(name, %s, false) FROM pg_settings WHERE setting = '0'"
    " AND name IN ('statement_timeout', 'idle_in_transaction_session_timeout')"
)
"""Sets timeouts that neither the URL, nor the role, nor the database has set."""


class UnansweredError(psycopg.OperationalError):
    """The server did not answer in time.

    Args:
        limit_s: How many seconds the call had.
    """

    is_unanswered = True

    def __init__(self, limit_s: float) -> None:
        super().__init__(f"the database did not answer within {limit_s:g} s")


class LimitedConnection(psycopg.Connection[Any]):
    """A connection that is closed when it has no answer at the deadline of its thread."""

    limit_s = 0.0
    """How many seconds a call has, for messages."""

    @classmethod
    def open(cls, limit_s: float, arguments: tuple[Any, ...], options: dict[str, Any]) -> Self:
        """Connect with arguments of `psycopg.connect()`. A call on the connection has `limit_s` seconds.

        Raises:
            psycopg.OperationalError: The server cannot be reached; `UnansweredError` if it did not answer in time.
        """
        left_s = seconds_left()
        if left_s is not None:
            if left_s < _LATEST_CONNECT_S:
                raise UnansweredError(limit_s)
            allowed_s = max(_MIN_CONNECT_S, int(left_s))
            options["connect_timeout"] = min(int(options.get("connect_timeout") or allowed_s), allowed_s)
        try:
            connection = cls.connect(*arguments, **options)
        except ConnectionTimeout as error:
            raise UnansweredError(limit_s) from error
        connection.limit_s = limit_s
        try:
            # The server ends its work for a client that has given up. Settings of a transaction would end with it.
            connection.autocommit = True
            connection.execute(_SETTINGS, (f"{round(limit_s * 1000)}ms",))
            connection.autocommit = False
        except BaseException:
            connection.close()
            raise
        return connection

    def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
        """Wait for the server. All methods of the connection wait here."""
        return super().wait(self._until_deadline(gen), *arguments, **options)

    def _until_deadline(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Yield the steps of a wait until the deadline. psycopg takes a step at least every 0.1 s."""
        ready = None
        while True:
            if is_time_over():
                self.pgconn.finish()
                raise UnansweredError(self.limit_s)
            try:
                wanted = gen.send(ready)
            except StopIteration as end:
                return end.value
            ready = yield wanted
