"""Queries for runs: one run with its steps and events, live runs and their leases, and ended runs to archive."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, bindparam, func, literal_column, select, tuple_

from langgraph_runner.engine.store.call_limits import long_running
from langgraph_runner.engine.store.lease_clock import FutureLease
from langgraph_runner.engine.store.records import (
    RUN_COLUMNS,
    STEP_COLUMNS,
    RunRow,
    StepRow,
    as_counted_run,
    with_counts,
)
from langgraph_runner.engine.store.schema import (
    LIVE,
    artifacts,
    outputs,
    run_events,
    run_steps,
    run_tags,
    runs,
    store_info,
)
from langgraph_runner.engine.store.statements import Prepared, any_of, for_all_tenants, now_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Select

    from langgraph_runner.engine.store.backends import StoreBackend

__all__ = [
    "IS_RUN",
    "RUN_TABLES",
    "RunRecord",
    "claimed_run",
    "clock_and_leases",
    "ended_runs",
    "events_after",
    "last_events",
    "live_runs",
    "outputs_of",
    "records_of",
    "run_by_id",
    "status_of",
    "steps_of",
    "steps_page",
    "store_id",
]

RunRecord = dict[str, list[dict[str, Any]]]
"""The rows of one run by table."""
RUN_TABLES: Final = (runs, run_tags, run_steps, run_events, artifacts)


def run_by_id(connection: Connection, tenant: str, run_id: str) -> RunRow | None:
    """Return a run with the count of its steps by status; None if the tenant has no such run."""
    found = _COUNTED_RUN.ask(connection, tenant=tenant, run=run_id)
    if not found:
        return None
    return as_counted_run(found[0])


def status_of(connection: Connection, tenant: str, run_id: str) -> str | None:
    """Return the status of a run; None if the tenant has no such run."""
    found = _STATUS.ask(connection, tenant=tenant, run=run_id)
    return str(found[0].status) if found else None


def claimed_run(connection: Connection, tenant: str, run_id: str) -> tuple[RunRow, list[StepRow]]:
    """Return a run and its steps, for the engine that has claimed it."""
    (row,) = _RUN.ask(connection, tenant=tenant, run=run_id)
    return RunRow(*row), steps_of(connection, tenant, run_id)


def steps_of(
    connection: Connection, tenant: str, run_id: str, statuses: Iterable[str] | None = None
) -> list[StepRow]:
    """Return the steps of a run in the workflow's order: all, or those with one of some statuses."""
    query = _steps(tenant, run_id, statuses)
    return [StepRow(*row) for row in connection.execute(query)]


def steps_page(
    connection: Connection,
    tenant: str,
    run_id: str,
    *,
    statuses: Iterable[str] | None = None,
    after: int = -1,
    limit: int,
) -> list[tuple[int, StepRow]]:
    """Return up to `limit` steps of a run, each with its position in the workflow, from position `after` + 1 on."""
    query = _steps(tenant, run_id, statuses).add_columns(run_steps.c.position)
    rows = connection.execute(query.where(run_steps.c.position > after).limit(limit))
    return [(position, StepRow(*columns)) for *columns, position in rows]


def _steps(tenant: str, run_id: str, statuses: Iterable[str] | None) -> Select[Any]:
    query = select(*STEP_COLUMNS).where(run_steps.c.run_id == run_id, run_steps.c.tenant_id == tenant)
    if statuses is not None:
        query = query.where(run_steps.c.status.in_([str(each) for each in statuses]))
    return query.order_by(run_steps.c.position)


@for_all_tenants
def store_id(connection: Connection) -> str:
    """Return the unique id of this database."""
    return str(
        connection.execute(select(store_info.c.value).where(store_info.c.name == "store_id")).scalar_one()
    )


@for_all_tenants
def live_runs(connection: Connection) -> dict[str, int]:
    """Return how many runs of all tenants are pending and running. Each count reads one range of an index."""
    return {
        status: connection.execute(
            select(func.count()).select_from(runs).where(runs.c.status == literal_column(f"'{status}'"))
        ).scalar_one()
        for status in ("pending", "running")
    }


@for_all_tenants
def clock_and_leases(connection: Connection, names: list[str]) -> tuple[int, list[FutureLease[str]]]:
    """Return the database's time, and the future leases of these workflows' runs (see `FutureLease`)."""
    now = now_in(connection)
    found = _FUTURE_LEASES.ask(connection, names=names or [""], now=now)
    return now, [FutureLease(row.id, row.lease_expires_at, row.lease_ms) for row in found]


def last_events(connection: Connection, tenants: list[str], run_ids: list[str]) -> dict[str, int]:
    """Return the number of the last event of each run that has events."""
    found = _LAST_EVENTS.ask(connection, tenants=tenants, ids=json.dumps(run_ids))
    return {row.run_id: row.seq for row in found if row.seq is not None}


def events_after(
    connection: Connection, tenant: str, run_id: str, after: int, limit: int
) -> list[tuple[int, str, str, int]]:
    """Return events of a run in their order, as (sequence number, type, data as JSON, time)."""
    query = (
        select(run_events.c.seq, run_events.c.type, run_events.c.data, run_events.c.at)
        .where(run_events.c.run_id == run_id, run_events.c.tenant_id == tenant, run_events.c.seq > after)
        .order_by(run_events.c.seq)
        .limit(limit)
    )
    return [tuple(row) for row in connection.execute(query)]


def _last_events(backend: StoreBackend) -> Any:
    """Return the statement: one index lookup for each run."""
    each = backend.each_of(bindparam("ids"))
    last = select(func.max(run_events.c.seq)).where(
        run_events.c.run_id == each.c.value, any_of(run_events.c.tenant_id, bindparam("tenants"))
    )
    return select(each.c.value.label("run_id"), last.scalar_subquery().label("seq"))


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


_FUTURE_LEASES: Final = Prepared(
    select(runs.c.id, runs.c.lease_expires_at, runs.c.lease_ms).where(
        runs.c.status == literal_column("'running'"),
        runs.c.lease_expires_at > bindparam("now") + runs.c.lease_ms,
        any_of(runs.c.workflow_name, bindparam("names")),
    )
)
IS_RUN: Final = and_(runs.c.id == bindparam("run"), runs.c.tenant_id == bindparam("tenant"))
"""Picks one run, for the parameters `run` and `tenant`."""
_RUN: Final = Prepared(select(*RUN_COLUMNS).where(IS_RUN))
_COUNTED_RUN: Final = Prepared(functools.partial(with_counts, select(*RUN_COLUMNS).where(IS_RUN)))
_STATUS: Final = Prepared(select(runs.c.status).where(IS_RUN))
_LAST_EVENTS: Final = Prepared(_last_events)
