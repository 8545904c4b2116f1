"""`RunStore`: runs, steps, outputs, cache and events in one database, the source of truth."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy.exc import DBAPIError

from langgraph_runner.engine.checks import storable
from langgraph_runner.engine.errors import StoreUnavailableError
from langgraph_runner.engine.process import OwnProcess
from langgraph_runner.engine.store.backends import READERS, open_database
from langgraph_runner.engine.store.call_limits import (
    call_deadline,
    is_time_over,
    is_unanswered,
    limit_of,
    moment_in,
    unanswered,
)
from langgraph_runner.engine.store.migrating import upgrade
from langgraph_runner.engine.store.queries import store_id
from langgraph_runner.engine.store.statements import show_rows_of, tenants_of_query
from langgraph_runner.engine.store.writer import GroupWriter
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import URL

    from langgraph_runner.engine.store.backends import StoreBackend
    from langgraph_runner.engine.store.writer import Write
    from langgraph_runner.runtime.runtimes import Runtimes

__all__ = ["WATCH_S", "RunStore"]

WATCH_S: Final = 0.1
"""How often an engine asks the database what other processes have done."""

T = TypeVar("T")


class RunStore:
    """Reads in threads, writes through one writer that groups commits. Safe for any thread and event loop.

    Args:
        url: See `open_database`. A backend is closed with the store.
        migrate: Whether to bring the schema up to date. None leaves that to the backend: SQLite migrates itself, and
            PostgreSQL needs `langgraph-runner db upgrade`.
        runtimes: The clock of a SQLite database and of the service; None for the real one.

    Raises:
        ValueError: The store does not know the URL.
        SchemaVersionError: The schema is of a later release, or of an earlier one and `migrate` is False.
    """

    def __init__(
        self,
        url: str | URL | StoreBackend,
        *,
        migrate: bool | None = None,
        runtimes: Runtimes | None = None,
    ) -> None:
        self.process = OwnProcess()
        """The process that can use the store."""
        self.database = open_database(url)
        self.runtimes: Runtimes = runtimes or REAL_RUNTIMES
        """Clock and randomness of the service."""
        if runtimes is not None:
            self.database.use(runtimes.blocking)
        try:
            upgrade(self.database, migrate=self.database.migrates_itself if migrate is None else migrate)
            with self.database.reading.connect() as connection:
                self.store_id = store_id(connection)
                """The unique id of this database."""
                self.database.limits_rows = self.database.has_row_security(connection)
        except BaseException as error:
            if isinstance(error, DBAPIError):  # The driver's message does not name the database.
                error.add_note(f"The database is {self.database.url.render_as_string()}")
            self.database.dispose()
            raise
        self._writer = GroupWriter(self.database.writing)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="langgraph-runner-reader")
        self._is_closed = False

    async def write(self, write: Write[T]) -> T:
        """Apply a write; it is durable when this returns. If the caller is cancelled, it may still be applied.

        Raises:
            sqlalchemy.exc.DBAPIError: The database refused, and nothing was written.
            StoreUnavailableError: PostgreSQL has not answered within `call_timeout`. The write may have been applied.
        """
        self.process.check()
        try:
            return await self._writer.submit(write)
        except DBAPIError as error:
            raise self._as_raised(error) from error

    async def read(self, query: Callable[..., T], *arguments: Any, **keywords: Any) -> T:
        """Run one of `queries` in a thread, in a transaction of its own. It sees durable rows only.

        The query's first argument is the tenant, unless it is marked with `for_all_tenants`.

        Raises:
            sqlalchemy.exc.DBAPIError: The database refused.
            StoreUnavailableError: PostgreSQL has not answered within `call_timeout`.
        """
        self.process.check()
        # Its time begins now, because it may have to wait for a thread whose database does not answer.
        ask = partial(self._read, self._deadline_of(query), query, *arguments, **keywords)
        return await asyncio.get_running_loop().run_in_executor(self._readers, ask)

    def read_now(self, query: Callable[..., T], *arguments: Any, **keywords: Any) -> T:
        """Run a query in this thread. It raises what `read` raises, and RuntimeError if the store is closed."""
        self.process.check()
        return self._read(self._deadline_of(query), query, *arguments, **keywords)

    def _deadline_of(self, query: Callable[..., Any]) -> float | None:
        return moment_in(limit_of(self.database.call_limit_s, query))

    def _read(
        self,
        deadline: float | None,
        query: Callable[..., T],
        /,  # The query may have parameters of these names.
        *arguments: Any,
        **keywords: Any,
    ) -> T:
        """Run a query until its deadline."""
        if self._is_closed:
            raise RuntimeError("The engine is closed.")
        for value in (*arguments, *keywords.values()):
            if isinstance(value, str):
                storable(value, field="a tenant, id or key")
        call_limit_s = self.database.call_limit_s
        limit_s = limit_of(call_limit_s, query)
        try:
            with call_deadline(deadline):
                if limit_s is not None and is_time_over():
                    raise unanswered(limit_s)
                with self.database.reading.connect() as connection, connection.begin():
                    if limit_s is not None and limit_s != call_limit_s:
                        self.database.set_statement_timeout(connection, limit_s)
                    show_rows_of(connection, tenants_of_query(query, arguments))
                    return query(connection, *arguments, **keywords)
        except DBAPIError as error:
            raise self._as_raised(error) from error

    def _as_raised(self, error: DBAPIError) -> Exception:
        """Return the error that callers get for an error of the driver."""
        if not is_unanswered(error):
            return error
        where = self.database.url.render_as_string()
        return StoreUnavailableError(store=where, detail=str(error.orig))

    def close(self) -> None:
        """Commit all submitted writes, and close the database. A forked process leaves it to its parent."""
        self._is_closed = True
        if not self.process.is_this():
            return
        self._writer.close()
        self._readers.shutdown()
        self.database.dispose()
