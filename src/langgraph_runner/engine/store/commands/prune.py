"""`Prune` and `DeleteUnusedOutputs` delete what is no longer needed; `FilesInUse` finds the files that are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
    union_all,
    update,
)

from langgraph_runner.engine.store.backends import backend_of
from langgraph_runner.engine.store.commands.locks import lock_references_alone
from langgraph_runner.engine.store.schema import (
    LIVE,
    artifacts,
    outputs,
    run_events,
    run_steps,
    run_tags,
    runs,
    step_cache,
)
from langgraph_runner.engine.store.statements import Prepared, any_of
from langgraph_runner.engine.store.times import now_in
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DeleteUnusedOutputs", "FilesInUse", "Prune", "delete_runs"]

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

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Prune]) -> list[int]:
        """Apply one after the other."""
        return [_prune(connection, write) for write in writes]


def _prune(connection: Connection, prune: Prune) -> int:
    now = now_in(connection)
    old = select(runs.c.id).where(
        runs.c.status.not_in(LIVE),
        func.coalesce(runs.c.completed_at, runs.c.created_at) <= now - prune.older_than_ms,
    )
    if prune.tenant is not None:
        old = old.where(runs.c.tenant_id == prune.tenant)
    ids = list(connection.execute(old).scalars())
    delete_runs(connection, ids, now)
    is_over = step_cache.c.expires_at < now - _GRACE_MS
    _lock_cache_rows(connection, is_over)
    connection.execute(delete(step_cache).where(is_over))
    return len(ids)


def delete_runs(connection: Connection, ids: list[str], now: int) -> None:
    """Delete ended runs, and expire their cache entries."""
    for start in range(0, len(ids), _RUNS_AT_ONCE):
        some = ids[start : start + _RUNS_AT_ONCE]
        for table in (run_events, run_tags, artifacts, run_steps):
            connection.execute(delete(table).where(table.c.run_id.in_(some)))
        is_live = or_(step_cache.c.expires_at.is_(None), step_cache.c.expires_at > now)
        of_runs = step_cache.c.run_id.in_(some), is_live
        _lock_cache_rows(connection, *of_runs)
        connection.execute(update(step_cache).where(*of_runs).values(expires_at=now))
        connection.execute(delete(runs).where(runs.c.id.in_(some)))


def _lock_cache_rows(connection: Connection, *conditions: ColumnElement[bool]) -> None:
    """Lock cache entries in the order of their keys, as every transaction does, which rules out deadlocks."""
    if not backend_of(connection).has_one_writer:
        rows = select(step_cache.c.cache_key).where(*conditions)
        connection.execute(rows.order_by(step_cache.c.tenant_id, step_cache.c.cache_key).with_for_update())


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

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[FilesInUse]) -> list[set[str]]:
        """Apply one after the other."""
        lock_references_alone(connection)
        return [_in_use(connection, write.sha256s) for write in writes]


def _in_use(connection: Connection, sha256s: list[str]) -> set[str]:
    found = {row.sha256 for row in _FILES_OF.ask(connection, contents=sha256s)}
    cached = select(step_cache.c.artifacts).where(step_cache.c.artifacts.is_not(None))
    for files in connection.execute(cached).scalars():
        found.update(file["sha256"] for file in json.loads(files))
    return found.intersection(sha256s)


_FILES_OF: Final = Prepared(
    select(artifacts.c.sha256).where(any_of(artifacts.c.sha256, bindparam("contents"))).distinct()
)
