"""Running a blocking attempt in a daemon thread of its own, which can be left behind.

Python cannot stop a thread. The runner can fire the abort signal of the function, go on without it,
drop what it returns later, and count it: `abandoned_threads()`.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from langgraph_runner.errors.exceptions import note_once
from langgraph_runner.runtime import wake
from langgraph_runner.runtime.limits import DRAIN_POLL_S, Limits
from langgraph_runner.runtime.wake import Wake, call_soon

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langgraph_runner.errors import NodeRunnerError


__all__ = ["abandoned_threads", "await_in_thread", "call_in_thread"]

# Files whose frames only wait; the frame that says what a thread waits for is further out.
_WAITING_CODE: Final = frozenset({threading.__file__, queue.__file__, wake.__file__, __file__})

_count_lock = threading.Lock()
_abandoned = 0


def abandoned_threads() -> int:
    """How many attempts still run although their timeout passed or their run was aborted.

    A number that keeps growing means that a function blocks without a timeout of its own and without looking
    at `get_node_context().abort_signal`. Thread-safe.
    """
    return _abandoned


def _count(change: int) -> None:
    global _abandoned  # noqa: PLW0603 - it is one gauge a process
    with _count_lock:
        _abandoned += change


def call_in_thread(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: Mapping[str, Any],
    limits: Limits,
    monotonic: Callable[[], float],
) -> Any:
    """Call `function` in a thread with a copy of the present context, and wait no longer than `limits` allow.

    Raises:
        NodeTimeoutError: `limits.seconds` passed.
        NodeCancellationError: The signal fired, or a drain was requested.
        BaseException: What `function` raised.
    """
    if (cancelled := limits.cancelled()) is not None:
        raise cancelled
    attempt = _ThreadedAttempt(function, arguments, keywords)
    error: NodeRunnerError | None = None
    begun = monotonic()
    disarm = limits.signal.add_callback(attempt.changed.ring) if limits.signal is not None else None
    try:
        attempt.start(f"node-{limits.node}")
        while not attempt.finished:
            left = None if limits.seconds is None else begun + limits.seconds - monotonic()
            error = limits.cancelled()
            if error is None and left is not None and left <= 0:
                error = limits.timed_out(monotonic() - begun)
            if error is not None and attempt.abandon():
                if limits.tells_place and (place := attempt.place()) is not None:
                    note_once(error, place)
                limits.stopped(str(error))
                raise error  # noqa: TRY301 - the clean-up below is for this one too
            # It may have ended in the moment when its time was up, so `left` can be negative.
            ends = [] if left is None else [max(0.0, left)]
            if limits.control is not None:
                ends.append(DRAIN_POLL_S)
            attempt.changed.wait(min(ends, default=None))
    except BaseException:
        # KeyboardInterrupt lands here too: the function is told to stop, and its thread is left behind.
        if attempt.abandon():
            limits.stopped("abandoned")
        raise
    finally:
        error = None  # Its traceback holds this frame: the two would keep the state alive.
        if disarm is not None:
            disarm()
    return attempt.result()


async def await_in_thread(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Call a blocking function from a coroutine, in a daemon thread that a cancellation leaves behind.

    `asyncio.to_thread` would keep the loop from closing until the function returns.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    attempt = _ThreadedAttempt(function, arguments, keywords, partial(call_soon, loop, ended.set))
    try:
        attempt.start(f"node-{getattr(function, '__name__', 'function')}")
        await ended.wait()
    except BaseException:
        attempt.abandon()
        raise
    return attempt.result()


class _ThreadedAttempt:
    """One call in one thread. `changed` wakes the waiting thread, `on_end` is called at the end."""

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        on_end: Callable[[], object] | None = None,
    ) -> None:
        self._work = (function, arguments, keywords)
        self._thread: threading.Thread | None = None
        self.changed = Wake()
        self._on_end = on_end or self.changed.ring
        self._lock = threading.Lock()
        self._abandoned = False
        self._running = False
        self._value: Any = None
        self._error: BaseException | None = None
        self.finished = False

    def start(self, name: str) -> None:
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._run,), name=name, daemon=True)
        self._thread.start()

    def place(self) -> str | None:
        """A sentence that says where the thread is now: the innermost line of the function's own code."""
        ident = self._thread.ident if self._thread is not None else None
        frame = sys._current_frames().get(ident or 0)  # noqa: SLF001 - the only way there is
        while frame is not None and frame.f_code.co_filename in _WAITING_CODE:
            frame = frame.f_back
        if frame is None:
            return None
        code = frame.f_code
        return f'It is still in {code.co_name}, File "{code.co_filename}", line {frame.f_lineno}.'

    def _run(self) -> None:
        function, arguments, keywords = self._work
        value: Any = None
        error: BaseException | None = None
        with self._lock:
            self._running = not self._abandoned
        if not self._running:
            return  # It was abandoned before it began, and so was not counted.
        try:
            value = function(*arguments, **keywords)
        except BaseException as raised:
            error = raised
        with self._lock:
            if self._abandoned:
                _count(-1)
                return
            self._value, self._error, self.finished = value, error, True
        self._on_end()

    def abandon(self) -> bool:
        """Stop waiting for the thread. False if it has finished already, or was abandoned before."""
        with self._lock:
            if self.finished or self._abandoned or self._thread is None:
                return False
            self._abandoned = True
            if self._running:
                _count(1)
            return True

    def result(self) -> Any:
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # A frame that holds its own exception keeps both alive.
        return self._value
