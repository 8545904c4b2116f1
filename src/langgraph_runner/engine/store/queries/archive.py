"""Queries for archives: the ids of ended runs, and their rows and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select, tuple_

from langgraph_runner.engine.store.call_limits import long_running
from langgraph_runner.engine.store.row_security import for_all_tenants
from langgraph_runner.engine.store.schema import (
    LIVE,
    artifacts,
    outputs,
    run_events,
    run_steps,
    run_tags,
    runs,
)
from langgraph_runner.engine.store.times import now_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

__all__ = ["RUN_TABLES", "RunRecord", "ended_runs", "outputs_of", "records_of"]

RunRecord = dict[str, list[dict[str, Any]]]
"""The rows of one run by table."""
RUN_TABLES: Final = (runs, run_tags, run_steps, run_events, artifacts)


@long_running
@for_all_tenants
def ended_runs(connection: Connection, tenant: str | None, older_than_ms: int) -> list[str]:
    """Return the ids of runs that ended at least so long ago, of one or all tenants, in the order of their ends."""
    ended_at = func.coalesce(runs.c.completed_at, runs.c.created_at)
    old = select(runs.c.id).where(runs.c.status.not_in(LIVE), ended_at <= now_in(connection) - older_than_ms)
    if tenant is not None:
        old = old.where(runs.c.tenant_id == tenant)
    return [*connection.execute(old.order_by(ended_at, runs.c.id)).scalars()]


@long_running
@for_all_tenants
def records_of(connection: Connection, ids: Sequence[str]) -> list[RunRecord]:
    """Return all rows of some runs."""
    records: dict[str, RunRecord] = {each: {table.name: [] for table in RUN_TABLES} for each in ids}
    for table in RUN_TABLES:
        of_run = table.c.id if table is runs else table.c.run_id
        for row in connection.execute(select(table).where(of_run.in_(ids))).mappings():
            records[row["id" if table is runs else "run_id"]][table.name].append(dict(row))
    return [record for record in records.values() if record["runs"]]


@long_running
@for_all_tenants
def outputs_of(connection: Connection, refs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return outputs by tenant and reference."""
    found = select(outputs).where(tuple_(outputs.c.tenant_id, outputs.c.sha256).in_(refs))
    return [dict(row) for row in connection.execute(found).mappings()]
