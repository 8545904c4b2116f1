"""`RunStatus`: a module of its own, so that the command line needs no pydantic to import it."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["RunStatus"]


class RunStatus(StrEnum):
    """The status of a run."""

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
        """Whether the run has ended: its status no longer changes."""
        return self in {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED}
