"""`AdvanceRun`: writes how far a run has come. The hot path: every step that runs goes through here twice."""

from __future__ import annotations

import json
import logging
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, literal_column, null, or_, select, update

from langgraph_runner.engine.logs import LOGGER
from langgraph_runner.engine.store.records import CacheEntry, StepChange, as_entry, told_of
from langgraph_runner.engine.store.schema import artifacts, now_ms, outputs, run_steps, runs, step_cache
from langgraph_runner.engine.store.statements import Prepared, any_of
from langgraph_runner.engine.store.writer import Write
from langgraph_runner.engine.store.writes.common import add_events, insert_of
from langgraph_runner.errors.logs import emit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from langgraph_runner.engine.store.records import Start
    from langgraph_runner.workflow import ArtifactRef

__all__ = ["AdvanceRun", "Advanced"]


class Advanced(NamedTuple):
    """What came of `AdvanceRun`."""

    is_accepted: bool
    """False: somebody else has claimed the run since, and nothing was written."""
    cancel_reason: str | None = None
    """Why the run is to be cancelled; None if it is not."""
    status: str | None = None
    """How the run has ended: `cancelled`, if somebody has asked for that before it was `completed`."""
    seq: int = 0
    """Number of its last event."""
    known: Mapping[str, CacheEntry] = {}
    """Steps that need not start, because the cache knows their result: they have been written as hits."""
    related: Sequence[CacheEntry] = ()
    """What else the cache has from the runs of those: whoever hits one will mostly ask for the others next."""
    held: frozenset[str] = frozenset()
    """Steps that may not start: another process is computing the same. They stay as they were."""


def _is_whole(_file: ArtifactRef) -> bool:
    return True


@dataclass(slots=True)
class AdvanceRun(Write[Advanced]):
    """Write what became of steps of a run, and of the run itself: outputs, records, cache, events, in one go."""

    run_id: str
    tenant: str
    fence: int
    steps: Sequence[StepChange] = ()
    started: Sequence[Start] = ()
    """Steps that are about to run."""
    owner: str = ""
    """Who runs it: what the same owner computes elsewhere is known to it already."""
    seq: int = 0
    """Number of the last event before these."""
    events: Sequence[tuple[str, dict[str, Any]]] = ()
    """Type and data of what has happened, but for what starts, and for the end of the run."""
    status: str | None = None
    """How the run has ended; None if it has not."""
    error: str | None = None
    is_whole: Callable[[ArtifactRef], bool] = field(default=_is_whole)
    """Whether a file of a result is still there; without it, the result is none."""

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[AdvanceRun]) -> list[Advanced]:
        """All that come together, statement by statement rather than run by run."""
        current = {row.id: row for row in _CURRENT.ask(connection, ids=[*{write.run_id for write in writes}])}
        now = next(iter(current.values())).now if current else 0
        accepted = [
            _Accepted(write, current[write.run_id])
            for write in writes
            if write.run_id in current and current[write.run_id].fence == write.fence
        ]
        _look_up(connection, accepted, now)
        _hold(connection, accepted, now)
        _write_steps(connection, accepted, now)
        _write_cache(connection, accepted, now)
        add_events(connection, [event for each in accepted for event in each.numbered_events()], now)
        _end_runs(connection, [each for each in accepted if each.status is not None], now)
        results = {id(each.write): each.result() for each in accepted}
        return [results.get(id(write), Advanced(is_accepted=False)) for write in writes]


class _Accepted:
    """A write whose fencing token is the newest, and what is found out about what it starts."""

    def __init__(self, write: AdvanceRun, run: Any) -> None:
        self.write = write
        self.cancel_reason: str | None = None
        if run.cancel_requested_at is not None:
            self.cancel_reason = run.cancel_reason or "cancelled"
        # A run that was asked to end does not end as if nobody had.
        is_too_late = write.status == "completed" and self.cancel_reason is not None
        self.status = "cancelled" if is_too_late else write.status
        self.known: dict[str, CacheEntry] = {}
        self.related: list[CacheEntry] = []
        self.held: frozenset[str] = frozenset()
        self.steps = write.steps
        self.wanted = [start for start in write.started if start.cache_key is not None]
        self._seq = write.seq

    def numbered_events(self) -> Iterator[tuple[str, str, int, str, dict[str, Any]]]:
        """What has happened, as it is to be written."""
        for kind, data in self._events():
            self._seq += 1
            yield self.write.run_id, self.write.tenant, self._seq, kind, data

    def _events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        yield from self.write.events
        for start in self.write.started:
            if start.step in self.known:
                yield start.hit(self.known[start.step]).event()
            elif start.step not in self.held:
                yield start.event()
            elif not start.has_waited:
                yield "step_waiting", start.event()[1]
        if self.status is not None:
            yield f"run_{self.status}", self._of_end()

    def _of_end(self) -> dict[str, Any]:
        if self.status == "cancelled":
            return {"reason": self.cancel_reason or "cancelled"}
        return {} if self.write.error is None else told_of(self.write.error)

    def result(self) -> Advanced:
        """For whoever has handed it in."""
        return Advanced(
            is_accepted=True,
            cancel_reason=self.cancel_reason,
            status=self.status,
            seq=self._seq,
            known=self.known,
            related=self.related,
            held=self.held,
        )


def _look_up(connection: Connection, writes: Sequence[_Accepted], now: int) -> None:
    """Find what the cache knows of what is to start: those are hits."""
    asked = {(each.write.tenant, start.cache_key) for each in writes for start in each.wanted}
    if not asked:
        return
    try:
        # PostgreSQL wants to roll back to somewhere after an error.
        with connection.begin_nested() if connection.dialect.name == "postgresql" else nullcontext():
            _serve_known(connection, writes, asked, now)
    except Exception as error:  # What cannot be read costs a hit, no more.
        emit(LOGGER, logging.WARNING, "cache.cold_tier_failed", error_type=type(error).__name__)


def _serve_known(
    connection: Connection, writes: Sequence[_Accepted], asked: set[tuple[str, str | None]], now: int
) -> None:
    tenants, keys = [*{tenant for tenant, _ in asked}], [*{key for _, key in asked}]
    found = {
        (row.tenant_id, row.cache_key): as_entry(row)
        for row in _KNOWN.ask(connection, tenants=tenants, keys=keys, now=now)
    }
    for each in writes if found else ():
        tenant = each.write.tenant
        for start in each.wanted:
            entry = found.get((tenant, start.cache_key or ""))
            if entry is not None and all(map(each.write.is_whole, entry.artifacts)):
                each.known[start.step] = entry
        hits = [start.hit(each.known[start.step]) for start in each.wanted if start.step in each.known]
        each.steps = [*each.steps, *hits]
        each.wanted = [start for start in each.wanted if start.step not in each.known]
        for run_id in {entry.run_id for entry in each.known.values()}:
            related = _OF_RUN.ask(connection, tenant=tenant, run=run_id, now=now)
            each.related += map(as_entry, related)


def _hold(connection: Connection, writes: Sequence[_Accepted], now: int) -> None:
    """Find what live runs of other processes are computing already."""
    asked = {(each.write.tenant, start.cache_key) for each in writes for start in each.wanted}
    if not asked:
        return
    tenants, keys = [*{tenant for tenant, _ in asked}], [*{key for _, key in asked}]
    running = _RUNNING.ask(connection, tenants=tenants, keys=keys)
    if not running:
        return
    live = {
        row.id: row.lease_owner for row in _LIVE.ask(connection, ids=[row.run_id for row in running], now=now)
    }
    # Another row of the key may be of a run whose process has died.
    computing = {(row.tenant_id, row.cache_key): live[row.run_id] for row in running if row.run_id in live}
    for each in writes:
        tenant, owner = each.write.tenant, each.write.owner
        each.held = frozenset(
            start.step
            for start in each.wanted
            if computing.get((tenant, start.cache_key or ""), owner) != owner
        )


def _write_steps(connection: Connection, writes: Sequence[_Accepted], now: int) -> None:
    values = {
        (each.write.tenant, step.output_sha256): {
            "tenant_id": each.write.tenant,
            "sha256": step.output_sha256,
            "data": step.output,
        }
        for each in writes
        for step in each.steps
        if step.output is not None
    }
    _INSERT_OUTPUT.run(connection, [*values.values()])
    started = [
        {
            "r": each.write.run_id,
            "s": step,
            "new_input_hash": input_hash,
            "new_cache_key": key,
            "new_fence": each.write.fence,
            "at": now,
        }
        for each in writes
        for step, input_hash, key, _ in each.write.started
        if step not in each.known and step not in each.held
    ]
    _START_STEP.run(connection, started)
    ended = [
        {
            "r": each.write.run_id,
            "s": step.step,
            # Plain text: a driver takes its time for a subclass of str, or takes an enum by its name.
            "new_status": step.status.value,
            "new_reason": None if step.reason is None else step.reason.value,
            "new_input_hash": step.input_hash,
            "new_cache_key": step.cache_key,
            "new_cache_hit": int(step.cache_hit),
            "new_attempts": step.attempts,
            "new_output_sha256": step.output_sha256,
            "new_error": step.error,
            "new_fence": each.write.fence,
            "new_started_at": None if step.started_ago_ms is None else now - round(step.started_ago_ms),
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
    _INSERT_FILE.run(connection, files)


def _write_cache(connection: Connection, writes: Sequence[_Accepted], now: int) -> None:
    rows = {
        (each.write.tenant, step.cache_key): {
            "tenant_id": each.write.tenant,
            "cache_key": step.cache_key,
            "scope": step.cache_scope,
            "run_id": each.write.run_id,
            "step_id": step.step,
            "output_sha256": step.output_sha256,
            "artifacts": json.dumps([asdict(file) for file in step.artifacts]) if step.artifacts else None,
            "created_at": now,
            "expires_at": None if step.cache_ttl_ms is None else now + step.cache_ttl_ms,
            "hits": 0,
        }
        for each in writes
        for step in each.steps
        if step.cache_scope is not None
    }
    _UPSERT_CACHE.run(connection, [*rows.values()])
    hits = [
        {"t": each.write.tenant, "k": step.cache_key, "at": now}
        for each in writes
        for step in each.steps
        if step.cache_hit
    ]
    _HIT.run(connection, hits)


def _end_runs(connection: Connection, ended: Sequence[_Accepted], now: int) -> None:
    _END_RUN.run(
        connection,
        [
            {"r": each.write.run_id, "new_status": each.status, "new_error": each.write.error, "at": now}
            for each in ended
        ],
    )
    rest = [{"r": each.write.run_id, "at": now} for each in ended if each.status != "completed"]
    _END_REST.run(connection, rest)


def _upsert_cache(dialect: str) -> Any:
    statement = insert_of(dialect)(step_cache)
    taken = ("scope", "run_id", "step_id", "output_sha256", "artifacts", "created_at", "expires_at", "hits")
    return statement.on_conflict_do_update(
        index_elements=["tenant_id", "cache_key"], set_={name: statement.excluded[name] for name in taken}
    )


_CURRENT: Final = Prepared(
    select(runs.c.id, runs.c.fence, runs.c.cancel_requested_at, runs.c.cancel_reason, now_ms().label("now"))
    .where(any_of(runs.c.id, bindparam("ids")))
    .with_for_update(of=runs)
)
"""The runs of a group, locked where the database has locks for rows."""
_LIVE_ENTRIES: Final = select(step_cache).where(
    or_(step_cache.c.expires_at.is_(None), step_cache.c.expires_at > bindparam("now"))
)
_KNOWN: Final = Prepared(
    _LIVE_ENTRIES.where(
        any_of(step_cache.c.tenant_id, bindparam("tenants")),
        any_of(step_cache.c.cache_key, bindparam("keys")),
    )
)
_OF_RUN: Final = Prepared(
    _LIVE_ENTRIES.where(
        step_cache.c.run_id == bindparam("run"), step_cache.c.tenant_id == bindparam("tenant")
    ).limit(1_000)
)
_RUNNING: Final = Prepared(
    select(run_steps.c.tenant_id, run_steps.c.cache_key, run_steps.c.run_id).where(
        any_of(run_steps.c.tenant_id, bindparam("tenants")),
        any_of(run_steps.c.cache_key, bindparam("keys")),
        run_steps.c.status == literal_column("'running'"),  # As text, so that the partial index is found.
    )
)
_LIVE: Final = Prepared(
    select(runs.c.id, runs.c.lease_owner).where(
        any_of(runs.c.id, bindparam("ids")),
        runs.c.status == "running",
        runs.c.lease_expires_at >= bindparam("now"),
    )
)
_INSERT_OUTPUT: Final = Prepared(
    lambda dialect: insert_of(dialect)(outputs).on_conflict_do_nothing(), "tenant_id", "sha256", "data"
)
_UPSERT_CACHE: Final = Prepared(
    _upsert_cache,
    *("tenant_id", "cache_key", "scope", "run_id", "step_id", "output_sha256", "artifacts"),
    *("created_at", "expires_at", "hits"),
)
_INSERT_FILE: Final = Prepared(insert(artifacts), *artifacts.c.keys())
_START_STEP: Final = Prepared(
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
_END_STEP: Final = Prepared(
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
_END_RUN: Final = Prepared(
    update(runs)
    .where(runs.c.id == bindparam("r"))
    .values(
        status=bindparam("new_status"),
        error=bindparam("new_error"),
        completed_at=bindparam("at"),
        lease_owner=null(),
        lease_expires_at=null(),
    )
)
_END_REST: Final = Prepared(
    update(run_steps)
    .where(
        run_steps.c.run_id == bindparam("r"),
        or_(run_steps.c.status == "pending", run_steps.c.status == "running"),
    )
    .values(status="cancelled", reason="cancelled", completed_at=bindparam("at"))
)
_HIT: Final = Prepared(
    update(step_cache)
    .where(step_cache.c.tenant_id == bindparam("t"), step_cache.c.cache_key == bindparam("k"))
    .values(hits=step_cache.c.hits + 1, last_hit_at=bindparam("at"))
)
