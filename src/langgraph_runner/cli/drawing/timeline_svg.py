"""A timeline as SVG: a row for each step, lines from dependencies, the critical path in its own colour."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING, Final

from langgraph_runner.cli.drawing.svg import ACCENT, document, text, text_width
from langgraph_runner.cli.drawing.timeline import summary
from langgraph_runner.cli.render.text import duration

if TYPE_CHECKING:
    from langgraph_runner.cli.drawing.timeline import Bar, Timeline

__all__ = ["timeline_svg"]

_MARGIN: Final = 24.0
_ROW: Final = 24.0
_BAR: Final = 14.0
_PLOT: Final = 720.0
_TICKS: Final = 6
_TOP: Final = 84.0
_ROOM_FOR_TIMES: Final = 150.0


def timeline_svg(timeline: Timeline) -> str:
    """Draw a timeline. Return the text of an SVG file."""
    left = _MARGIN + max((text_width(bar.step) for bar in timeline.bars), default=0.0) + 16
    scale = _PLOT / (timeline.duration_ms or 1.0)
    rows = {bar.step: _TOP + _ROW * (index + 0.5) for index, bar in enumerate(timeline.bars)}
    bottom = _TOP + _ROW * len(timeline.bars)
    title = f"{timeline.workflow}: {timeline.status}, {duration(timeline.duration_ms)}"
    subtitle = summary(timeline, is_unicode=True)
    legend, legend_width = _legend(timeline.bars, bottom + 30)
    parts = [
        f'<text x="{_MARGIN:g}" y="{_MARGIN + 8:g}" font-weight="600">{text(title)}</text>',
        f'<text x="{_MARGIN:g}" y="{_MARGIN + 30:g}" class="dim">{text(subtitle)}</text>',
        *_axis(timeline.duration_ms, left, scale, bottom),
        *(_arrow(bar, timeline, rows, left, scale) for bar in timeline.bars),
        *(_row(bar, rows[bar.step], left, scale) for bar in timeline.bars),
        *legend,
    ]
    width = max(left + _PLOT + _ROOM_FOR_TIMES, 2 * _MARGIN + text_width(subtitle), legend_width)
    return document(title, width, bottom + 48, parts)


def _axis(total_ms: float, left: float, scale: float, bottom: float) -> list[str]:
    step = _round_up(total_ms / _TICKS)
    parts = []
    for index in range(floor(total_ms / step) + 1 if step else 1):
        x = left + index * step * scale
        parts.append(
            f'<line class="grid" x1="{x:.1f}" y1="{_TOP - 6:.1f}" x2="{x:.1f}" y2="{bottom:.1f}"/>'
            f'<text class="dim" x="{x:.1f}" y="{_TOP - 12:.1f}" text-anchor="middle" font-size="11">'
            f"{duration(index * step) if index else '0'}</text>"
        )
    return parts


def _round_up(value: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 0.0
    power = 10.0 ** floor(log10(value))
    return next((power * factor for factor in (1, 2, 5) if power * factor >= value), 10 * power)


def _row(bar: Bar, y: float, left: float, scale: float) -> str:
    weight = ' font-weight="600"' if bar.is_critical else ""
    name = text(bar.step)
    parts = [f'<text x="{left - 12:.1f}" y="{y + 4.5:.1f}" text-anchor="end"{weight}>{name}</text>']
    if bar.start_ms is not None and bar.end_ms is not None:
        # At least 2 px wide, so that the bar of a short step is visible.
        x, width = left + bar.start_ms * scale, max(2.0, (bar.end_ms - bar.start_ms) * scale)
        if bar.ready_ms is not None and bar.waited_ms > 0:
            parts.append(
                f'<rect class="wait" x="{left + bar.ready_ms * scale:.1f}" y="{y - 3:.1f}"'
                f' width="{bar.waited_ms * scale:.1f}" height="6"/>'
            )
        colour = ACCENT if bar.is_accented else bar.style.colour
        parts.append(
            f'<rect x="{x:.1f}" y="{y - _BAR / 2:.1f}" width="{width:.1f}" height="{_BAR:g}" rx="3"'
            f' style="fill:{colour}"/>'
        )
        label, x, style = duration(bar.end_ms - bar.start_ms), x + width + 6, ""
    else:
        x = left + (bar.end_ms or 0.0) * scale
        label = f"{bar.style.mark} {bar.style.label}"
        style = f' style="fill:{bar.style.colour}"'
    parts.append(f'<text class="dim" x="{x:.1f}" y="{y + 4:.1f}" font-size="11"{style}>{text(label)}</text>')
    return f"<g><title>{name}: {text(_description(bar))}</title>{''.join(parts)}</g>"


def _arrow(bar: Bar, timeline: Timeline, rows: dict[str, float], left: float, scale: float) -> str:
    """Draw a line from the end of the last dependency down to the row of the step that waited for it."""
    if bar.waited_for not in rows or bar.start_ms is None:
        return ""
    before = next(each for each in timeline.bars if each.step == bar.waited_for)
    if before.end_ms is None or before.start_ms is None:
        return ""
    x, end = left + before.end_ms * scale, left + bar.start_ms * scale
    is_critical = bar.is_critical and before.is_critical
    style = f' style="stroke:{ACCENT}"' if is_critical else ""
    return f'<path class="edge"{style} d="M{x:.1f} {rows[before.step]:.1f}V{rows[bar.step]:.1f}H{max(x, end):.1f}"/>'


def _description(bar: Bar) -> str:
    parts = [bar.style.label]
    if bar.ran_ms is not None:
        parts.append(f"ran {duration(bar.ran_ms)}")
        if bar.waited_ms >= 1:
            parts.append(f"waited {duration(bar.waited_ms)} to start")
    if bar.waited_for is not None:
        parts.append(f"after {bar.waited_for}")
    return ", ".join(parts)


def _legend(bars: list[Bar], y: float) -> tuple[list[str], float]:
    """Explain the colours and marks of this drawing. Return the elements and their width."""
    parts: list[str] = []
    x = _MARGIN

    def add(symbol: str, label: str) -> None:
        nonlocal x
        parts.append(
            f'{symbol}<text class="dim" x="{x + 18:.1f}" y="{y:.1f}" font-size="12">{text(label)}</text>'
        )
        x += 46 + text_width(label)

    ran = [bar for bar in bars if bar.ran_ms is not None]
    colours = {"critical path": ACCENT} if any(bar.is_accented for bar in ran) else {}
    colours |= {bar.style.short_label: bar.style.colour for bar in ran if not bar.is_accented}
    for label, colour in colours.items():
        swatch = f'<rect x="{x:.1f}" y="{y - 9:.1f}" width="12" height="10" rx="2" style="fill:{colour}"/>'
        add(swatch, label)
    if any(bar.waited_ms > 0 for bar in bars):
        swatch = f'<rect class="wait" x="{x:.1f}" y="{y - 7:.1f}" width="12" height="6"/>'
        add(swatch, "ready, waiting to start")
    marks = {bar.style.short_label: bar.style for bar in bars if bar.ran_ms is None}
    for label, style in marks.items():
        mark = f'<text x="{x:.1f}" y="{y:.1f}" font-size="12" style="fill:{style.colour}">{style.mark}</text>'
        add(mark, label)
    return parts, x
