"""`RunView`: what is known about a run while a command follows it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow import StepStatus

if TYPE_CHECKING:
    from datetime import datetime

    from langgraph_runner.engine import Run, RunEvent, RunStep

__all__ = ["RunView", "StepView"]

_NOT_ENDED = frozenset({StepStatus.PENDING, StepStatus.RUNNING})
_ENDED = frozenset(StepStatus) - _NOT_ENDED


@dataclass(slots=True)
class StepView:
    """What is known about one step."""

    step: str
    status: StepStatus
    reason: str | None = None
    attempts: int = 0
    duration_ms: float | None = None
    started_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether the step has ended."""
        return self.status not in _NOT_ENDED

    def elapsed_ms(self, now: datetime) -> float | None:
        """Return how long the step took, or how long it has been running; None if it did not run."""
        if self.status is StepStatus.RUNNING and self.started_at is not None:
            return max(0.0, (now - self.started_at).total_seconds() * 1000)
        return self.duration_ms


class RunView:
    """What is known about a run. The event loop changes it; the thread of a live display reads it.

    Args:
        run: The run.
        steps: The steps of the run as they are now.
    """

    def __init__(self, run: Run, steps: list[RunStep]) -> None:
        self.run = run
        self.steps = {
            each.step: StepView(
                each.step, each.status, each.reason, each.attempts, each.duration_ms, each.started_at
            )
            for each in steps
        }

    def apply(self, event: RunEvent) -> StepView | None:
        """Update the view.

        Returns:
            The step that the event is about; None for an event of the run.
        """
        if event.type == "run_recovered":
            for each in self.steps.values():
                if each.status is StepStatus.RUNNING:
                    each.status, each.started_at = StepStatus.PENDING, None
        step = self.steps.get(str(event.data.get("step")))
        if step is None:
            return None
        if event.type == "step_started":
            # The steps were read after this event was written, so they may know more than it.
            if not step.is_over:
                step.status, step.started_at = StepStatus.RUNNING, event.at
            return step
        if event.type == "step_retrying" and not step.is_over:
            step.attempts = event.data["attempt"] + 1
        status = event.type.removeprefix("step_")
        if status not in _ENDED:
            return step
        step.status = StepStatus(status)
        step.reason = event.data.get("reason")
        step.attempts = event.data.get("attempts", 0)
        step.duration_ms = event.data.get("duration_ms")
        return step

    def counts(self) -> Counter[str]:
        """Count the steps by reason, or by status where there is no reason."""
        return Counter(str(each.reason or each.status) for each in self.steps.values())

    @property
    def done(self) -> int:
        """The number of steps that have ended."""
        return sum(each.is_over for each in self.steps.values())

    def age_ms(self) -> float:
        """Return how long ago the run started."""
        started = self.run.started_at or self.run.created_at
        return max(0.0, (REAL_RUNTIMES.awaiting.now_utc() - started).total_seconds() * 1000)
