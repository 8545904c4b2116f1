"""`summarize_workers`: which workers run which runs, and how much waits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import func, literal_column, select

from langgraph_runner.engine.store.queries.tasks import running_tasks, waiting_tasks
from langgraph_runner.engine.store.row_security import for_all_tenants
from langgraph_runner.engine.store.schema import run_workers, runs
from langgraph_runner.engine.store.statements import Prepared, now_ms
from langgraph_runner.engine.store.times import now_in

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["WorkerRow", "WorkerSummary", "oldest_waiting_ms", "summarize_workers"]

_RUNS_SHOWN: Final = 100
_WAITING: Final = runs.c.status == literal_column("'pending'")  # Literals, as the indexes have them.
_AGE_OF_OLDEST: Final = Prepared(
    select((now_ms() - func.min(runs.c.created_at)).label("age")).where(_WAITING)
)
_RUNNING: Final = runs.c.status == literal_column("'running'")


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
    counts: dict[str, int] = {}
    asked = select(runs.c.lease_owner, func.count()).where(_RUNNING).group_by(runs.c.lease_owner)
    for owner, count in connection.execute(asked):
        counts[str(owner)] = count
    ids: dict[str, list[str]] = {}
    own = select(runs.c.lease_owner, runs.c.id).where(_RUNNING, runs.c.tenant_id == tenant)
    for owner, run_id in connection.execute(own.order_by(runs.c.created_at)):
        shown = ids.setdefault(str(owner), [])
        if len(shown) < _RUNS_SHOWN:
            shown.append(run_id)
    active_steps = running_tasks(connection)
    waiting = connection.execute(select(func.count()).select_from(runs).where(_WAITING)).scalar_one()
    found: list[Any] = [*connection.execute(select(run_workers).order_by(run_workers.c.started_at))]
    return WorkerSummary(
        workers=[
            WorkerRow(
                id=row.id,
                host=row.host,
                pid=row.pid,
                version=row.version,
                workflows=json.loads(row.workflows),
                max_active_runs=row.max_active_runs,
                is_draining=bool(row.is_draining),
                started_at=row.started_at,
                seen_at=row.seen_at,
                unseen_ms=max(0, now - row.seen_at),
                active_runs=counts.get(row.id, 0),
                run_ids=ids.get(row.id, []),
                queues=json.loads(row.queues),
                active_steps=active_steps.get(row.id, 0),
            )
            for row in found
        ],
        waiting_runs=waiting,
        running_runs=sum(counts.values()),
        oldest_waiting_ms=oldest_waiting_ms(connection),
        waiting_steps=waiting_tasks(connection),
    )


@for_all_tenants
def oldest_waiting_ms(connection: Connection) -> int | None:
    """Return how long the oldest waiting run of all tenants has waited, in ms; None if no run waits."""
    age = _AGE_OF_OLDEST.ask(connection)[0].age
    return None if age is None else max(0, int(age))
