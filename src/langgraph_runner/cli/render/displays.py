"""The displays of a run that a command follows: a live table for a terminal, lines for a pipe, nothing for JSON.

`RunView` is what is known about the run.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from langgraph_runner.cli.render.text import counted, duration, escape_controls, status_style
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow import StepStatus
from langgraph_runner.workflow.scheduler import ENDED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from rich.console import RenderableType

    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.engine import Run, RunEvent, RunStep

__all__ = ["Display", "LineDisplay", "LiveDisplay", "RunView", "StepView"]

_FRAMES_PER_S: Final = 8
_OTHER_LINES: Final = 4
"""Lines of the screen that show no step: title, bar, number of hidden steps, and the line of the cursor."""


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
        return self.status in ENDED

    def elapsed_ms(self, now: datetime) -> float | None:
        """Return how long the step took, or how long it has been running; None if it did not run."""
        if self.status is StepStatus.RUNNING and self.started_at is not None:
            return max(0.0, (now - self.started_at).total_seconds() * 1000)
        return self.duration_ms


class RunView:
    """What is known about a run. The event loop changes it; the thread of a live display reads it."""

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
        if status not in ENDED:
            return step
        step.status = StepStatus(status)
        step.reason = event.data.get("reason")
        step.attempts = event.data.get("attempts", 0)
        step.duration_ms = event.data.get("duration_ms")
        return step

    @property
    def done(self) -> int:
        """The number of steps that have ended."""
        return sum(each.is_over for each in self.steps.values())

    def age_ms(self) -> float:
        """Return how long ago the run started."""
        started = self.run.started_at or self.run.created_at
        return max(0.0, (REAL_RUNTIMES.awaiting.now_utc() - started).total_seconds() * 1000)


class Display:
    """Shows a run while a command follows it. This one shows nothing: `--json` prints only the ended run."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def shown(self, view: RunView) -> AbstractContextManager[object]:
        """Show the run while the context lasts."""
        del view
        return nullcontext()

    def show_event(self, view: RunView, event: RunEvent, step: StepView | None) -> None:
        """Show an event that `view` already contains; `step` is the step that the event is about."""

    def notice(self, text: str) -> None:
        """Show a message to the user."""


class LineDisplay(Display):
    """Prints one line for each event."""

    def shown(self, view: RunView) -> AbstractContextManager[object]:
        """See `Display`."""
        run = view.run
        self._out.line(f"run {run.id} of {run.workflow}: {counted(len(view.steps), 'step')}")
        return nullcontext()

    def show_event(self, view: RunView, event: RunEvent, step: StepView | None) -> None:
        """See `Display`."""
        del view
        action = event.type.partition("_")[2]
        if step is None:
            line = f"run {action}"
        elif action in {"started", "waiting"}:
            line = f"{step.step} {action}"
        elif action == "retrying":
            wait = duration(event.data["retry_in_ms"])
            failed = f"attempt {event.data['attempt']} failed: {event.data['error_type']}"
            line = f"{step.step} {failed}, retrying in {wait}"
        else:
            details = [] if step.duration_ms is None else [duration(step.duration_ms)]
            details += _attempts(step)
            line = f"{step.step} {status_style(step.status, step.reason).label}"
            if details:
                line += f" ({', '.join(details)})"
        self._out.line(escape_controls(line))

    def notice(self, text: str) -> None:
        """See `Display`."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


class LiveDisplay(Display):
    """Shows a table of the most relevant steps above a progress bar. It disappears when the run ends."""

    def __init__(self, out: Output) -> None:
        super().__init__(out)
        self._notice = ""
        self._spinner = Spinner("dots" if out.has_unicode else "line")

    @contextmanager
    def shown(self, view: RunView) -> Iterator[None]:
        """See `Display`."""
        with Live(
            get_renderable=lambda: self._render(view),
            console=self._out.console,
            refresh_per_second=_FRAMES_PER_S,
            transient=True,
        ):
            yield

    def notice(self, text: str) -> None:
        """See `Display`."""
        self._notice = text

    def _render(self, view: RunView) -> RenderableType:
        room = max(1, self._out.console.height - _OTHER_LINES - bool(self._notice))
        steps = [*view.steps.values()]
        if len(steps) > room:
            # Select by relevance, but show the steps in the order of the workflow.
            most_relevant = {each.step for each in sorted(steps, key=_relevance)[:room]}
            steps = [each for each in steps if each.step in most_relevant]
        parts: list[RenderableType] = [self._title(view), self._table(steps)]
        if hidden := len(view.steps) - len(steps):
            parts.append(Text(f"and {counted(hidden, 'more step')}", style="dim"))
        parts.append(self._bar(view))
        if self._notice:
            parts.append(Text(self._notice, style="yellow"))
        return Group(*parts)

    def _title(self, view: RunView) -> RenderableType:
        text = Text(view.run.workflow, style="bold", no_wrap=True, overflow="ellipsis")
        text.append(f"  {view.run.id}", style="dim not bold")
        return text

    def _table(self, steps: list[StepView]) -> RenderableType:
        now = REAL_RUNTIMES.awaiting.now_utc()
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True)
        if not self._out.is_narrow:
            table.add_column(no_wrap=True, overflow="ellipsis", style="dim")
        for each in steps:
            style = status_style(each.status, each.reason)
            mark: RenderableType = Text(self._out.mark(style).text, style.rich_style)
            if each.status is StepStatus.RUNNING:
                mark = self._spinner
            name = Text(each.step, style="dim" if each.status is StepStatus.PENDING else "")
            cells = [mark, name, duration(each.elapsed_ms(now))]
            if not self._out.is_narrow:
                # A label that only repeats the status adds nothing to the mark.
                label = [style.label] if each.reason or each.status is StepStatus.CANCELLED else []
                cells.append(escape_controls(", ".join([*label, *_attempts(each)])))
            table.add_row(*cells)
        return table

    def _bar(self, view: RunView) -> RenderableType:
        total, done = len(view.steps), view.done
        row = Table.grid(padding=(0, 1))
        row.add_column(width=min(30, max(5, self._out.console.width - 40)))
        row.add_column(no_wrap=True, overflow="ellipsis")
        has_failed = any(each.status is StepStatus.FAILED for each in view.steps.values())
        style = "red" if has_failed else "green"
        ratio = f"{done}/{total}  {duration(view.age_ms())}"
        row.add_row(
            ProgressBar(total=total, completed=done, complete_style=style, finished_style=style), ratio
        )
        return row


def _attempts(step: StepView) -> list[str]:
    return [f"{step.attempts} attempts"] if step.attempts > 1 else []


def _relevance(step: StepView) -> tuple[int, float]:
    """Return the sort key of a step: running steps, failed ones, the latest that ended, and then pending ones."""
    if step.status is StepStatus.RUNNING:
        return 0, 0.0
    if step.status is StepStatus.FAILED:
        return 1, 0.0
    if step.is_over:
        return 2, 0.0 if step.started_at is None else -step.started_at.timestamp()
    return 3, 0.0
