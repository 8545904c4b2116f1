"""`CancelScope`: stops what one task awaits, for a deadline, an abort signal or a drain request.

It does what `asyncio.timeout` does for a deadline, by the same rules (`Task.uncancel()`, so that a cancellation
from outside is never swallowed), for three causes at once and at about its cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from langgraph_runner.runtime.limits import DRAIN_POLL_S, Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from langgraph_runner.errors import NodeRunnerError

__all__ = ["CancelScope"]


class CancelScope:
    """A context manager around what one task awaits. Not reusable, not for more than one task.

    Whatever the body does once it has been stopped, leaving the scope raises the error of what stopped it: a
    late result is dropped. A cancellation of the task itself goes through unchanged.

    Args:
        limits: What may stop the body.

    Raises:
        NodeTimeoutError: On leaving, when `limits.seconds` had passed.
        NodeCancellationError: On entering or leaving, when the signal had fired or a drain was requested.
    """

    __slots__ = ("_disarm", "_error", "_limits", "_outer", "_task", "_timer", "_watched")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._error: NodeRunnerError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._disarm: Callable[[], None] | None = None

    def __enter__(self) -> None:
        limits = self._limits
        if (limits.signal is not None or limits.control is not None) and (
            cancelled := limits.cancelled()
        ) is not None:
            raise cancelled
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A node must run inside an asyncio task.")
        self._task: asyncio.Task[Any] | None = task
        self._outer = task.cancelling()
        loop = task.get_loop()
        if limits.seconds is not None:
            self._timer = loop.call_at(loop.time() + limits.seconds, self._time_out)
        if limits.signal is not None:
            self._disarm = limits.signal.add_callback(partial(self._signal_fired, loop))
        if limits.control is not None:
            self._watched = _watched_scopes(loop)
            self._watched.add(self)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        assert task is not None  # noqa: S101 - it was entered
        if self._timer is not None:
            self._timer.cancel()
        if self._disarm is not None:
            self._disarm()
        if self._limits.control is not None:
            self._watched.discard(self)
        stopped, self._error = self._error, None
        if stopped is None:
            return
        if task.uncancel() > self._outer:
            return  # Somebody else wants this task to end as well, and theirs is the stronger wish.
        if error is None or isinstance(error, (Exception, asyncio.CancelledError)):
            # The traceback of the cancellation shows where the body was when it was stopped.
            where = None if error is None else error.__traceback__
            try:
                raise stopped.with_traceback(where) from (error if isinstance(error, Exception) else None)
            finally:
                del stopped, error, where  # Its traceback holds this frame.

    def look(self) -> None:
        """Stop the body if the signal has fired or a drain was requested."""
        self._cancel(self._limits.cancelled())

    def _time_out(self) -> None:
        task, timer, seconds = self._task, self._timer, self._limits.seconds
        if task is not None and timer is not None and seconds is not None:
            late = task.get_loop().time() - timer.when()
            self._cancel(self._limits.timed_out(seconds + late))

    def _signal_fired(self, loop: asyncio.AbstractEventLoop) -> None:
        # From any thread, perhaps from the body itself: take the next turn of the loop.
        with contextlib.suppress(RuntimeError):  # The loop has closed, and with it the body has ended.
            loop.call_soon_threadsafe(self.look)

    def _cancel(self, error: NodeRunnerError | None) -> None:
        if error is None or self._error is not None or self._task is None:
            return
        self._error = error
        self._limits.stopped(str(error))
        self._task.cancel()


class _WatchedScopes:
    """The scopes of one loop that a drain request is to stop.

    One timer looks at them all, and only while there are any: cheaper for a node than a timer of its own.
    """

    __slots__ = ("_scopes", "_ticking", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = weakref.ref(loop)
        self._scopes: set[CancelScope] = set()
        self._ticking = False

    def add(self, scope: CancelScope) -> None:
        self._scopes.add(scope)
        if not self._ticking:
            self._schedule()

    def discard(self, scope: CancelScope) -> None:
        self._scopes.discard(scope)

    def _schedule(self) -> None:
        loop = self.loop()
        if loop is not None:
            self._ticking = True
            # In a context of its own: that of the node would keep its state alive as long as the loop is busy.
            loop.call_later(DRAIN_POLL_S, self._tick, context=contextvars.Context())

    def _tick(self) -> None:
        self._ticking = False
        for scope in tuple(self._scopes):
            scope.look()
        if self._scopes:
            self._schedule()


class _OfThread(threading.local):
    watched: _WatchedScopes | None = None


# A thread runs one loop at a time, so that of the thread is nearly always the one that is asked for.
_of_thread = _OfThread()


def _watched_scopes(loop: asyncio.AbstractEventLoop) -> _WatchedScopes:
    watched = _of_thread.watched
    if watched is None or watched.loop() is not loop:
        watched = _of_thread.watched = _WatchedScopes(loop)
    return watched
