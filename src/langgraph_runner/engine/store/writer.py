"""`GroupWriter`: one thread that commits for everybody, as many at once as have come together.

A commit costs an fsync, whatever it holds. So whoever wants something written hands it in and waits; the thread takes
all that is there, writes it in one transaction, and wakes all of them once it is on disk. Nobody goes on before
their own write is durable, and the event loop never waits for a disk. Group commit as databases do it (DeWitt et al.,
Implementation Techniques for Main Memory Database Systems, 1984).
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, NamedTuple, TypeVar

from sqlalchemy.exc import DBAPIError

from langgraph_runner.engine.store.backends import backend_of
from langgraph_runner.engine.store.call_limits import (
    LONG_FACTOR,
    ending_by,
    ends_at,
    is_long,
)
from langgraph_runner.engine.store.row_security import show_rows_of
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, drive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Engine

__all__ = ["GroupWriter", "Write"]

ResultT = TypeVar("ResultT")
_STOP: Final = object()
_clock: Final = REAL_RUNTIMES.blocking
_MAX_GROUP: Final = 1_000
_FIRST_WOKEN: Final = 4
_TURN_S: Final = 0.005
_RECONNECT_S: Final = 10.0
"""How long a server that has closed the connection is waited for."""
_RECONNECT_EVERY_S: Final = 0.1
_MAX_LOSSES: Final = 3
"""How many connections one write may lose."""
_MAX_CONFLICTS: Final = 10
"""How often a transaction is tried that the database ends because of another one."""


class Write(Generic[ResultT]):
    """Something to be written. Writes of one class that come together are applied together.

    One with an attribute `tenant` sees and changes rows of that tenant only, where the database has row security.
    """

    comes_first: ClassVar[bool] = False
    """Whether it may be applied before all others of its group: it changes nothing that they know of."""

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Any]) -> Sequence[Any]:
        """Write all of `writes`, in a transaction that the caller commits; gives a result for each."""
        raise NotImplementedError

    @classmethod
    def apply_again(cls, connection: Connection, writes: Sequence[Any]) -> Sequence[Any]:
        """Write one whose first try may have been committed: the connection was lost before the answer came.

        Override it where a second `apply()` would not give what the first one gave.
        """
        return cls.apply(connection, writes)

    is_long: ClassVar[bool] = False
    """Whether it works on any number of runs, and may take `LONG_FACTOR` times longer."""

    def was_rolled_back(self, connection: Connection) -> bool:
        """Whether the database shows that the first try was not committed, before anything is tried again.

        Override it where, after others of the group were tried again, that could no longer be told.
        """
        del connection
        return False


class _Handed(NamedTuple):
    write: Write[Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class GroupWriter:
    """The one writer of a process. Hand in from any event loop.

    Args:
        engine: Of the database.
        name: Of the thread.
    """

    def __init__(self, engine: Engine, name: str = "langgraph-runner-writer") -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._is_closed = False
        self._closing = threading.Lock()
        """What is handed in comes before the end, or not at all: behind it nobody would answer."""
        self._thread.start()

    def submit(self, write: Write[ResultT]) -> asyncio.Future[ResultT]:
        """Hand in a write; the future is done when it is durable, or has its error.

        Whoever stops waiting for it does not take it back.

        Raises:
            RuntimeError: The writer has been closed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[ResultT] = loop.create_future()
        with self._closing:
            if self._is_closed:
                raise RuntimeError("The store is closed.")
            self._queue.put(_Handed(write, future, loop))
        return future

    def close(self) -> None:
        """Write what was handed in, and end the thread."""
        with self._closing:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(_STOP)
        self._thread.join()

    def _work(self) -> None:
        connection: Connection | None = None
        try:
            while (group := self._next_group()) is not None:
                limit_s = _limit_of(self._engine, group)
                try:
                    # Half of the time for the first try, and half to look up or repeat it on a new connection.
                    with _ending_within(limit_s):
                        connection = connection or self._engine.connect()
                        results = _written(connection, group)
                    if results is None:
                        with _ending_within(limit_s):
                            connection, results = _written_one_by_one(connection, self._engine, group)
                except Exception as error:  # There is no connection. The next group tries again.
                    connection = None
                    results = [error] * len(group)
                _deliver(group, results)
                if connection is None and limit_s is not None:
                    self._refuse_waiting(results[-1])
        finally:
            if connection is not None:
                connection.close()

    def _refuse_waiting(self, error: Exception) -> None:
        """Give those their error who have waited behind a group that the database has not answered.

        They would wait as long again.
        """
        waiting: list[_Handed] = []
        with contextlib.suppress(queue.Empty):
            while True:
                handed = self._queue.get_nowait()
                if handed is _STOP:
                    self._queue.put(_STOP)
                    break
                waiting.append(handed)
        _deliver(waiting, [error] * len(waiting))

    def _next_group(self) -> list[_Handed] | None:
        first = self._queue.get()
        if first is _STOP:
            return None
        group: list[_Handed] = [first]
        with contextlib.suppress(queue.Empty):
            while len(group) < _MAX_GROUP:
                following = self._queue.get_nowait()
                if following is _STOP:
                    self._queue.put(_STOP)
                    break
                group.append(following)
        return group


def _deliver(group: list[_Handed], results: list[Any]) -> None:
    """Wake everybody who waits, with one call into each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, deque[tuple[asyncio.Future[Any], Any]]] = {}
    for (_, future, loop), result in zip(group, results, strict=True):
        by_loop.setdefault(loop, deque()).append((future, result))
    for loop, ended in by_loop.items():
        with contextlib.suppress(RuntimeError):  # The loop has closed, and nobody waits there any more.
            loop.call_soon_threadsafe(_Waking(loop, ended).go_on)


def _limit_of(engine: Engine, group: list[_Handed]) -> float | None:
    """How many seconds a group may take, on PostgreSQL."""
    limit_s = backend_of(engine).call_limit_s
    if limit_s is not None and _has_long(group):
        return limit_s * LONG_FACTOR
    return limit_s


def _has_long(group: list[_Handed]) -> bool:
    return any(is_long(handed.write) for handed in group)


def _ending_within(limit_s: float | None) -> AbstractContextManager[None]:
    """Half of the time of a call."""
    return ending_by(None if limit_s is None else _clock.monotonic() + limit_s / 2)


def _allow_time(connection: Connection, group: list[_Handed]) -> None:
    """Let the statements of a transaction with a long write take longer."""
    limit_s = backend_of(connection).call_limit_s
    if limit_s is not None and _has_long(group):
        backend_of(connection).set_statement_timeout(connection, limit_s * LONG_FACTOR)


def _reconnected(lost: Connection, engine: Engine) -> Connection:
    """A new connection in place of one that the server has closed. A server that restarts is waited for.

    Raises:
        sqlalchemy.exc.DBAPIError: There is none to be had.
    """
    lost.invalidate()
    lost.close()
    limit = ends_at()
    give_up_at = _clock.monotonic() + _RECONNECT_S
    if limit is not None:
        give_up_at = min(give_up_at, limit)
    while True:
        try:
            return engine.connect()
        except DBAPIError:
            if _clock.monotonic() > give_up_at:
                raise
            drive(_clock.sleep(_RECONNECT_EVERY_S, None))


def _written_one_by_one(
    connection: Connection, engine: Engine, group: list[_Handed]
) -> tuple[Connection | None, list[Any]]:
    """Write a group, one of which cannot be written: the others are not to suffer from it.

    A write whose connection was lost may have been committed; `apply_again` looks it up on a new connection.
    """
    results: list[Any] = []
    backend = backend_of(connection)
    is_uncertain, rolled_back = backend.is_lost(connection), [False] * len(group)
    if is_uncertain:
        try:
            connection = _reconnected(connection, engine)
        except DBAPIError as error:
            return None, [error] * len(group)
        rolled_back = _rolled_back(connection, group)
    for handed, is_new in zip(group, rolled_back, strict=True):
        is_again, losses = is_uncertain and not is_new, 0
        while True:
            if backend.is_lost(connection):
                try:
                    connection = _reconnected(connection, engine)
                except DBAPIError as error:
                    return None, [*results, *[error] * (len(group) - len(results))]
            result = _written_alone(connection, handed, is_again=is_again)
            if not isinstance(result, Exception) or not backend.is_lost(connection):
                break
            is_again, losses = True, losses + 1
            if losses == _MAX_LOSSES:
                break
        results.append(result)
    return connection, results


def _rolled_back(connection: Connection, group: list[_Handed]) -> list[bool]:
    """Which of a group are surely not committed; none if the connection is lost again."""
    try:
        with backend_of(connection).begin_writing(connection):
            show_rows_of(connection, None)
            return [handed.write.was_rolled_back(connection) for handed in group]
    except DBAPIError:
        return [False] * len(group)


def _written(connection: Connection, group: list[_Handed]) -> list[Any] | None:
    """Write a group in one transaction; None if one of them cannot be written, and nothing was."""
    backend = backend_of(connection)
    for _ in range(_MAX_CONFLICTS):
        try:
            transaction = backend.begin_writing(connection)
        except Exception as error:
            if backend.is_lost(connection):
                return None
            # The database is locked or away, which is no write's fault; each alone would only wait as long again.
            return [error] * len(group)
        results: dict[int, Any] = {}
        try:
            with transaction:
                _allow_time(connection, group)
                for kind, writes in _by_kind(group):
                    show_rows_of(connection, _tenants(writes))
                    results.update(zip(map(id, writes), kind.apply(connection, writes), strict=True))
        except Exception as error:
            if backend.is_conflict(error):
                continue
            return None
        return [results[id(handed.write)] for handed in group]
    return None


def _written_alone(connection: Connection, handed: _Handed, *, is_again: bool = False) -> Any:
    write, conflicts = handed.write, 0
    backend = backend_of(connection)
    apply = write.apply_again if is_again else write.apply
    while True:
        try:
            with backend.begin_writing(connection):
                _allow_time(connection, [handed])
                show_rows_of(connection, _tenants([write]))
                return apply(connection, [write])[0]
        except Exception as error:
            conflicts += 1
            if conflicts == _MAX_CONFLICTS or not backend.is_conflict(error):
                return error


def _tenants(writes: list[Write[Any]]) -> set[str] | None:
    """Whose rows some writes are about; None for those of all tenants."""
    tenants = {getattr(write, "tenant", None) for write in writes}
    return None if None in tenants else {str(tenant) for tenant in tenants}


def _rank(handed: _Handed) -> bool:
    return not handed.write.comes_first


def _by_kind(group: list[_Handed]) -> list[tuple[type[Write[Any]], list[Any]]]:
    """Neighbours of one class together, so that the order between classes stays."""
    kinds: list[tuple[type[Write[Any]], list[Any]]] = []
    for write, _, _ in sorted(group, key=_rank):
        if not kinds or kinds[-1][0] is not type(write):
            kinds.append((type(write), []))
        kinds[-1][1].append(write)
    return kinds


class _Waking:
    """Wakes those who wait in one event loop: some in each turn of it, so that others get theirs in between.

    How many is found out on the way: as many as keep a turn, with all that they do in it, at about `_TURN_S`.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, ended: deque[tuple[asyncio.Future[Any], Any]]
    ) -> None:
        self._loop = loop
        self._ended = ended
        self._at_once = _FIRST_WOKEN
        self._last = 0.0

    def go_on(self) -> None:
        """Wake the next ones."""
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
            self._loop.call_soon(self.go_on)
