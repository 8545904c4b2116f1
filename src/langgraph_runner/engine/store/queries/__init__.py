"""Everything that only reads the database: functions of a connection, for `RunStore.read`.

Each names its tenant, unless it is marked with `for_all_tenants`. What changes the database is in `commands/`.
"""

from langgraph_runner.engine.store.queries.archive import RunRecord, ended_runs, outputs_of, records_of
from langgraph_runner.engine.store.queries.events import events_after, last_events
from langgraph_runner.engine.store.queries.outputs import (
    StepOutput,
    cache_entries,
    delivered_steps,
    has_artifact,
    output_data,
    run_artifacts,
    step_output,
)
from langgraph_runner.engine.store.queries.run_list import runs_page
from langgraph_runner.engine.store.queries.runs import (
    claimed_run,
    clock_and_leases,
    live_runs,
    run_by_id,
    status_of,
    steps_of,
    store_id,
)
from langgraph_runner.engine.store.queries.tasks import (
    TaskKey,
    clock_and_task_leases,
    finished_tasks,
    running_tasks,
    task_result,
    waiting_tasks,
)
from langgraph_runner.engine.store.queries.workers import (
    WorkerRow,
    WorkerSummary,
    oldest_waiting_ms,
    summarize_workers,
)

__all__ = [
    "RunRecord",
    "StepOutput",
    "TaskKey",
    "WorkerRow",
    "WorkerSummary",
    "cache_entries",
    "claimed_run",
    "clock_and_leases",
    "clock_and_task_leases",
    "delivered_steps",
    "ended_runs",
    "events_after",
    "finished_tasks",
    "has_artifact",
    "last_events",
    "live_runs",
    "oldest_waiting_ms",
    "output_data",
    "outputs_of",
    "records_of",
    "run_artifacts",
    "run_by_id",
    "running_tasks",
    "runs_page",
    "status_of",
    "step_output",
    "steps_of",
    "store_id",
    "summarize_workers",
    "task_result",
    "waiting_tasks",
]
