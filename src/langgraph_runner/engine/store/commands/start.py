"""Decides which steps of a write start: known results are served, and work of other processes is not repeated."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, literal_column, or_, select

from langgraph_runner.engine.logs import cause, log_event
from langgraph_runner.engine.store.backends import backend_of
from langgraph_runner.engine.store.commands.base import of_run
from langgraph_runner.engine.store.records import CacheEntry, as_entry, error_summary
from langgraph_runner.engine.store.schema import run_steps, runs, step_cache
from langgraph_runner.engine.store.statements import Prepared, any_of, times_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from langgraph_runner.engine.store.records import RunRow, Start, StepChange
    from langgraph_runner.workflow import ArtifactRef

__all__ = ["Accepted", "Advanced", "RunProgress", "hold_duplicates", "serve_known"]


@dataclass(slots=True)
class RunProgress:
    """The changes of a run since its last write, and the steps that are about to start."""

    run_id: str
    tenant: str
    fence: int
    steps: Sequence[StepChange] = ()
    started: Sequence[Start] = ()
    """Steps that are about to run."""
    owner: str = ""
    """The engine that runs it. Its own duplicates are found by `SingleFlight` in the process."""
    seq: int = 0
    """Number of the last event before these."""
    events: Sequence[tuple[str, dict[str, Any]]] = ()
    """Events by type and data, without those of started steps and of the end of the run."""
    status: str | None = None
    """The final status of the run; None if it has not ended."""
    error: str | None = None
    duration_ms: int | None = None
    """How long the run took, in ms, if it has ended."""
    has_tasks: bool = False
    """Whether steps of the run may have been handed to workers of queues."""
    is_intact: Callable[[ArtifactRef], bool] = field(default=lambda _file: True)
    """Returns whether a file of a result is intact. A result with a missing file is a cache miss."""


class Advanced(NamedTuple):
    """The result of `AdvanceRun`."""

    is_accepted: bool
    """False if another process has claimed the run, and nothing was written."""
    cancel_reason: str | None = None
    """Why the run must be cancelled; None if it need not be."""
    ended: RunRow | None = None
    """The row of the ended run. It is `cancelled` if that was requested before it `completed`."""
    seq: int = 0
    """The number of its last event."""
    known: Mapping[str, CacheEntry] = {}
    """Steps that do not start, because the cache has their result. They have been written as hits."""
    related: Sequence[CacheEntry] = ()
    """Other cache entries of the runs of `known`: a run that hits one of them mostly needs the others next."""
    held: frozenset[str] = frozenset()
    """Steps that must not start, because another process computes their result. Their rows are unchanged."""


class Accepted:
    """A write whose fencing token is the newest, with what was found about the steps that it starts."""

    def __init__(self, write: RunProgress, run: Any) -> None:
        self.write = write
        self.cancel_reason: str | None = None
        if run.cancel_requested_at is not None:
            self.cancel_reason = run.cancel_reason or "cancelled"
        # A run whose cancellation was requested does not complete.
        is_too_late = write.status == "completed" and self.cancel_reason is not None
        self.status = "cancelled" if is_too_late else write.status
        self.known: dict[str, CacheEntry] = {}
        self.related: list[CacheEntry] = []
        self.held: frozenset[str] = frozenset()
        self.ended: RunRow | None = None
        self.steps = write.steps
        self.wanted = [
            start for start in write.started if start.cache_key is not None and not start.is_forced
        ]
        self._seq = write.seq

    def numbered_events(self) -> Iterator[tuple[str, str, int, str, dict[str, Any]]]:
        """Yield all events, as `add_events` takes them."""
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
        return {} if self.write.error is None else error_summary(self.write.error)

    def result(self) -> Advanced:
        """Return the result for the caller of `RunStore.write`."""
        return Advanced(
            is_accepted=True,
            cancel_reason=self.cancel_reason,
            ended=self.ended,
            seq=self._seq,
            known=self.known,
            related=self.related,
            held=self.held,
        )


def serve_known(connection: Connection, writes: Sequence[Accepted], now: int) -> None:
    """Find the steps whose result the cache has: they become hits."""
    if not any(each.wanted for each in writes):
        return
    try:
        with backend_of(connection).begin_nested(connection):
            _serve_known(connection, writes, now)
    except Exception as error:
        if backend_of(connection).has_rolled_back(connection):  # Everything that was written is lost.
            raise
        # A failed look-up is a cache miss, and nothing else.
        log_event(logging.WARNING, "cache.cold_tier_failed", **cause(error))


def _serve_known(connection: Connection, writes: Sequence[Accepted], now: int) -> None:
    found = {
        (row.tenant_id, row.cache_key): as_entry(row)
        for row in _KNOWN.ask(connection, **_wanted(writes), now=now)
    }
    for each in writes if found else ():
        tenant = each.write.tenant
        for start in each.wanted:
            entry = found.get((tenant, start.cache_key or ""))
            if entry is not None and all(map(each.write.is_intact, entry.artifacts)):
                each.known[start.step] = entry
        hits = [start.hit(each.known[start.step]) for start in each.wanted if start.step in each.known]
        each.steps = [*each.steps, *hits]
        each.wanted = [start for start in each.wanted if start.step not in each.known]
        for run_id in {entry.run_id for entry in each.known.values()}:
            related = _OF_RUN.ask(connection, tenant=tenant, run=run_id, now=now)
            each.related += map(as_entry, related)


def _wanted(writes: Sequence[Accepted]) -> dict[str, list[Any]]:
    """Return the tenants and the cache keys of the steps that want to start."""
    tenants = {each.write.tenant for each in writes if each.wanted}
    return {"tenants": [*tenants], "keys": [*{start.cache_key for each in writes for start in each.wanted}]}


def hold_duplicates(connection: Connection, writes: Sequence[Accepted]) -> None:
    """Find the steps whose result a live run of another process computes: they must not start."""
    if not any(each.wanted for each in writes):
        return
    wanted = _wanted(writes)
    running = _RUNNING.ask(connection, **wanted)
    if not running:
        return
    ids, lease_time = [row.run_id for row in running], times_in(connection).of_leases
    owners = _OWNERS.ask(connection, tenants=wanted["tenants"], ids=ids, now=lease_time)
    live = {row.id: row.lease_owner for row in owners}
    # Rows of dead owners do not count: their steps run again.
    computing = {(row.tenant_id, row.cache_key): live[row.run_id] for row in running if row.run_id in live}
    for each in writes:
        tenant, owner = each.write.tenant, each.write.owner
        each.held = frozenset(
            start.step
            for start in each.wanted
            if computing.get((tenant, start.cache_key or ""), owner) != owner
        )


_LIVE_ENTRIES: Final = select(step_cache).where(
    or_(step_cache.c.expires_at.is_(None), step_cache.c.expires_at > bindparam("now"))
)
_KNOWN: Final = Prepared(
    _LIVE_ENTRIES.where(
        any_of(step_cache.c.tenant_id, bindparam("tenants")),
        any_of(step_cache.c.cache_key, bindparam("keys")),
    )
)
_OF_RUN: Final = Prepared(_LIVE_ENTRIES.where(of_run(step_cache)).limit(1_000))
_RUNNING: Final = Prepared(
    select(run_steps.c.tenant_id, run_steps.c.cache_key, run_steps.c.run_id).where(
        any_of(run_steps.c.tenant_id, bindparam("tenants")),
        any_of(run_steps.c.cache_key, bindparam("keys")),
        run_steps.c.status == literal_column("'running'"),  # A literal, so that the partial index is used.
    )
)
_OWNERS: Final = Prepared(
    select(runs.c.id, runs.c.lease_owner).where(
        any_of(runs.c.tenant_id, bindparam("tenants")),
        any_of(runs.c.id, bindparam("ids")),
        runs.c.status == "running",
        runs.c.lease_expires_at >= bindparam("now"),
    )
)
