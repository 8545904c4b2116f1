"""Queries for runs: one run, its steps, the number of live runs, and their leases."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, bindparam, func, literal_column, select

from langgraph_runner.engine.store.lease_clock import FutureLease
from langgraph_runner.engine.store.records import (
    RUN_COLUMNS,
    as_counted_run,
    as_run,
    as_step,
    with_counts,
)
from langgraph_runner.engine.store.row_security import for_all_tenants
from langgraph_runner.engine.store.schema import run_steps, runs, store_info
from langgraph_runner.engine.store.statements import Prepared, any_of
from langgraph_runner.engine.store.times import now_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from langgraph_runner.engine.store.records import RunRow, StepRow

__all__ = [
    "claimed_run",
    "clock_and_leases",
    "live_runs",
    "run_by_id",
    "status_of",
    "steps_of",
    "store_id",
]


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
    return as_run(row), steps_of(connection, tenant, run_id)


def steps_of(
    connection: Connection, tenant: str, run_id: str, statuses: Iterable[str] | None = None
) -> list[StepRow]:
    """Return the steps of a run in the workflow's order: all, or those with one of some statuses."""
    query = select(run_steps).where(run_steps.c.run_id == run_id, run_steps.c.tenant_id == tenant)
    if statuses is not None:
        query = query.where(run_steps.c.status.in_([str(each) for each in statuses]))
    return [as_step(row) for row in connection.execute(query.order_by(run_steps.c.position))]


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


_FUTURE_LEASES: Final = Prepared(
    select(runs.c.id, runs.c.lease_expires_at, runs.c.lease_ms).where(
        runs.c.status == literal_column("'running'"),
        runs.c.lease_expires_at > bindparam("now") + runs.c.lease_ms,
        any_of(runs.c.workflow_name, bindparam("names")),
    )
)
_IS_RUN_OF_TENANT: Final = and_(runs.c.id == bindparam("run"), runs.c.tenant_id == bindparam("tenant"))
_RUN: Final = Prepared(select(*RUN_COLUMNS).where(_IS_RUN_OF_TENANT))
_COUNTED_RUN: Final = Prepared(functools.partial(with_counts, select(*RUN_COLUMNS).where(_IS_RUN_OF_TENANT)))
_STATUS: Final = Prepared(select(runs.c.status).where(_IS_RUN_OF_TENANT))
