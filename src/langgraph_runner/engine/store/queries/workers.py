"""Queries for workers, and for tasks: steps that wait for a worker of a queue, run there, or are done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import and_, bindparam, func, literal_column, select

from langgraph_runner.engine.store.lease_clock import FutureLease
from langgraph_runner.engine.store.records import StepChange
from langgraph_runner.engine.store.schema import run_workers, runs, step_tasks
from langgraph_runner.engine.store.statements import Prepared, any_of, for_all_tenants, now_in, now_ms

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = [
    "IS_RUNNING",
    "IS_WAITING",
    "TaskKey",
    "WorkerRow",
    "WorkerSummary",
    "clock_and_task_leases",
    "finished_tasks",
    "is_task",
    "oldest_waiting_ms",
    "summarize_workers",
    "task_result",
]

IS_WAITING: Final = step_tasks.c.status == literal_column("'waiting'")
IS_RUNNING: Final = step_tasks.c.status == literal_column("'running'")
_RUNS_SHOWN: Final = 100
_RUN_WAITS: Final = runs.c.status == literal_column("'pending'")  # Literals, as the indexes have them.
_AGE_OF_OLDEST: Final = Prepared(
    select((now_ms() - func.min(runs.c.created_at)).label("age")).where(_RUN_WAITS)
)
_RUN_RUNS: Final = runs.c.status == literal_column("'running'")


class WorkerRow(NamedTuple):
    """The row of one worker, with what it runs."""

    id: str
    host: str
    pid: int
    version: str
    workflows: list[str]
    max_active_runs: int
    is_draining: bool
    started_at: int
    seen_at: int
    unseen_ms: int
    active_runs: int
    """Runs of all tenants."""
    run_ids: list[str]
    """Running runs of one tenant, up to 100."""
    queues: list[str]
    """The step queues that the worker serves."""
    active_steps: int
    """How many steps of these queues it runs, of all tenants."""


class WorkerSummary(NamedTuple):
    """All workers, and how much waits."""

    workers: list[WorkerRow]
    waiting_runs: int
    """Runs of all tenants, as in the next two fields."""
    running_runs: int
    oldest_waiting_ms: int | None
    """How long the oldest waiting run has waited; None if no run waits."""
    waiting_steps: dict[str, int]
    """How many steps wait in each queue."""


@for_all_tenants
def summarize_workers(connection: Connection, tenant: str) -> WorkerSummary:
    """Return the workers of all tenants, with the ids of this tenant's runs. A query for `RunStore.read`."""
    now = now_in(connection)
    held = select(runs.c.lease_owner, func.count()).where(_RUN_RUNS)
    counts = _counts(connection, held.group_by(runs.c.lease_owner))
    ids: dict[str, list[str]] = {}
    own = select(runs.c.lease_owner, runs.c.id).where(_RUN_RUNS, runs.c.tenant_id == tenant)
    for owner, run_id in connection.execute(own.order_by(runs.c.created_at)):
        shown = ids.setdefault(str(owner), [])
        if len(shown) < _RUNS_SHOWN:
            shown.append(run_id)
    active = select(step_tasks.c.lease_owner, func.count()).where(IS_RUNNING)
    active_steps = _counts(connection, active.group_by(step_tasks.c.lease_owner))
    queued = select(step_tasks.c.queue, func.count()).where(IS_WAITING)
    waiting_steps = _counts(connection, queued.group_by(step_tasks.c.queue).order_by(step_tasks.c.queue))
    waiting = connection.execute(select(func.count()).select_from(runs).where(_RUN_WAITS)).scalar_one()
    found: Any = connection.execute(select(run_workers).order_by(run_workers.c.started_at)).mappings()
    return WorkerSummary(
        workers=[
            WorkerRow(
                **{
                    **row,
                    "workflows": json.loads(row["workflows"]),
                    "is_draining": bool(row["is_draining"]),
                    "unseen_ms": max(0, now - row["seen_at"]),
                    "active_runs": counts.get(row["id"], 0),
                    "run_ids": ids.get(row["id"], []),
                    "queues": json.loads(row["queues"]),
                    "active_steps": active_steps.get(row["id"], 0),
                }
            )
            for row in found
        ],
        waiting_runs=waiting,
        running_runs=sum(counts.values()),
        oldest_waiting_ms=oldest_waiting_ms(connection),
        waiting_steps=waiting_steps,
    )


def _counts(connection: Connection, query: Any) -> dict[str, int]:
    """Return the result of a query for names and counts."""
    found: Any = connection.execute(query)
    return {str(name): count for name, count in found}


@for_all_tenants
def oldest_waiting_ms(connection: Connection) -> int | None:
    """Return how long the oldest waiting run of all tenants has waited, in ms; None if no run waits."""
    age = _AGE_OF_OLDEST.ask(connection)[0].age
    return None if age is None else max(0, int(age))


class TaskKey(NamedTuple):
    """The key of a task: one step of one run."""

    tenant: str
    run_id: str
    step: str


@for_all_tenants
def clock_and_task_leases(
    connection: Connection, queues: list[str], workflows: list[str], lease_ms: int
) -> tuple[int, list[FutureLease[TaskKey]]]:
    """Return the database's time, and the future leases of tasks: those that end more than `lease_ms` from now."""
    now = now_in(connection)
    found = _FUTURE_LEASES.ask(connection, queues=queues, workflows=workflows or [""], latest=now + lease_ms)
    return now, [
        FutureLease(TaskKey(row.tenant_id, row.run_id, row.step_id), row.lease_expires_at, lease_ms)
        for row in found
    ]


def finished_tasks(connection: Connection, tenants: list[str], run_ids: list[str]) -> set[TaskKey]:
    """Return the tasks of some runs that are done."""
    rows = _DONE.ask(connection, tenants=tenants, ids=run_ids)
    return {TaskKey(row.tenant_id, row.run_id, row.step_id) for row in rows}


def task_result(connection: Connection, tenant: str, key: TaskKey) -> StepChange | None:
    """Return the outcome of a task; None if it is not done."""
    query = select(step_tasks.c.result, step_tasks.c.output).where(
        is_task(key), step_tasks.c.tenant_id == tenant, step_tasks.c.status == "done"
    )
    row = connection.execute(query).first()
    return None if row is None else StepChange.read(row.result, row.output)


def is_task(key: TaskKey) -> Any:
    """Return the condition that picks one task."""
    return and_(
        step_tasks.c.run_id == key.run_id,
        step_tasks.c.step_id == key.step,
        step_tasks.c.tenant_id == key.tenant,
    )


_FUTURE_LEASES: Final = Prepared(
    select(
        *(step_tasks.c.tenant_id, step_tasks.c.run_id, step_tasks.c.step_id, step_tasks.c.lease_expires_at)
    ).where(
        any_of(step_tasks.c.queue, bindparam("queues")),
        any_of(step_tasks.c.workflow_name, bindparam("workflows")),
        IS_RUNNING,
        step_tasks.c.lease_expires_at > bindparam("latest"),
    )
)
_DONE: Final = Prepared(
    select(step_tasks.c.tenant_id, step_tasks.c.run_id, step_tasks.c.step_id).where(
        any_of(step_tasks.c.tenant_id, bindparam("tenants")),
        any_of(step_tasks.c.run_id, bindparam("ids")),
        step_tasks.c.status == literal_column("'done'"),
    )
)
