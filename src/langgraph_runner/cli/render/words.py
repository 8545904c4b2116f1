"""How things are called and drawn everywhere: marks and colours of a status, durations, sizes, times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Face", "ago", "clock", "counted", "duration", "face", "in_one_line", "no_controls", "size"]

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_KIB: Final = 1024
_BREAKS: Final = re.compile(r"[\t\n]+")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Face(NamedTuple):
    """How a status looks."""

    mark: str
    ascii_mark: str
    style: str
    """Of rich."""
    colour: str
    """In a drawing."""
    words: str

    @property
    def brief(self) -> str:
        """The words without what explains them."""
        return self.words.partition(":")[0]


_FACES: Final = {
    "pending": Face("·", ".", "dim", "#8a94a0", "pending"),
    "running": Face("▶", ">", "cyan", "#0e8fb3", "running"),
    "completed": Face("✓", "+", "green", "#2e8b57", "completed"),
    "failed": Face("✗", "x", "bold red", "#c43d3d", "failed"),
    "cancelled": Face("■", "#", "yellow", "#b98a1b", "cancelled"),
    "skipped": Face("-", "-", "dim", "#8a94a0", "skipped"),
    "cache_hit": Face("◆", "*", "blue", "#4a74c9", "cached"),
    "reused_from_base": Face("=", "=", "dim", "#7d8fa8", "reused"),
    "fallback": Face("✓", "+", "yellow", "#7a9a2b", "completed by its fallback"),
    "upstream_failed": Face("○", "o", "red", "#d58a8a", "blocked: what it needs failed"),
    "run_timeout": Face("■", "#", "yellow", "#b98a1b", "cancelled: the run took too long"),
    "fail_fast": Face("■", "#", "yellow", "#b98a1b", "cancelled: another step failed"),
}


def face(status: str, reason: str | None = None) -> Face:
    """How a status looks; the reason says more, where there is one."""
    return _FACES.get(str(reason), _FACES[str(status)]) if reason is not None else _FACES[str(status)]


def duration(ms: float | None) -> str:
    """A duration for people: `8 ms`, `1.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if ms is None:
        return ""
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
    """A number of bytes for people."""
    amount, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < _KIB or unit == "TiB":
            break
        amount /= _KIB
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def clock(when: datetime | None) -> str:
    """A time of day here, with its date."""
    return "" if when is None else when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def ago(when: datetime, now: datetime) -> str:
    """How long ago, roughly."""
    ms = max(0.0, (now - when).total_seconds() * 1000)
    if ms < _MINUTE:
        return f"{ms / _SECOND:.0f} s ago"
    if ms < _HOUR:
        return f"{ms / _MINUTE:.0f} min ago"
    return f"{ms / _HOUR:.0f} h ago" if ms < 2 * _DAY else f"{ms / _DAY:.0f} days ago"


def counted(count: int, noun: str) -> str:
    """How many there are of something: `1 step`, `3 steps`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def in_one_line(text: str) -> str:
    """Text that has a line to itself, such as in a table: what a step's error says may have several."""
    return " ".join(part.strip() for part in _BREAKS.split(text.strip()))


def no_controls(text: str) -> str:
    """Text that cannot command the terminal: what a step's error says may hold anything."""
    return _CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)
