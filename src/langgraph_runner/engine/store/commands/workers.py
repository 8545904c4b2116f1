"""Commands of workers: the rows that show them to other processes, and their tasks.

A task is a step that a run leaves to the workers of a queue. A worker claims it as it claims a run, with a lease and
a fencing token. The result waits in the row until the engine that holds the run commits it, which deletes the row.
The next owner of the run finds the tasks of the last one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from sqlalchemy import Connection, and_, bindparam, delete, literal_column, or_, select, update

from langgraph_runner.engine.store.backends import backend_of
from langgraph_runner.engine.store.migrating import check_tables
from langgraph_runner.engine.store.queries.workers import (
    IS_RUNNING,
    IS_WAITING,
    TaskKey,
    is_task,
    task_result,
)
from langgraph_runner.engine.store.records import Start, StepChange
from langgraph_runner.engine.store.schema import run_workers, runs, step_tasks
from langgraph_runner.engine.store.statements import Prepared, any_of, now_in, times_in
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from langgraph_runner.engine.store.lease_clock import FutureLease

__all__ = [
    "AddTask",
    "CheckTables",
    "ClaimTask",
    "ClaimedTask",
    "EndTask",
    "GiveBackTasks",
    "KeepTasks",
    "RemoveWorker",
    "ReportWorker",
    "TakeBackTask",
    "TakenBack",
]

ResultT = TypeVar("ResultT")
_FORGOTTEN_MS: Final = 24 * 3_600_000
"""How long a killed worker is shown."""


class ClaimedTask(NamedTuple):
    """A task that a worker has claimed."""

    key: TaskKey
    start: Start
    fence: int
    recoveries: int
    """How many workers have died with the task."""


@dataclass(slots=True)
class _TaskWrite(Write[ResultT]):
    """A write of one task."""

    key: TaskKey

    @property
    def tenant(self) -> str:
        """The tenant of the run."""
        return self.key.tenant

    def locked_tasks(self) -> Iterable[tuple[str, str]]:
        """Return the task."""
        return ((self.key.run_id, self.key.step),)


@dataclass(slots=True)
class AddTask(_TaskWrite[bool]):
    """Hand a step to the workers of a queue. False if the run was claimed by another engine, or has ended.

    An existing task moves to the queue, and keeps its worker and its result: it may have run for an earlier owner.
    """

    workflow: str
    queue: str
    start: Start
    run_fence: int

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[AddTask]) -> list[bool]:
        """Apply all together."""
        now = now_in(connection)
        claims = _CLAIMS.ask(connection, ids=[*{write.key.run_id for write in writes}])
        fences = {row.id: row.fence for row in claims}
        is_ours = [fences.get(write.key.run_id) == write.run_fence for write in writes]
        ours = [write for write, is_live in zip(writes, is_ours, strict=True) if is_live]
        _ADD.run(
            connection,
            [
                {
                    "run_id": write.key.run_id,
                    "step_id": write.key.step,
                    "tenant_id": write.key.tenant,
                    "workflow_name": write.workflow,
                    "queue": write.queue,
                    "start": json.dumps(write.start._asdict()),
                    "created_at": now,
                }
                for write in ours
            ],
        )
        return is_ours

    def locked_runs(self) -> Iterable[str]:
        """Return the run."""
        return (self.key.run_id,)


@dataclass(slots=True)
class TakeBackTask(_TaskWrite["TakenBack"]):
    """Return the result of a task that is done; otherwise delete the task. Its worker stops at its next heartbeat."""

    def apply_one(self, connection: Connection) -> TakenBack:
        """Read it, or delete it."""
        done = task_result(connection, self.key.tenant, self.key)
        if done is not None:
            return TakenBack(done, 0)
        fence = connection.execute(delete(step_tasks).where(is_task(self.key)).returning(step_tasks.c.fence))
        return TakenBack(None, fence.scalar() or 0)


class TakenBack(NamedTuple):
    """The result of `TakeBackTask`."""

    change: StepChange | None
    """The outcome of the step; None if the task was not done."""
    fence: int
    """How often workers have claimed the deleted task."""


@dataclass(slots=True)
class ClaimTask(Write["ClaimedTask | None"]):
    """Claim the oldest task that waits or whose lease has expired; None if there is none."""

    owner: str
    lease_ms: int
    queues: tuple[str, ...]
    workflows: tuple[str, ...]
    stuck: FutureLease[TaskKey] | None = None
    """Claim this task although its lease ends in the future, if the lease is still the same."""

    def apply_one(self, connection: Connection) -> ClaimedTask | None:
        """Claim it; its fencing token grows."""
        now, lease_time = times_in(connection)
        if self.stuck is None:
            found = _FIRST.ask(connection, queues=[*self.queues], workflows=[*self.workflows], now=lease_time)
        else:
            key = self.stuck.key
            found = _STUCK.ask(
                connection, tenant=key.tenant, run=key.run_id, step=key.step, ends=self.stuck.expires_at
            )
        if not found:
            return None
        row = found[0]
        # A worker that closes hands its tasks back as waiting, so a running task means that its worker has died.
        recoveries = row.recoveries + (row.status == "running")
        key = TaskKey(row.tenant_id, row.run_id, row.step_id)
        connection.execute(
            update(step_tasks)
            .where(is_task(key))
            .values(
                status="running",
                fence=row.fence + 1,
                lease_owner=self.owner,
                lease_expires_at=now + self.lease_ms,
                recoveries=recoveries,
            )
        )
        return ClaimedTask(key, Start(**json.loads(row.start)), row.fence + 1, recoveries)


@dataclass(slots=True)
class KeepTasks(Write["set[TaskKey]"]):
    """Renew the leases of tasks. Returns those that are still ours: others were claimed, or their runs have ended."""

    lease_ms: int
    fences: Mapping[TaskKey, int]

    def locked_tasks(self) -> Iterable[tuple[str, str]]:
        """Return the tasks."""
        return ((key.run_id, key.step) for key in self.fences)

    def apply_one(self, connection: Connection) -> set[TaskKey]:
        """Renew those that still have our token."""
        until = now_in(connection) + self.lease_ms
        return {
            key
            for key, fence in self.fences.items()
            if _changed(connection, key, fence, lease_expires_at=until)
        }


@dataclass(slots=True)
class EndTask(_TaskWrite[bool]):
    """Store the outcome of a task for its run. False if the task is no longer ours, and nothing was written."""

    fence: int
    change: StepChange

    def apply_one(self, connection: Connection) -> bool:
        """Store it, if the task still has our token."""
        return _changed(
            connection,
            self.key,
            self.fence,
            status="done",
            result=self.change.dump(),
            output=self.change.output,
            lease_owner=None,
            lease_expires_at=None,
        )

    def apply_again(self, connection: Connection) -> bool:
        """Return True if the result exists: the first try has written it."""
        is_done = and_(is_task(self.key), step_tasks.c.fence == self.fence, step_tasks.c.status == "done")
        found = connection.execute(select(step_tasks.c.run_id).where(is_done)).first()
        return found is not None or self.apply_one(connection)


@dataclass(slots=True)
class GiveBackTasks(Write[None]):
    """Hand tasks back, so that other workers can claim them at once."""

    fences: Mapping[TaskKey, int]

    def locked_tasks(self) -> Iterable[tuple[str, str]]:
        """Return the tasks."""
        return ((key.run_id, key.step) for key in self.fences)

    def apply_one(self, connection: Connection) -> None:
        """Hand back those that still have our token."""
        for key, fence in self.fences.items():
            _changed(connection, key, fence, status="waiting", lease_owner=None, lease_expires_at=None)


def _changed(connection: Connection, key: TaskKey, fence: int, **values: Any) -> bool:
    """Change a task that runs under this fencing token; return False if there is none."""
    ours = update(step_tasks).where(is_task(key), step_tasks.c.fence == fence, IS_RUNNING)
    return connection.execute(ours.values(**values)).rowcount > 0


@dataclass(slots=True, kw_only=True)
class ReportWorker(Write[None]):
    """Write that a worker is alive. Rows of workers that were silent for a day are deleted."""

    id: str
    host: str
    pid: int
    version: str
    workflows: tuple[str, ...]
    max_active_runs: int
    is_draining: bool
    queues: tuple[str, ...] = ()

    def apply_one(self, connection: Connection) -> None:
        """Insert its row, or update it."""
        now = now_in(connection)
        values = {
            "host": self.host,
            "pid": self.pid,
            "version": self.version,
            "workflows": json.dumps(self.workflows),
            "max_active_runs": self.max_active_runs,
            "is_draining": int(self.is_draining),
            "queues": json.dumps(self.queues),
            "seen_at": now,
        }
        added = backend_of(connection).upsert(run_workers, ["id"], values)
        connection.execute(added.values(id=self.id, started_at=now, **values))
        connection.execute(delete(run_workers).where(run_workers.c.seen_at < now - _FORGOTTEN_MS))


@dataclass(slots=True)
class RemoveWorker(Write[None]):
    """Delete the row of a worker that has ended."""

    id: str

    def apply_one(self, connection: Connection) -> None:
        """Delete it."""
        connection.execute(delete(run_workers).where(run_workers.c.id == self.id))


class CheckTables(Write[None]):
    """Check that all tables can be read in a transaction that may write. It changes nothing."""

    def apply_one(self, connection: Connection) -> None:
        """Ask each table for no row."""
        check_tables(connection)


_CLAIMS: Final = Prepared(
    select(runs.c.id, runs.c.fence).where(any_of(runs.c.id, bindparam("ids")), runs.c.status == "running")
)
_ADD: Final = Prepared(
    lambda backend: backend.upsert(
        step_tasks, ["run_id", "step_id"], ["workflow_name", "queue", "start"]
    ).values(status="waiting", fence=0, recoveries=0),
    *("run_id", "step_id", "tenant_id", "workflow_name", "queue", "start", "created_at"),
)
_CANDIDATE: Final = (
    select(
        *(step_tasks.c.run_id, step_tasks.c.step_id, step_tasks.c.tenant_id, step_tasks.c.status),
        *(step_tasks.c.start, step_tasks.c.fence, step_tasks.c.recoveries),
    )
    .order_by(step_tasks.c.created_at, step_tasks.c.run_id, step_tasks.c.step_id)
    .limit(literal_column("1"))
    .with_for_update(skip_locked=True)
)
_FIRST: Final = Prepared(
    _CANDIDATE.where(
        any_of(step_tasks.c.queue, bindparam("queues")),
        any_of(step_tasks.c.workflow_name, bindparam("workflows")),
        or_(IS_WAITING, and_(IS_RUNNING, step_tasks.c.lease_expires_at < bindparam("now"))),
    )
)
_STUCK: Final = Prepared(
    _CANDIDATE.where(
        step_tasks.c.tenant_id == bindparam("tenant"),
        step_tasks.c.run_id == bindparam("run"),
        step_tasks.c.step_id == bindparam("step"),
        step_tasks.c.lease_expires_at == bindparam("ends"),
        IS_RUNNING,
    )
)
