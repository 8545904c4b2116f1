"""`DatabaseClock` and `LeaseClock`: how leases are judged when the clock of the database is set.

A lease ends at a time of the database's clock. When that clock is set forward, the leases of live owners seem to
have ended. When it is set back, leases end far in the future, and the run of a dead owner would wait that long.
So a process compares the database's clock with its own monotonic clock, and corrects the ends of leases by the
difference. A process that has not seen the step, because it started later, judges leases by how long it has seen
them unchanged, as DynamoDB's lock client does.
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
"""By how much the two clocks may differ more than before without a step: a clock may be slewed."""
_LEASE_MS: Final = 30_000


class _Reading(NamedTuple):
    """The difference between the database's clock and ours, in ms: at least `low`, at most `high`."""

    low: float
    high: float
    after: float

    def step_from(self, earlier: _Reading) -> float:
        """By how many ms the database's clock was set since an earlier reading; 0 if both may be equal."""
        is_forward = self.low - earlier.high > _SLACK_MS
        is_back = earlier.low - self.high > _SLACK_MS
        if not (is_forward or is_back):
            return 0.0
        return (self.low + self.high - earlier.low - earlier.high) / 2


class DatabaseClock:
    """The clock of one database, as this process knows it. Thread-safe.

    Attributes:
        lease_ms: The longest lease of this process. For so long after a step forward, leases from before it are
            still valid.
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
        """Take in a reading; gives the time, in ms of the database's clock, by which leases are judged.

        It is `now_ms`. After a step forward it is the time before the step went on with, until all live owners
        have renewed their leases.

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
            # Of two readings at the same time it is not known which is the later one: neither replaces the other.
            if self._last is None or before >= self._last.after:
                self._last = reading
                if step_ms:
                    self._ahead_ms = ahead_ms
                    self._ahead_until = after + (self.lease_ms or _LEASE_MS) / 1000
                    self._set_back_ms = max(0.0, -step_ms)
            return now_ms - round(ahead_ms)

    @property
    def set_back_ms(self) -> float:
        """By how many ms the last step has set the clock back; 0 if it has set it forward, or there was none."""
        with self._lock:
            return self._set_back_ms


class FutureLease(NamedTuple, Generic[KeyT]):
    """A lease that ends later than it can, if the clock has only moved on since it was taken."""

    key: KeyT
    """What is leased: a run or a step."""
    expires_at: int
    lease_ms: int


class LeaseClock:
    """Finds the future leases whose owners are dead. Belongs to one engine, which looks now and then."""

    def __init__(self) -> None:
        self._unchanged_since: dict[tuple[object, int], float] = {}

    def look(
        self,
        now_ms: int,
        leases: Sequence[FutureLease[KeyT]],
        monotonic: float,
        set_back_ms: float = 0.0,
    ) -> list[FutureLease[KeyT]]:
        """Take in all future leases; gives those whose owners are dead.

        A live owner renews its lease within a third of its time, and it is a future lease no more.

        Args:
            now_ms: The database's time.
            leases: All future leases.
            monotonic: Our own clock, in seconds.
            set_back_ms: By how much the clock was set back, if we have seen that; else 0.
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
