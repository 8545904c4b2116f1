"""The displays of a run that a command follows: a live table for a terminal, lines for a pipe, nothing for JSON."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Final, Protocol

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from langgraph_runner.cli.render.text import counted, duration, escape_controls, status_style
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow import StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.cli.run_view import RunView, StepView
    from langgraph_runner.engine import RunEvent

__all__ = ["Display", "LineDisplay", "LiveDisplay", "SilentDisplay"]

_FRAMES_PER_S: Final = 8
_OTHER_LINES: Final = 4
"""Lines of the screen that show no step: title, bar, number of hidden steps, and the line of the cursor."""


class Display(Protocol):
    """Shows a run while a command follows it."""

    def shown(self, view: RunView) -> AbstractContextManager[object]:
        """Show the run while the context lasts."""
        ...

    def show_event(self, view: RunView, event: RunEvent, step: StepView | None) -> None:
        """Show an event that `view` already contains; `step` is the step that the event is about."""

    def notice(self, text: str) -> None:
        """Show a message to the user."""


class SilentDisplay:
    """Shows nothing. With `--json` only the run at the end is printed."""

    def shown(self, view: RunView) -> AbstractContextManager[object]:
        """See `Display`."""
        del view
        return nullcontext()

    def show_event(self, view: RunView, event: RunEvent, step: StepView | None) -> None:
        """See `Display`."""

    def notice(self, text: str) -> None:
        """See `Display`."""


class LineDisplay:
    """Prints one line for each event.

    Args:
        out: Where to print.
    """

    def __init__(self, out: Output) -> None:
        self._out = out

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


class LiveDisplay:
    """Shows a table of the most relevant steps above a progress bar. It disappears when the run ends.

    Args:
        out: A terminal.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
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

    def show_event(self, view: RunView, event: RunEvent, step: StepView | None) -> None:
        """See `Display`."""

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
        style = "red" if view.counts()["failed"] else "green"
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
