"""`DeleteRuns` and `RestoreRuns`: what archiving and restoring change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import and_, select

from langgraph_runner.engine.store.backends import backend_of
from langgraph_runner.engine.store.commands.locks import lock_keys
from langgraph_runner.engine.store.commands.prune import delete_runs
from langgraph_runner.engine.store.queries.archive import RUN_TABLES
from langgraph_runner.engine.store.schema import LIVE, outputs, runs
from langgraph_runner.engine.store.times import now_in
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Table

    from langgraph_runner.engine.store.queries.archive import RunRecord

__all__ = ["DeleteRuns", "RestoreRuns"]


@dataclass(slots=True)
class DeleteRuns(Write[int]):
    """Delete ended runs, and expire their cache entries. Returns how many runs existed."""

    is_long: ClassVar[bool] = True
    ids: list[str]

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[DeleteRuns]) -> list[int]:
        """Apply one after the other."""
        now = now_in(connection)
        return [_delete(connection, write.ids, now) for write in writes]


def _delete(connection: Connection, ids: list[str], now: int) -> int:
    ended = and_(runs.c.id.in_(ids), runs.c.status.not_in(LIVE))
    found = [*connection.execute(select(runs.c.id).where(ended)).scalars()]
    delete_runs(connection, found, now)
    return len(found)


@dataclass(slots=True)
class RestoreRuns(Write[int]):
    """Insert archived runs with their outputs. Existing runs stay as they are. Returns the number of new runs."""

    is_long: ClassVar[bool] = True
    records: list[RunRecord]
    outputs: list[dict[str, Any]]

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[RestoreRuns]) -> list[int]:
        """Apply one after the other."""
        lock_keys(connection, ())  # Outputs must not be pruned before the steps that refer to them exist.
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
    for table in RUN_TABLES:
        _insert(connection, table, [row for record in new for row in record[table.name]])
    return len(new)


def _is_taken(connection: Connection, run: dict[str, Any]) -> bool:
    """Return whether a later run has the idempotency key of this one."""
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
