"""Commands for tasks: `AddTask`, `ClaimTask`, `KeepTasks`, `EndTask` and `GiveBackTasks`.

A task is a step that a run leaves to the workers of a queue. A worker claims it as it claims a run, with a lease and
a fencing token. The result waits in the row until the engine that holds the run commits it. The row is deleted at the
end of the run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Connection, and_, bindparam, literal_column, or_, select, update

from langgraph_runner.engine.store.queries.tasks import IS_RUNNING, IS_WAITING, TaskKey, is_task
from langgraph_runner.engine.store.records import Start, StepChange
from langgraph_runner.engine.store.schema import step_tasks
from langgraph_runner.engine.store.statements import Prepared, any_of
from langgraph_runner.engine.store.times import now_in, times_in
from langgraph_runner.engine.store.writer import Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langgraph_runner.engine.store.lease_clock import FutureLease

__all__ = ["AddTask", "ClaimTask", "ClaimedTask", "EndTask", "GiveBackTasks", "KeepTasks"]


class ClaimedTask(NamedTuple):
    """A task that a worker has claimed."""

    key: TaskKey
    workflow: str
    start: Start
    fence: int
    recoveries: int
    """How many workers have died with the task."""


@dataclass(slots=True)
class AddTask(Write[None]):
    """Hand a step to the workers of a queue. An existing task stays: it may have run for an earlier owner."""

    key: TaskKey
    workflow: str
    queue: str
    start: Start

    @property
    def tenant(self) -> str:
        """The tenant of the run."""
        return self.key.tenant

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[AddTask]) -> list[None]:
        """Apply all together."""
        now = now_in(connection)
        _ADD.run(
            connection,
            [
                {
                    "run_id": write.key.run_id,
                    "step_id": write.key.step,
                    "tenant_id": write.key.tenant,
                    "workflow_name": write.workflow,
                    "queue": write.queue,
                    "status": "waiting",
                    "start": json.dumps(write.start._asdict()),
                    "fence": 0,
                    "recoveries": 0,
                    "created_at": now,
                }
                for write in writes
            ],
        )
        return [None] * len(writes)


@dataclass(slots=True)
class ClaimTask(Write["ClaimedTask | None"]):
    """Claim the oldest task that waits or whose lease has expired; None if there is none."""

    owner: str
    lease_ms: int
    queues: tuple[str, ...]
    workflows: tuple[str, ...]
    stuck: FutureLease[TaskKey] | None = None
    """Claim this task although its lease ends in the future, if the lease is still the same."""

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[ClaimTask]) -> list[ClaimedTask | None]:
        """Apply one after the other, so that two never claim the same task."""
        return [_claim(connection, write) for write in writes]


def _claim(connection: Connection, claim: ClaimTask) -> ClaimedTask | None:
    now, lease_time = times_in(connection)
    if claim.stuck is None:
        found = _FIRST.ask(connection, queues=[*claim.queues], workflows=[*claim.workflows], now=lease_time)
    else:
        key = claim.stuck.key
        found = _STUCK.ask(
            connection, tenant=key.tenant, run=key.run_id, step=key.step, ends=claim.stuck.expires_at
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
            lease_owner=claim.owner,
            lease_expires_at=now + claim.lease_ms,
            recoveries=recoveries,
        )
    )
    return ClaimedTask(key, row.workflow_name, Start(**json.loads(row.start)), row.fence + 1, recoveries)


@dataclass(slots=True)
class KeepTasks(Write["set[TaskKey]"]):
    """Renew the leases of tasks. Returns those that are still ours: others were claimed, or their runs have ended."""

    lease_ms: int
    fences: Mapping[TaskKey, int]

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[KeepTasks]) -> list[set[TaskKey]]:
        """Apply one after the other."""
        until = now_in(connection)
        return [
            {
                key
                for key, fence in write.fences.items()
                if _changed(connection, key, fence, lease_expires_at=until + write.lease_ms)
            }
            for write in writes
        ]


@dataclass(slots=True)
class EndTask(Write[bool]):
    """Store the outcome of a task for its run. False if the task is no longer ours, and nothing was written."""

    key: TaskKey
    fence: int
    change: StepChange

    @property
    def tenant(self) -> str:
        """The tenant of the run."""
        return self.key.tenant

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[EndTask]) -> list[bool]:
        """Apply one after the other."""
        return [
            _changed(
                connection,
                write.key,
                write.fence,
                status="done",
                result=write.change.dump(),
                output=write.change.output,
                lease_owner=None,
                lease_expires_at=None,
            )
            for write in writes
        ]

    @classmethod
    def apply_again(cls, connection: Connection, writes: Sequence[EndTask]) -> list[bool]:
        """Return True if the result exists: the first try has written it."""
        (write,) = writes
        is_done = and_(is_task(write.key), step_tasks.c.fence == write.fence, step_tasks.c.status == "done")
        found = connection.execute(select(step_tasks.c.run_id).where(is_done)).first()
        return [True] if found else cls.apply(connection, writes)


@dataclass(slots=True)
class GiveBackTasks(Write[None]):
    """Hand tasks back, so that other workers can claim them at once."""

    fences: Mapping[TaskKey, int]

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[GiveBackTasks]) -> list[None]:
        """Apply one after the other."""
        for write in writes:
            for key, fence in write.fences.items():
                _changed(connection, key, fence, status="waiting", lease_owner=None, lease_expires_at=None)
        return [None] * len(writes)


def _changed(connection: Connection, key: TaskKey, fence: int, **values: Any) -> bool:
    """Change a task that runs under this fencing token; return False if there is none."""
    ours = update(step_tasks).where(is_task(key), step_tasks.c.fence == fence, IS_RUNNING)
    return connection.execute(ours.values(**values)).rowcount > 0


_ADD: Final = Prepared(
    lambda backend: backend.insert_missing(step_tasks),
    *("run_id", "step_id", "tenant_id", "workflow_name", "queue", "status", "start", "fence", "recoveries"),
    "created_at",
)
_CANDIDATE: Final = (
    select(
        *(step_tasks.c.run_id, step_tasks.c.step_id, step_tasks.c.tenant_id, step_tasks.c.workflow_name),
        *(step_tasks.c.status, step_tasks.c.start, step_tasks.c.fence, step_tasks.c.recoveries),
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
