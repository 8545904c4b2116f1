"""The graph of a workflow as SVG: layers from left to right."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from langgraph_runner.cli.drawing.layout import Layout, Place, lay_out
from langgraph_runner.cli.drawing.svg import document, text, text_width

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langgraph_runner.cli.render.status_style import StatusStyle
    from langgraph_runner.workflow import Dag

__all__ = ["graph_svg"]

_BOX: Final = 32.0
_MARGIN: Final = 24.0
_COLUMN_GAP: Final = 64.0
_PADDING: Final = 14.0
_TIP: Final = 7.0
_LINE: Final = 22.0


def graph_svg(
    title: str,
    dag: Dag,
    styles: Mapping[str, StatusStyle] | None = None,
    labels: Mapping[str, str] | None = None,
) -> str:
    """Draw a graph.

    Args:
        title: The title of the drawing.
        dag: The graph.
        styles: The style of each step that the run has; None to draw the workflow without a run.
        labels: The labels of steps whose label is not their id.

    Returns:
        The text of an SVG file.
    """
    layout = lay_out(dag, box=_BOX, waypoint=6.0, gap=16.0)
    columns, width = _columns(layout, labels or {}, has_marks=styles is not None)
    top = _MARGIN + 2 * _LINE
    for layer in layout.layers:
        for place in layer:
            place.y += top
    parts = [f'<text x="{_MARGIN:g}" y="{_MARGIN + 12:g}" font-weight="600">{text(title)}</text>']
    for edge in layout.edges:
        parts += _edge(edge, columns)
    parts += [
        _box(
            (labels or {}).get(step, step),
            place,
            columns[place.layer],
            None if styles is None else styles.get(step),
        )
        for step, place in layout.steps.items()
    ]
    bottom = top + layout.height + _MARGIN
    width = max(width, 2 * _MARGIN + text_width(title))
    if styles is not None:
        legend, width = _legend(styles, bottom, width)
        parts += legend
        bottom += _LINE
    return document(title, width, bottom, parts)


def _columns(
    layout: Layout, labels: Mapping[str, str], *, has_marks: bool
) -> tuple[list[tuple[float, float]], float]:
    """Return the left edge and the width of each layer, and the width of the drawing."""
    x, columns = _MARGIN, []
    for layer in layout.layers:
        names = [labels.get(place.step, place.step) for place in layer if place.step is not None]
        width = max(map(text_width, names), default=0.0) + 2 * _PADDING + (18 if has_marks else 0)
        columns.append((x, width))
        x += width + _COLUMN_GAP
    return columns, x - _COLUMN_GAP + _MARGIN


def _box(step: str, place: Place, column: tuple[float, float], style: StatusStyle | None) -> str:
    x, width = column
    y = place.y - _BOX / 2
    label = text(step)
    middle = place.y + 4.5
    if style is None:
        return (
            f'<g><title>{label}</title><rect class="box" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}"'
            f' height="{_BOX:g}" rx="6"/><text x="{x + _PADDING:.1f}" y="{middle:.1f}">{label}</text></g>'
        )
    return (
        f'<g><title>{label}: {text(style.label)}</title><rect class="box" x="{x:.1f}" y="{y:.1f}"'
        f' width="{width:.1f}" height="{_BOX:g}" rx="6" style="stroke:{style.colour};stroke-width:2"/>'
        f'<text x="{x + 10:.1f}" y="{middle:.1f}" style="fill:{style.colour}">{style.mark}</text>'
        f'<text x="{x + 28:.1f}" y="{middle:.1f}">{label}</text></g>'
    )


def _edge(edge: list[Place], columns: list[tuple[float, float]]) -> list[str]:
    left, width = columns[edge[0].layer]
    path = [f"M{left + width:.1f} {edge[0].y:.1f}"]
    x, y = left + width, edge[0].y
    for _, place in pairwise(edge):
        left, width = columns[place.layer]
        end = left - _TIP if place.step is not None else left
        bend = (end - x) / 2
        path.append(f"C{x + bend:.1f} {y:.1f} {end - bend:.1f} {place.y:.1f} {end:.1f} {place.y:.1f}")
        if place.step is None:
            path.append(f"H{left + width:.1f}")
        x, y = left + width, place.y
    tip_x, tip_y = columns[edge[-1].layer][0], edge[-1].y
    tip = f"{tip_x:.1f},{tip_y:.1f} {tip_x - _TIP - 1:.1f},{tip_y - 4:.1f} {tip_x - _TIP - 1:.1f},{tip_y + 4:.1f}"
    return [f'<path class="edge" d="{"".join(path)}"/>', f'<polygon class="tip" points="{tip}"/>']


def _legend(styles: Mapping[str, StatusStyle], y: float, width: float) -> tuple[list[str], float]:
    x, parts = _MARGIN, []
    for style in dict.fromkeys(styles.values()):
        parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" style="fill:{style.colour}">{style.mark}</text>'
            f'<text class="dim" x="{x + 16:.1f}" y="{y:.1f}">{text(style.label)}</text>'
        )
        x += 40 + text_width(style.label)
    return parts, max(width, x)
