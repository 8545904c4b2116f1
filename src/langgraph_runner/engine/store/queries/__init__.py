"""Everything that only reads the database: functions of a connection, for `RunStore.read`.

Each names its tenant, unless it is marked with `for_all_tenants`. What changes the database is in `commands/`.
"""

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
    RunRecord,
    claimed_run,
    clock_and_leases,
    ended_runs,
    events_after,
    last_events,
    live_runs,
    outputs_of,
    records_of,
    run_by_id,
    status_of,
    steps_of,
    steps_page,
    store_id,
)
from langgraph_runner.engine.store.queries.workers import (
    TaskKey,
    clock_and_task_leases,
    finished_tasks,
    oldest_waiting_ms,
    summarize_workers,
    task_result,
)

__all__ = [
    "RunRecord",
    "StepOutput",
    "TaskKey",
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
    "runs_page",
    "status_of",
    "step_output",
    "steps_of",
    "steps_page",
    "store_id",
    "summarize_workers",
    "task_result",
]
