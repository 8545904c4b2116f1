"""`GroupWriter`: one thread that commits for everybody, as many at once as have come together.

A commit costs an fsync, whatever it holds. So whoever wants something written hands it in and waits; the thread takes
all that is there, writes it in one transaction, and wakes all of them once it is on disk. Nobody goes on before
their own write is durable, and the event loop never waits for a disk. Group commit as databases do it (DeWitt et al.,
Implementation Techniques for Main Memory Database Systems, 1984).
"""

from __future__ import annotations

import contextlib
import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

__all__ = ["GroupWriter", "Write"]

ResultT = TypeVar("ResultT")
_STOP: Final = object()
_MAX_GROUP: Final = 1_000


class Write(Generic[ResultT]):
    """Something to be written. Writes of one class that come together are applied together."""

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Any]) -> Sequence[Any]:
        """Write all of `writes`, in a transaction that somebody else commits; gives a result for each."""
        raise NotImplementedError


class GroupWriter:
    """The one writer of a process. Hand in from any thread.

    Args:
        engine: Of the database.
        name: Of the thread.
    """

    def __init__(self, engine: Engine, name: str = "langgraph-runner-writer") -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()
        self._is_closed = False

    def submit(self, write: Write[ResultT]) -> Future[ResultT]:
        """Hand in a write; the future is done when it is durable, or has its error.

        Raises:
            RuntimeError: The writer has been closed.
        """
        if self._is_closed:
            raise RuntimeError("The store is closed.")
        future: Future[ResultT] = Future()
        future.set_running_or_notify_cancel()  # Whoever stops waiting does not take back what was handed in.
        self._queue.put((write, future))
        return future

    def close(self) -> None:
        """Write what was handed in, and end the thread."""
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(_STOP)
        self._thread.join()

    def _work(self) -> None:
        connection: Connection | None = None
        try:
            while (group := self._next_group()) is not None:
                if connection is None:
                    connection = self._connected(group)
                if connection is not None and not _write_all(connection, group):
                    # One of them cannot be written; the others are not to suffer from it.
                    for each in group:
                        _write_all(connection, [each], last=True)
        finally:
            if connection is not None:
                connection.close()

    def _connected(self, group: list[tuple[Any, Future[Any]]]) -> Connection | None:
        try:
            return self._engine.connect()
        except Exception as error:  # Whoever waits is told, and the next one may have more luck.
            for _, future in group:
                future.set_exception(error)
            return None

    def _next_group(self) -> list[tuple[Any, Future[Any]]] | None:
        first = self._queue.get()
        if first is _STOP:
            return None
        group = [first]
        with contextlib.suppress(queue.Empty):
            while len(group) < _MAX_GROUP:
                following = self._queue.get_nowait()
                if following is _STOP:
                    self._queue.put(_STOP)
                    break
                group.append(following)
        return group


def _write_all(connection: Connection, group: list[tuple[Any, Future[Any]]], *, last: bool = False) -> bool:
    """Write a group in one transaction; False if that failed and each is to be tried alone."""
    results: list[Any] = []
    try:
        with connection.begin():
            for kind, writes in _runs_of_one_kind(group):
                results += kind.apply(connection, writes)
    except Exception as error:
        if len(group) > 1 and not last:
            return False
        for _, future in group:
            future.set_exception(error)
        return True
    for (_, future), result in zip(group, results, strict=True):
        future.set_result(result)
    return True


def _runs_of_one_kind(group: list[tuple[Any, Future[Any]]]) -> list[tuple[type[Write[Any]], list[Any]]]:
    """Neighbours of one class together, so that the order between classes stays."""
    runs: list[tuple[Any, list[Any]]] = []
    for write, _ in group:
        if not runs or runs[-1][0] is not type(write):
            runs.append((type(write), []))
        runs[-1][1].append(write)
    return runs
