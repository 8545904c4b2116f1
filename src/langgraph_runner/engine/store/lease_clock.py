"""`DatabaseClock` and `LeaseClock`: comparing leases correctly after the clock of the database was set.

A lease ends at a time of the database's clock. When that clock is set forward, the leases of live owners seem to
have expired. When it is set back, leases end far in the future, and the run of a dead owner would wait that long.
So a process compares the database's clock with its own monotonic clock, and corrects the ends of leases by the
difference. A process that started after the step measures how long a lease stays unchanged instead, as DynamoDB's
lock client does.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from langgraph_runner.runtime.runtimes import monotonic

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DatabaseClock", "FutureLease", "LeaseClock"]

KeyT = TypeVar("KeyT")

_SLACK_MS: Final = 500
"""A smaller change of the difference is not a step: NTP slews clocks."""
_LEASE_MS: Final = 30_000


class _Reading(NamedTuple):
    """The difference between the database's clock and ours, in ms: at least `low`, at most `high`."""

    low: float
    high: float
    after: float

    def step_from(self, earlier: _Reading) -> float:
        """Return by how many ms the database's clock was set since an earlier reading; 0 for no step."""
        is_forward = self.low - earlier.high > _SLACK_MS
        is_back = earlier.low - self.high > _SLACK_MS
        if not (is_forward or is_back):
            return 0.0
        return (self.low + self.high - earlier.low - earlier.high) / 2


class DatabaseClock:
    """The clock of one database, as this process knows it. Thread-safe.

    Attributes:
        lease_ms: The longest lease of this process. Leases from before a step forward stay valid for so long.
        monotonic: Our own clock, in seconds.
    """

    def __init__(self) -> None:
        self.lease_ms = 0
        self._last: _Reading | None = None
        self._ahead_ms = 0.0
        self._ahead_until = 0.0
        self._set_back_ms = 0.0
        self._lock = threading.Lock()
        self.monotonic = monotonic

    def lease_time(self, now_ms: int, before: float, after: float) -> int:
        """Record a reading; return the time for comparing leases, in ms since 1970.

        It is `now_ms`. After a step forward, it continues the time before the step until all live owners have renewed
        their leases.

        Args:
            now_ms: The database's time.
            before: Our monotonic clock before it was read, in seconds.
            after: Our monotonic clock after it was read, in seconds.
        """
        reading = _Reading(now_ms - after * 1000, now_ms - before * 1000, after)
        with self._lock:
            step_ms = 0.0 if self._last is None else reading.step_from(self._last)
            ahead_ms = self._ahead_ms if after < self._ahead_until else 0.0
            ahead_ms = max(0.0, ahead_ms + step_ms)
            # The order of two overlapping readings is unknown, so neither replaces the other.
            if self._last is None or before >= self._last.after:
                self._last = reading
                if step_ms:
                    self._ahead_ms = ahead_ms
                    self._ahead_until = after + (self.lease_ms or _LEASE_MS) / 1000
                    self._set_back_ms = max(0.0, -step_ms)
            return now_ms - round(ahead_ms)

    def now_ms(self) -> float | None:
        """Return the time of the database as of the last reading, or a little later; None without a reading."""
        with self._lock:
            return None if self._last is None else self._last.high + self.monotonic() * 1000

    @property
    def set_back_ms(self) -> float:
        """By how many ms the last step set the clock back; 0 if it was set forward, or never."""
        with self._lock:
            return self._set_back_ms


class FutureLease(NamedTuple, Generic[KeyT]):
    """A lease that ends more than its duration from now, so the clock was set back since it was taken."""

    key: KeyT
    """The leased run or task."""
    expires_at: int
    lease_ms: int


class LeaseClock:
    """Finds the future leases whose owners are dead. Belongs to one engine, which asks at each poll."""

    def __init__(self) -> None:
        self._unchanged_since: dict[tuple[object, int], float] = {}

    def look(
        self,
        now_ms: int,
        leases: Sequence[FutureLease[KeyT]],
        monotonic: float,
        set_back_ms: float = 0.0,
    ) -> list[FutureLease[KeyT]]:
        """Record all future leases; return those whose owners are dead.

        A live owner renews its lease within a third of its duration, and then it no longer is a future lease.

        Args:
            now_ms: The database's time.
            leases: All future leases.
            monotonic: Our own clock, in seconds.
            set_back_ms: By how much the clock was set back, if this process has seen the step; else 0.
        """
        seen = {(lease.key, lease.expires_at) for lease in leases}
        self._unchanged_since = {key: self._unchanged_since.get(key, monotonic) for key in seen}
        dead = []
        for lease in leases:
            unchanged_s = monotonic - self._unchanged_since[lease.key, lease.expires_at]
            has_ended = set_back_ms > 0 and lease.expires_at - set_back_ms < now_ms
            if has_ended or unchanged_s >= lease.lease_ms / 1000:
                dead.append(lease)
        return dead
