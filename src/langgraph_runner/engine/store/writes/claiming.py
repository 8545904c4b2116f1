"""`ClaimRun`, `Heartbeat` and `ReleaseRuns`: who runs a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, literal_column, or_, select, update

from langgraph_runner.engine.store.schema import run_steps, runs
from langgraph_runner.engine.store.statements import Prepared, any_of
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.engine.store.writes.common import add_events, last_seq, now_in

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ClaimRun", "Claimed", "Heartbeat", "ReleaseRuns"]

_LEASED: Final = Prepared(
    select(runs.c.id, runs.c.fence, runs.c.cancel_requested_at, runs.c.cancel_reason).where(
        any_of(runs.c.id, bindparam("ids")), runs.c.status == "running"
    )
)
_KEEP_LEASE: Final = Prepared(
    update(runs)
    .where(runs.c.id == bindparam("r"), runs.c.fence == bindparam("f"), runs.c.status == "running")
    .values(lease_expires_at=bindparam("until"))
)


_IS_FREE: Final = (
    select(runs.c.id, runs.c.tenant_id, runs.c.fence, runs.c.status)
    .where(
        or_(
            runs.c.status == "pending",
            and_(runs.c.status == "running", func.coalesce(runs.c.lease_expires_at, 0) < bindparam("now")),
        ),
        any_of(runs.c.workflow_name, bindparam("names")),
        ~any_of(runs.c.id, bindparam("ours")),
    )
    .order_by(runs.c.priority.desc(), runs.c.created_at, runs.c.id)
    .limit(literal_column("1"))
    .with_for_update(skip_locked=True)
)
_FREE: Final = Prepared(_IS_FREE)
"""Asked by every engine at each poll, with the lock of the database: it is to be quick."""
_FREE_OF_ID: Final = Prepared(_IS_FREE.where(runs.c.id == bindparam("wanted")))


class Claimed(NamedTuple):
    """A run that now belongs to whoever has claimed it."""

    run_id: str
    fence: int
    seq: int
    """Of its last event."""


@dataclass(slots=True)
class ClaimRun(Write["Claimed | None"]):
    """Take a run that nobody runs, or whose owner has not been heard of; the fencing token grows.

    With an id that run, else the one that has waited longest of the highest priority. None if there is none.
    """

    owner: str
    lease_ms: int
    workflows: tuple[str, ...]
    run_id: str | None = None
    ours: tuple[str, ...] = ()
    """What the owner is running, and does not take from itself, though its lease may have run out."""

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[ClaimRun]) -> list[Claimed | None]:
        """One after the other: two never get the same run."""
        return [_claim(connection, write) for write in writes]


def _claim(connection: Connection, claim: ClaimRun) -> Claimed | None:
    now = now_in(connection)
    values: dict[str, Any] = {"now": now, "names": [*claim.workflows], "ours": [*claim.ours] or [""]}
    found = (
        _FREE.ask(connection, **values)
        if claim.run_id is None
        else _FREE_OF_ID.ask(connection, **values, wanted=claim.run_id)
    )
    if not found:
        return None
    row = found[0]
    fence = row.fence + 1
    connection.execute(
        update(runs)
        .where(runs.c.id == row.id)
        .values(
            status="running",
            fence=fence,
            lease_owner=claim.owner,
            lease_expires_at=now + claim.lease_ms,
            started_at=func.coalesce(runs.c.started_at, now),
        )
    )
    # What was running when its owner died has not ended: it runs again.
    connection.execute(
        update(run_steps)
        .where(run_steps.c.run_id == row.id, run_steps.c.status == "running")
        .values(status="pending", started_at=None)
    )
    kind = "run_started" if row.status == "pending" else "run_recovered"
    seq = last_seq(connection, row.id) + 1
    add_events(connection, [(row.id, row.tenant_id, seq, kind, {"fence": fence})], now)
    return Claimed(row.id, fence, seq)


@dataclass(slots=True)
class Heartbeat(Write["dict[str, str | None]"]):
    """Keep the leases of runs. Gives those that are still ours, each with why it is to be cancelled, if it is."""

    owner: str
    lease_ms: int
    fences: dict[str, int] = field(default_factory=dict)

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Heartbeat]) -> list[dict[str, str | None]]:
        """One after the other."""
        return [_beat(connection, write) for write in writes]


def _beat(connection: Connection, beat: Heartbeat) -> dict[str, str | None]:
    until = now_in(connection) + beat.lease_ms
    leased = _LEASED.ask(connection, ids=[*beat.fences])
    ours = [row for row in leased if row.fence == beat.fences[row.id]]
    _KEEP_LEASE.run(connection, [{"r": row.id, "f": row.fence, "until": until} for row in ours])
    return {
        row.id: (row.cancel_reason or "cancelled") if row.cancel_requested_at is not None else None
        for row in ours
    }


@dataclass(slots=True)
class ReleaseRuns(Write[None]):
    """Give up the leases of runs, so that somebody else may go on with them at once."""

    fences: dict[str, int]

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[ReleaseRuns]) -> list[None]:
        """All at once."""
        released = [
            {"r": run_id, "f": fence, "until": 0}
            for write in writes
            for run_id, fence in write.fences.items()
        ]
        _KEEP_LEASE.run(connection, released)
        return [None] * len(writes)
