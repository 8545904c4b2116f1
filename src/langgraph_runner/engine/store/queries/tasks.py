"""Queries for tasks: steps that wait for a worker of a queue, run there, or are done."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, literal_column, select

from langgraph_runner.engine.store.lease_clock import FutureLease
from langgraph_runner.engine.store.records import StepChange
from langgraph_runner.engine.store.row_security import for_all_tenants
from langgraph_runner.engine.store.schema import step_tasks
from langgraph_runner.engine.store.statements import Prepared, any_of
from langgraph_runner.engine.store.times import now_in

__all__ = [
    "IS_RUNNING",
    "IS_WAITING",
    "TaskKey",
    "clock_and_task_leases",
    "finished_tasks",
    "is_task",
    "running_tasks",
    "task_result",
    "waiting_tasks",
]

IS_WAITING: Final = step_tasks.c.status == literal_column("'waiting'")
IS_RUNNING: Final = step_tasks.c.status == literal_column("'running'")


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
    found = _FUTURE.ask(connection, queues=queues, workflows=workflows or [""], latest=now + lease_ms)
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


@for_all_tenants
def waiting_tasks(connection: Connection) -> dict[str, int]:
    """Return how many tasks wait in each queue, of all tenants."""
    query = select(step_tasks.c.queue, func.count()).where(IS_WAITING).group_by(step_tasks.c.queue)
    return {str(queue): count for queue, count in connection.execute(query.order_by(step_tasks.c.queue))}


@for_all_tenants
def running_tasks(connection: Connection) -> dict[str, int]:
    """Return how many tasks each worker runs, of all tenants."""
    query = select(step_tasks.c.lease_owner, func.count()).where(IS_RUNNING)
    found = connection.execute(query.group_by(step_tasks.c.lease_owner))
    return {str(owner): count for owner, count in found}


def is_task(key: TaskKey) -> Any:
    """Return the condition that picks one task."""
    return and_(
        step_tasks.c.run_id == key.run_id,
        step_tasks.c.step_id == key.step,
        step_tasks.c.tenant_id == key.tenant,
    )


_FUTURE: Final = Prepared(
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
