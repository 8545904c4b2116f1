"""Deleting, archiving and restoring runs, and deleting the outputs that nothing needs any more."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    delete,
    or_,
    select,
    tuple_,
    union_all,
    update,
)

from langgraph_runner.engine.store.backends import backend_of
from langgraph_runner.engine.store.commands.base import lock_keys, lock_references_alone, lock_rows
from langgraph_runner.engine.store.queries.runs import RUN_TABLES, ended_runs
from langgraph_runner.engine.store.schema import (
    LIVE,
    artifacts,
    outputs,
    run_events,
    run_steps,
    run_tags,
    runs,
    step_cache,
    step_tasks,
)
from langgraph_runner.engine.store.statements import Prepared, any_of, now_in
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table

    from langgraph_runner.engine.store.queries.runs import RunRecord

__all__ = ["DeleteRuns", "DeleteUnusedOutputs", "FilesInUse", "Prune", "RestoreRuns"]

_RUNS_AT_ONCE: Final = 500
_GRACE_MS: Final = 120_000
"""How long an expired cache entry keeps its output. Hot tiers of other processes may serve the entry for 100 seconds,
and a run that was served it commits a moment later."""


@dataclass(slots=True)
class Prune(Write[int]):
    """Delete old runs, and expire their cache entries. Returns how many runs were deleted.

    Their outputs stay until `DeleteUnusedOutputs`.
    """

    is_long: ClassVar[bool] = True
    tenant: str | None
    older_than_ms: int

    def apply_one(self, connection: Connection) -> int:
        """Delete them, and the cache entries that expired a while ago."""
        ids = ended_runs(connection, self.tenant, self.older_than_ms)
        now = now_in(connection)
        _delete_runs(connection, ids, now)
        is_over = step_cache.c.expires_at < now - _GRACE_MS
        lock_rows(connection, step_cache, is_over)
        connection.execute(delete(step_cache).where(is_over))
        return len(ids)


def _delete_runs(connection: Connection, ids: list[str], now: int) -> None:
    """Delete ended runs, and expire their cache entries."""
    ids = sorted(ids)
    pages = [ids[start : start + _RUNS_AT_ONCE] for start in range(0, len(ids), _RUNS_AT_ONCE)]
    for some in pages:  # Before any other row: an update may be reading one of them as its base.
        lock_rows(connection, runs, runs.c.id.in_(some))
    for some in pages:
        lock_rows(connection, step_tasks, step_tasks.c.run_id.in_(some))
    for some in pages:
        for table in (run_events, run_tags, artifacts, run_steps, step_tasks):
            connection.execute(delete(table).where(table.c.run_id.in_(some)))
        is_live = or_(step_cache.c.expires_at.is_(None), step_cache.c.expires_at > now)
        of_runs = step_cache.c.run_id.in_(some), is_live
        lock_rows(connection, step_cache, *of_runs)
        connection.execute(update(step_cache).where(*of_runs).values(expires_at=now))
        connection.execute(delete(runs).where(runs.c.id.in_(some)))


class DeleteUnusedOutputs(Write[int]):
    """Delete the outputs that neither a step nor a cache entry refers to. Returns how many.

    All other writers wait meanwhile, so that no new reference appears. So this is a transaction of its own.
    """

    is_long: ClassVar[bool] = True

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[DeleteUnusedOutputs]) -> list[int]:
        """Apply once for all."""
        lock_references_alone(connection)
        # One set of all references: steps have no index for them, so a look-up for each output would be quadratic.
        used = union_all(
            *(
                select(table.c.tenant_id, table.c.output_sha256).where(table.c.output_sha256.is_not(None))
                for table in (run_steps, step_cache)
            )
        )
        unused = tuple_(outputs.c.tenant_id, outputs.c.sha256).not_in(used)
        deleted = connection.execute(delete(outputs).where(unused)).rowcount
        return [deleted] * len(writes)


@dataclass(slots=True)
class FilesInUse(Write["set[str]"]):
    """Return which files a run or a cache entry refers to, by SHA-256. It changes nothing.

    It is a write because it must wait for transactions that add references.
    """

    is_long: ClassVar[bool] = True
    sha256s: list[str]

    def apply_one(self, connection: Connection) -> set[str]:
        """Look for the files in rows of artifacts and of the cache."""
        lock_references_alone(connection)
        found = {row.sha256 for row in _FILES_OF.ask(connection, contents=self.sha256s)}
        cached = select(step_cache.c.artifacts).where(step_cache.c.artifacts.is_not(None))
        for files in connection.execute(cached).scalars():
            found.update(file["sha256"] for file in json.loads(files))
        return found.intersection(self.sha256s)


@dataclass(slots=True)
class DeleteRuns(Write[int]):
    """Delete ended runs, and expire their cache entries. Returns how many runs existed."""

    is_long: ClassVar[bool] = True
    ids: list[str]

    def apply_one(self, connection: Connection) -> int:
        """Delete those that exist and have ended."""
        ended = and_(runs.c.id.in_(self.ids), runs.c.status.not_in(LIVE))
        found = [*connection.execute(select(runs.c.id).where(ended)).scalars()]
        _delete_runs(connection, found, now_in(connection))
        return len(found)


@dataclass(slots=True)
class RestoreRuns(Write[int]):
    """Insert archived runs with their outputs. Existing runs stay as they are. Returns the number of new runs."""

    is_long: ClassVar[bool] = True
    records: list[RunRecord]
    outputs: list[dict[str, Any]]

    def apply_one(self, connection: Connection) -> int:
        """Insert what is missing."""
        lock_keys(connection, ())  # Outputs must not be pruned before the steps that refer to them exist.
        ids = [record["runs"][0]["id"] for record in self.records]
        existing = {*connection.execute(select(runs.c.id).where(runs.c.id.in_(ids))).scalars()}
        new = [record for record in self.records if record["runs"][0]["id"] not in existing]
        for record in new:
            (run,) = record["runs"]
            if run["idempotency_key"] is not None and _is_taken(connection, run):
                run["idempotency_key"] = None
        for table in RUN_TABLES:
            _insert(connection, table, [row for record in new for row in record[table.name]])
        _insert(connection, outputs, sorted(self.outputs, key=lambda row: (row["tenant_id"], row["sha256"])))
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


_FILES_OF: Final = Prepared(
    select(artifacts.c.sha256).where(any_of(artifacts.c.sha256, bindparam("contents"))).distinct()
)
