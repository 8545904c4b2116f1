"""Time, sleep, chance and calls: all that the pipeline awaits, in one object for sync and one for async.

The pipeline is written once, as coroutines that await only what a `Runtime` hands them. `AsyncRuntime`
really awaits; the coroutines of `BlockingRuntime` never suspend, so `drive()` runs the same pipeline to its
end in one step. Nothing else in the package reads a clock, sleeps or draws a random number.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
import types
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from langgraph_runner.runtime.cancel_scope import CancelScope
from langgraph_runner.runtime.limits import DRAIN_POLL_S, Limits
from langgraph_runner.runtime.threads import await_in_thread, call_in_thread
from langgraph_runner.runtime.wake import Wake, call_soon

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Mapping

    from langgraph_runner.runtime.abort import AbortSignal

__all__ = [
    "CURRENT_CALL",
    "REAL_RUNTIMES",
    "AsyncRuntime",
    "BlockingRuntime",
    "ClockOfCalls",
    "CurrentCall",
    "Runtime",
    "Runtimes",
    "as_runtimes",
    "drive",
]

T = TypeVar("T")

monotonic: Final = time.monotonic
"""Seconds on a clock that never goes back."""


class Runtime(Protocol):
    """What a pipeline needs of the world. Thread-safe; one serves any number of nodes."""

    is_async: bool
    """Whether functions are awaited."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def now_utc(self) -> datetime:
        """The time of day, with its time zone."""
        ...

    def random(self) -> float:
        """A random number in [0, 1)."""
        ...

    def token_hex(self, nbytes: int) -> str:
        """`nbytes` random bytes as lower-case hex digits."""
        ...

    def sleep(self, seconds: float, limits: Limits | None) -> Coroutine[Any, Any, None]:
        """Wait, unless `limits` end the wait with their error."""
        ...

    async def wait(self, signal: AbortSignal, seconds: float | None, limits: Limits | None) -> bool:
        """Wait until `signal` fires, unless `limits` end the wait with their error.

        Args:
            signal: Fired by another thread or task.
            seconds: How long to wait at most; None for no limit.
            limits: What may end the wait.

        Returns:
            Whether it fired.
        """
        ...

    async def call(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        limits: Limits | None,
    ) -> Any:
        """Call `function`, a coroutine function if `is_async`, unless `limits` end it with their error."""
        ...

    def adapt(self, function: Callable[..., Any], *, is_async: bool) -> Callable[..., Any]:
        """Make a coroutine function of a plain one, or the reverse, so that `call()` can call it."""
        ...

    def cancel_requests(self) -> int:
        """How often asyncio was asked to cancel what runs now, as `asyncio.Task.cancelling()` counts."""
        ...


class Runtimes(Protocol):
    """An async and a blocking runtime on one clock, for a node to take the one that fits its function."""

    awaiting: Runtime
    blocking: Runtime


class CurrentCall(Protocol):
    """What a runtime asks of the node call that runs now."""

    stop_reason: str | None
    """Why it is to stop; None as long as it is not."""

    @property
    def abort_signal(self) -> AbortSignal:
        """Fires when it is to stop."""
        ...

    @property
    def given_runtimes(self) -> Runtimes | None:
        """The clock that the run's config gives in place of the node's own; None if it gives none."""
        ...


CURRENT_CALL: Final[ContextVar[CurrentCall | None]] = ContextVar("langgraph_runner_node", default=None)
"""The node call that runs now; the package `node` sets it."""


class _Clock:
    """The real clock and real chance."""

    monotonic = staticmethod(monotonic)
    random = staticmethod(random.random)

    def token_hex(self, nbytes: int) -> str:
        return os.urandom(nbytes).hex()

    def now_utc(self) -> datetime:
        return datetime.now(UTC)


class AsyncRuntime(_Clock):
    """Runs async functions on the running event loop."""

    is_async = True

    def sleep(self, seconds: float, limits: Limits | None) -> Coroutine[Any, Any, None]:
        """Wait. A wait of 0 lets other tasks run."""
        if limits is not None:
            return self.call(asyncio.sleep, (seconds,), {}, limits)
        return asyncio.sleep(seconds) if seconds else _next_turn()  # pyright: ignore[reportReturnType] - it is awaited

    async def wait(self, signal: AbortSignal, seconds: float | None, limits: Limits | None) -> bool:
        """Wait in the current task."""
        if seconds is None:
            await self.call(signal.wait_async, (), {}, limits)
        else:
            await self.call(_wait_within, (signal, seconds), {}, limits)
        return signal.aborted

    async def call(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        limits: Limits | None,
    ) -> Any:
        """Await `function(*arguments, **keywords)`."""
        if limits is None:
            return await function(*arguments, **keywords)
        with CancelScope(limits):
            return await function(*arguments, **keywords)

    def adapt(self, function: Callable[..., Any], *, is_async: bool) -> Callable[..., Any]:
        """A blocking function goes to a thread, so that it cannot hold up the event loop."""
        return function if is_async else partial(await_in_thread, function)

    def cancel_requests(self) -> int:
        """Of the current task; 0 where something else than asyncio drives the coroutine."""
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return 0
        return 0 if task is None else task.cancelling()


class BlockingRuntime(_Clock):
    """Runs plain functions in the calling thread, or in one of its own where they may have to be left."""

    is_async = False

    async def sleep(self, seconds: float, limits: Limits | None) -> None:
        """Block this thread."""
        if limits is None:
            if seconds:  # A sleep of 0 still costs the operating system's timer slack.
                time.sleep(seconds)  # noqa: ASYNC251 - blocking is what this runtime is for
            return
        self._wait(None, seconds, limits)

    async def wait(self, signal: AbortSignal, seconds: float | None, limits: Limits | None) -> bool:
        """Block this thread."""
        self._wait(signal, seconds, limits or Limits("wait"))
        return signal.aborted

    def _wait(self, signal: AbortSignal | None, seconds: float | None, limits: Limits) -> None:
        """Block until `signal` fires or `seconds` have passed; raise the error of `limits` if they end the wait."""
        woken = Wake()
        disarm = [each.add_callback(woken.ring) for each in (signal, limits.signal) if each is not None]
        started = self.monotonic()
        try:
            while True:
                if (cancelled := limits.cancelled()) is not None:
                    raise cancelled
                if signal is not None and signal.aborted:
                    return
                elapsed = self.monotonic() - started
                if seconds is not None and elapsed >= seconds:
                    return
                if limits.seconds is not None and elapsed >= limits.seconds:
                    raise limits.timed_out(elapsed)
                ends = [end - elapsed for end in (seconds, limits.seconds) if end is not None]
                if limits.control is not None:
                    ends.append(DRAIN_POLL_S)
                woken.wait(min(ends, default=None))
        finally:
            for remove in disarm:
                remove()

    async def call(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        limits: Limits | None,
    ) -> Any:
        """Call `function(*arguments, **keywords)`; in a thread of its own where limits may have to leave it."""
        if limits is None:
            return function(*arguments, **keywords)
        return call_in_thread(function, arguments, keywords, limits, self.monotonic)

    def adapt(self, function: Callable[..., Any], *, is_async: bool) -> Callable[..., Any]:
        """An async function gets an event loop of its own for each call."""
        return partial(_run_on_own_loop, function) if is_async else function

    def cancel_requests(self) -> int:
        """0: a thread cannot be cancelled."""
        return 0


class _RealRuntimes:
    awaiting: Runtime = AsyncRuntime()
    blocking: Runtime = BlockingRuntime()


REAL_RUNTIMES: Final = _RealRuntimes()
"""The real clock."""


def as_runtimes(runtime: Runtimes | None, *, field: str) -> Runtimes | None:
    """Refuse what is not a runtime of both kinds.

    Raises:
        TypeError: It lacks one of them.
    """
    if runtime is not None and not (hasattr(runtime, "awaiting") and hasattr(runtime, "blocking")):
        raise TypeError(f"{field} must be a testing.FakeRuntime or the like, got {runtime!r:.80}.")
    return runtime


class ClockOfCalls:
    """The clock of a breaker: the clock of the latest node call that used it, else its node's own.

    A call can bring a runtime in its config (`runner_config(runtime=...)`). Code that reads the breaker between
    the calls must see the clock by which it was opened.
    """

    __slots__ = ("_monotonic", "_runtime")

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._monotonic = runtime.monotonic

    def __call__(self) -> float:
        """Seconds on a clock that never goes back."""
        call = CURRENT_CALL.get()
        if call is not None:
            given = call.given_runtimes
            self._monotonic = (self._runtime if given is None else given.blocking).monotonic
        return self._monotonic()


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that must not suspend: so the coroutines of the pipeline serve sync nodes, too.

    Raises:
        RuntimeError: It did suspend.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return] # StopIteration does not know its type
    coroutine.close()
    raise RuntimeError(
        "The pipeline of a sync node awaited something that suspends. A policy may await only"
        " proceed(attempt), attempt.sleep_ms() and attempt.wait()."
    )


@types.coroutine
def _next_turn() -> Generator[None, None, None]:
    """Let other tasks run: what `asyncio.sleep(0)` does, without a coroutine around it."""
    yield


def _run_in_new_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    # asyncio.run() would leave this thread without the event loop that the program has set for it.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(coroutine)


async def _wait_within(signal: AbortSignal, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await signal.wait_async()


def _run_on_own_loop(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    # Read before the loop is made, which takes a while: a stop in between must reach the coroutine. An earlier stop
    # is that of an attempt whose clean-up this is.
    node_call = CURRENT_CALL.get()
    is_stoppable = node_call is not None and node_call.stop_reason is None

    async def call() -> Any:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if node_call is not None and is_stoppable and task is not None:
            # This thread may be left behind; the coroutine can be stopped, so it is.
            node_call.abort_signal.add_callback(partial(call_soon, loop, task.cancel))
        return await function(*arguments, **keywords)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run_in_new_loop(call())
    # A blocking node called from a coroutine: this thread has a loop already, which cannot run another.
    return call_in_thread(_run_in_new_loop, (call(),), {}, Limits(node="callback"), monotonic)
