"""`LeaseClock`: what to think of leases when the database's clock is set.

A lease ends at a time of the database's clock. When that clock is set back, leases end far in the future, and the
run of a dead owner would wait that long. When it is set forward, the leases of live owners seem to have ended. So
this process judges leases by its monotonic clock, as DynamoDB's lock client does: by how long it has seen them
unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FutureLease", "LeaseClock"]

_SLACK_MS: Final = 1_000
"""How much further than ours the database's clock may move between two looks: reading it takes time."""


class FutureLease(NamedTuple):
    """The lease of a run that ends later than it can, if the clock has only moved on since it was taken."""

    run_id: str
    expires_at: int
    lease_ms: int


class LeaseClock:
    """Belongs to one engine, which tells it at each look for runs what it has seen.

    Args:
        lease_ms: How long the leases of this engine hold.
    """

    def __init__(self, lease_ms: int) -> None:
        self._lease_ms = lease_ms
        self._last: tuple[int, float] | None = None
        self._cautious_until = 0.0
        self._unchanged_since: dict[tuple[str, int], float] = {}

    def look(self, now_ms: int, leases: Sequence[FutureLease], monotonic: float) -> list[FutureLease]:
        """Take in the database's time and its future leases; gives those whose owners are dead.

        A live owner renews its lease within a third of its time, and it is a future lease no more.

        Args:
            now_ms: The database's time.
            leases: All future leases.
            monotonic: Our own clock, in seconds.
        """
        if self._last is not None:
            expected_ms = self._last[0] + (monotonic - self._last[1]) * 1000
            if now_ms - expected_ms > _SLACK_MS:
                self._cautious_until = monotonic + self._lease_ms / 1000
        self._last = now_ms, monotonic
        seen = {(lease.run_id, lease.expires_at) for lease in leases}
        self._unchanged_since = {key: self._unchanged_since.get(key, monotonic) for key in seen}
        return [
            lease
            for lease in leases
            if monotonic - self._unchanged_since[lease.run_id, lease.expires_at] >= lease.lease_ms / 1000
        ]

    def trusts_ends(self, monotonic: float) -> bool:
        """Whether a lease that has ended may be taken over.

        For one lease time after the clock was set forward it may not: live owners renew theirs meanwhile.
        """
        return monotonic >= self._cautious_until
