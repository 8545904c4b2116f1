"""A timeline as lines of text: a bar for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from langgraph_runner.cli.render.status_style import status_style
from langgraph_runner.cli.render.text import duration

if TYPE_CHECKING:
    from langgraph_runner.cli.drawing.timeline import Bar, Timeline

__all__ = ["BarLine", "bar_lines", "summary"]

_MIN_BAR: Final = 10
_MAX_BAR: Final = 100
_MAX_NAME: Final = 32
_MAX_AT_END: Final = 6
"""How many steps of a long critical path are named at each end."""


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
    style = status_style(bar.status, bar.reason)
    lead = wait = work = ""
    if bar.start_ms is not None and bar.end_ms is not None:
        start = min(room - 1, int(bar.start_ms * scale))
        ready = start if bar.ready_ms is None else min(start, int(bar.ready_ms * scale))
        # At least one character, so that a short step is visible.
        end = max(start + 1, min(room, round(bar.end_ms * scale)))
        lead, wait, work = " " * ready, waiting * (start - ready), full * (end - start)
    elif bar.end_ms is not None:
        lead = " " * min(room - 1, int(bar.end_ms * scale))
        work = style.mark if is_unicode else style.ascii_mark
    rest = " " * (room - len(lead) - len(wait) - len(work))
    return BarLine(bar, _fit(bar.step, name_width), lead, wait, work, rest, _took(bar).rjust(took_width))


def _took(bar: Bar) -> str:
    if bar.start_ms is None or bar.end_ms is None:
        return status_style(bar.status, bar.reason).short_label
    return duration(bar.end_ms - bar.start_ms)


def _fit(name: str, width: int) -> str:
    return name.ljust(width) if len(name) <= width else f"{name[: width - 2]}.."
