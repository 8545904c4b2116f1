"""Everything that only reads, as functions of a connection. Each carries the tenant."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import and_, bindparam, func, literal_column, or_, select

from langgraph_runner.engine.store.lease_clock import FutureLease
from langgraph_runner.engine.store.records import (
    RUN_COLUMNS,
    CacheEntry,
    as_counted_run,
    as_entry,
    as_run,
    as_step,
    with_counts,
)
from langgraph_runner.engine.store.row_security import for_all_tenants
from langgraph_runner.engine.store.schema import (
    artifacts,
    outputs,
    run_events,
    run_steps,
    runs,
    step_cache,
    store_info,
)
from langgraph_runner.engine.store.statements import Prepared, any_of, now_ms
from langgraph_runner.engine.store.times import now_in
from langgraph_runner.workflow.context import ArtifactRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from langgraph_runner.engine.store.backends import StoreBackend
    from langgraph_runner.engine.store.records import RunRow, StepRow

__all__ = [
    "StepOutput",
    "cache_entries",
    "claimed_run",
    "clock_and_leases",
    "delivered_steps",
    "events_after",
    "has_artifact",
    "last_events",
    "live_runs",
    "output_data",
    "run_artifacts",
    "run_by_id",
    "status_of",
    "step_output",
    "steps_of",
    "store_id",
]


def run_by_id(connection: Connection, tenant: str, run_id: str) -> RunRow | None:
    """A run with the count of its steps by status; None if the tenant has none of this id."""
    found = _COUNTED_RUN.ask(connection, tenant=tenant, run=run_id)
    if not found:
        return None
    return as_counted_run(found[0])


def status_of(connection: Connection, tenant: str, run_id: str) -> str | None:
    """The status of a run; None if the tenant has none of this id."""
    return next((str(row.status) for row in _STATUS.ask(connection, tenant=tenant, run=run_id)), None)


def claimed_run(connection: Connection, tenant: str, run_id: str) -> tuple[RunRow, list[StepRow]]:
    """A run and its steps, for the engine that has claimed it."""
    (row,) = _RUN.ask(connection, tenant=tenant, run=run_id)
    return as_run(row), steps_of(connection, tenant, run_id)


def steps_of(
    connection: Connection, tenant: str, run_id: str, statuses: Iterable[str] | None = None
) -> list[StepRow]:
    """The steps of a run in the workflow's order, all or those of some statuses."""
    query = select(run_steps).where(run_steps.c.run_id == run_id, run_steps.c.tenant_id == tenant)
    if statuses is not None:
        query = query.where(run_steps.c.status.in_([str(each) for each in statuses]))
    return [as_step(row) for row in connection.execute(query.order_by(run_steps.c.position))]


def delivered_steps(connection: Connection, tenant: str, run_id: str) -> list[str]:
    """The steps of a run that have an output, in the workflow's order."""
    query = select(run_steps.c.step_id).where(
        run_steps.c.run_id == run_id, run_steps.c.tenant_id == tenant, run_steps.c.output_sha256.is_not(None)
    )
    return [*connection.execute(query.order_by(run_steps.c.position)).scalars()]


def output_data(connection: Connection, tenant: str, refs: Iterable[str]) -> dict[str, bytes]:
    """Outputs by reference; those that are not there are left out."""
    found = _OUTPUTS.ask(connection, tenant=tenant, refs=[*dict.fromkeys(refs)])
    return {row.sha256: bytes(row.data) for row in found}


class StepOutput(NamedTuple):
    """What a step of a run has delivered."""

    workflow: str
    status: str | None
    """None if the run has no such step."""
    data: bytes | None
    """None if it has delivered nothing."""


def step_output(connection: Connection, tenant: str, run_id: str, step: str) -> StepOutput | None:
    """The output of one step; None if the tenant has no such run."""
    found = _STEP_OUTPUT.ask(connection, tenant=tenant, run=run_id, step=step)
    if not found:
        return None
    row = found[0]
    return StepOutput(row.workflow_name, row.status, None if row.data is None else bytes(row.data))


def cache_entries(connection: Connection, tenant: str, keys: Iterable[str]) -> dict[str, CacheEntry]:
    """What is known under these keys and has not expired."""
    found = _ENTRIES.ask(connection, tenant=tenant, keys=[*dict.fromkeys(keys)])
    return {row.cache_key: as_entry(row) for row in found}


def run_artifacts(connection: Connection, tenant: str, run_id: str) -> dict[str, list[ArtifactRef]]:
    """The files of a run by step, in the order of their names."""
    query = (
        select(artifacts)
        .where(artifacts.c.run_id == run_id, artifacts.c.tenant_id == tenant)
        .order_by(artifacts.c.step_id, artifacts.c.name)
    )
    found: dict[str, list[ArtifactRef]] = {}
    for row in connection.execute(query):
        found.setdefault(row.step_id, []).append(
            ArtifactRef(row.name, row.uri, row.media_type, row.size, row.sha256)
        )
    return found


def has_artifact(connection: Connection, tenant: str, sha256: str) -> bool:
    """Whether a run of the tenant has a file of this content."""
    return bool(_FILE_OF_TENANT.ask(connection, tenant=tenant, sha=str(sha256)))


@for_all_tenants
def store_id(connection: Connection) -> str:
    """What tells this database from all others."""
    return str(
        connection.execute(select(store_info.c.value).where(store_info.c.name == "store_id")).scalar_one()
    )


@for_all_tenants
def live_runs(connection: Connection) -> dict[str, int]:
    """How many runs of all tenants are pending, and how many running: a range of an index each."""
    return {
        status: connection.execute(
            select(func.count()).select_from(runs).where(runs.c.status == literal_column(f"'{status}'"))
        ).scalar_one()
        for status in ("pending", "running")
    }


@for_all_tenants
def clock_and_leases(connection: Connection, names: list[str]) -> tuple[int, list[FutureLease[str]]]:
    """The time, and the leases of these workflows' runs that end later than a lease can that was taken before."""
    now = now_in(connection)
    found = _FUTURE_LEASES.ask(connection, names=names or [""], now=now)
    return now, [FutureLease(row.id, row.lease_expires_at, row.lease_ms) for row in found]


def last_events(connection: Connection, tenants: list[str], run_ids: list[str]) -> dict[str, int]:
    """The number of the last event of each run of these tenants that has one."""
    found = _LAST_EVENTS.ask(connection, tenants=tenants, ids=json.dumps(run_ids))
    return {row.run_id: row.seq for row in found if row.seq is not None}


def events_after(
    connection: Connection, tenant: str, run_id: str, after: int, limit: int
) -> list[tuple[int, str, str, int]]:
    """Events of a run as (sequence number, type, data as JSON, time), in their order."""
    query = (
        select(run_events.c.seq, run_events.c.type, run_events.c.data, run_events.c.at)
        .where(run_events.c.run_id == run_id, run_events.c.tenant_id == tenant, run_events.c.seq > after)
        .order_by(run_events.c.seq)
        .limit(limit)
    )
    return [tuple(row) for row in connection.execute(query)]


_FILE_OF_TENANT: Final = Prepared(
    select(artifacts.c.sha256)
    .where(artifacts.c.sha256 == bindparam("sha"), artifacts.c.tenant_id == bindparam("tenant"))
    .limit(literal_column("1"))
)
_FUTURE_LEASES: Final = Prepared(
    select(runs.c.id, runs.c.lease_expires_at, runs.c.lease_ms).where(
        runs.c.status == literal_column("'running'"),
        runs.c.lease_expires_at > bindparam("now") + runs.c.lease_ms,
        any_of(runs.c.workflow_name, bindparam("names")),
    )
)


def _last_events(backend: StoreBackend) -> Any:
    """One step into the index for each run."""
    each = backend.each_of(bindparam("ids"))
    last = select(func.max(run_events.c.seq)).where(
        run_events.c.run_id == each.c.value, any_of(run_events.c.tenant_id, bindparam("tenants"))
    )
    return select(each.c.value.label("run_id"), last.scalar_subquery().label("seq"))


_LAST_EVENTS: Final = Prepared(_last_events)
_IS_RUN_OF_TENANT: Final = and_(runs.c.id == bindparam("run"), runs.c.tenant_id == bindparam("tenant"))
_RUN: Final = Prepared(select(*RUN_COLUMNS).where(_IS_RUN_OF_TENANT))
_COUNTED_RUN: Final = Prepared(functools.partial(with_counts, select(*RUN_COLUMNS).where(_IS_RUN_OF_TENANT)))
_STATUS: Final = Prepared(select(runs.c.status).where(_IS_RUN_OF_TENANT))
_OUTPUTS: Final = Prepared(
    select(outputs.c.sha256, outputs.c.data).where(
        outputs.c.tenant_id == bindparam("tenant"), any_of(outputs.c.sha256, bindparam("refs"))
    )
)
_STEP_OUTPUT: Final = Prepared(
    select(runs.c.workflow_name, run_steps.c.status, outputs.c.data)
    .outerjoin(
        run_steps,
        and_(
            run_steps.c.run_id == runs.c.id,
            run_steps.c.tenant_id == runs.c.tenant_id,
            run_steps.c.step_id == bindparam("step"),
        ),
    )
    .outerjoin(
        outputs,
        and_(outputs.c.tenant_id == runs.c.tenant_id, outputs.c.sha256 == run_steps.c.output_sha256),
    )
    .where(_IS_RUN_OF_TENANT)
)
_ENTRIES: Final = Prepared(
    select(step_cache).where(
        step_cache.c.tenant_id == bindparam("tenant"),
        any_of(step_cache.c.cache_key, bindparam("keys")),
        or_(step_cache.c.expires_at.is_(None), step_cache.c.expires_at > now_ms()),
    )
)
