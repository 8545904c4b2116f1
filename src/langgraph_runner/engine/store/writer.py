"""`GroupWriter`: one thread that commits the writes of all callers in groups.

A commit costs an fsync, however much it holds. So callers submit writes and wait; the thread takes all submitted
writes, commits them in one transaction, and wakes their callers. A caller continues only when its own write is
durable, and the event loop never waits for a disk. This is group commit (DeWitt et al., Implementation Techniques for
Main Memory Database Systems, 1984).
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple, TypeVar

from sqlalchemy import bindparam, or_, select
from sqlalchemy.exc import DBAPIError

from langgraph_runner.engine.store.backends import backend_of
from langgraph_runner.engine.store.call_limits import call_deadline, limit_of, moment_in, seconds_left
from langgraph_runner.engine.store.schema import runs, step_tasks
from langgraph_runner.engine.store.statements import Prepared, any_of, show_rows_of
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, drive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Engine

    from langgraph_runner.engine.store.backends import StoreBackend

__all__ = ["GroupWriter", "Write"]

ResultT = TypeVar("ResultT")
_STOP: Final = object()
_clock: Final = REAL_RUNTIMES.blocking
"""The real clock: it waits for a real server, also in tests with another clock."""
_MAX_GROUP: Final = 1_000
_FIRST_WOKEN: Final = 4
_TURN_S: Final = 0.005
_RECONNECT_S: Final = 10.0
"""How long to wait for a server that has closed the connection."""
_RECONNECT_EVERY_S: Final = 0.1
_MAX_LOSSES: Final = 3
"""How many connections one write may lose."""
_MAX_CONFLICTS: Final = 10
"""How often to try a transaction that conflicts with another one."""


class Write(Generic[ResultT]):
    """A change of the database. Writes of one class in a group are applied together.

    With row-level security, a write with an attribute `tenant` sees and changes the rows of that tenant only.
    """

    turn: ClassVar[int] = 2
    """When it is applied within its group, so that every transaction locks in one order (see `commands.base`):

    0 creates runs, 1 advances them, 2 is everything else.
    """
    is_long: ClassVar[bool] = False
    """Whether it works on any number of runs, so it has a transaction of its own, which may take ten times longer."""

    def locked_runs(self) -> Iterable[str]:
        """Return the ids of the runs whose rows it locks, and waits for."""
        return ()

    def locked_tasks(self) -> Iterable[tuple[str, str | None]]:
        """Return the tasks whose rows it locks, and waits for, as run and step. None stands for every step."""
        return ()

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Any]) -> Sequence[Any]:
        """Apply `writes` in a transaction that the caller commits; return a result for each.

        This applies one after the other. Override it where they can share statements.
        """
        return [write.apply_one(connection) for write in writes]

    def apply_one(self, connection: Connection) -> ResultT:
        """Apply this write; return its result."""
        raise NotImplementedError

    def apply_again(self, connection: Connection) -> ResultT:
        """Apply this write although its first try may have been committed: the connection was lost before the answer.

        Override it where a second `apply()` would not return what the first one returned.
        """
        result: ResultT = self.apply(connection, [self])[0]
        return result

    def was_rolled_back(self, connection: Connection) -> bool:
        """Return whether the database shows that the first try was not committed. Asked before any write is repeated.

        Override it where this would be unknown after other writes of the group were repeated.
        """
        del connection
        return False


class _Submitted(NamedTuple):
    write: Write[Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class GroupWriter:
    """The one writer of a store. Submit writes from any event loop.

    Args:
        engine: The engine of SQLAlchemy for writing.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._next: _Submitted | None = None
        """A write that has left the queue, and needs a transaction of its own."""
        self._thread = threading.Thread(target=self._work, name="langgraph-runner-writer", daemon=True)
        self._is_closed = False
        self._closing = threading.Lock()
        """Keeps a write from being queued after the stop mark, where it would never be answered."""
        self._thread.start()

    def submit(self, write: Write[ResultT]) -> asyncio.Future[ResultT]:
        """Submit a write. The returned future is done when the write is durable, or has its error.

        Cancelling the future does not withdraw the write.

        Raises:
            RuntimeError: The writer is closed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ResultT] = loop.create_future()
        with self._closing:
            if self._is_closed:
                raise RuntimeError("The store is closed.")
            self._queue.put(_Submitted(write, future, loop))
        return future

    def close(self) -> None:
        """Commit all submitted writes, and end the thread."""
        with self._closing:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(_STOP)
        self._thread.join()

    def _work(self) -> None:
        connection: Connection | None = None
        backend = backend_of(self._engine)
        try:
            while group := self._next_group():
                limit_s = _limit_of(backend, group)
                try:
                    # Half of the time is for the first try, half for repeating it on a new connection.
                    with _within_half(limit_s):
                        connection = connection or self._engine.connect()
                        results = _write_group(connection, group)
                    if results is None:
                        with _within_half(limit_s):
                            connection, results = _write_one_by_one(connection, self._engine, group)
                except Exception as error:  # There is no connection. The next group tries to connect again.
                    connection = None
                    results = [error] * len(group)
                if connection is None and limit_s is not None:
                    # Writes that queued behind a group that got no answer fail with it: otherwise they would wait as
                    # long again. Before any caller hears of it: a later write gets a try of its own.
                    waiting = self._take_all()
                    group += waiting
                    results = [*results, *[results[-1]] * len(waiting)]
                _deliver(group, results)
        finally:
            if connection is not None:
                connection.close()

    def _next_group(self) -> list[_Submitted]:
        """Wait for a write; return it with those behind it. A long write is alone. Empty at the end."""
        first, self._next = self._next or self._queue.get(), None
        if first is _STOP:
            return []
        return [first] if first.write.is_long else [first, *self._take_waiting(_MAX_GROUP - 1)]

    def _take_waiting(self, most: int) -> list[_Submitted]:
        """Take the writes that are waiting, up to the next long one."""
        waiting: list[_Submitted] = []
        while len(waiting) < most and (submitted := self._take_one()) is not None:
            if submitted.write.is_long:
                self._next = submitted
                break
            waiting.append(submitted)
        return waiting

    def _take_all(self) -> list[_Submitted]:
        """Take all writes that are waiting, long ones too."""
        waiting, self._next = [] if self._next is None else [self._next], None
        while (submitted := self._take_one()) is not None:
            waiting.append(submitted)
        return waiting

    def _take_one(self) -> _Submitted | None:
        """Take a write from the queue; None if no write waits there."""
        try:
            submitted: _Submitted | None = self._queue.get_nowait()
        except queue.Empty:
            return None
        if submitted is _STOP:
            self._queue.put(_STOP)
            return None
        return submitted


def _deliver(group: list[_Submitted], results: list[Any]) -> None:
    """Give each caller its result, with one call into each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, deque[tuple[asyncio.Future[Any], Any]]] = {}
    for (_, future, loop), result in zip(group, results, strict=True):
        by_loop.setdefault(loop, deque()).append((future, result))
    for loop, ended in by_loop.items():
        with contextlib.suppress(RuntimeError):  # The loop is closed, so nothing waits there.
            loop.call_soon_threadsafe(_Waking(loop, ended).wake_next)


def _limit_of(backend: StoreBackend, group: list[_Submitted]) -> float | None:
    """Return how many seconds a group may take; None for no limit."""
    return limit_of(backend.call_limit_s, *(submitted.write for submitted in group))


def _within_half(limit_s: float | None) -> AbstractContextManager[None]:
    """Return the deadline for one of the two halves of a call."""
    return call_deadline(moment_in(None if limit_s is None else limit_s / 2))


def _allow_time(connection: Connection, group: list[_Submitted]) -> None:
    """Let the statements of a transaction with a long write take longer."""
    backend = backend_of(connection)
    limit_s = _limit_of(backend, group)
    if limit_s is not None and limit_s != backend.call_limit_s:
        backend.set_statement_timeout(connection, limit_s)


def _reconnect(lost: Connection, engine: Engine) -> Connection:
    """Replace a connection that the server has closed. Waits up to 10 seconds for a server that restarts.

    Raises:
        sqlalchemy.exc.DBAPIError: The server cannot be reached.
    """
    lost.invalidate()
    lost.close()
    left_s = seconds_left()
    patience_s = _RECONNECT_S if left_s is None else min(_RECONNECT_S, left_s)
    give_up_at = _clock.monotonic() + patience_s
    while True:
        try:
            return engine.connect()
        except DBAPIError:
            if _clock.monotonic() > give_up_at:
                raise
            drive(_clock.sleep(_RECONNECT_EVERY_S, None))


def _write_one_by_one(
    connection: Connection, engine: Engine, group: list[_Submitted]
) -> tuple[Connection | None, list[Any]]:
    """Write each write of a group in a transaction of its own, because one of them fails.

    A write whose connection was lost may have been committed; `apply_again` looks it up on a new connection.
    """
    results: list[Any] = []
    backend = backend_of(connection)
    is_uncertain, rolled_back = backend.is_lost(connection), [False] * len(group)
    try:
        if is_uncertain:
            connection = _reconnect(connection, engine)
            rolled_back = _rolled_back(connection, group)
        for submitted, is_new in zip(group, rolled_back, strict=True):
            is_again, losses = is_uncertain and not is_new, 0
            while True:
                if backend.is_lost(connection):
                    connection = _reconnect(connection, engine)
                result = _write_alone(connection, submitted, is_again=is_again)
                if not isinstance(result, Exception) or not backend.is_lost(connection):
                    break
                is_again, losses = True, losses + 1
                if losses == _MAX_LOSSES:
                    break
            results.append(result)
    except DBAPIError as error:  # The server cannot be reached.
        return None, [*results, *[error] * (len(group) - len(results))]
    return connection, results


def _rolled_back(connection: Connection, group: list[_Submitted]) -> list[bool]:
    """Return for each write whether it is surely not committed; all False if the connection is lost again."""
    try:
        with backend_of(connection).begin_writing(connection):
            show_rows_of(connection, None)
            return [submitted.write.was_rolled_back(connection) for submitted in group]
    except DBAPIError:
        return [False] * len(group)


def _write_group(connection: Connection, group: list[_Submitted]) -> list[Any] | None:
    """Write a group in one transaction. None if one write fails; then nothing was written."""
    backend = backend_of(connection)
    for _ in range(_MAX_CONFLICTS):
        try:
            transaction = backend.begin_writing(connection)
        except Exception as error:
            if backend.is_lost(connection):
                return None
            # The database is locked or away. Writing each write alone would only wait as long again.
            return [error] * len(group)
        results: dict[int, Any] = {}
        try:
            with transaction:
                _allow_time(connection, group)
                _lock_rows(connection, group)
                for write_class, writes in _by_class(group):
                    show_rows_of(connection, _tenants(writes))
                    results.update(zip(map(id, writes), write_class.apply(connection, writes), strict=True))
        except Exception as error:
            if backend.is_conflict(error):
                continue
            return None
        return [results[id(submitted.write)] for submitted in group]
    return None


def _write_alone(connection: Connection, submitted: _Submitted, *, is_again: bool = False) -> Any:
    write, conflicts = submitted.write, 0
    backend = backend_of(connection)
    while True:
        try:
            with backend.begin_writing(connection):
                _allow_time(connection, [submitted])
                _lock_rows(connection, [submitted])
                show_rows_of(connection, _tenants([write]))
                return write.apply_again(connection) if is_again else write.apply(connection, [write])[0]
        except Exception as error:
            conflicts += 1
            if conflicts == _MAX_CONFLICTS or not backend.is_conflict(error):
                return error


def _tenants(writes: list[Write[Any]]) -> set[str] | None:
    """Return the tenants of some writes; None if one of them is for all tenants."""
    tenants = {getattr(write, "tenant", None) for write in writes}
    return None if None in tenants else {str(tenant) for tenant in tenants}


def _by_class(group: list[_Submitted]) -> list[tuple[type[Write[Any]], list[Any]]]:
    """Group the writes by their class, in the order of their turns."""
    by_class: dict[type[Write[Any]], list[Any]] = {}
    for write, _, _ in group:
        by_class.setdefault(type(write), []).append(write)
    return sorted(by_class.items(), key=lambda item: item[0].turn)


def _lock_rows(connection: Connection, group: list[_Submitted]) -> None:
    """Lock the rows of all runs of a group, then of all its tasks, before anything else is locked.

    Writes of one class that lock no tasks lock the rows of runs themselves.
    """
    if backend_of(connection).has_one_writer:
        return
    writes = [submitted.write for submitted in group]
    tasks = {task for write in writes for task in write.locked_tasks()}
    if not tasks and len({type(write) for write in writes}) == 1:
        return
    ids = {run_id for write in writes for run_id in write.locked_runs()}
    show_rows_of(connection, None)
    if ids:
        _LOCK_RUNS.ask(connection, ids=[*ids])
    if tasks:
        _LOCK_TASKS.ask(
            connection,
            ids=[*{run_id for run_id, _ in tasks}],
            all_of=[run_id for run_id, step in tasks if step is None],
            steps=[f"{run_id}/{step}" for run_id, step in tasks if step is not None],
        )


_LOCK_RUNS: Final = Prepared(
    select(runs.c.id).where(any_of(runs.c.id, bindparam("ids"))).order_by(runs.c.id).with_for_update()
)
_LOCK_TASKS: Final = Prepared(
    select(step_tasks.c.run_id)
    .where(
        any_of(step_tasks.c.run_id, bindparam("ids")),  # The other conditions have no index.
        or_(
            any_of(step_tasks.c.run_id, bindparam("all_of")),
            any_of(step_tasks.c.run_id + "/" + step_tasks.c.step_id, bindparam("steps")),
        ),
    )
    .order_by(step_tasks.c.run_id, step_tasks.c.step_id)
    .with_for_update()
)


class _Waking:
    """Wakes the callers of one event loop, a few in each turn of the loop, so that other tasks run in between.

    It adapts how many it wakes, so that a turn with all their work takes about `_TURN_S`.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, ended: deque[tuple[asyncio.Future[Any], Any]]
    ) -> None:
        self._loop = loop
        self._ended = ended
        self._at_once = _FIRST_WOKEN
        self._last = 0.0

    def wake_next(self) -> None:
        """Wake the next callers."""
        now = self._loop.time()
        if self._last:
            fit = self._at_once * _TURN_S / max(now - self._last, 1e-6)
            self._at_once = max(1, min(round(fit), 2 * self._at_once))
        self._last = now
        for _ in range(min(len(self._ended), self._at_once)):
            future, result = self._ended.popleft()
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        if self._ended:
            self._loop.call_soon(self.wake_next)
