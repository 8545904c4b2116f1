"""`CreateRun` and `CancelRun`: what callers do with a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update

from langgraph_runner.engine.errors import RunNotFoundError
from langgraph_runner.engine.store.commands.base import (
    CANCEL_STEPS,
    DROP_TASKS,
    INSERT_FILE,
    IS_STEP,
    add_events,
    last_seq,
    lock_keys,
    of_run,
)
from langgraph_runner.engine.store.queries.runs import IS_RUN
from langgraph_runner.engine.store.records import RUN_COLUMNS, new_run
from langgraph_runner.engine.store.schema import LIVE, artifacts, run_steps, run_tags, runs
from langgraph_runner.engine.store.statements import Prepared, any_of, now_in, times_in
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from langgraph_runner.engine.store.records import NewRun

__all__ = ["CancelRun", "CreateRun", "Created"]

_WITH_KEY: Final = Prepared(
    select(runs.c.id, runs.c.fence).where(
        runs.c.tenant_id == bindparam("tenant"),
        runs.c.workflow_name == bindparam("workflow"),
        runs.c.idempotency_key == bindparam("key"),
    )
)
_BY_ID: Final = Prepared(select(runs.c.created_at).where(IS_RUN))
_KEEP_BASES: Final = Prepared(
    select(runs.c.id, runs.c.tenant_id)
    .where(any_of(runs.c.id, bindparam("ids")), any_of(runs.c.tenant_id, bindparam("tenants")))
    .order_by(runs.c.id)
    .with_for_update(read=True, key_share=True)
)
_INSERT_RUN: Final = Prepared(
    insert(runs), *(column.name for column in RUN_COLUMNS), "lease_owner", "lease_ms"
)
_INSERT_STEPS: Final = Prepared(
    insert(run_steps).values(status="pending", cache_hit=0, attempts=0, fence=0),
    *("run_id", "step_id", "tenant_id", "position"),
)
_INSERT_TAGS: Final = Prepared(insert(run_tags), *run_tags.c.keys())
_STEPS: Final = Prepared(select(run_steps).where(of_run(run_steps)))
_FILES: Final = Prepared(select(artifacts).where(of_run(artifacts)))
_REUSE_STEP: Final = Prepared(
    update(run_steps).where(IS_STEP).values(status="skipped"),
    *("reason", "input_hash", "code_version", "cache_key", "output_sha256", "completed_at"),
)


class Created(NamedTuple):
    """The result of `CreateRun`."""

    run_id: str
    """The new run, or the existing run with the same idempotency key."""
    is_new: bool
    fence: int
    seq: int
    """The number of its last event."""
    at: int
    """When it was created, in ms since 1970."""

    @classmethod
    def of(cls, run: NewRun, at: int) -> Created:
        """Return the result of creating `run` at the time `at`, unless its idempotency key was used before."""
        is_claimed = run.owner is not None
        return cls(run.id, is_new=True, fence=int(is_claimed), seq=1 + is_claimed, at=at)


@dataclass(slots=True)
class CreateRun(Write[Created]):
    """Create a run with the rows of its steps; claim it at once if it has an owner."""

    turn: ClassVar[int] = 0
    run: NewRun

    @property
    def tenant(self) -> str:
        """The tenant of the run."""
        return self.run.tenant

    def locked_runs(self) -> Iterable[str]:
        """Return the base run."""
        return () if self.run.base_run_id is None else (self.run.base_run_id,)

    def apply_again(self, connection: Connection) -> Created:
        """Return the existing run if there is one: the first try has created it."""
        known = _BY_ID.ask(connection, tenant=self.tenant, run=self.run.id)
        return Created.of(self.run, known[0].created_at) if known else self.apply(connection, [self])[0]

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[CreateRun]) -> list[Created]:
        """Apply all together. Of two runs with one idempotency key, the first is created.

        Raises:
            RunNotFoundError: A base run was deleted since it was read. The new run would repeat all its steps.
        """
        bases = _keep_bases(connection, writes)
        if any(write.run.reused for write in writes):
            lock_keys(connection, ())  # The reused outputs must not be pruned meanwhile.
        now = now_in(connection)
        created: list[Created] = []
        new: list[NewRun] = []
        keys: dict[tuple[str, str, str], Created] = {}
        for run in (write.run for write in writes):
            made = _existing_run(connection, run, keys)
            if made is None:
                if run.base_run_id is not None and (run.tenant, run.base_run_id) not in bases:
                    raise RunNotFoundError(run_id=run.base_run_id)
                made = Created.of(run, now)
                new.append(run)
                if run.idempotency_key is not None:
                    keys[run.tenant, run.workflow, run.idempotency_key] = made._replace(is_new=False)
            created.append(made)
        new.sort(key=lambda run: (run.tenant, run.workflow, run.idempotency_key or ""))
        _INSERT_RUN.run(connection, [_row(run, now) for run in new])
        _INSERT_STEPS.run(connection, [step for run in new for step in _steps(run)])
        _INSERT_TAGS.run(connection, [tag for run in new for tag in _tags(run, now)])
        for run in new:
            if run.reused_from is not None and run.reused:
                _reuse_steps(connection, run, run.reused_from, now)
        add_events(connection, [event for run in new for event in _events(run)], now)
        return created


def _keep_bases(connection: Connection, writes: Sequence[CreateRun]) -> set[tuple[str, str]]:
    """Return the base runs that exist, by tenant and id. They cannot be deleted until the transaction ends."""
    derived = [write.run for write in writes if write.run.base_run_id is not None]
    if not derived:
        return set()
    tenants, ids = {run.tenant for run in derived}, {run.base_run_id for run in derived}
    rows = _KEEP_BASES.ask(connection, tenants=[*tenants], ids=[*ids])
    return {(row.tenant_id, row.id) for row in rows}


def _existing_run(
    connection: Connection, run: NewRun, keys: dict[tuple[str, str, str], Created]
) -> Created | None:
    """Return the existing run with the same idempotency key, of this group or an earlier one."""
    if run.idempotency_key is None:
        return None
    made = keys.get((run.tenant, run.workflow, run.idempotency_key))
    if made is not None:
        return made
    known = _WITH_KEY.ask(connection, tenant=run.tenant, workflow=run.workflow, key=run.idempotency_key)
    return Created(known[0].id, is_new=False, fence=known[0].fence, seq=0, at=0) if known else None


def _row(run: NewRun, now: int) -> dict[str, Any]:
    is_claimed = run.owner is not None
    columns = (column.name for column in RUN_COLUMNS)
    return {
        **dict(zip(columns, new_run(run, fence=int(is_claimed), at=now), strict=False)),
        "lease_owner": run.owner,
        "lease_ms": run.lease_ms if is_claimed else None,
    }


def _tags(run: NewRun, now: int) -> Iterator[dict[str, Any]]:
    for name, value in run.tags.items():
        yield {
            "tenant_id": run.tenant,
            "name": name,
            "value": value,
            "created_at": now,
            "run_id": run.id,
        }


def _steps(run: NewRun) -> Iterator[dict[str, Any]]:
    for position, step in enumerate(run.steps):
        yield {"run_id": run.id, "step_id": step, "tenant_id": run.tenant, "position": position}


def _events(run: NewRun) -> Iterator[tuple[str, str, int, str, dict[str, Any]]]:
    yield run.id, run.tenant, 1, "run_created", {"workflow": run.workflow, "trigger": run.trigger}
    if run.owner is not None:
        yield run.id, run.tenant, 2, "run_started", {}


def _reuse_steps(connection: Connection, run: NewRun, base: str, now: int) -> None:
    """Copy the rows of reused steps from the base run. Outputs are kept by content, so they are not copied."""
    of_base = {"tenant": run.tenant, "run": base}
    before = {row.step_id: row for row in _STEPS.ask(connection, **of_base) if row.step_id in run.reused}
    _REUSE_STEP.run(
        connection,
        [
            {
                "run": run.id,
                "step": step,
                "tenant": run.tenant,
                "reason": run.reason,
                "input_hash": row.input_hash,
                "code_version": row.code_version,
                "cache_key": row.cache_key,
                "output_sha256": row.output_sha256,
                "completed_at": now,
            }
            for step, row in before.items()
        ],
    )
    files = _FILES.ask(connection, **of_base)
    INSERT_FILE.run(
        connection, [{**row._asdict(), "run_id": run.id} for row in files if row.step_id in before]
    )


@dataclass(slots=True)
class CancelRun(Write["str | None"]):
    """Cancel a run for good. Returns its status; None if the tenant has no such run.

    A run without a live owner ends at once, with its steps. A live owner gets the request with its next write.
    """

    run_id: str
    tenant: str
    reason: str

    def locked_runs(self) -> Iterable[str]:
        """Return the run."""
        return (self.run_id,)

    def locked_tasks(self) -> Iterable[tuple[str, None]]:
        """Return all tasks of the run."""
        return ((self.run_id, None),)

    def apply_one(self, connection: Connection) -> str | None:
        """Cancel it, or leave that to its owner."""
        now, lease_time = times_in(connection)
        is_run = and_(runs.c.id == self.run_id, runs.c.tenant_id == self.tenant)
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
                cancel_reason=func.coalesce(runs.c.cancel_reason, self.reason),
            )
        )
        if row.status == "running" and (row.lease_expires_at or 0) >= lease_time:
            return "running"
        run = {"run": self.run_id, "tenant": self.tenant}
        CANCEL_STEPS.run(connection, [{**run, "completed_at": now}])
        DROP_TASKS.run(connection, [run])
        # The fencing token grows, so that an owner that was taken for dead can no longer write.
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
        seq = last_seq(connection, self.tenant, self.run_id) + 1
        add_events(
            connection, [(self.run_id, self.tenant, seq, "run_cancelled", {"reason": self.reason})], now
        )
        return "cancelled"
