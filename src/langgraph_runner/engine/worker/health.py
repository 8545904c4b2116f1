"""`StoreHealth`: whether the database works, for callers that wait for runs and for the log."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy.exc import DBAPIError

from langgraph_runner.engine.errors import StoreUnavailableError
from langgraph_runner.engine.logs import cause, log_event
from langgraph_runner.engine.store.commands import CheckTables
from langgraph_runner.engine.store.queries import status_of

if TYPE_CHECKING:
    from langgraph_runner.engine.store import RunStore
    from langgraph_runner.runtime.runtimes import Runtime

__all__ = ["StoreHealth"]

_PATIENCE_S: Final = 60.0
"""How long a database may be away before `wait()` raises."""
_READ_BACK_EVERY_S: Final = 5.0
"""Not at each run: opening a connection costs more than a short run."""


class _Interruption(NamedTuple):
    since: float
    error: Exception


class StoreHealth:
    """Knows which runs the database has interrupted: runs of this engine, and runs that it waits for.

    Belongs to one event loop.

    Args:
        store: The database.
        runtime: The clock that measures how long the database has been away.
    """

    def __init__(self, store: RunStore, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._interrupted: dict[str, _Interruption] = {}
        self._refusal: _Interruption | None = None
        """The error of the first failed poll since the last poll that succeeded; None after a success."""
        self._unread: tuple[str, str] | None = None
        """The tenant and the id of the last run that has ended since the file was read back."""
        self._read_at = self._runtime.monotonic()
        self._reading: asyncio.Task[None] | None = None

    def note_interruption(self, run_id: str, error: Exception) -> None:
        """Note that an error interrupted a run. The run resumes when its lease has expired."""
        before = self._interrupted.get(run_id)
        since = self._runtime.monotonic() if before is None else before.since
        self._interrupted[run_id] = _Interruption(since, error)

    def forget(self, run_id: str) -> None:
        """Forget the interruption of a run."""
        self._interrupted.pop(run_id, None)

    def note_poll(self, error: Exception | None) -> None:
        """Note the error of a poll for waiting runs; None if the poll succeeded."""
        if error is None:
            self._refusal = None
        elif self._refusal is None:
            self._refusal = _Interruption(self._runtime.monotonic(), error)

    def note_end(self, tenant: str, run_id: str) -> None:
        """Note that a run has ended. At most every 5 seconds its row is read back from the file."""
        self.forget(run_id)
        self._unread = tenant, run_id
        now = self._runtime.monotonic()
        if now - self._read_at >= _READ_BACK_EVERY_S:
            self._read_at = now
            self._reading = asyncio.get_running_loop().create_task(self._read_last())

    async def read_back(self) -> None:
        """Read the last ended run back from the file; log an error if that fails."""
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._read_last()

    async def _read_last(self) -> None:
        """Read the last ended run through a new connection.

        When another program overwrites or truncates the file, SQLite continues with its cache and its journal.
        Without this check, the damage would show only at the next start.
        """
        if self._unread is None:
            return
        (tenant, run_id), self._unread = self._unread, None
        try:
            await asyncio.to_thread(self._store.database.read_back, run_id)
        except Exception as error:
            if isinstance(error, LookupError) and await self._was_pruned(tenant, run_id):
                return
            log_event(
                logging.ERROR,
                "store.damaged",
                run_id=run_id,
                database=self._store.database.url.render_as_string(),
                **cause(error),
                fix="Another program has changed the file. Stop the engine and restore a backup.",
            )

    async def _was_pruned(self, tenant: str, run_id: str) -> bool:
        """Return whether the connections of the store do not find the run either."""
        try:
            return await self._store.read(status_of, tenant, run_id) is None
        except (DBAPIError, StoreUnavailableError):
            return False

    async def check(self, run_id: str) -> None:
        """Raise if the database keeps a run from starting or resuming.

        Raises:
            StoreUnavailableError: The database refuses for good (its file or a table is gone), or has refused for a
                minute.
        """
        interruption = self._interrupted.get(run_id) or self._refusal
        if interruption is None:
            return
        away_s = self._runtime.monotonic() - interruption.since
        if away_s < _PATIENCE_S and not self._store.database.is_permanent(interruption.error):
            return
        try:
            await self._store.write(CheckTables())
        except (DBAPIError, StoreUnavailableError) as error:
            if away_s < _PATIENCE_S and not self._store.database.is_permanent(error):
                return
            detail = str(error.orig if isinstance(error, DBAPIError) else error)
            where = self._store.database.url.render_as_string()
            raise StoreUnavailableError(store=where, run_id=run_id, detail=detail) from error
        self.forget(run_id)
