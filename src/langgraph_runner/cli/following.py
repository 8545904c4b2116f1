"""A run as it goes: `RunView` is what is known of it, `follow()` keeps it up to date and tells a display."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow import StepStatus

if TYPE_CHECKING:
    from datetime import datetime

    from langgraph_runner.cli.session import Backend
    from langgraph_runner.engine import Run, RunEvent, RunStep

__all__ = ["Display", "RunView", "SilentDisplay", "StepView", "follow"]

_OPEN = frozenset({StepStatus.PENDING, StepStatus.RUNNING})
_ENDS = frozenset(StepStatus) - _OPEN


@dataclass(slots=True)
class StepView:
    """What is known of one step."""

    step: str
    status: StepStatus
    reason: str | None = None
    attempts: int = 0
    duration_ms: float | None = None
    started_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.status not in _OPEN

    def spent_ms(self, now: datetime) -> float | None:
        """How long it took, or has been running."""
        if self.status is StepStatus.RUNNING and self.started_at is not None:
            return max(0.0, (now - self.started_at).total_seconds() * 1000)
        return self.duration_ms


class RunView:
    """What is known of a run. Changed by the event loop, read by the thread that draws.

    Args:
        run: The run.
        steps: Its steps, as they are now.
    """

    def __init__(self, run: Run, steps: list[RunStep]) -> None:
        self.run = run
        self.is_cancelling = False
        self.steps = {
            each.step: StepView(
                each.step, each.status, each.reason, each.attempts, each.duration_ms, each.started_at
            )
            for each in steps
        }

    def apply(self, event: RunEvent) -> StepView | None:
        """Take in what has happened; gives the step that it happened to."""
        if event.type == "run_recovered":
            for each in self.steps.values():
                if each.status is StepStatus.RUNNING:
                    each.status, each.started_at = StepStatus.PENDING, None
        if (step := self.steps.get(str(event.data.get("step")))) is None:
            return None
        if event.type == "step_started":
            # What is loaded may be ahead of the events.
            if not step.is_over:
                step.status, step.started_at = StepStatus.RUNNING, event.at
            return step
        if event.type == "step_retrying" and not step.is_over:
            step.attempts = event.data["attempt"] + 1
        status = event.type.removeprefix("step_")
        if status not in _ENDS:
            return step  # It is still to come, or under way.
        step.status = StepStatus(status)
        step.reason = event.data.get("reason")
        step.attempts = event.data.get("attempts", 0)
        step.duration_ms = event.data.get("duration_ms")
        return step

    def counts(self) -> Counter[str]:
        """How many steps have which status, or which reason where that says more."""
        return Counter(str(each.reason or each.status) for each in [*self.steps.values()])

    @property
    def done(self) -> int:
        """How many steps have ended."""
        return sum(each.is_over for each in [*self.steps.values()])

    def age_ms(self) -> float:
        """How long the run has been going."""
        begun = self.run.started_at or self.run.created_at
        return max(0.0, (REAL_RUNTIMES.awaiting.now_utc() - begun).total_seconds() * 1000)


class Display(Protocol):
    """Who shows a run as it goes."""

    def shown(self, view: RunView) -> AbstractContextManager[object]:
        """Show it while the context lasts."""
        ...

    def happened(self, view: RunView, event: RunEvent, step: StepView | None) -> None:
        """Something has happened, and is in the view already."""

    def notice(self, text: str) -> None:
        """Say something beside it."""


class SilentDisplay:
    """Shows nothing: only the answer at the end counts."""

    def shown(self, view: RunView) -> AbstractContextManager[object]:
        """See `Display`."""
        del view
        return nullcontext()

    def happened(self, view: RunView, event: RunEvent, step: StepView | None) -> None:
        """See `Display`."""

    def notice(self, text: str) -> None:
        """See `Display`."""


async def follow(engine: Backend, view: RunView, display: Display, *, tenant: str, after: int = 0) -> Run:
    """Show a run until it is over.

    Args:
        engine: Has the run.
        view: The run, as it is now.
        display: Shows it.
        tenant: Whose run it is.
        after: The number of the last event that is not to be shown as news.

    Returns:
        The run as it has ended.
    """
    with display.shown(view):
        async for event in engine.events(view.run.id, tenant=tenant, after=after):
            display.happened(view, event, view.apply(event))
    return await engine.get_run(view.run.id, tenant=tenant)
