"""`RunStatus`, apart from the models: the command line reads it without pydantic."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["RunStatus"]


class RunStatus(StrEnum):
    """Where a run is."""

    PENDING = "pending"
    """It waits for an engine to start it."""
    RUNNING = "running"
    """An engine executes it."""
    COMPLETED = "completed"
    """Every step has ended without a failure that the run could not handle."""
    FAILED = "failed"
    """A step failed, or the run exceeded its time limit."""
    CANCELLED = "cancelled"
    """The run was cancelled."""

    @property
    def is_over(self) -> bool:
        """Whether it will not change any more."""
        return self in {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED}
