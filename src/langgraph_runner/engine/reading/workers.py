"""`WorkerOverview`: the engines of all processes, what they run, and how much waits."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic needs it
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from langgraph_runner.engine.models import at

if TYPE_CHECKING:
    from langgraph_runner.engine.store.queries.workers import WorkerRow, WorkerSummary

__all__ = ["WorkerOverview", "WorkerState", "WorkerStatus"]

_LOST_AFTER_MS: Final = 20_000
"""Four times the pause between two reports."""


class WorkerState(StrEnum):
    """The state of a worker."""

    WORKING = "working"
    """It executes runs and takes on new ones."""
    DRAINING = "draining"
    """It finishes its runs and claims no more."""
    LOST = "lost"
    """It has not reported for 20 seconds. Other engines claim its runs when their leases expire."""


class WorkerStatus(BaseModel):
    """An engine that runs runs or steps."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # Rows of the store have further fields.

    id: str
    """The id of the worker, new at each start."""
    state: WorkerState
    host: str
    """The name of its machine."""
    pid: int
    """The id of its process."""
    version: str
    """The version of this package."""
    workflows: list[str]
    """The workflows that it can run."""
    max_active_runs: int
    """How many runs it executes at the same time."""
    active_runs: int
    """How many runs of all tenants it holds."""
    run_ids: list[str]
    """The runs of the asking tenant, up to 100."""
    queues: list[str]
    """The step queues that it serves, also for runs of other engines."""
    active_steps: int
    """How many steps of these queues it runs, of all tenants."""
    started_at: datetime
    """When it started."""
    seen_at: datetime
    """When it last reported to the database."""

    @classmethod
    def of(cls, row: WorkerRow) -> WorkerStatus:
        """Return the status for a row of the store."""
        state = WorkerState.DRAINING if row.is_draining else WorkerState.WORKING
        converted = {
            "state": WorkerState.LOST if row.unseen_ms > _LOST_AFTER_MS else state,
            "started_at": at(row.started_at),
            "seen_at": at(row.seen_at),
        }
        return cls(**{**row._asdict(), **converted})


class WorkerOverview(BaseModel):
    """The workers, and how much waits, of all tenants."""

    model_config = ConfigDict(frozen=True)

    workers: list[WorkerStatus]
    """In the order of their starts. A killed worker is shown as lost for a day."""
    waiting_runs: int
    """How many runs are pending."""
    running_runs: int
    """How many runs are running."""
    oldest_waiting_ms: int | None
    """How long the oldest waiting run has waited; None if no run waits."""
    waiting_steps: dict[str, int]
    """How many steps wait for a worker of each queue."""

    @classmethod
    def of(cls, found: WorkerSummary) -> WorkerOverview:
        """Return the overview for the rows of the store."""
        return cls(**{**found._asdict(), "workers": [WorkerStatus.of(row) for row in found.workers]})
