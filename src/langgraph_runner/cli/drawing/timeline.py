"""`Timeline`: when each step of a run waited and ran, which step waited for which, and the critical path.

`bar_lines()` draws it as text, `timeline_svg` as SVG.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import BaseModel

from langgraph_runner.cli.render.text import duration, status_style
from langgraph_runner.workflow import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph_runner.cli.render.text import StatusStyle
    from langgraph_runner.engine import Run, RunStep

__all__ = ["Bar", "BarLine", "Timeline", "bar_lines", "summary", "timeline_of"]

_MIN_BAR: Final = 10
_MAX_BAR: Final = 100
_MAX_NAME: Final = 32
_MAX_AT_END: Final = 6
"""How many steps of a long critical path are named at each end."""


class Bar(BaseModel):
    """One step of a run. Times are in ms since the start of the run."""

    step: str
    status: str
    reason: str | None
    ready_ms: float | None
    """When the last dependency ended. From then on the step waited for a free slot. None if it has not ended."""
    start_ms: float | None
    """When the step started; None if it did not."""
    end_ms: float | None
    """When the step ended; now, if it is running."""
    waited_for: str | None
    """The dependency that ended last."""
    is_critical: bool = False

    @property
    def ran_ms(self) -> float | None:
        """How long the step ran; None if it did not."""
        return None if self.start_ms is None or self.end_ms is None else self.end_ms - self.start_ms

    @property
    def waited_ms(self) -> float:
        """How long the step waited for a free slot."""
        return 0.0 if self.start_ms is None or self.ready_ms is None else self.start_ms - self.ready_ms

    @property
    def style(self) -> StatusStyle:
        """The style of its status."""
        return status_style(self.status, self.reason)

    @property
    def is_accented(self) -> bool:
        """Whether it has the colour of the critical path. A step that did not complete keeps its own colour."""
        return self.is_critical and self.status == "completed"


class Timeline(BaseModel):
    """One run as bars."""

    run_id: str
    workflow: str
    status: str
    started_at: datetime
    duration_ms: float
    """From the start of the run to its end, or until now."""
    critical_path: list[str]
    """The chain of steps, each waiting for the one before, that ended last. To shorten the run, shorten these."""
    critical_work_ms: float
    """How long the steps of the critical path ran."""
    bars: list[Bar]
    """In the order in which the steps started."""


def timeline_of(
    run: Run, steps: list[RunStep], needs: Mapping[str, tuple[str, ...]] | None, now: datetime
) -> Timeline:
    """Make the timeline of a run.

    Args:
        run: The run.
        steps: All its steps.
        needs: The dependencies of each step that has some; None if they are unknown. Then the timeline has neither
            waits nor a critical path.
        now: The current time, for steps that are running.
    """
    origin = run.started_at or run.created_at

    def since(when: datetime | None) -> float | None:
        return None if when is None else max(0.0, (when - origin).total_seconds() * 1000)

    ends = {each.step: since(each.completed_at or (now if each.started_at else None)) for each in steps}
    bars = [_bar(each, ends, (needs or {}).get(each.step, ()), since(each.started_at)) for each in steps]
    path: list[str] = []
    if needs is None:
        for bar in bars:
            bar.ready_ms = bar.start_ms
    else:
        path = _critical_path(bars)
    for bar in bars:
        bar.is_critical = bar.step in path
    bars.sort(key=_first_ms)
    end = since(run.completed_at or now) or 0.0
    return Timeline(
        run_id=run.id,
        workflow=run.workflow,
        status=run.status,
        started_at=origin,
        duration_ms=max([end, *(bar.end_ms for bar in bars if bar.end_ms is not None)]),
        critical_path=path,
        critical_work_ms=sum((bar.ran_ms or 0.0 for bar in bars if bar.is_critical), start=0.0),
        bars=bars,
    )


def _first_ms(bar: Bar) -> float:
    """Return when something first happened to a step. Steps that nothing happened to come last."""
    if bar.start_ms is not None:
        return bar.start_ms
    return float("inf") if bar.end_ms is None else bar.end_ms


def _bar(step: RunStep, ends: Mapping[str, float | None], needs: tuple[str, ...], start: float | None) -> Bar:
    ended: dict[str, float] = {}
    for name in needs:
        end_of_need = ends.get(name)
        if end_of_need is not None:
            ended[name] = end_of_need
    last = max(ended, key=lambda name: ended[name]) if ended else None
    ready = None
    if len(ended) == len(set(needs)):
        ready = 0.0 if last is None else ended[last]
        if start is not None:
            ready = min(ready, start)
    end = ends[step.step]
    return Bar(
        step=step.step,
        status=step.status,
        reason=step.reason,
        ready_ms=ready,
        start_ms=start,
        end_ms=None if end is None else max(end, start or 0.0),
        waited_for=last,
    )


def _critical_path(bars: list[Bar]) -> list[str]:
    """Follow the waits back from the step that ended last."""
    by_name = {bar.step: bar for bar in bars}
    ran = [bar for bar in bars if bar.start_ms is not None and bar.end_ms is not None]
    if not ran:
        return []
    bar: Bar | None = max(ran, key=lambda each: each.end_ms or 0.0)
    path: list[str] = []
    while bar is not None and bar.end_ms is not None and bar.reason != Reason.REUSED_FROM_BASE:
        path.insert(0, bar.step)
        bar = None if bar.waited_for is None else by_name.get(bar.waited_for)
    while path and by_name[path[0]].start_ms is None:
        del path[0]  # A step from the cache, with nothing before it, took no time.
    return path


class BarLine(NamedTuple):
    """The line of one step."""

    bar: Bar
    name: str
    lead: str
    """Blanks, until the step was ready."""
    wait: str
    """Dots, while it waited for a free slot."""
    work: str
    """The bar, while it ran; or the mark of a step that did not run."""
    rest: str
    """Blanks, to the end of the line."""
    took: str


def bar_lines(timeline: Timeline, *, width: int, is_unicode: bool) -> list[BarLine]:
    """Draw the lines. None is longer than `width`, unless that leaves too little room for the bars."""
    name_width = min(_MAX_NAME, max(len(bar.step) for bar in timeline.bars), max(8, width // 3))
    took_width = max(len(_took(bar)) for bar in timeline.bars)
    room = min(_MAX_BAR, max(_MIN_BAR, width - name_width - took_width - 6))
    scale = room / timeline.duration_ms if timeline.duration_ms else 0.0
    return [_line(bar, room, scale, name_width, took_width, is_unicode=is_unicode) for bar in timeline.bars]


def summary(timeline: Timeline, *, is_unicode: bool) -> str:
    """Describe the critical path and its share of the duration."""
    if not timeline.critical_path:
        has_run = any(bar.start_ms is not None for bar in timeline.bars)
        return "Give --app to see the critical path." if has_run else "No step ran."
    arrow = " → " if is_unicode else " > "
    names = timeline.critical_path
    if len(names) > 2 * _MAX_AT_END:
        names = [*names[:_MAX_AT_END], "…" if is_unicode else "...", *names[-_MAX_AT_END:]]
    share = 100 * timeline.critical_work_ms / timeline.duration_ms if timeline.duration_ms else 100.0
    return (
        f"Critical path, {duration(timeline.critical_work_ms)} of {duration(timeline.duration_ms)}"
        f" ({min(share, 100):.0f} %): {arrow.join(names)}"
    )


def _line(
    bar: Bar, room: int, scale: float, name_width: int, took_width: int, *, is_unicode: bool
) -> BarLine:
    full, waiting = ("█", "·") if is_unicode else ("#", ".")
    lead = wait = work = ""
    if bar.start_ms is not None and bar.end_ms is not None:
        start = min(room - 1, int(bar.start_ms * scale))
        ready = start if bar.ready_ms is None else min(start, int(bar.ready_ms * scale))
        # At least one character, so that a short step is visible.
        end = max(start + 1, min(room, round(bar.end_ms * scale)))
        lead, wait, work = " " * ready, waiting * (start - ready), full * (end - start)
    elif bar.end_ms is not None:
        lead = " " * min(room - 1, int(bar.end_ms * scale))
        work = bar.style.mark if is_unicode else bar.style.ascii_mark
    rest = " " * (room - len(lead) - len(wait) - len(work))
    return BarLine(bar, _fit(bar.step, name_width), lead, wait, work, rest, _took(bar).rjust(took_width))


def _took(bar: Bar) -> str:
    return bar.style.short_label if bar.ran_ms is None else duration(bar.ran_ms)


def _fit(name: str, width: int) -> str:
    return name.ljust(width) if len(name) <= width else f"{name[: width - 2]}.."
