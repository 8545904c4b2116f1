"""`AdvanceRun`: writes the progress of a run. This is the hot path: every step that runs passes here twice."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import Connection, Integer, bindparam, case, func, null, select, tuple_, update

from langgraph_runner.engine.store.commands.base import (
    CANCEL_STEPS,
    DROP_TASK,
    DROP_TASKS,
    INSERT_FILE,
    IS_STEP,
    add_events,
    last_seq,
    lock_keys,
    lock_rows,
)
from langgraph_runner.engine.store.commands.start import (
    Accepted,
    Advanced,
    RunProgress,
    hold_duplicates,
    serve_known,
)
from langgraph_runner.engine.store.queries import run_artifacts, run_by_id, steps_of
from langgraph_runner.engine.store.queries.runs import IS_RUN
from langgraph_runner.engine.store.records import CacheEntry
from langgraph_runner.engine.store.schema import outputs, run_steps, runs, step_cache
from langgraph_runner.engine.store.statements import Prepared, any_of, now_ms
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.workflow import StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from langgraph_runner.engine.store.records import StepChange

    _Ended = Sequence[tuple[RunProgress, StepChange]]
    """The steps that end, each with its write."""

__all__ = ["AdvanceRun", "Advanced"]


@dataclass(slots=True)
class AdvanceRun(RunProgress, Write[Advanced]):
    """Write the progress of a run in one transaction: outputs, rows of steps, cache entries, events, and its end."""

    turn: ClassVar[int] = 1

    def locked_runs(self) -> Iterable[str]:
        """Return the run."""
        return (self.run_id,)

    def locked_tasks(self) -> Iterable[tuple[str, str | None]]:
        """Return the tasks of the steps that may end, also as cache hits, or all tasks of a run that ends."""
        if not self.has_tasks:
            return ()
        if self.status is not None:
            return ((self.run_id, None),)
        steps = [*(change.step for change in self.steps), *(start.step for start in self.started)]
        return ((self.run_id, step) for step in steps)

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
        ended = [(each.write, step) for each in accepted for step in each.steps]
        _write_steps(connection, accepted, ended, now)
        _write_cache(connection, ended, now)
        tasks = [(write.run_id, step.step, write.tenant) for write, step in ended if write.has_tasks]
        DROP_TASK.run(connection, [dict(zip(("run", "step", "tenant"), task, strict=True)) for task in tasks])
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


def _write_steps(connection: Connection, writes: Sequence[Accepted], ended: _Ended, now: int) -> None:
    values = {
        (write.tenant, step.output_ref or ""): {
            "tenant_id": write.tenant,
            "sha256": step.output_ref,
            "data": step.output,
        }
        for write, step in ended
        if step.output is not None
    }
    # In one order, like all rows that several processes write, which rules out deadlocks.
    _INSERT_OUTPUT.run(connection, [values[key] for key in sorted(values)])
    starts = [
        {
            "run": each.write.run_id,
            "step": start.step,
            "tenant": each.write.tenant,
            "input_hash": start.input_hash,
            "code_version": start.code_version,
            "cache_key": start.cache_key,
            "fence": each.write.fence,
            "queued_at": now,
            "started_at": now,
        }
        for each in writes
        for start in each.write.started
        if start.step not in each.known and start.step not in each.held
    ]
    _START_STEP.run(connection, starts)
    ends = [
        {
            "run": write.run_id,
            "step": step.step,
            "tenant": write.tenant,
            # Plain text: drivers are slow with a subclass of str, or write the name of an enum.
            "status": step.status.value,
            "reason": None if step.reason is None else step.reason.value,
            "new_input_hash": step.input_hash,
            "new_code_version": step.code_version,
            "new_cache_key": step.cache_key,
            "cache_hit": int(step.cache_hit),
            "attempts": step.attempts,
            "output_sha256": step.output_ref,
            "error": step.error,
            "fence": write.fence,
            "new_started_at": None if step.started_ago_ms is None else now - round(step.started_ago_ms),
            "never_began": int(step.status is StepStatus.CANCELLED and step.attempts == 0),
            "completed_at": now,
            "duration_ms": None if step.duration_ms is None else round(step.duration_ms),
        }
        for write, step in ended
    ]
    _END_STEP.run(connection, ends)
    files = [
        {"run_id": write.run_id, "step_id": step.step, "tenant_id": write.tenant, **asdict(artifact)}
        for write, step in ended
        for artifact in step.artifacts
    ]
    INSERT_FILE.run(connection, files)


def _write_cache(connection: Connection, ended: _Ended, now: int) -> None:
    rows = {
        (write.tenant, step.cache_key or ""): {
            "tenant_id": write.tenant,
            "cache_key": step.cache_key,
            "scope": step.cache_scope,
            "run_id": write.run_id,
            "step_id": step.step,
            "output_sha256": step.output_ref,
            "artifacts": json.dumps([asdict(file) for file in step.artifacts]) if step.artifacts else None,
            "created_at": now,
            "expires_at": None if step.cache_ttl_ms is None else now + step.cache_ttl_ms,
            "hits": 0,
        }
        for write, step in ended
        if step.cache_scope is not None
    }
    hits = [
        {"tenant": write.tenant, "key": step.cache_key, "last_hit_at": now}
        for write, step in ended
        if step.cache_hit
    ]
    if rows and hits:  # Each statement locks in the order of the keys, but not both together.
        keys = {*rows, *((hit["tenant"], hit["key"]) for hit in hits)}
        lock_rows(connection, step_cache, tuple_(step_cache.c.tenant_id, step_cache.c.cache_key).in_(keys))
    _UPSERT_CACHE.run(connection, [rows[key] for key in sorted(rows)])
    _HIT.run(connection, sorted(hits, key=lambda hit: (hit["tenant"], hit["key"])))


def _end_runs(connection: Connection, ended: Sequence[Accepted], now: int) -> None:
    _END_RUN.run(
        connection,
        [
            {
                "run": each.write.run_id,
                "tenant": each.write.tenant,
                "status": each.status,
                "error": each.write.error,
                "completed_at": now,
                "duration_ms": each.write.duration_ms,
            }
            for each in ended
        ],
    )
    rest = [each.write for each in ended if each.status != "completed"]
    routed = [each.write for each in ended if each.write.has_tasks]
    DROP_TASKS.run(connection, [{"run": each.run_id, "tenant": each.tenant} for each in routed])
    CANCEL_STEPS.run(
        connection, [{"run": each.run_id, "tenant": each.tenant, "completed_at": now} for each in rest]
    )
    for each in ended:
        each.ended = run_by_id(connection, each.write.tenant, each.write.run_id)


_CURRENT: Final = Prepared(
    select(runs.c.id, runs.c.fence, runs.c.cancel_requested_at, runs.c.cancel_reason, now_ms().label("now"))
    .where(any_of(runs.c.id, bindparam("ids")), any_of(runs.c.tenant_id, bindparam("tenants")))
    .order_by(runs.c.id)
    .with_for_update(of=runs)
)
_INSERT_OUTPUT: Final = Prepared(lambda backend: backend.insert_missing(outputs), *outputs.c.keys())
_CACHE_KEY: Final = ("tenant_id", "cache_key")
_CACHED: Final = [each.name for each in step_cache.c if each.name not in {*_CACHE_KEY, "last_hit_at"}]
_UPSERT_CACHE: Final = Prepared(
    lambda backend: backend.upsert(step_cache, _CACHE_KEY, _CACHED), *_CACHE_KEY, *_CACHED
)
_START_STEP: Final = Prepared(
    update(run_steps).where(IS_STEP).values(status="running"),
    *("input_hash", "code_version", "cache_key", "fence", "queued_at", "started_at"),
)
_END_STEP: Final = Prepared(
    update(run_steps)
    .where(IS_STEP)
    .values(
        input_hash=func.coalesce(bindparam("new_input_hash"), run_steps.c.input_hash),
        code_version=func.coalesce(bindparam("new_code_version"), run_steps.c.code_version),
        cache_key=func.coalesce(bindparam("new_cache_key"), run_steps.c.cache_key),
        # A step that was stopped while it waited for a slot was written as started, but never ran.
        started_at=case(
            (bindparam("never_began", type_=Integer) == 1, null()),
            else_=func.coalesce(bindparam("new_started_at"), run_steps.c.started_at),
        ),
    ),
    *("status", "reason", "cache_hit", "attempts", "output_sha256", "error", "fence"),
    *("completed_at", "duration_ms"),
)
_END_RUN: Final = Prepared(
    update(runs).where(IS_RUN).values(lease_owner=null(), lease_expires_at=null()),
    *("status", "error", "completed_at", "duration_ms"),
)
_HIT: Final = Prepared(
    update(step_cache)
    .where(step_cache.c.tenant_id == bindparam("tenant"), step_cache.c.cache_key == bindparam("key"))
    .values(hits=step_cache.c.hits + 1),
    "last_hit_at",
)
