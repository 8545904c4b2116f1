"""`ManualClock`: time that moves only when a test moves it, for code with several waits at once."""

from __future__ import annotations

import asyncio
import copy
import heapq
import itertools
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, Runtime
from langgraph_runner.testing.fake_runtime import FakeClock, FakeTime

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langgraph_runner.runtime.abort import AbortSignal
    from langgraph_runner.runtime.limits import Limits

__all__ = ["ManualClock"]


class ManualClock(FakeClock):
    """A clock for tests of an engine: `RunEngine(..., runtime=ManualClock())`.

    With a `FakeRuntime` a wait returns at once and moves the time. An engine has many waits under way: it looks for
    runs, renews leases, limits runs and retries steps. So here a wait really waits, until the test has moved the time
    far enough with `advance()`. A blocking function with a time limit is measured by the real clock.

    Thread-safe. The waits of one clock may belong to several threads and event loops.

    Args:
        random: The result of every draw of a random number, in [0, 1).

    Example:
        >>> async def main():
        ...     clock = ManualClock()
        ...     sleeping = asyncio.ensure_future(clock.awaiting.sleep(3600, None))
        ...     await clock.wait_for_sleepers(1)
        ...     clock.advance(3600)
        ...     await sleeping
        ...     return clock.now
        >>> asyncio.run(main())
        3600.0
    """

    def __init__(self, *, random: float = 0.0) -> None:
        self.now = 0.0
        """Seconds since the clock was made."""
        super().__init__(random)
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._sleepers: list[tuple[float, int, Callable[[], object]]] = []
        """Deadlines in their order, with what wakes the sleeper."""
        self.awaiting: Runtime = _AwaitingClock(self)
        """The runtime for async functions."""
        self.blocking: Runtime = _BlockingClock(self)
        """The runtime for plain functions."""

    def advance(self, seconds: float) -> None:
        """Move the time, and wake those whose wait is over. They run when the caller lets them, as by `await`."""
        with self._lock:
            self.now += seconds
            due = []
            while self._sleepers and self._sleepers[0][0] <= self.now:
                due.append(heapq.heappop(self._sleepers)[2])
        for wake in due:
            wake()

    def time_to_next(self) -> float | None:
        """How many seconds are left until the first wait is over; None if no code waits."""
        with self._lock:
            return self._sleepers[0][0] - self.now if self._sleepers else None

    async def wait_for_sleepers(self, count: int) -> None:
        """Let other tasks run until at least `count` waits are under way."""
        while len(self._sleepers) < count:
            await REAL_RUNTIMES.awaiting.sleep(0, None)

    def _add(self, seconds: float, wake: Callable[[], object]) -> None:
        with self._lock:
            heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), wake))

    def _remove(self, wake: Callable[[], object]) -> None:
        with self._lock:
            self._sleepers = [each for each in self._sleepers if each[2] is not wake]
            heapq.heapify(self._sleepers)


class _AwaitingClock(FakeTime[ManualClock]):
    is_async = True

    async def sleep(self, seconds: float, limits: Limits | None) -> None:
        if limits is not None:
            await self.call(self.sleep, (seconds, None), {}, limits)
        elif seconds <= 0:
            await REAL_RUNTIMES.awaiting.sleep(0, None)
        else:
            loop, over = asyncio.get_running_loop(), asyncio.Event()
            wake = partial(loop.call_soon_threadsafe, over.set)
            self._clock._add(seconds, wake)  # noqa: SLF001
            try:
                await over.wait()
            finally:
                self._clock._remove(wake)  # noqa: SLF001

    async def wait(self, signal: AbortSignal, seconds: float | None, limits: Limits | None) -> bool:
        if seconds is None:
            await self.call(signal.wait_async, (), {}, limits)
            return True
        loop = asyncio.get_running_loop()
        waits = {loop.create_task(signal.wait_async()), loop.create_task(self.sleep(seconds, None))}
        try:
            await self.call(asyncio.wait, (waits,), {"return_when": asyncio.FIRST_COMPLETED}, limits)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return signal.aborted

    async def call(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        limits: Limits | None,
    ) -> Any:
        real = REAL_RUNTIMES.awaiting
        if limits is None or limits.seconds is None:
            return await real.call(function, arguments, keywords, limits)
        begun = self.monotonic()
        without_time = copy.copy(limits)
        without_time.seconds = None
        loop = asyncio.get_running_loop()
        work = loop.create_task(real.call(function, arguments, keywords, without_time))
        timer = loop.create_task(self.sleep(limits.seconds, None))
        try:
            await asyncio.wait({work, timer}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            error = limits.timed_out(self.monotonic() - begun)
            limits.stopped(str(error))
            raise error
        finally:
            timer.cancel()
            work.cancel()
            await asyncio.gather(work, timer, return_exceptions=True)

    def cancel_requests(self) -> int:
        return REAL_RUNTIMES.awaiting.cancel_requests()


class _BlockingClock(FakeTime[ManualClock]):
    is_async = False
    call = staticmethod(REAL_RUNTIMES.blocking.call)

    async def sleep(self, seconds: float, limits: Limits | None) -> None:
        self._block(seconds, limits)

    async def wait(self, signal: AbortSignal, seconds: float | None, limits: Limits | None) -> bool:
        started = self.monotonic()
        limit_s = limits.seconds if limits is not None else None
        self._block(min((end for end in (seconds, limit_s) if end is not None), default=None), limits, signal)
        elapsed = self.monotonic() - started
        if limits is not None and limit_s is not None and elapsed >= limit_s and not signal.aborted:
            raise limits.timed_out(elapsed)
        return signal.aborted

    def _block(self, seconds: float | None, limits: Limits | None, signal: AbortSignal | None = None) -> None:
        """Block until the time is over or a signal fires; raise the error of `limits` if theirs has."""
        over = threading.Event()
        wake = over.set
        signals = (signal, limits.signal if limits is not None else None)
        disarm = [each.add_callback(wake) for each in signals if each is not None]
        if seconds is not None:
            self._clock._add(seconds, wake)  # noqa: SLF001
        try:
            over.wait()
        finally:
            self._clock._remove(wake)  # noqa: SLF001
            for remove in disarm:
                remove()
        if limits is not None and (cancelled := limits.cancelled()) is not None:
            raise cancelled
