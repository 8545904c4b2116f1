"""The latest executions of one node, kept sorted, and its latest calls. They have no lock; their owner has one."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator
from itertools import repeat
from typing import NamedTuple

from langgraph_runner.errors.categories import FailureCategory

MAX_WINDOW_SIZE = 100_000

Sample = tuple[float, bool]


class Call(NamedTuple):
    """How one call ended: an execution, or a call that a policy refused."""

    refusal: FailureCategory | None
    """Which policy refused it; None for an execution."""
    fell_back: bool
    """Whether the fallback delivered."""


EXECUTION = Call(refusal=None, fell_back=False)
# From this share of the window on, sorting all durations again is cheaper than finding a place for each new one.
_SHARE_TO_SORT = 1 / 8


class CallWindow:
    """The latest `size` calls, oldest first: executions, and the refused calls that `RollingWindow` leaves out.

    Not thread-safe.
    """

    __slots__ = ("_arrivals", "circuit_refusals", "fallbacks", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.fallbacks = 0
        self.circuit_refusals = 0
        self._arrivals: deque[Call] = deque(maxlen=size)

    def add(self, call: Call) -> None:
        """Add the newest call, and remove the oldest one if the window is full."""
        arrivals = self._arrivals
        if len(arrivals) >= self.size:
            oldest = arrivals.popleft()
            if oldest.refusal is FailureCategory.CIRCUIT_OPEN:
                self.circuit_refusals -= 1
            if oldest.fell_back:
                self.fallbacks -= 1
        arrivals.append(call)
        if call.refusal is FailureCategory.CIRCUIT_OPEN:
            self.circuit_refusals += 1
        if call.fell_back:
            self.fallbacks += 1

    def add_executions(self, count: int) -> None:
        """Add `count` executions without a fallback, and remove the oldest calls that no longer fit."""
        if self.circuit_refusals or self.fallbacks:
            for _ in range(count):
                self.add(EXECUTION)
        else:  # None of the calls that leave was counted.
            self._arrivals.extend(repeat(EXECUTION, count))

    @property
    def fallback_rate(self) -> float:
        """The share of calls for which the fallback delivered, from 0 to 1; 0 if empty."""
        return self.fallbacks / len(self._arrivals) if self._arrivals else 0.0

    @property
    def circuit_open_rate(self) -> float:
        """The share of calls that an open circuit refused, from 0 to 1; 0 if empty."""
        return self.circuit_refusals / len(self._arrivals) if self._arrivals else 0.0

    def __len__(self) -> int:
        return len(self._arrivals)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._arrivals)


class RollingWindow:
    """The latest `size` executions, oldest first, each a duration in ms and whether it failed.

    A sample costs O(log n) comparisons, to find its own place and that of the sample that it replaces.
    Making room in the sorted list is one `memmove` of at most 8 bytes a sample: little at a size of 1,000,
    and the larger part of the cost from 10,000 on (docs/metrics.md has figures). Many samples that are added
    together are sorted when they are next needed in order.

    Not thread-safe.
    """

    __slots__ = ("_arrivals", "_is_sorted", "_sorted", "failures", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.failures = 0
        self._arrivals: deque[Sample] = deque(maxlen=size)
        self._sorted: list[float] = []
        self._is_sorted = True

    def add(self, duration_ms: float, *, failed: bool) -> None:
        """Add the newest execution, and remove the oldest one if the window is full."""
        durations = self._durations()
        if len(durations) >= self.size:
            oldest_ms, oldest_failed = self._arrivals.popleft()
            del durations[bisect_left(durations, oldest_ms)]
            if oldest_failed:
                self.failures -= 1
        self._arrivals.append((duration_ms, failed))
        insort(durations, duration_ms)
        if failed:
            self.failures += 1

    def add_successes(self, durations_ms: list[float]) -> None:
        """Add the newest executions, all of them successes, and remove the oldest ones that no longer fit."""
        if self._is_sorted and len(durations_ms) < _SHARE_TO_SORT * self.size:
            for duration_ms in durations_ms:
                self.add(duration_ms, failed=False)
            return
        arrivals = self._arrivals
        if self.failures:
            leaving = len(arrivals) + len(durations_ms) - self.size
            for _ in range(min(leaving, len(arrivals))):
                self.failures -= arrivals.popleft()[1]
        arrivals.extend((duration_ms, False) for duration_ms in durations_ms)
        self._is_sorted = False

    def percentile(self, percent: int) -> float | None:
        """Return the sorted sample at index `floor(percent / 100 * n)`, at most the last; None if empty.

        Args:
            percent: From 0 to 100.
        """
        durations = self._durations()
        if not durations:
            return None
        # In whole numbers, because 0.29 * 100 is 28.999999999999996.
        return durations[min(percent * len(durations) // 100, len(durations) - 1)]

    @property
    def last_ms(self) -> float | None:
        """The duration of the newest execution; None if empty."""
        return self._arrivals[-1][0] if self._arrivals else None

    @property
    def failure_rate(self) -> float:
        """The share of executions that failed, from 0 to 1; 0 if empty."""
        return self.failures / len(self._arrivals) if self._arrivals else 0.0

    def __len__(self) -> int:
        return len(self._arrivals)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._arrivals)

    def _durations(self) -> list[float]:
        """Return all durations, sorted."""
        if not self._is_sorted:
            self._sorted, self._is_sorted = sorted([duration_ms for duration_ms, _ in self._arrivals]), True
        return self._sorted
