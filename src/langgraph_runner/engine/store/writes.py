"""Everything that changes the database, as writes for the `GroupWriter`. None of them commits: the writer does.

Every write of a running run is conditional on its fencing token, which grows at each claim: whoever was taken for
dead and comes back holds an old one, and is refused (Kleppmann, How to do distributed locking, 2016). Time is the
database's, so the clocks of processes do not matter.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from langgraph_runner.engine.store.many import execute_many
from langgraph_runner.engine.store.schema import (
    artifacts,
    now_ms,
    outputs,
    run_events,
    run_steps,
    runs,
    step_cache,
)
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from langgraph_runner.engine.store.records import NewRun, StepChange

__all__ = [
    "AdvanceRun",
    "Advanced",
    "CancelRun",
    "ClaimRun",
    "Claimed",
    "CreateRun",
    "Created",
    "Heartbeat",
    "Prune",
    "ReleaseRuns",
]

_LIVE: Final = ("pending", "running")


class Created(NamedTuple):
    """What came of `CreateRun`."""

    run_id: str
    """The new run, or the one that was made before with the same idempotency key."""
    is_new: bool
    fence: int
    seq: int
    """Of its last event."""
    at: int
    """When it was made."""


@dataclass(slots=True)
class CreateRun(Write[Created]):
    """Make a run and the records of its steps; claim it at once, if it has an owner."""

    run: NewRun

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[CreateRun]) -> list[Created]:
        """In the order given: of two with one idempotency key the first one wins."""
        return [_create(connection, write.run) for write in writes]


def _create(connection: Connection, run: NewRun) -> Created:
    if run.idempotency_key is not None:
        known = connection.execute(
            select(runs.c.id, runs.c.fence).where(
                runs.c.tenant_id == run.tenant,
                runs.c.workflow_name == run.workflow,
                runs.c.idempotency_key == run.idempotency_key,
            )
        ).first()
        if known is not None:
            return Created(known.id, is_new=False, fence=known.fence, seq=0, at=0)
    is_claimed = run.owner is not None
    now = _now(connection)
    connection.execute(
        _INSERT_RUN,
        {
            "id": run.id,
            "tenant_id": run.tenant,
            "workflow_name": run.workflow,
            "workflow_version": run.version,
            "status": "running" if is_claimed else "pending",
            "trigger_type": run.trigger,
            "base_run_id": run.base_run_id,
            "root_run_id": run.root_run_id,
            "change_request": run.change_request,
            "inputs": run.inputs,
            "options": run.options,
            "idempotency_key": run.idempotency_key,
            "priority": run.priority,
            "fence": int(is_claimed),
            "lease_owner": run.owner,
            "lease_expires_at": now + run.lease_ms if is_claimed else None,
            "created_at": now,
            "started_at": now if is_claimed else None,
        },
    )
    execute_many(
        connection,
        _INSERT_STEPS,
        [
            {
                "run_id": run.id,
                "step_id": step,
                "tenant_id": run.tenant,
                "position": position,
                "status": "pending",
                "cache_hit": 0,
                "attempts": 0,
                "fence": 0,
            }
            for position, step in enumerate(run.steps)
        ],
    )
    if run.reused_from is not None and run.reused:
        _take_over(connection, run, now)
    events = [("run_created", {"workflow": run.workflow, "trigger": run.trigger})]
    if is_claimed:
        events.append(("run_started", {}))
    _add_events(
        connection, [(run.id, run.tenant, seq, kind, data) for seq, (kind, data) in enumerate(events, 1)], now
    )
    return Created(run.id, is_new=True, fence=int(is_claimed), seq=len(events), at=now)


def _take_over(connection: Connection, run: NewRun, now: int) -> None:
    """Copy what steps of another run have delivered: outputs are kept by content, so only the records are new."""
    before = {
        row.step_id: row
        for row in connection.execute(select(run_steps).where(run_steps.c.run_id == run.reused_from))
        if row.step_id in run.reused
    }
    connection.execute(
        _REUSE_STEP,
        [
            {
                "r": run.id,
                "s": step,
                "new_reason": run.reason,
                "new_input_hash": row.input_hash,
                "new_cache_key": row.cache_key,
                "new_output_sha256": row.output_sha256,
                "at": now,
            }
            for step, row in before.items()
        ],
    )
    copied = [
        {**row._asdict(), "run_id": run.id}
        for row in connection.execute(select(artifacts).where(artifacts.c.run_id == run.reused_from))
        if row.step_id in before
    ]
    if copied:
        connection.execute(insert(artifacts), copied)


class Claimed(NamedTuple):
    """A run that now belongs to whoever has claimed it."""

    run_id: str
    fence: int
    seq: int
    """Of its last event."""


@dataclass(slots=True)
class ClaimRun(Write["Claimed | None"]):
    """Take a run that nobody runs, or whose owner has not been heard of; the fencing token grows.

    With an id that run, else the one that has waited longest of the highest priority. None if there is none.
    """

    owner: str
    lease_ms: int
    workflows: tuple[str, ...]
    run_id: str | None = None

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[ClaimRun]) -> list[Claimed | None]:
        """One after the other: two never get the same run."""
        return [_claim(connection, write) for write in writes]


def _claim(connection: Connection, claim: ClaimRun) -> Claimed | None:
    now = _now(connection)
    free = or_(
        runs.c.status == "pending",
        and_(runs.c.status == "running", func.coalesce(runs.c.lease_expires_at, 0) < now),
    )
    query = select(runs.c.id, runs.c.tenant_id, runs.c.fence, runs.c.status).where(free)
    if claim.run_id is not None:
        query = query.where(runs.c.id == claim.run_id)
    query = query.where(runs.c.workflow_name.in_(claim.workflows))
    query = query.order_by(runs.c.priority.desc(), runs.c.created_at, runs.c.id).limit(1)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    row = connection.execute(query).first()
    if row is None:
        return None
    fence = row.fence + 1
    connection.execute(
        update(runs)
        .where(runs.c.id == row.id)
        .values(
            status="running",
            fence=fence,
            lease_owner=claim.owner,
            lease_expires_at=now + claim.lease_ms,
            started_at=func.coalesce(runs.c.started_at, now),
        )
    )
    # What was running when its owner died has not ended: it runs again.
    connection.execute(
        update(run_steps)
        .where(run_steps.c.run_id == row.id, run_steps.c.status == "running")
        .values(status="pending", started_at=None)
    )
    kind = "run_started" if row.status == "pending" else "run_recovered"
    last = (
        connection.execute(select(func.max(run_events.c.seq)).where(run_events.c.run_id == row.id)).scalar()
        or 0
    )
    _add_events(connection, [(row.id, row.tenant_id, last + 1, kind, {"fence": fence})], now)
    return Claimed(row.id, fence, last + 1)


class Advanced(NamedTuple):
    """What came of `AdvanceRun`."""

    is_accepted: bool
    """False: somebody else has claimed the run since, and nothing was written."""
    cancel_reason: str | None
    """Why the run is to be cancelled; None if it is not."""
    held: frozenset[str] = frozenset()
    """Steps that may not start: another process is computing the same. They stay as they were."""


@dataclass(slots=True)
class AdvanceRun(Write[Advanced]):
    """Write what became of steps of a run, and of the run itself: outputs, records, cache, events, in one go."""

    run_id: str
    tenant: str
    fence: int
    steps: Sequence[StepChange] = ()
    started: Sequence[tuple[str, str | None, str | None]] = ()
    """Steps that are about to run, each with its input hash and its cache key."""
    owner: str = ""
    """Who runs it: what the same owner computes elsewhere is known to it already."""
    events: Sequence[tuple[int, str, dict[str, Any]]] = ()
    """Sequence number, type and data."""
    hits: Sequence[str] = ()
    """Cache keys that were hit."""
    status: str | None = None
    """How the run has ended; None if it has not."""
    error: str | None = None

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[AdvanceRun]) -> list[Advanced]:
        """All that come together, statement by statement rather than run by run."""
        ids = [*{write.run_id for write in writes}]
        current = {row.id: row for row in connection.execute(_CURRENT, {"ids": ids})}
        now = next(iter(current.values())).now if current else 0
        accepted = [w for w in writes if w.run_id in current and current[w.run_id].fence == w.fence]
        held = _held(connection, accepted, now)
        _write_outputs(connection, accepted)
        _write_steps(connection, accepted, now, held)
        _write_cache(connection, accepted, now)
        _add_events(connection, [event for w in accepted for event in _events_of(w, held)], now)
        ended = [w for w in accepted if w.status is not None]
        execute_many(
            connection,
            _END_RUN,
            [{"r": w.run_id, "new_status": w.status, "new_error": w.error, "at": now} for w in ended],
        )
        execute_many(
            connection, _END_REST, [{"r": w.run_id, "at": now} for w in ended if w.status != "completed"]
        )
        allowed = {id(write) for write in accepted}
        return [
            Advanced(
                is_accepted=id(write) in allowed,
                cancel_reason=(
                    current[write.run_id].cancel_reason or "cancelled"
                    if write.run_id in current and current[write.run_id].cancel_requested_at is not None
                    else None
                ),
                held=held.get(write.run_id, frozenset()),
            )
            for write in writes
        ]


def _events_of(
    write: AdvanceRun, held: dict[str, frozenset[str]]
) -> Iterator[tuple[str, str, int, str, dict[str, Any]]]:
    waiting = held.get(write.run_id, frozenset())
    for seq, kind, data in write.events:
        told = "step_waiting" if kind == "step_started" and data["step"] in waiting else kind
        yield write.run_id, write.tenant, seq, told, data


def _held(connection: Connection, writes: Sequence[AdvanceRun], now: int) -> dict[str, frozenset[str]]:
    """For each run the steps whose result a live run of another process is computing."""
    keys = {(w.tenant, key) for w in writes for _, _, key in w.started if key is not None}
    if not keys:
        return {}
    asked = {"tenants": [*{tenant for tenant, _ in keys}], "keys": [*{key for _, key in keys}], "now": now}
    computing = {
        (row.tenant_id, row.cache_key): row.lease_owner for row in connection.execute(_COMPUTING, asked)
    }
    held: dict[str, frozenset[str]] = {}
    for w in writes:
        steps = frozenset(
            step for step, _, key in w.started if computing.get((w.tenant, key or ""), w.owner) != w.owner
        )
        if steps:
            held[w.run_id] = steps
    return held


def _write_outputs(connection: Connection, writes: Sequence[AdvanceRun]) -> None:
    rows = {
        (w.tenant, step.output_sha256): {
            "tenant_id": w.tenant,
            "sha256": step.output_sha256,
            "data": step.output,
        }
        for w in writes
        for step in w.steps
        if step.output is not None
    }
    execute_many(connection, _insert_output(connection.dialect.name), [*rows.values()])


def _write_steps(
    connection: Connection, writes: Sequence[AdvanceRun], now: int, held: dict[str, frozenset[str]]
) -> None:
    started = [
        {
            "r": w.run_id,
            "s": step,
            "new_input_hash": input_hash,
            "new_cache_key": key,
            "new_fence": w.fence,
            "at": now,
        }
        for w in writes
        for step, input_hash, key in w.started
        if step not in held.get(w.run_id, ())
    ]
    execute_many(connection, _START_STEP, started)
    ended = [
        {
            "r": w.run_id,
            "s": step.step,
            "new_status": step.status,
            "new_reason": step.reason,
            "new_input_hash": step.input_hash,
            "new_cache_key": step.cache_key,
            "new_cache_hit": int(step.cache_hit),
            "new_attempts": step.attempts,
            "new_output_sha256": step.output_sha256,
            "new_error": step.error,
            "new_fence": w.fence,
            "new_started_at": None if step.started_ago_ms is None else now - round(step.started_ago_ms),
            "at": now,
            "new_duration_ms": None if step.duration_ms is None else round(step.duration_ms),
        }
        for w in writes
        for step in w.steps
    ]
    execute_many(connection, _END_STEP, ended)
    files = [
        {"run_id": w.run_id, "step_id": step.step, "tenant_id": w.tenant, **asdict(artifact)}
        for w in writes
        for step in w.steps
        for artifact in step.artifacts
    ]
    execute_many(connection, _INSERT_ARTIFACT, files)


def _write_cache(connection: Connection, writes: Sequence[AdvanceRun], now: int) -> None:
    rows = {
        (w.tenant, step.cache_key): {
            "tenant_id": w.tenant,
            "cache_key": step.cache_key,
            "scope": step.cache_scope,
            "run_id": w.run_id,
            "step_id": step.step,
            "output_sha256": step.output_sha256,
            "artifacts": json.dumps([asdict(each) for each in step.artifacts]) if step.artifacts else None,
            "created_at": now,
            "expires_at": None if step.cache_ttl_ms is None else now + step.cache_ttl_ms,
            "hits": 0,
        }
        for w in writes
        for step in w.steps
        if step.cache_scope is not None
    }
    execute_many(connection, _upsert_cache(connection.dialect.name), [*rows.values()])
    hits = [{"t": w.tenant, "k": key, "at": now} for w in writes for key in w.hits]
    execute_many(connection, _HIT, hits)


@dataclass(slots=True)
class Heartbeat(Write["dict[str, str | None]"]):
    """Keep the leases of runs. Gives those that are still ours, each with why it is to be cancelled, if it is."""

    owner: str
    lease_ms: int
    fences: dict[str, int] = field(default_factory=dict)

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Heartbeat]) -> list[dict[str, str | None]]:
        """One after the other."""
        return [_beat(connection, write) for write in writes]


def _beat(connection: Connection, beat: Heartbeat) -> dict[str, str | None]:
    now = _now(connection)
    rows = connection.execute(
        select(runs.c.id, runs.c.fence, runs.c.cancel_requested_at, runs.c.cancel_reason).where(
            runs.c.id.in_(beat.fences), runs.c.status == "running"
        )
    ).all()
    ours = [row for row in rows if row.fence == beat.fences[row.id]]
    if ours:
        connection.execute(
            _KEEP_LEASE, [{"r": row.id, "f": row.fence, "until": now + beat.lease_ms} for row in ours]
        )
    return {
        row.id: (row.cancel_reason or "cancelled") if row.cancel_requested_at is not None else None
        for row in ours
    }


@dataclass(slots=True)
class ReleaseRuns(Write[None]):
    """Give up the leases of runs, so that somebody else may go on with them at once."""

    fences: dict[str, int]

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[ReleaseRuns]) -> list[None]:
        """All at once."""
        released = [
            {"r": run_id, "f": fence, "until": 0}
            for write in writes
            for run_id, fence in write.fences.items()
        ]
        if released:
            connection.execute(_KEEP_LEASE, released)
        return [None] * len(writes)


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
    now = _now(connection)
    query = select(runs.c.status, runs.c.fence, runs.c.lease_expires_at).where(
        runs.c.id == cancel.run_id, runs.c.tenant_id == cancel.tenant
    )
    if connection.dialect.name == "postgresql":
        query = query.with_for_update()
    row = connection.execute(query).first()
    if row is None:
        return None
    if row.status not in _LIVE:
        return str(row.status)
    connection.execute(
        update(runs)
        .where(runs.c.id == cancel.run_id)
        .values(
            cancel_requested_at=func.coalesce(runs.c.cancel_requested_at, now),
            cancel_reason=func.coalesce(runs.c.cancel_reason, cancel.reason),
        )
    )
    if row.status == "running" and (row.lease_expires_at or 0) >= now:
        return "running"
    connection.execute(
        update(run_steps)
        .where(run_steps.c.run_id == cancel.run_id, run_steps.c.status.in_(_LIVE))
        .values(status="cancelled", reason="cancelled", completed_at=now)
    )
    # The fence grows, so that an owner who was taken for dead cannot write any more.
    connection.execute(
        update(runs)
        .where(runs.c.id == cancel.run_id)
        .values(
            status="cancelled",
            completed_at=now,
            fence=row.fence + 1,
            lease_owner=None,
            lease_expires_at=None,
        )
    )
    last = connection.execute(
        select(func.max(run_events.c.seq)).where(run_events.c.run_id == cancel.run_id)
    ).scalar()
    _add_events(
        connection,
        [(cancel.run_id, cancel.tenant, (last or 0) + 1, "run_cancelled", {"reason": cancel.reason})],
        now,
    )
    return "cancelled"


@dataclass(slots=True)
class Prune(Write[int]):
    """Delete old runs, expired cache entries and outputs that nobody refers to. Gives how many runs."""

    tenant: str | None
    older_than_ms: int

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Prune]) -> list[int]:
        """One after the other."""
        return [_prune(connection, write) for write in writes]


def _prune(connection: Connection, prune: Prune) -> int:
    now = _now(connection)
    old = select(runs.c.id).where(
        runs.c.status.not_in(_LIVE),
        func.coalesce(runs.c.completed_at, runs.c.created_at) < now - prune.older_than_ms,
    )
    if prune.tenant is not None:
        old = old.where(runs.c.tenant_id == prune.tenant)
    ids = list(connection.execute(old).scalars())
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        for table in (run_events, artifacts, run_steps, step_cache):
            connection.execute(delete(table).where(table.c.run_id.in_(some)))
        connection.execute(delete(runs).where(runs.c.id.in_(some)))
    connection.execute(delete(step_cache).where(step_cache.c.expires_at < now))
    used = or_(
        exists().where(
            run_steps.c.tenant_id == outputs.c.tenant_id, run_steps.c.output_sha256 == outputs.c.sha256
        ),
        exists().where(
            step_cache.c.tenant_id == outputs.c.tenant_id, step_cache.c.output_sha256 == outputs.c.sha256
        ),
    )
    connection.execute(delete(outputs).where(~used))
    return len(ids)


def _now(connection: Connection) -> int:
    return int(connection.execute(_NOW).scalar_one())


def _add_events(
    connection: Connection, events: Sequence[tuple[str, str, int, str, dict[str, Any]]], now: int
) -> None:
    execute_many(
        connection,
        _INSERT_EVENT,
        [
            {
                "run_id": run_id,
                "tenant_id": tenant,
                "seq": seq,
                "type": kind,
                "data": json.dumps(data),
                "at": now,
            }
            for run_id, tenant, seq, kind, data in events
        ],
    )


@cache
def _insert_output(dialect: str) -> Any:
    return _insert_of(dialect)(outputs).on_conflict_do_nothing()


@cache
def _upsert_cache(dialect: str) -> Any:
    statement = _insert_of(dialect)(step_cache)
    taken = ("scope", "run_id", "step_id", "output_sha256", "artifacts", "created_at", "expires_at", "hits")
    return statement.on_conflict_do_update(
        index_elements=["tenant_id", "cache_key"], set_={name: statement.excluded[name] for name in taken}
    )


def _insert_of(dialect: str) -> Any:
    return sqlite_insert if dialect == "sqlite" else postgresql_insert


# Statements are made once: to build one takes longer than to run it.
_NOW: Final = select(now_ms())
_CURRENT: Final = (
    select(runs.c.id, runs.c.fence, runs.c.cancel_requested_at, runs.c.cancel_reason, now_ms().label("now"))
    .where(runs.c.id.in_(bindparam("ids", expanding=True)))
    .with_for_update(of=runs)
)
"""The runs of a group, locked where the database has locks for rows."""
_COMPUTING: Final = (
    select(run_steps.c.tenant_id, run_steps.c.cache_key, runs.c.lease_owner)
    .join(runs, runs.c.id == run_steps.c.run_id)
    .where(
        run_steps.c.tenant_id.in_(bindparam("tenants", expanding=True)),
        run_steps.c.cache_key.in_(bindparam("keys", expanding=True)),
        run_steps.c.status == literal_column("'running'"),  # As text, so that the partial index is found.
        runs.c.status == "running",
        runs.c.lease_expires_at >= bindparam("now"),
    )
)
_INSERT_RUN: Final = insert(runs)
_INSERT_STEPS: Final = insert(run_steps)
_INSERT_EVENT: Final = insert(run_events)
_INSERT_ARTIFACT: Final = insert(artifacts)
_KEEP_LEASE: Final = (
    update(runs)
    .where(runs.c.id == bindparam("r"), runs.c.fence == bindparam("f"))
    .values(lease_expires_at=bindparam("until"))
)
_START_STEP: Final = (
    update(run_steps)
    .where(run_steps.c.run_id == bindparam("r"), run_steps.c.step_id == bindparam("s"))
    .values(
        status="running",
        input_hash=bindparam("new_input_hash"),
        cache_key=bindparam("new_cache_key"),
        fence=bindparam("new_fence"),
        queued_at=bindparam("at"),
        started_at=bindparam("at"),
    )
)
_END_STEP: Final = (
    update(run_steps)
    .where(run_steps.c.run_id == bindparam("r"), run_steps.c.step_id == bindparam("s"))
    .values(
        status=bindparam("new_status"),
        reason=bindparam("new_reason"),
        input_hash=func.coalesce(bindparam("new_input_hash"), run_steps.c.input_hash),
        cache_key=func.coalesce(bindparam("new_cache_key"), run_steps.c.cache_key),
        cache_hit=bindparam("new_cache_hit"),
        attempts=bindparam("new_attempts"),
        output_sha256=bindparam("new_output_sha256"),
        error=bindparam("new_error"),
        fence=bindparam("new_fence"),
        started_at=func.coalesce(bindparam("new_started_at"), run_steps.c.started_at),
        completed_at=bindparam("at"),
        duration_ms=bindparam("new_duration_ms"),
    )
)
_REUSE_STEP: Final = (
    update(run_steps)
    .where(run_steps.c.run_id == bindparam("r"), run_steps.c.step_id == bindparam("s"))
    .values(
        status="skipped",
        reason=bindparam("new_reason"),
        input_hash=bindparam("new_input_hash"),
        cache_key=bindparam("new_cache_key"),
        output_sha256=bindparam("new_output_sha256"),
        completed_at=bindparam("at"),
    )
)
_END_RUN: Final = (
    update(runs)
    .where(runs.c.id == bindparam("r"))
    .values(
        status=bindparam("new_status"),
        error=bindparam("new_error"),
        completed_at=bindparam("at"),
        lease_owner=literal(None),
        lease_expires_at=literal(None),
    )
)
_END_REST: Final = (
    update(run_steps)
    .where(
        run_steps.c.run_id == bindparam("r"),
        or_(run_steps.c.status == "pending", run_steps.c.status == "running"),
    )
    .values(status="cancelled", reason="cancelled", completed_at=bindparam("at"))
)
_HIT: Final = (
    update(step_cache)
    .where(step_cache.c.tenant_id == bindparam("t"), step_cache.c.cache_key == bindparam("k"))
    .values(hits=step_cache.c.hits + 1, last_hit_at=bindparam("at"))
)
