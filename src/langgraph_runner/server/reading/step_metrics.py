"""`workflow_metrics()`: outcomes and durations of the steps of a workflow in recent runs of a tenant."""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from langgraph_runner.engine.store.schema import run_steps, runs
from langgraph_runner.server.models import StepMetrics, WorkflowMetrics
from langgraph_runner.workflow.scheduler import DELIVERING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

__all__ = ["workflow_metrics"]

_REUSED: Final = frozenset(str(each) for each in DELIVERING)


def workflow_metrics(
    connection: Connection, tenant: str, workflow: str, steps: Sequence[str], limit: int
) -> WorkflowMetrics:
    """Count the outcomes of each step, and compute the quantiles of its durations. A query for `RunStore.read`.

    Args:
        connection: The connection.
        tenant: The tenant whose runs count.
        workflow: The name of the workflow.
        steps: The ids of its steps, in the order of the result.
        limit: How many of the newest runs count.
    """
    newest = (
        select(runs.c.id, runs.c.status)
        .where(runs.c.tenant_id == tenant, runs.c.workflow_name == workflow)
        .order_by(runs.c.created_at.desc(), runs.c.id.desc())
        .limit(limit)
    )
    found = connection.execute(newest).all()
    counts = {step: Counter[str]() for step in steps}
    durations: dict[str, list[int]] = {step: [] for step in steps}
    columns = (
        run_steps.c.step_id,
        run_steps.c.status,
        run_steps.c.reason,
        run_steps.c.attempts,
        run_steps.c.duration_ms,
    )
    query = select(*columns).where(
        run_steps.c.tenant_id == tenant, run_steps.c.run_id.in_([row.id for row in found])
    )
    for step, status, reason, attempts, duration_ms in connection.execute(query):
        if step not in counts:  # The workflow no longer has it.
            continue
        counts[step][status] += 1
        counts[step]["reused"] += reason in _REUSED
        counts[step]["attempts"] += attempts
        counts[step]["retried"] += attempts > 1
        if status == "completed" and duration_ms is not None:
            durations[step].append(duration_ms)
    return WorkflowMetrics(
        workflow=workflow,
        runs=len(found),
        by_status=Counter(row.status for row in found),
        steps=[
            StepMetrics(
                step=step,
                completed=counts[step]["completed"],
                failed=counts[step]["failed"],
                reused=counts[step]["reused"],
                retried=counts[step]["retried"],
                attempts=counts[step]["attempts"],
                p50_ms=_quantile(sorted(durations[step]), 0.5),
                p99_ms=_quantile(sorted(durations[step]), 0.99),
                max_ms=max(durations[step], default=None),
            )
            for step in steps
        ],
    )


def _quantile(values: Sequence[int], share: float) -> int | None:
    """Return the smallest of the sorted values that is at least as large as this share of them (nearest rank)."""
    return values[ceil(share * len(values)) - 1] if values else None
