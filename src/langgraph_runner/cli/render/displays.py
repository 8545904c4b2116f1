"""The two displays of a run that goes on: a table that lives in the terminal, and lines for a pipe."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from langgraph_runner.cli.render.words import counted, duration, face, no_controls
from langgraph_runner.runtime.runtimes import REAL_RUNTIMES
from langgraph_runner.workflow import StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from langgraph_runner.cli.following import RunView, StepView
    from langgraph_runner.cli.render.output import Output
    from langgraph_runner.engine import RunEvent

__all__ = ["LineDisplay", "LiveDisplay", "details"]

_FRAMES_PER_S: Final = 8
_LINES_AROUND: Final = 4
"""Of the screen: title, bar, how many steps are not shown, and where the cursor stands."""
_ORDER: Final = {StepStatus.RUNNING: 0, StepStatus.FAILED: 1}


class LineDisplay:
    """One line for each event.

    Args:
        out: Where to.
    """

    def __init__(self, out: Output) -> None:
        self._out = out

    def shown(self, view: RunView) -> AbstractContextManager[object]:
        """See `Display`."""
        run = view.run
        self._out.line(f"run {run.id} of {run.workflow}: {counted(len(view.steps), 'step')}")
        return nullcontext()

    def happened(self, view: RunView, event: RunEvent, step: StepView | None) -> None:
        """See `Display`."""
        del view
        happened = event.type.partition("_")[2]
        if step is None or happened in {"started", "waiting"}:
            self._out.line(f"{'run' if step is None else step.step} {happened}")
        elif happened == "retrying":
            wait = duration(event.data["retry_in_ms"])
            tried = f"attempt {event.data['attempt']} failed: {event.data['error_type']}"
            self._out.line(no_controls(f"{step.step} {tried}, again in {wait}"))
        else:
            more = details(step, None)
            words = face(step.status, step.reason).words
            self._out.line(f"{step.step} {words}{f' ({more})' if more else ''}")

    def notice(self, text: str) -> None:
        """See `Display`."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


class LiveDisplay:
    """A table of the steps that matter now, over a progress bar. It is gone when the run is over.

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
            get_renderable=lambda: self._rendered(view),
            console=self._out.console,
            refresh_per_second=_FRAMES_PER_S,
            transient=True,
        ):
            yield

    def happened(self, view: RunView, event: RunEvent, step: StepView | None) -> None:
        """See `Display`."""

    def notice(self, text: str) -> None:
        """See `Display`."""
        self._notice = text

    def _rendered(self, view: RunView) -> RenderableType:
        room = max(1, self._out.console.height - _LINES_AROUND - bool(self._notice))
        steps = [*view.steps.values()]
        if len(steps) > room:
            steps = sorted(steps, key=_urgency)[:room]
            shown = {each.step for each in steps}
            steps = [each for each in view.steps.values() if each.step in shown]
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
            looks = face(each.status, each.reason)
            mark = (
                self._spinner
                if each.status is StepStatus.RUNNING
                else Text(self._out.mark(looks).text, looks.style)
            )
            name = Text(each.step, style="dim" if each.status is StepStatus.PENDING else "")
            cells: list[RenderableType] = [mark, name, duration(each.spent_ms(now))]
            table.add_row(*cells, *([] if self._out.is_narrow else [details(each, looks.words)]))
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


def details(step: StepView, words: str | None) -> str:
    """What else there is to say of a step: why it did not run, how often it was tried."""
    parts = [words] if words and (step.reason or step.status is StepStatus.CANCELLED) else []
    if words is None and step.duration_ms is not None:
        parts.append(duration(step.duration_ms))
    if step.attempts > 1:
        parts.append(f"{step.attempts} attempts")
    return no_controls(", ".join(parts))


def _urgency(step: StepView) -> tuple[int, float]:
    """What runs comes first, then what has failed, then what ended last, then what waits."""
    if step.status in _ORDER:
        return _ORDER[step.status], 0.0
    if step.is_over:
        return 2, -(step.started_at.timestamp() if step.started_at is not None else 0.0)
    return 3, 0.0
