"""Values as text: statuses, durations, sizes, times, counts. And text that is safe to print."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "StatusStyle",
    "ago",
    "clock",
    "counted",
    "duration",
    "escape_controls",
    "in_one_line",
    "size",
    "status_style",
]

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_KIB: Final = 1024
_BREAKS: Final = re.compile(r"[\t\n]+")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class StatusStyle(NamedTuple):
    """The mark, the colours and the label of a status, the same in every table and drawing."""

    mark: str
    ascii_mark: str
    """The mark for streams without Unicode."""
    rich_style: str
    """The style for rich, in a terminal."""
    colour: str
    """The colour in an SVG drawing."""
    label: str

    @property
    def short_label(self) -> str:
        """The label without the explanation after its colon."""
        return self.label.partition(":")[0]


_STYLES: Final = {
    "pending": StatusStyle("·", ".", "dim", "#8a94a0", "pending"),
    "running": StatusStyle("▶", ">", "cyan", "#0e8fb3", "running"),
    "completed": StatusStyle("✓", "+", "green", "#2e8b57", "completed"),
    "failed": StatusStyle("✗", "x", "bold red", "#c43d3d", "failed"),
    "cancelled": StatusStyle("■", "#", "yellow", "#b98a1b", "cancelled"),
    "skipped": StatusStyle("-", "-", "dim", "#8a94a0", "skipped"),
    "cache_hit": StatusStyle("◆", "*", "blue", "#4a74c9", "cached"),
    "reused_from_base": StatusStyle("=", "=", "dim", "#7d8fa8", "reused"),
    "fallback": StatusStyle("✓", "+", "yellow", "#7a9a2b", "completed by its fallback"),
    "upstream_failed": StatusStyle("○", "o", "red", "#d58a8a", "blocked: a dependency failed"),
    "run_timeout": StatusStyle("■", "#", "yellow", "#b98a1b", "cancelled: the run exceeded its timeout"),
    "fail_fast": StatusStyle("■", "#", "yellow", "#b98a1b", "cancelled: another step failed"),
}
"""By status, and by reason where a reason says more than the status."""


def status_style(status: str, reason: str | None = None) -> StatusStyle:
    """Return the style of a reason, or of the status if the reason has none."""
    of_status = _STYLES[str(status)]
    return of_status if reason is None else _STYLES.get(str(reason), of_status)


def duration(ms: float | None) -> str:
    """Format a duration: `8 ms`, `1.2 s`, `3 min 05 s`, `2 h 10 min`. None gives empty text."""
    if ms is None:
        return ""
    # Each limit is where rounding would give the next unit, such as `60.0 s`.
    if ms < _SECOND - 0.5:
        return f"{ms:.0f} ms"
    if ms < _MINUTE - 50:
        return f"{ms / _SECOND:.1f} s"
    if ms < _HOUR - 500:
        minutes, seconds = divmod(round(ms / _SECOND), 60)
        return f"{minutes} min {seconds:02} s"
    hours, minutes = divmod(round(ms / _MINUTE), 60)
    return f"{hours} h {minutes:02} min"


def size(count: int) -> str:
    """Format a number of bytes: `12 B`, `1.5 KiB`."""
    if count < _KIB:
        return f"{count} B"
    amount, unit = count / _KIB, "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if amount < _KIB:
            break
        amount, unit = amount / _KIB, larger
    return f"{amount:.1f} {unit}"


def clock(when: datetime | None) -> str:
    """Format a time as date and time of the local time zone. None gives empty text."""
    return "" if when is None else when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def ago(when: datetime, now: datetime) -> str:
    """Format how long ago a time was, in one unit. A time after `now` counts as `now`."""
    ms = max(0.0, (now - when).total_seconds() * 1000)
    if ms < _MINUTE:
        return f"{ms / _SECOND:.0f} s ago"
    if ms < _HOUR:
        return f"{ms / _MINUTE:.0f} min ago"
    if ms < 2 * _DAY:
        return f"{ms / _HOUR:.0f} h ago"
    return f"{ms / _DAY:.0f} days ago"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: `1 step`, `3 steps`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def in_one_line(text: str) -> str:
    """Join lines to one. The error of a step, for example, may have several."""
    return " ".join(part.strip() for part in _BREAKS.split(text.strip()))


def escape_controls(text: str) -> str:
    """Escape control characters. The error of a step may hold any text, also commands for the terminal."""
    return _CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)
