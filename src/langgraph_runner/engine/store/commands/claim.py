"""`ClaimRun`, `Heartbeat` and `ReleaseRuns`: who runs a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, literal_column, or_, select, true, update

from langgraph_runner.engine.store.commands.inserts import add_events, last_seq
from langgraph_runner.engine.store.commands.locks import lock_tenant
from langgraph_runner.engine.store.schema import LIVE, run_steps, runs
from langgraph_runner.engine.store.statements import Prepared, any_of
from langgraph_runner.engine.store.times import now_in, times_in
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Sequence

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
# Statuses as text, so that the partial indexes are found. Every engine asks at each poll: it has to be quick.
_IS_WAITING: Final = runs.c.status == literal_column("'pending'")
_WAITING: Final = _CANDIDATE.where(_IS_WAITING, any_of(runs.c.workflow_name, bindparam("names")))
_LEFT: Final = _CANDIDATE.where(
    runs.c.status == literal_column("'running'"),
    any_of(runs.c.workflow_name, bindparam("names")),
    runs.c.lease_expires_at < bindparam("now"),
    ~any_of(runs.c.id, bindparam("ours")),
)
_IS_HARMLESS: Final = or_(
    runs.c.recoveries < bindparam("suspect_from"), runs.c.lease_expires_at < bindparam("suspects_before")
)
_FIRST_LEFT: Final = Prepared(_LEFT.where(_IS_HARMLESS))
_WAITING_OF_ID: Final = Prepared(_WAITING.where(runs.c.id == bindparam("wanted")))
_LEFT_OF_ID: Final = Prepared(_LEFT.where(runs.c.id == bindparam("wanted")))
_STUCK: Final = Prepared(
    _CANDIDATE.where(
        runs.c.id == bindparam("wanted"),
        runs.c.status == literal_column("'running'"),
        runs.c.lease_expires_at == bindparam("stuck_at"),
    )
)


def _next_tenant(backend: StoreBackend) -> Any:
    """The tenant after `after` that has waiting runs: one step into the index for each workflow."""
    name = backend.each_of(bindparam("names"))
    of_name = select(func.min(runs.c.tenant_id).label("tenant")).where(
        _IS_WAITING, runs.c.workflow_name == name.c.value, runs.c.tenant_id > bindparam("after")
    )
    first = select(of_name.scalar_subquery().label("tenant")).select_from(name).subquery()
    return select(func.min(first.c.tenant).label("tenant"))


def _first_of_tenant(backend: StoreBackend) -> Any:
    """The first waiting run of a tenant, of those that are first of their workflow."""
    name = backend.each_of(bindparam("names"))
    of_name = _CANDIDATE.where(
        _IS_WAITING, runs.c.workflow_name == name.c.value, runs.c.tenant_id == bindparam("tenant")
    )
    if not backend.has_lateral:
        # Rows that others have locked are not passed over in time, so this needs a database with one writer.
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
_STEPS_OF: Final = Prepared(
    select(run_steps.c.step_id, run_steps.c.status).where(
        run_steps.c.run_id == bindparam("run"), run_steps.c.tenant_id == bindparam("tenant")
    )
)

SUSPECT_FROM: Final = 2
"""From so many takeovers without progress on, a run may be what kills its processes."""
_ALONE_FOR_LEASES: Final = 10
"""How many lease times a suspected run waits for an engine that is idle. After that, a busy one takes it."""


class Claimed(NamedTuple):
    """A run that now belongs to its claimer."""

    run_id: str
    tenant: str
    fence: int
    seq: int
    """Of its last event."""
    recoveries: int = 0
    """How often it was taken over since one of its steps has last ended, this time included."""
    running: tuple[str, ...] = ()
    """The steps that ran when its last owner died."""
    spent_ms: int = 0
    """How long it ran before, up to the last heartbeat."""


@dataclass(slots=True)
class ClaimRun(Write["Claimed | None"]):
    """Take a run that waits, or whose owner has not been heard of; the fencing token grows.

    With an id that run. Else one whose owner has not been heard of; else, of the next tenant in turn, the run of the
    highest priority that was made first. None if there is none.
    """

    owner: str
    lease_ms: int
    workflows: tuple[str, ...]
    run_id: str | None = None
    after: str = ""
    """The tenant whose turn was last."""
    ours: tuple[str, ...] = ()
    """What the owner is running, and does not take from itself, though its lease may have run out."""
    stuck_at: int | None = None
    """With an id: take it although its lease ends in the future, if that is still when it ends."""
    limits: int | Mapping[str, int] | None = None
    """How many runs of a tenant may run at once, on all engines: of each, or of those that it names."""
    taken: Claimed | None = field(default=None, init=False)
    """What the last try has taken, which may not have been committed."""

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[ClaimRun]) -> list[Claimed | None]:
        """One after the other: two never get the same run. Those of one owner take turns as well."""
        before: dict[str, Claimed] = {}
        for write in writes:
            last = before.get(write.owner)
            if last is not None and write.run_id is None:
                write.after = last.tenant
                write.ours = (*write.ours, last.run_id)
                if last.recoveries >= SUSPECT_FROM:  # It is to run alone.
                    continue
            write.taken = _claim(connection, write)
            if write.taken is not None:
                before[write.owner] = write.taken
        return [write.taken for write in writes]

    @classmethod
    def apply_again(cls, connection: Connection, writes: Sequence[ClaimRun]) -> list[Claimed | None]:
        """A run that has the fencing token of the first try was taken by it."""
        (write,) = writes
        if write.taken is not None and write.has_taken(connection):
            return [write.taken]
        return cls.apply(connection, writes)

    def was_rolled_back(self, connection: Connection) -> bool:
        """Whether the run of the first try is not ours. Another claim of ours may take it, with the same token."""
        return self.taken is not None and not self.has_taken(connection)

    def has_taken(self, connection: Connection) -> bool:
        """Whether the run of the last try is ours, with its token."""
        if self.taken is None:
            return False
        found = _LEASED.ask(connection, ids=[self.taken.run_id])
        return any((row.fence, row.lease_owner) == (self.taken.fence, self.owner) for row in found)


def _claim(connection: Connection, claim: ClaimRun) -> Claimed | None:
    now, lease_time = times_in(connection)
    row = _candidate(connection, claim, lease_time)
    if row is None:
        return None
    fence, recoveries, ended, running = row.fence + 1, 0, 0, ()
    if row.status == "running":
        steps = _STEPS_OF.ask(connection, tenant=row.tenant_id, run=row.id)
        running = tuple(step.step_id for step in steps if step.status == "running")
        ended = sum(step.status not in LIVE for step in steps)
        # An owner that closes gives up its lease, which becomes 0: it has not died.
        has_died = row.lease_expires_at != 0
        recoveries = (row.recoveries if ended == row.recovered_at_steps else 0) + has_died
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
    # What was running when its owner died has not ended: it runs again.
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
    return Claimed(row.id, row.tenant_id, fence, seq, recoveries, running, row.ran_ms)


def _candidate(connection: Connection, claim: ClaimRun, now: int) -> Any:
    """The run to take; None if there is none. `now` is the time by which leases are judged."""
    waiting: dict[str, Any] = {"names": [*claim.workflows]}
    left: dict[str, Any] = {**waiting, "now": now, "ours": [*claim.ours] or [""]}
    if claim.run_id is not None and claim.stuck_at is not None:
        found = _STUCK.ask(connection, wanted=claim.run_id, stuck_at=claim.stuck_at)
    elif claim.run_id is not None:
        found = _WAITING_OF_ID.ask(connection, **waiting, wanted=claim.run_id)
        if found and _has_enough(connection, found[0].tenant_id, claim.limits):
            found = []
        found = found or _LEFT_OF_ID.ask(connection, **left, wanted=claim.run_id)
    else:
        found = _left(connection, claim, left, now) or _waiting(connection, claim)
    return found[0] if found else None


def _left(connection: Connection, claim: ClaimRun, left: dict[str, Any], now: int) -> list[Any]:
    """The first run whose lease has run out."""
    patience_ms = _ALONE_FOR_LEASES * claim.lease_ms if claim.ours else 0
    return _FIRST_LEFT.ask(connection, **left, suspect_from=SUSPECT_FROM, suspects_before=now - patience_ms)


def _waiting(connection: Connection, claim: ClaimRun) -> list[Any]:
    """The first waiting run of the next tenant in turn. What another process claims just now is passed over."""
    names = json.dumps(claim.workflows)
    after, has_turned = claim.after, False
    while True:
        tenant = _NEXT_TENANT.ask(connection, names=names, after=after)[0].tenant
        if tenant is None and has_turned:
            return []
        if tenant is None:
            after, has_turned = "", True
        elif _has_enough(connection, tenant, claim.limits):
            after = tenant
        elif found := _FIRST_OF_TENANT.ask(connection, names=names, tenant=tenant):
            return found
        else:
            after = tenant


def _has_enough(connection: Connection, tenant: str, limits: int | Mapping[str, int] | None) -> bool:
    """Whether as many runs of a tenant run as may. Two claims do not count at the same time."""
    limit = limits.get(tenant) if isinstance(limits, Mapping) else limits
    if limit is None:
        return False
    lock_tenant(connection, tenant)
    return int(_COUNT_RUNNING.ask(connection, tenant=tenant)[0].count) >= limit


@dataclass(slots=True)
class Heartbeat(Write["dict[str, str | None]"]):
    """Keep the leases of runs. Gives those that are still ours, each with why it is to be cancelled, if it is."""

    owner: str
    lease_ms: int
    fences: dict[str, int] = field(default_factory=dict)
    ran_ms: dict[str, float] = field(default_factory=dict)
    """How long each has run."""

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Heartbeat]) -> list[dict[str, str | None]]:
        """One after the other."""
        return [_beat(connection, write) for write in writes]


def _beat(connection: Connection, beat: Heartbeat) -> dict[str, str | None]:
    until = now_in(connection) + beat.lease_ms
    leased = _LEASED.ask(connection, ids=[*beat.fences])
    ours = [row for row in leased if row.fence == beat.fences[row.id]]
    _KEEP_LEASE.run(connection, [_lease(row.id, row.fence, until, beat.ran_ms) for row in ours])
    return {
        row.id: (row.cancel_reason or "cancelled") if row.cancel_requested_at is not None else None
        for row in ours
    }


def _lease(run_id: str, fence: int, until: int, ran_ms: dict[str, float]) -> dict[str, Any]:
    return {
        "r": run_id,
        "f": fence,
        "until": until,
        "ran": round(ran_ms[run_id]) if run_id in ran_ms else None,
    }


@dataclass(slots=True)
class ReleaseRuns(Write[None]):
    """Give up the leases of runs, so that somebody else may go on with them at once."""

    fences: dict[str, int]
    ran_ms: dict[str, float] = field(default_factory=dict)
    """How long each has run, where that is known."""

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[ReleaseRuns]) -> list[None]:
        """All at once."""
        released = [
            _lease(run_id, fence, 0, write.ran_ms)
            for write in writes
            for run_id, fence in write.fences.items()
        ]
        _KEEP_LEASE.run(connection, released)
        return [None] * len(writes)
