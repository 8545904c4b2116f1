"""`StatusStyle`: the mark, the colours and the label of a status, the same in every table and drawing."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["StatusStyle", "status_style"]


class StatusStyle(NamedTuple):
    """How a status looks."""

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
