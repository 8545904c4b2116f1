"""`CancelRun`: ends a run, or asks its owner to end it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, and_, delete, func, select, update

from langgraph_runner.engine.store.commands.inserts import add_events, last_seq
from langgraph_runner.engine.store.schema import LIVE, run_steps, runs, step_tasks
from langgraph_runner.engine.store.times import times_in
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CancelRun"]


@dataclass(slots=True)
class CancelRun(Write["str | None"]):
    """Cancel a run for good. Returns its status; None if the tenant has no such run.

    A run without a live owner ends at once, with its steps. A live owner gets the request with its next write.
    """

    run_id: str
    tenant: str
    reason: str

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[CancelRun]) -> list[str | None]:
        """Apply one after the other."""
        return [_cancel(connection, write) for write in writes]


def _cancel(connection: Connection, cancel: CancelRun) -> str | None:
    now, lease_time = times_in(connection)
    is_run = and_(runs.c.id == cancel.run_id, runs.c.tenant_id == cancel.tenant)
    query = select(runs.c.status, runs.c.fence, runs.c.lease_expires_at).where(is_run)
    row = connection.execute(query.with_for_update()).first()
    if row is None:
        return None
    if row.status not in LIVE:
        return str(row.status)
    connection.execute(
        update(runs)
        .where(is_run)
        .values(
            cancel_requested_at=func.coalesce(runs.c.cancel_requested_at, now),
            cancel_reason=func.coalesce(runs.c.cancel_reason, cancel.reason),
        )
    )
    if row.status == "running" and (row.lease_expires_at or 0) >= lease_time:
        return "running"
    connection.execute(
        update(run_steps)
        .where(
            run_steps.c.run_id == cancel.run_id,
            run_steps.c.tenant_id == cancel.tenant,
            run_steps.c.status.in_(LIVE),
        )
        .values(status="cancelled", reason="cancelled", completed_at=now)
    )
    connection.execute(
        delete(step_tasks).where(
            step_tasks.c.run_id == cancel.run_id, step_tasks.c.tenant_id == cancel.tenant
        )
    )
    # The fencing token grows, so that an owner that was taken for dead can no longer write.
    connection.execute(
        update(runs)
        .where(is_run)
        .values(
            status="cancelled",
            completed_at=now,
            fence=row.fence + 1,
            lease_owner=None,
            lease_expires_at=None,
        )
    )
    seq = last_seq(connection, cancel.tenant, cancel.run_id) + 1
    add_events(
        connection, [(cancel.run_id, cancel.tenant, seq, "run_cancelled", {"reason": cancel.reason})], now
    )
    return "cancelled"
