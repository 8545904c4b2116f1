"""`FakeRuntime`: time that passes only when code sleeps or says so, and random numbers that never change."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from langgraph_runner.runtime.runtimes import REAL_RUNTIMES, Runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from langgraph_runner.errors import NodeRunnerError
    from langgraph_runner.runtime.abort import AbortSignal
    from langgraph_runner.runtime.limits import Limits

__all__ = ["FakeClock", "FakeRuntime", "FakeTime"]

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_TURNS: Final = 100
"""How many turns of the event loop other tasks get to do their work before the clock moves on."""


ClockT = TypeVar("ClockT", bound="FakeClock")


class FakeClock:
    """What both fake clocks have: the time, the random number of every draw, and tokens that count up."""

    now: float

    def __init__(self, random: float) -> None:
        self._random = random
        self._tokens = itertools.count(1)


class FakeTime(Generic[ClockT]):
    """The part of a runtime that reads a fake clock."""

    is_async: bool

    def __init__(self, clock: ClockT) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._clock.now

    def now_utc(self) -> datetime:
        """The same, from the beginning of 2026."""
        return _START + timedelta(seconds=self._clock.now)

    def random(self) -> float:
        """The number that the test has chosen."""
        return self._clock._random  # noqa: SLF001 - the two classes belong together

    def token_hex(self, nbytes: int) -> str:
        """1, 2, 3 and so on."""
        return f"{next(self._clock._tokens):0{2 * nbytes}x}"  # noqa: SLF001

    def adapt(self, function: Callable[..., Any], *, is_async: bool) -> Callable[..., Any]:
        """As the real runtime of the same kind does."""
        real = REAL_RUNTIMES.awaiting if self.is_async else REAL_RUNTIMES.blocking
        return real.adapt(function, is_async=is_async)

    def cancel_requests(self) -> int:
        """0: nothing cancels a task of the test."""
        return 0


class FakeRuntime(FakeClock):
    """A clock for tests: `create_node(function, runtime=FakeRuntime())`, for sync and async functions.

    Time stands still until a pipeline waits, or the function under test calls `advance()` to say how long it takes.
    A wait returns at once; waits of parallel tasks overlap. A timeout ends the function at the moment when its time
    is over: `advance()` does not return then, and a function of another task is cancelled. For one thread at a time.

    Args:
        random: The result of every draw of a random number, in [0, 1).

    Example:
        >>> from langgraph_runner import create_node
        >>> fake = FakeRuntime()
        >>> def slow(state: dict) -> dict:
        ...     fake.advance(60)
        ...     return {}
        >>> create_node(slow, timeout_ms=500, runtime=fake)({})["errors"][0]["code"]
        'NODE_TIMEOUT'
    """

    def __init__(self, *, random: float = 0.0) -> None:
        self.now = 0.0
        """Seconds since the clock was made."""
        self.sleeps: list[float] = []
        """How long the pipeline has waited, each time, in seconds."""
        super().__init__(random)
        self._planned: list[tuple[float, int, Callable[[], object]]] = []
        self._running: list[_Attempt] = []
        self._wakes: list[float] = []
        """When the tasks wake that wait now."""
        self.awaiting: Runtime = _FakeAsyncRuntime(self)
        """The runtime of async functions."""
        self.blocking: Runtime = _FakeBlockingRuntime(self)
        """The runtime of plain functions."""

    def advance(self, seconds: float) -> None:
        """Let time pass, as if the caller took so long.

        What was planned with `at()` happens meanwhile. If a limit of the running attempt is reached meanwhile, this
        does not return.
        """
        end = self.now + seconds
        while (event := self._next_event(end)) is not None:
            self.now = max(self.now, event)
            self._check_limits()
            while self._planned and self._planned[0][0] <= self.now:
                heapq.heappop(self._planned)[2]()
                self._check_limits()
        self.now = end

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Plan to call `action`, such as an abort, when the clock shows `seconds`."""
        heapq.heappush(self._planned, (seconds, next(self._tokens), action))

    def _next_event(self, end: float) -> float | None:
        times = [attempt.deadline for attempt in self._running if attempt.error is None]
        times += [wake for wake in self._wakes if wake > self.now]
        times += [time for time, *_ in self._planned[:1]]
        return min((time for time in times if time <= end), default=None)

    def _check_limits(self) -> None:
        current = _current_task()
        # Those of other tasks first: to stop the own one unwinds the caller.
        for attempt in sorted(self._running, key=lambda attempt: attempt.task is current):
            if attempt.error is None and (error := attempt.reached(self.now)) is not None:
                attempt.error = error
                attempt.limits.stopped(str(error))
                if attempt.task is None or current is None or attempt.task is current:
                    raise _Stopped(attempt.limits, error)
                attempt.task.cancel()

    @contextmanager
    def _under(self, limits: Limits | None) -> Iterator[None]:
        if limits is None:
            yield
            return
        if (cancelled := limits.cancelled()) is not None:
            raise cancelled
        attempt = _Attempt(limits, self.now)
        self._running.append(attempt)
        try:
            yield
        except (_Stopped, BaseExceptionGroup) as error:
            stopped = _find_stopped(error, limits)
            if stopped is None:
                raise
            raise stopped.error from None
        except asyncio.CancelledError:
            attempt.raise_if_stopped()
            raise
        else:
            attempt.raise_if_stopped()  # The function has swallowed its cancellation: what it returns is dropped.
        finally:
            self._running.remove(attempt)


class _Attempt:
    """A call with limits, and the task that runs it; the task is None outside an event loop."""

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.deadline = float("inf") if limits.seconds is None else now + limits.seconds
        self.task = _current_task()
        self.error: NodeRunnerError | None = None
        """What has stopped it."""
        self._cancels_before = 0 if self.task is None else self.task.cancelling()

    def reached(self, now: float) -> NodeRunnerError | None:
        """Return the error of the limit that has been reached; None if no limit has."""
        if (cancelled := self.limits.cancelled()) is not None:
            return cancelled
        if self.deadline > now:
            return None
        return self.limits.timed_out(now - self.deadline + (self.limits.seconds or 0.0))

    def raise_if_stopped(self) -> None:
        """Raise the error for which another task has stopped this one, unless other code has cancelled it, too."""
        if self.error is not None and self.task is not None and self.task.uncancel() <= self._cancels_before:
            raise self.error from None


class _Stopped(BaseException):
    """Unwinds the function under test; an `except Exception` of the function cannot stop it."""

    def __init__(self, limits: Limits, error: NodeRunnerError) -> None:
        super().__init__(str(error))
        self.limits = limits
        self.error = error


def _find_stopped(error: BaseException, limits: Limits) -> _Stopped | None:
    """Return the stop of these limits, even from a group that an `asyncio.TaskGroup` of the function has made."""
    if isinstance(error, _Stopped):
        return error if error.limits is limits else None
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            found = _find_stopped(each, limits)
            if found is not None:
                return found
    return None


class _FakeTime(FakeTime[FakeRuntime]):
    async def call(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        limits: Limits | None,
    ) -> Any:
        with self._clock._under(limits):  # noqa: SLF001 - the two classes belong together
            result = function(*arguments, **keywords)
            return await result if self.is_async else result

    async def sleep(self, seconds: float, limits: Limits | None) -> None:
        fake = self._clock
        fake.sleeps.append(seconds)
        end = fake.now + seconds
        fake._wakes.append(end)  # noqa: SLF001
        try:
            with fake._under(limits):  # noqa: SLF001
                await self._let_others_run(lambda: fake.now >= end)
                while fake.now < end:
                    event = fake._next_event(end)  # noqa: SLF001
                    fake.advance((end if event is None else event) - fake.now)
                    await self._let_others_run(lambda: fake.now >= end)
                if not seconds:
                    fake.advance(0)
        finally:
            fake._wakes.remove(end)  # noqa: SLF001

    async def wait(self, signal: AbortSignal, seconds: float | None, limits: Limits | None) -> bool:
        fake = self._clock
        ends = [fake.now + end for end in (seconds, limits.seconds if limits else None) if end is not None]
        end = min(ends, default=float("inf"))
        while True:
            await self._let_others_run(lambda: signal.aborted)
            if limits is not None and (cancelled := limits.cancelled()) is not None:
                raise cancelled
            if signal.aborted:
                return True
            if fake.now >= end:
                break
            event = fake._next_event(end)  # noqa: SLF001
            if event is None and end == float("inf"):
                raise RuntimeError("The fake clock waits for a signal that nothing is going to fire.")
            fake.advance((end if event is None else event) - fake.now)
        if (
            limits is not None
            and limits.seconds is not None
            and (seconds is None or limits.seconds < seconds)
        ):
            raise limits.timed_out(limits.seconds)
        return False

    async def _let_others_run(self, is_over: Callable[[], bool]) -> None:
        """Before time moves on, other tasks may do what they can do at this moment, until the wait is over."""


class _FakeAsyncRuntime(_FakeTime):
    is_async = True

    async def _let_others_run(self, is_over: Callable[[], bool]) -> None:
        for _ in range(_TURNS):
            if is_over():
                return
            await asyncio.sleep(0)  # noqa: TID251 - this is a runtime, on the real event loop

    def adapt(self, function: Callable[..., Any], *, is_async: bool) -> Callable[..., Any]:
        return function if is_async else partial(_call, function)


class _FakeBlockingRuntime(_FakeTime):
    is_async = False


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


async def _call(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Call a blocking function on the event loop, in the same thread: the fake clock is for one thread."""
    return function(*arguments, **keywords)
