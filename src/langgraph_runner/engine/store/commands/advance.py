"""`AdvanceRun`: writes the progress of a run. This is the hot path: every step that runs passes here twice."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Connection,
    Integer,
    bindparam,
    case,
    delete,
    func,
    null,
    or_,
    select,
    update,
)

from langgraph_runner.engine.store.commands.base import INSERT_FILE, IS_STEP, add_events, last_seq, lock_keys
from langgraph_runner.engine.store.commands.start import (
    Accepted,
    Advanced,
    RunProgress,
    hold_duplicates,
    serve_known,
)
from langgraph_runner.engine.store.queries import run_artifacts, run_by_id, steps_of
from langgraph_runner.engine.store.records import CacheEntry
from langgraph_runner.engine.store.schema import outputs, run_steps, runs, step_cache, step_tasks
from langgraph_runner.engine.store.statements import Prepared, any_of, now_ms
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.workflow import StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from langgraph_runner.engine.store.backends import StoreBackend

__all__ = ["AdvanceRun", "Advanced"]


@dataclass(slots=True)
class AdvanceRun(RunProgress, Write[Advanced]):
    """Write the progress of a run in one transaction: outputs, rows of steps, cache entries, events, and its end."""

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[AdvanceRun]) -> list[Advanced]:
        """Apply all together, statement by statement rather than run by run."""
        current = {row.id: row for row in _current(connection, writes)}
        now = next(iter(current.values())).now if current else 0
        accepted = [
            Accepted(write, current[write.run_id])
            for write in writes
            if write.run_id in current and current[write.run_id].fence == write.fence
        ]
        lock_keys(connection, _keys(accepted))
        serve_known(connection, accepted, now)
        hold_duplicates(connection, accepted)
        _write_steps(connection, accepted, now)
        _write_cache(connection, accepted, now)
        add_events(connection, [event for each in accepted for event in each.numbered_events()], now)
        _end_runs(connection, [each for each in accepted if each.status is not None], now)
        results = {id(each.write): each.result() for each in accepted}
        return [results.get(id(write), Advanced(is_accepted=False)) for write in writes]

    def apply_again(self, connection: Connection) -> Advanced:
        """Return the result of the first try, if its events exist: they come after those that the owner knows."""
        current = _current(connection, [self])
        seq = last_seq(connection, self.tenant, self.run_id)
        if not current or current[0].fence != self.fence or seq <= self.seq:
            return self.apply(connection, [self])[0]
        return _as_applied(connection, self, current[0], seq)


def _current(connection: Connection, writes: Sequence[AdvanceRun]) -> list[Any]:
    """Return the runs of these writes, locked where the database locks rows."""
    tenants, ids = {write.tenant for write in writes}, {write.run_id for write in writes}
    return _CURRENT.ask(connection, tenants=[*tenants], ids=[*ids])


def _as_applied(connection: Connection, write: AdvanceRun, run: Any, seq: int) -> Advanced:
    """Return the result of a write that was committed, from the rows that it wrote."""
    files = run_artifacts(connection, write.tenant, write.run_id)
    rows = {row.step: row for row in steps_of(connection, write.tenant, write.run_id)}
    started = [rows[start.step] for start in write.started]
    return Advanced(
        is_accepted=True,
        cancel_reason=None if run.cancel_requested_at is None else run.cancel_reason or "cancelled",
        ended=None if write.status is None else run_by_id(connection, write.tenant, write.run_id),
        seq=seq,
        known={
            row.step: CacheEntry(
                key=row.cache_key or "",
                run_id=write.run_id,
                step=row.step,
                output_ref=row.output_ref or "",
                artifacts=tuple(files.get(row.step, ())),
            )
            for row in started
            if row.status == "skipped"
        },
        held=frozenset(row.step for row in started if row.status == "pending"),
    )


def _keys(writes: Sequence[Accepted]) -> Iterator[tuple[str, str]]:
    """Yield the cache keys that these writes start, store or hit."""
    for each in writes:
        keys = [start.cache_key for start in each.write.started]
        keys += [change.cache_key for change in each.write.steps]
        yield from ((each.write.tenant, key) for key in keys if key is not None)


def _write_steps(connection: Connection, writes: Sequence[Accepted], now: int) -> None:
    values = {
        (each.write.tenant, step.output_ref or ""): {
            "tenant_id": each.write.tenant,
            "sha256": step.output_ref,
            "data": step.output,
        }
        for each in writes
        for step in each.steps
        if step.output is not None
    }
    # In one order, like all rows that several processes write, which rules out deadlocks.
    _INSERT_OUTPUT.run(connection, [values[key] for key in sorted(values)])
    started = [
        {
            "r": each.write.run_id,
            "s": start.step,
            "t": each.write.tenant,
            "new_input_hash": start.input_hash,
            "new_code_version": start.code_version,
            "new_cache_key": start.cache_key,
            "new_fence": each.write.fence,
            "at": now,
        }
        for each in writes
        for start in each.write.started
        if start.step not in each.known and start.step not in each.held
    ]
    _START_STEP.run(connection, started)
    ended = [
        {
            "r": each.write.run_id,
            "s": step.step,
            "t": each.write.tenant,
            # Plain text: drivers are slow with a subclass of str, or write the name of an enum.
            "new_status": step.status.value,
            "new_reason": None if step.reason is None else step.reason.value,
            "new_input_hash": step.input_hash,
            "new_code_version": step.code_version,
            "new_cache_key": step.cache_key,
            "new_cache_hit": int(step.cache_hit),
            "new_attempts": step.attempts,
            "new_output_ref": step.output_ref,
            "new_error": step.error,
            "new_fence": each.write.fence,
            "new_started_at": None if step.started_ago_ms is None else now - round(step.started_ago_ms),
            "never_began": int(step.status is StepStatus.CANCELLED and step.attempts == 0),
            "at": now,
            "new_duration_ms": None if step.duration_ms is None else round(step.duration_ms),
        }
        for each in writes
        for step in each.steps
    ]
    _END_STEP.run(connection, ended)
    files = [
        {
            "run_id": each.write.run_id,
            "step_id": step.step,
            "tenant_id": each.write.tenant,
            **asdict(artifact),
        }
        for each in writes
        for step in each.steps
        for artifact in step.artifacts
    ]
    INSERT_FILE.run(connection, files)


def _write_cache(connection: Connection, writes: Sequence[Accepted], now: int) -> None:
    rows = {
        (each.write.tenant, step.cache_key or ""): {
            "tenant_id": each.write.tenant,
            "cache_key": step.cache_key,
            "scope": step.cache_scope,
            "run_id": each.write.run_id,
            "step_id": step.step,
            "output_sha256": step.output_ref,
            "artifacts": json.dumps([asdict(file) for file in step.artifacts]) if step.artifacts else None,
            "created_at": now,
            "expires_at": None if step.cache_ttl_ms is None else now + step.cache_ttl_ms,
            "hits": 0,
        }
        for each in writes
        for step in each.steps
        if step.cache_scope is not None
    }
    _UPSERT_CACHE.run(connection, [rows[key] for key in sorted(rows)])
    hits = [
        {"t": each.write.tenant, "k": step.cache_key, "at": now}
        for each in writes
        for step in each.steps
        if step.cache_hit
    ]
    _HIT.run(connection, sorted(hits, key=lambda hit: (hit["t"], hit["k"])))


def _end_runs(connection: Connection, ended: Sequence[Accepted], now: int) -> None:
    _END_RUN.run(
        connection,
        [
            {
                "r": each.write.run_id,
                "t": each.write.tenant,
                "new_status": each.status,
                "new_error": each.write.error,
                "at": now,
                "took_ms": each.write.duration_ms,
            }
            for each in ended
        ],
    )
    rest = [each.write for each in ended if each.status != "completed"]
    routed = [each.write for each in ended if each.write.has_tasks]
    _DROP_TASKS.run(connection, [{"r": write.run_id, "t": write.tenant} for write in routed])
    _END_REST.run(connection, [{"r": write.run_id, "t": write.tenant, "at": now} for write in rest])
    for each in ended:
        each.ended = run_by_id(connection, each.write.tenant, each.write.run_id)


def _upsert_cache(backend: StoreBackend) -> Any:
    taken = ("scope", "run_id", "step_id", "output_sha256", "artifacts", "created_at", "expires_at", "hits")
    return backend.upsert(step_cache, ["tenant_id", "cache_key"], taken)


_CURRENT: Final = Prepared(
    select(runs.c.id, runs.c.fence, runs.c.cancel_requested_at, runs.c.cancel_reason, now_ms().label("now"))
    .where(any_of(runs.c.id, bindparam("ids")), any_of(runs.c.tenant_id, bindparam("tenants")))
    .with_for_update(of=runs)
)
_INSERT_OUTPUT: Final = Prepared(
    lambda backend: backend.insert_missing(outputs), "tenant_id", "sha256", "data"
)
_UPSERT_CACHE: Final = Prepared(
    _upsert_cache,
    *("tenant_id", "cache_key", "scope", "run_id", "step_id", "output_sha256", "artifacts"),
    *("created_at", "expires_at", "hits"),
)
_START_STEP: Final = Prepared(
    update(run_steps)
    .where(IS_STEP)
    .values(
        status="running",
        input_hash=bindparam("new_input_hash"),
        code_version=bindparam("new_code_version"),
        cache_key=bindparam("new_cache_key"),
        fence=bindparam("new_fence"),
        queued_at=bindparam("at"),
        started_at=bindparam("at"),
    )
)
_END_STEP: Final = Prepared(
    update(run_steps)
    .where(IS_STEP)
    .values(
        status=bindparam("new_status"),
        reason=bindparam("new_reason"),
        input_hash=func.coalesce(bindparam("new_input_hash"), run_steps.c.input_hash),
        code_version=func.coalesce(bindparam("new_code_version"), run_steps.c.code_version),
        cache_key=func.coalesce(bindparam("new_cache_key"), run_steps.c.cache_key),
        cache_hit=bindparam("new_cache_hit"),
        attempts=bindparam("new_attempts"),
        output_sha256=bindparam("new_output_ref"),
        error=bindparam("new_error"),
        fence=bindparam("new_fence"),
        # A step that was stopped while it waited for a slot was written as started, but never ran.
        started_at=case(
            (bindparam("never_began", type_=Integer) == 1, null()),
            else_=func.coalesce(bindparam("new_started_at"), run_steps.c.started_at),
        ),
        completed_at=bindparam("at"),
        duration_ms=bindparam("new_duration_ms"),
    )
)
_END_RUN: Final = Prepared(
    update(runs)
    .where(runs.c.id == bindparam("r"), runs.c.tenant_id == bindparam("t"))
    .values(
        status=bindparam("new_status"),
        error=bindparam("new_error"),
        completed_at=bindparam("at"),
        duration_ms=bindparam("took_ms"),
        lease_owner=null(),
        lease_expires_at=null(),
    )
)
_DROP_TASKS: Final = Prepared(
    delete(step_tasks).where(step_tasks.c.run_id == bindparam("r"), step_tasks.c.tenant_id == bindparam("t"))
)
_END_REST: Final = Prepared(
    update(run_steps)
    .where(
        run_steps.c.run_id == bindparam("r"),
        run_steps.c.tenant_id == bindparam("t"),
        or_(run_steps.c.status == "pending", run_steps.c.status == "running"),
    )
    .values(status="cancelled", reason="cancelled", completed_at=bindparam("at"))
)
_HIT: Final = Prepared(
    update(step_cache)
    .where(step_cache.c.tenant_id == bindparam("t"), step_cache.c.cache_key == bindparam("k"))
    .values(hits=step_cache.c.hits + 1, last_hit_at=bindparam("at"))
)
