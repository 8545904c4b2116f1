"""`CancelRun`, `Prune` and `DeleteUnusedOutputs`: what ends runs, and takes them away."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
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
from langgraph_runner.engine.store.schema import (
    METADATA,
    artifacts,
    outputs,
    run_events,
    run_steps,
    run_tags,
    runs,
    step_cache,
    step_tasks,
)
from langgraph_runner.engine.store.statements import Prepared, any_of
from langgraph_runner.engine.store.times import now_in, times_in
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.engine.store.writes.common import LIVE, add_events, last_seq
from langgraph_runner.engine.store.writes.locking import lock_references_alone

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CancelRun", "CheckTables", "DeleteUnusedOutputs", "FilesInUse", "Prune", "delete_runs"]

_RUNS_AT_ONCE: Final = 500
_GRACE_MS: Final = 120_000
"""How long an entry of the cache keeps its output after its end. The hot tiers of other processes may serve it for a
minute, and a run that has been told of it may be about to commit."""


@dataclass(slots=True)
class CancelRun(Write["str | None"]):
    """Ask for a run to be cancelled, for good. Gives its status; None if there is no such run of the tenant.

    One that nobody runs ends at once, with its steps; whoever runs another hears of it.
    """

    run_id: str
    tenant: str
    reason: str

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[CancelRun]) -> list[str | None]:
        """One after the other."""
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
    # The fence grows, so that an owner who was taken for dead cannot write any more.
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


@dataclass(slots=True)
class Prune(Write[int]):
    """Delete old runs, and expire what they have put into the cache. Gives how many runs.

    Their outputs stay until `DeleteUnusedOutputs`.
    """

    is_long: ClassVar[bool] = True
    tenant: str | None
    older_than_ms: int

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Prune]) -> list[int]:
        """One after the other."""
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
    """Delete runs that are over, and expire what they have put into the cache."""
    for start in range(0, len(ids), _RUNS_AT_ONCE):
        some = ids[start : start + _RUNS_AT_ONCE]
        for table in (run_events, run_tags, artifacts, run_steps):
            connection.execute(delete(table).where(table.c.run_id.in_(some)))
        still = or_(step_cache.c.expires_at.is_(None), step_cache.c.expires_at > now)
        of_runs = step_cache.c.run_id.in_(some), still
        _lock_cache_rows(connection, *of_runs)
        connection.execute(update(step_cache).where(*of_runs).values(expires_at=now))
        connection.execute(delete(runs).where(runs.c.id.in_(some)))


def _lock_cache_rows(connection: Connection, *conditions: ColumnElement[bool]) -> None:
    """In the order of their keys, as all transactions do: else two might wait for each other."""
    if not backend_of(connection).has_one_writer:
        rows = select(step_cache.c.cache_key).where(*conditions)
        connection.execute(rows.order_by(step_cache.c.tenant_id, step_cache.c.cache_key).with_for_update())


class DeleteUnusedOutputs(Write[int]):
    """Delete the outputs that neither a step nor a cache entry refers to. Gives how many.

    Nothing can refer to one meanwhile: all other writers wait. So it is a write of its own, as short as it can be.
    """

    is_long: ClassVar[bool] = True

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[DeleteUnusedOutputs]) -> list[int]:
        """Once for all."""
        lock_references_alone(connection)
        # Gathered once: to look for each output among the steps, which have no index for it, would take time squared.
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
    """Which of some contents a run or a cache entry refers to. It changes nothing.

    It is a write because it waits for the transactions that are about to add references.
    """

    is_long: ClassVar[bool] = True
    sha256s: list[str]

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[FilesInUse]) -> list[set[str]]:
        """One after the other."""
        lock_references_alone(connection)
        return [_in_use(connection, write.sha256s) for write in writes]


def _in_use(connection: Connection, sha256s: list[str]) -> set[str]:
    found = {row.sha256 for row in _FILES_OF.ask(connection, contents=sha256s)}
    cached = select(step_cache.c.artifacts).where(step_cache.c.artifacts.is_not(None))
    found.update(file["sha256"] for text in connection.execute(cached).scalars() for file in json.loads(text))
    return found.intersection(sha256s)


_FILES_OF: Final = Prepared(
    select(artifacts.c.sha256).where(any_of(artifacts.c.sha256, bindparam("contents"))).distinct()
)


class CheckTables(Write[None]):
    """Look whether all tables can be read in a transaction that may write. It changes nothing."""

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[CheckTables]) -> list[None]:
        """Once for all."""
        for table in METADATA.sorted_tables:
            connection.execute(select(*table.columns).limit(0))
        return [None] * len(writes)
