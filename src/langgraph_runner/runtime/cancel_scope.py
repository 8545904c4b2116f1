"""`CancelScope`: stops what one task awaits, at a deadline, an abort signal or a drain request.

It does what `asyncio.timeout` does for a deadline, by the same rules (`Task.uncancel()`, so that a cancellation
from outside is never swallowed), for three causes at once and at about its cost.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from langgraph_runner.runtime.limits import DRAIN_POLL_S, Limits
from langgraph_runner.runtime.wake import call_soon

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from langgraph_runner.errors import NodeRunnerError

T = TypeVar("T")

__all__ = ["CancelScope", "watch_for_drain"]


class CancelScope:
    """A context manager around what one task awaits. It cannot be reused, or shared by tasks.

    Once the body has been stopped, leaving the scope raises the error of what stopped it, whatever the body does: a
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
        self._watched: set[Watched] | None = None

    @classmethod
    def of_running(cls, limits: Limits, task: asyncio.Task[Any], cancel_requests: int) -> CancelScope:
        """Make the scope of a body that runs already, to stop it now for a fired signal or a requested drain.

        `cancel_requests` is how often its task had been asked to end when the body began.
        """
        scope = cls(limits)
        scope._task, scope._outer = task, cancel_requests
        return scope

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
            # It fires in any thread, perhaps in the body itself: take the next turn of the loop.
            self._disarm = limits.signal.add_callback(partial(call_soon, loop, self.look))
        if limits.control is not None:
            self._watched = watch_for_drain(self, loop)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        assert task is not None  # noqa: S101 - it was entered
        if self._timer is not None:
            self._timer.cancel()
        if self._disarm is not None:
            self._disarm()
        if self._watched is not None:
            self._watched.discard(self)
        stopped, self._error = self._error, None
        if stopped is None:
            return
        if task.uncancel() > self._outer:
            return  # Other code has cancelled this task as well, and that comes first.
        if error is None or isinstance(error, (Exception, asyncio.CancelledError)):
            # The traceback of the cancellation shows where the body was when it was stopped.
            where = None if error is None else error.__traceback__
            try:
                raise stopped.with_traceback(where) from (error if isinstance(error, Exception) else None)
            finally:
                del stopped, error, where  # Its traceback holds this frame.

    def leave(self) -> None:
        """Do what `__exit__()` does, in a `finally`: raise the error of what stopped the body."""
        self.__exit__(*sys.exc_info())

    def look(self) -> None:
        """Stop the body if the signal has fired or a drain was requested."""
        self._cancel(self._limits.cancelled())

    def _time_out(self) -> None:
        task, timer, seconds = self._task, self._timer, self._limits.seconds
        if task is not None and timer is not None and seconds is not None:
            late = task.get_loop().time() - timer.when()
            self._cancel(self._limits.timed_out(seconds + late))

    def _cancel(self, error: NodeRunnerError | None) -> None:
        if error is None or self._error is not None or self._task is None:
            return
        self._error = error
        self._limits.stopped(str(error))
        self._task.cancel()


class Watched(Protocol):
    """What a drain request stops: a `CancelScope`, or a node call whose attempt nothing else can stop."""

    def look(self) -> None:
        """Stop what runs if a drain was requested."""


class _DrainWatch:
    """What runs on one loop and is to stop at a drain request.

    One timer looks at all entries, and only while there are any: cheaper for a node than a timer of its own.
    """

    __slots__ = ("entries", "is_ticking", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = weakref.ref(loop)
        self.entries: set[Watched] = set()
        self.is_ticking = False

    def schedule(self) -> None:
        """Look at the entries soon."""
        loop = self.loop()
        if loop is not None:
            self.is_ticking = True
            # In a context of its own: that of the node would keep its state alive as long as the loop is busy.
            loop.call_later(DRAIN_POLL_S, self._tick, context=contextvars.Context())

    def _tick(self) -> None:
        self.is_ticking = False
        for entry in tuple(self.entries):
            entry.look()
        if self.entries:
            self.schedule()


class _OfThread(threading.local):
    watch: _DrainWatch | None = None


# A thread runs one loop at a time, so the watch of the thread is nearly always the one that is asked for.
_of_thread = _OfThread()


def watch_for_drain(entry: Watched, loop: asyncio.AbstractEventLoop) -> set[Watched]:
    """Let a drain request stop what the running task awaits next: for less than a `CancelScope` costs.

    Returns:
        The set of what is watched. Discard `entry` from it in the end.
    """
    watch = _of_thread.watch
    if watch is None or watch.loop() is not loop:
        watch = _of_thread.watch = _DrainWatch(loop)
    watch.entries.add(entry)
    if not watch.is_ticking:
        watch.schedule()
    return watch.entries
