"""`ClaimRun`, `Heartbeat` and `ReleaseRuns`: leases of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, literal_column, or_, select, true, update

from langgraph_runner.engine.store.commands.base import add_events, last_seq, of_run, try_lock_tenant
from langgraph_runner.engine.store.schema import LIVE, run_steps, runs, step_tasks
from langgraph_runner.engine.store.statements import Prepared, any_of, now_in, times_in
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langgraph_runner.engine.store.backends import StoreBackend

__all__ = ["SUSPECT_FROM", "ClaimRun", "Claimed", "Heartbeat", "ReleaseRuns"]

_LEASED: Final = Prepared(
    select(
        *(runs.c.id, runs.c.fence, runs.c.lease_owner, runs.c.cancel_requested_at, runs.c.cancel_reason)
    ).where(any_of(runs.c.id, bindparam("ids")), runs.c.status == "running")
)
_KEEP_LEASE: Final = Prepared(
    update(runs)
    .where(runs.c.id == bindparam("r"), runs.c.fence == bindparam("f"), runs.c.status == "running")
    .values(lease_expires_at=bindparam("until"), ran_ms=func.coalesce(bindparam("ran"), runs.c.ran_ms))
)
_CANDIDATE: Final = (
    select(
        *(runs.c.id, runs.c.tenant_id, runs.c.fence, runs.c.status, runs.c.priority, runs.c.created_at),
        *(runs.c.lease_expires_at, runs.c.ran_ms, runs.c.recoveries, runs.c.recovered_at_steps),
    )
    .order_by(runs.c.priority.desc(), runs.c.created_at, runs.c.id)
    .limit(literal_column("1"))
    .with_for_update(skip_locked=True)
)
# Statuses as literals, so that the partial indexes are used: every engine asks this at each poll.
_IS_WAITING: Final = runs.c.status == literal_column("'pending'")
_WAITING: Final = _CANDIDATE.where(_IS_WAITING, any_of(runs.c.workflow_name, bindparam("names")))
_EXPIRED: Final = _CANDIDATE.where(
    runs.c.status == literal_column("'running'"),
    any_of(runs.c.workflow_name, bindparam("names")),
    runs.c.lease_expires_at < bindparam("now"),
    ~any_of(runs.c.id, bindparam("ours")),
)
_IS_HARMLESS: Final = or_(
    runs.c.recoveries < bindparam("suspect_from"), runs.c.lease_expires_at < bindparam("suspects_before")
)
_FIRST_EXPIRED: Final = Prepared(_EXPIRED.where(_IS_HARMLESS))
_WAITING_OF_ID: Final = Prepared(_WAITING.where(runs.c.id == bindparam("wanted")))
_EXPIRED_OF_ID: Final = Prepared(_EXPIRED.where(runs.c.id == bindparam("wanted")))
_STUCK: Final = Prepared(
    _CANDIDATE.where(
        runs.c.id == bindparam("wanted"),
        runs.c.status == literal_column("'running'"),
        runs.c.lease_expires_at == bindparam("stuck_at"),
    )
)


def _next_tenant(backend: StoreBackend) -> Any:
    """Return the statement for the tenant after `after` that has waiting runs: one index lookup for each workflow."""
    name = backend.each_of(bindparam("names"))
    of_name = select(func.min(runs.c.tenant_id).label("tenant")).where(
        _IS_WAITING, runs.c.workflow_name == name.c.value, runs.c.tenant_id > bindparam("after")
    )
    first = select(of_name.scalar_subquery().label("tenant")).select_from(name).subquery()
    return select(func.min(first.c.tenant).label("tenant"))


def _first_of_tenant(backend: StoreBackend) -> Any:
    """Return the statement for the first waiting run of a tenant, among the first of each workflow."""
    name = backend.each_of(bindparam("names"))
    of_name = _CANDIDATE.where(
        _IS_WAITING, runs.c.workflow_name == name.c.value, runs.c.tenant_id == bindparam("tenant")
    )
    if not backend.has_lateral:
        # This does not skip rows that other transactions have locked, so it needs a database with one writer.
        ids = select(of_name.with_only_columns(runs.c.id).scalar_subquery()).select_from(name)
        return _CANDIDATE.where(runs.c.id.in_(ids))
    first = of_name.lateral("first")
    return (
        select(*(first.c[str(column.key)] for column in _CANDIDATE.selected_columns))
        .select_from(name.join(first, true()))
        .order_by(first.c.priority.desc(), first.c.created_at, first.c.id)
        .limit(literal_column("1"))
    )


_COUNT_RUNNING: Final = Prepared(
    select(func.count().label("count")).where(
        runs.c.tenant_id == bindparam("tenant"), runs.c.status == literal_column("'running'")
    )
)
_NEXT_TENANT: Final = Prepared(_next_tenant)
_FIRST_OF_TENANT: Final = Prepared(_first_of_tenant)
_TASKS_OF: Final = Prepared(select(step_tasks.c.step_id, step_tasks.c.fence).where(of_run(step_tasks)))
_STEPS_OF: Final = Prepared(select(run_steps.c.step_id, run_steps.c.status).where(of_run(run_steps)))

SUSPECT_FROM: Final = 2
"""From so many recoveries without progress on, the run itself is suspected of killing its processes."""
_ALONE_FOR_LEASES: Final = 10
"""How many lease times a suspected run waits for an idle engine. After that, a busy engine claims it."""


class Claimed(NamedTuple):
    """A run that an engine has claimed."""

    run_id: str
    tenant: str
    fence: int
    seq: int
    """The number of its last event."""
    recoveries: int = 0
    """How often it was recovered since one of its steps last ended, including this claim."""
    running: tuple[str, ...] = ()
    """The steps that ran when its last owner died."""
    spent_ms: int = 0
    """How long earlier owners ran it up to the last heartbeat, in ms."""
    tasks: frozenset[str] = frozenset()
    """The steps that its last owner has left to workers of queues."""


@dataclass(slots=True)
class ClaimRun(Write["Claimed | None"]):
    """Claim a waiting or orphaned run; its fencing token grows.

    With `run_id`, it claims that run. Otherwise it claims an orphaned run, or else the oldest run of the highest
    priority of the next tenant in turn. None if there is no such run.
    """

    owner: str
    lease_ms: int
    workflows: tuple[str, ...]
    run_id: str | None = None
    after: str = ""
    """The tenant that had the last turn."""
    ours: tuple[str, ...] = ()
    """Runs that the owner holds. It does not claim them again, even if their leases have expired."""
    stuck_at: int | None = None
    """With `run_id`: claim it although its lease ends in the future, if the lease still ends at this time."""
    limits: int | Mapping[str, int] | None = None
    """How many runs of a tenant may run at once on all engines: one number for each tenant, or some by name."""
    taken: Claimed | None = field(default=None, init=False)
    """The run that the last try claimed. The claim may not have been committed."""

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[ClaimRun]) -> list[Claimed | None]:
        """Apply one after the other, so that two never claim the same run. Claims of one owner take turns, too."""
        before: dict[str, Claimed] = {}
        for write in writes:
            last = before.get(write.owner)
            if last is not None and write.run_id is None:
                write.after = last.tenant
                write.ours = (*write.ours, last.run_id)
                if last.recoveries >= SUSPECT_FROM:  # A suspected run must run alone.
                    continue
            write.taken = _claim(connection, write)
            if write.taken is not None:
                before[write.owner] = write.taken
        return [write.taken for write in writes]

    def apply_again(self, connection: Connection) -> Claimed | None:
        """Return the run of the first try, if it has that try's fencing token."""
        if self.taken is None or self.was_rolled_back(connection):
            return self.apply(connection, [self])[0]
        return self.taken

    def was_rolled_back(self, connection: Connection) -> bool:
        """Return whether the first try was rolled back. Later, another claim of ours may get the same token."""
        if self.taken is None:
            return False
        found = _LEASED.ask(connection, ids=[self.taken.run_id])
        return all((row.fence, row.lease_owner) != (self.taken.fence, self.owner) for row in found)


def _claim(connection: Connection, claim: ClaimRun) -> Claimed | None:
    now, lease_time = times_in(connection)
    row = _candidate(connection, claim, lease_time)
    if row is None:
        return None
    fence, recoveries, ended, running, tasks = row.fence + 1, 0, 0, (), []
    if row.status == "running":
        steps = _STEPS_OF.ask(connection, tenant=row.tenant_id, run=row.id)
        running = tuple(step.step_id for step in steps if step.status == "running")
        ended = sum(step.status not in LIVE for step in steps)
        tasks = _TASKS_OF.ask(connection, tenant=row.tenant_id, run=row.id)
        # The token of a task is that of the run and grows with each of its workers: the new owner's is greater.
        fence += max((task.fence for task in tasks), default=0)
        # An owner that closes releases its lease, which becomes 0: it has not died.
        has_died = row.lease_expires_at != 0
        has_progressed = ended != row.recovered_at_steps
        recoveries = has_died if has_progressed else row.recoveries + has_died
    connection.execute(
        update(runs)
        .where(runs.c.id == row.id, runs.c.tenant_id == row.tenant_id)
        .values(
            status="running",
            fence=fence,
            lease_owner=claim.owner,
            lease_expires_at=now + claim.lease_ms,
            lease_ms=claim.lease_ms,
            started_at=func.coalesce(runs.c.started_at, now),
            recoveries=recoveries,
            recovered_at_steps=ended,
        )
    )
    # Steps that ran when the owner died have not ended: they run again.
    connection.execute(
        update(run_steps)
        .where(
            run_steps.c.run_id == row.id,
            run_steps.c.tenant_id == row.tenant_id,
            run_steps.c.status == "running",
        )
        .values(status="pending", started_at=None)
    )
    kind = "run_started" if row.status == "pending" else "run_recovered"
    seq = last_seq(connection, row.tenant_id, row.id) + 1
    add_events(connection, [(row.id, row.tenant_id, seq, kind, {"fence": fence})], now)
    left = frozenset(task.step_id for task in tasks)
    return Claimed(row.id, row.tenant_id, fence, seq, recoveries, running, row.ran_ms, left)


def _candidate(connection: Connection, claim: ClaimRun, now: int) -> Any:
    """Return the run to claim; None if there is none. Leases that end before `now` have expired."""
    waiting: dict[str, Any] = {"names": [*claim.workflows]}
    expired: dict[str, Any] = {**waiting, "now": now, "ours": [*claim.ours] or [""]}
    if claim.run_id is not None and claim.stuck_at is not None:
        found = _STUCK.ask(connection, wanted=claim.run_id, stuck_at=claim.stuck_at)
    elif claim.run_id is not None:
        found = _WAITING_OF_ID.ask(connection, **waiting, wanted=claim.run_id)
        if found and _is_at_limit(connection, found[0].tenant_id, claim.limits):
            found = []
        found = found or _EXPIRED_OF_ID.ask(connection, **expired, wanted=claim.run_id)
    else:
        patience_ms = _ALONE_FOR_LEASES * claim.lease_ms if claim.ours else 0
        found = _FIRST_EXPIRED.ask(
            connection, **expired, suspect_from=SUSPECT_FROM, suspects_before=now - patience_ms
        )
        found = found or _find_waiting(connection, claim)
    return found[0] if found else None


def _find_waiting(connection: Connection, claim: ClaimRun) -> list[Any]:
    """Return the first waiting run of the next tenant in turn. Runs that another process is claiming are skipped."""
    names = json.dumps(claim.workflows)
    after, has_turned = claim.after, False
    while True:
        tenant = _NEXT_TENANT.ask(connection, names=names, after=after)[0].tenant
        if tenant is None and has_turned:
            return []
        if tenant is None:
            after, has_turned = "", True
        elif _is_at_limit(connection, tenant, claim.limits):
            after = tenant
        else:
            found = _FIRST_OF_TENANT.ask(connection, names=names, tenant=tenant)
            if found:
                return found
            after = tenant


def _is_at_limit(connection: Connection, tenant: str, limits: int | Mapping[str, int] | None) -> bool:
    """Return whether a tenant has reached its limit, or another transaction is claiming a run of the tenant.

    If it is, the run may have to wait for the next poll of an engine, or for the end of another run.
    """
    limit = limits.get(tenant) if isinstance(limits, Mapping) else limits
    if limit is None:
        return False
    if not try_lock_tenant(connection, tenant):
        return True
    return int(_COUNT_RUNNING.ask(connection, tenant=tenant)[0].count) >= limit


@dataclass(slots=True)
class Heartbeat(Write["dict[str, str | None]"]):
    """Renew the leases of runs. Returns those that are still ours, each with its cancel reason or None."""

    owner: str
    lease_ms: int
    fences: dict[str, int] = field(default_factory=dict)
    ran_ms: dict[str, float] = field(default_factory=dict)
    """How long each run has run, in ms."""

    def locked_runs(self) -> Iterable[str]:
        """Return the runs whose leases it renews."""
        return self.fences

    def apply_one(self, connection: Connection) -> dict[str, str | None]:
        """Renew those that still have our token."""
        until = now_in(connection) + self.lease_ms
        leased = _LEASED.ask(connection, ids=[*self.fences])
        ours = [row for row in sorted(leased, key=lambda row: row.id) if row.fence == self.fences[row.id]]
        _KEEP_LEASE.run(connection, [_lease(row.id, row.fence, until, self.ran_ms) for row in ours])
        kept: dict[str, str | None] = {row.id: None for row in ours}
        for row in ours:
            if row.cancel_requested_at is not None:
                kept[row.id] = row.cancel_reason or "cancelled"
        return kept


def _lease(run_id: str, fence: int, until: int, ran_ms: dict[str, float]) -> dict[str, Any]:
    return {
        "r": run_id,
        "f": fence,
        "until": until,
        "ran": round(ran_ms[run_id]) if run_id in ran_ms else None,
    }


@dataclass(slots=True)
class ReleaseRuns(Write[None]):
    """Hand runs back: their leases end, so that another engine can claim them at once."""

    fences: dict[str, int]
    ran_ms: dict[str, float] = field(default_factory=dict)
    """How long each run has run, in ms, where that is known."""

    def locked_runs(self) -> Iterable[str]:
        """Return the released runs."""
        return self.fences

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[ReleaseRuns]) -> list[None]:
        """Apply all together."""
        released = [
            _lease(run_id, fence, 0, write.ran_ms)
            for write in writes
            for run_id, fence in write.fences.items()
        ]
        _KEEP_LEASE.run(connection, sorted(released, key=lambda lease: str(lease["r"])))
        return [None] * len(writes)
