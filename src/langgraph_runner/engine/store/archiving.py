"""Ended runs as plain rows: `ended_runs` and `records_of` to read them, `DeleteRuns`, and `RestoreRuns`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import and_, func, select, tuple_

from langgraph_runner.engine.store.backends import backend_of
from langgraph_runner.engine.store.call_limits import long_running
from langgraph_runner.engine.store.row_security import for_all_tenants
from langgraph_runner.engine.store.schema import (
    artifacts,
    outputs,
    run_events,
    run_steps,
    run_tags,
    runs,
)
from langgraph_runner.engine.store.times import now_in
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.engine.store.writes.common import LIVE
from langgraph_runner.engine.store.writes.ending import delete_runs
from langgraph_runner.engine.store.writes.locking import lock_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Table

__all__ = ["DeleteRuns", "RestoreRuns", "RunRecord", "ended_runs", "outputs_of", "records_of"]

RunRecord = dict[str, list[dict[str, Any]]]
"""The rows of one run by table."""

_TABLES: Final = (runs, run_tags, run_steps, run_events, artifacts)


@long_running
@for_all_tenants
def ended_runs(connection: Connection, tenant: str | None, older_than_ms: int) -> list[str]:
    """The ids of runs that ended so long ago, of a tenant or of all, in the order in which they ended."""
    ended_at = func.coalesce(runs.c.completed_at, runs.c.created_at)
    old = select(runs.c.id).where(runs.c.status.not_in(LIVE), ended_at <= now_in(connection) - older_than_ms)
    if tenant is not None:
        old = old.where(runs.c.tenant_id == tenant)
    return [*connection.execute(old.order_by(ended_at, runs.c.id)).scalars()]


@long_running
@for_all_tenants
def records_of(connection: Connection, ids: Sequence[str]) -> list[RunRecord]:
    """All rows of some runs."""
    records: dict[str, RunRecord] = {each: {table.name: [] for table in _TABLES} for each in ids}
    for table in _TABLES:
        of_run = table.c.id if table is runs else table.c.run_id
        for row in connection.execute(select(table).where(of_run.in_(ids))).mappings():
            records[row["id" if table is runs else "run_id"]][table.name].append(dict(row))
    return [record for record in records.values() if record["runs"]]


@long_running
@for_all_tenants
def outputs_of(connection: Connection, refs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Outputs by tenant and reference."""
    found = select(outputs).where(tuple_(outputs.c.tenant_id, outputs.c.sha256).in_(refs))
    return [dict(row) for row in connection.execute(found).mappings()]


@dataclass(slots=True)
class DeleteRuns(Write[int]):
    """Delete ended runs, and expire what they have put into the cache. Gives how many were there."""

    is_long: ClassVar[bool] = True
    ids: list[str]

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[DeleteRuns]) -> list[int]:
        """One after the other."""
        now = now_in(connection)
        return [_delete(connection, write.ids, now) for write in writes]


def _delete(connection: Connection, ids: list[str], now: int) -> int:
    ended = and_(runs.c.id.in_(ids), runs.c.status.not_in(LIVE))
    found = [*connection.execute(select(runs.c.id).where(ended)).scalars()]
    delete_runs(connection, found, now)
    return len(found)


@dataclass(slots=True)
class RestoreRuns(Write[int]):
    """Put runs back, with their outputs. Gives how many; those that are there stay as they are."""

    is_long: ClassVar[bool] = True
    records: list[RunRecord]
    outputs: list[dict[str, Any]]

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[RestoreRuns]) -> list[int]:
        """One after the other."""
        lock_keys(connection, ())  # Outputs must not be pruned before the steps that refer to them are there.
        return [_restore(connection, write) for write in writes]


def _restore(connection: Connection, restore: RestoreRuns) -> int:
    ids = [record["runs"][0]["id"] for record in restore.records]
    there = {*connection.execute(select(runs.c.id).where(runs.c.id.in_(ids))).scalars()}
    new = [record for record in restore.records if record["runs"][0]["id"] not in there]
    for record in new:
        (run,) = record["runs"]
        if run["idempotency_key"] is not None and _is_taken(connection, run):
            run["idempotency_key"] = None
    _insert(connection, outputs, restore.outputs)
    for table in _TABLES:
        _insert(connection, table, [row for record in new for row in record[table.name]])
    return len(new)


def _is_taken(connection: Connection, run: dict[str, Any]) -> bool:
    """Whether a later run was made with the idempotency key of this one."""
    same = select(runs.c.id).where(
        runs.c.tenant_id == run["tenant_id"],
        runs.c.workflow_name == run["workflow_name"],
        runs.c.idempotency_key == run["idempotency_key"],
    )
    return connection.execute(same).first() is not None


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    known = set(table.columns.keys())
    values = [{name: row[name] for name in known & row.keys()} for row in rows]
    if values:
        connection.execute(backend_of(connection).insert_missing(table), values)
