"""The graph of a workflow as SVG: in layers, left to right, few crossings (Sugiyama, Tagawa, Toda, 1981).

An edge over several layers gets a waypoint in each layer between, so that it goes around boxes, not through them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from langgraph_runner.cli.drawing.svg import document, text, text_width

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from langgraph_runner.cli.render.text import StatusStyle
    from langgraph_runner.workflow import Dag

__all__ = ["graph_svg", "lay_out"]

_BOX: Final = 32.0
_WAYPOINT: Final = 6.0
_ROW_GAP: Final = 16.0
_MARGIN: Final = 24.0
_COLUMN_GAP: Final = 64.0
_PADDING: Final = 14.0
_TIP: Final = 7.0
_LINE: Final = 22.0
_SWEEPS: Final = 6
_MAX_WAYPOINTS: Final = 5_000
"""In a graph with more waypoints, long edges are straight lines: with so many edges, no one is readable anyway."""


@dataclass(slots=True, eq=False)
class Place:
    """A step, or a waypoint of an edge, in its layer."""

    step: str | None
    layer: int
    height: float
    y: float = 0.0
    """The vertical position of the middle."""
    before: list[Place] = field(default_factory=list)
    after: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class Layout:
    """The places of all steps and edges of a graph."""

    layers: list[list[Place]]
    steps: dict[str, Place]
    edges: list[list[Place]]
    """Each from a dependency, over waypoints, to the step that depends on it."""
    height: float


def graph_svg(
    title: str,
    dag: Dag,
    styles: Mapping[str, StatusStyle] | None = None,
    labels: Mapping[str, str] | None = None,
) -> str:
    """Draw a graph. Return the text of an SVG file.

    Args:
        title: The title of the drawing.
        dag: The graph.
        styles: The style of each step that the run has; None to draw the workflow without a run.
        labels: The labels of steps whose label is not their id.
    """
    layout = lay_out(dag)
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
    middle = place.y + 4.5
    label = text(step)
    title, stroke, mark, indent = label, "", "", _PADDING
    if style is not None:
        title = f"{label}: {text(style.label)}"
        stroke = f' style="stroke:{style.colour};stroke-width:2"'
        mark = f'<text x="{x + 10:.1f}" y="{middle:.1f}" style="fill:{style.colour}">{style.mark}</text>'
        indent = 28
    return (
        f'<g><title>{title}</title><rect class="box" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}"'
        f' height="{_BOX:g}" rx="6"{stroke}/>{mark}<text x="{x + indent:.1f}" y="{middle:.1f}">{label}</text></g>'
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


def lay_out(dag: Dag) -> Layout:
    """Lay out a graph."""
    layers = [[Place(step, depth, _BOX) for step in wave] for depth, wave in enumerate(dag.waves())]
    steps = {place.step: place for layer in layers for place in layer if place.step is not None}
    pairs = [(steps[before], steps[step]) for step in dag.order for before in dag.dependencies[step]]
    count = sum(after.layer - before.layer - 1 for before, after in pairs)
    edges = [
        [before, after] if count > _MAX_WAYPOINTS else _with_waypoints(layers, before, after)
        for before, after in pairs
    ]
    for edge in edges:
        for one, other in pairwise(edge):
            one.after.append(other)
            other.before.append(one)
    _uncross(layers)
    return Layout(layers, steps, edges, height=_stack(layers))


def _with_waypoints(layers: list[list[Place]], before: Place, after: Place) -> list[Place]:
    between = [Place(None, layer, _WAYPOINT) for layer in range(before.layer + 1, after.layer)]
    for place in between:
        layers[place.layer].append(place)
    return [before, *between, after]


def _uncross(layers: list[list[Place]]) -> None:
    """Reduce crossings: sort each layer by the mean position of its neighbours, in alternating directions."""
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        position = {place: index for layer in layers for index, place in enumerate(layer)}
        for layer in layers if forward else reversed(layers):
            wanted = {}
            for place in layer:
                neighbours = place.before if forward else place.after
                wanted[place] = _mean((position[each] for each in neighbours), position[place])
            layer.sort(key=wanted.__getitem__)
            # The next layer is sorted by these new positions.
            position.update((place, index) for index, place in enumerate(layer))


def _stack(layers: list[list[Place]]) -> float:
    """Set the vertical positions: near the neighbours, and with the minimum distance to the next place.

    Returns:
        The height of the drawing.
    """
    # Begin with each layer stacked around the same middle line.
    for layer in layers:
        y = 0.0
        for above, place in zip([None, *layer], layer, strict=False):
            y += 0.0 if above is None else _distance(above, place)
            place.y = y
        for place in layer:
            place.y -= y / 2
    # Then pull each place towards its neighbours, in alternating directions.
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = [_mean((each.y for each in [*place.before, *place.after]), place.y) for place in layer]
            for place, y in zip(layer, _keep_distance(layer, wanted), strict=True):
                place.y = y
    # Last, move the drawing so that its top is at 0.
    places = [place for layer in layers for place in layer]
    top = min(place.y - place.height / 2 for place in places)
    for place in places:
        place.y -= top
    return max(place.y + place.height / 2 for place in places)


def _keep_distance(layer: list[Place], wanted: list[float]) -> list[float]:
    """Return positions near the wanted ones that keep the distances: the mean of pushing down and pushing up."""
    down, up = [*wanted], [*wanted]
    for index in range(1, len(layer)):
        down[index] = max(down[index], down[index - 1] + _distance(layer[index - 1], layer[index]))
    for index in range(len(layer) - 2, -1, -1):
        up[index] = min(up[index], up[index + 1] - _distance(layer[index], layer[index + 1]))
    return [(one + other) / 2 for one, other in zip(down, up, strict=True)]


def _distance(above: Place, below: Place) -> float:
    return (above.height + below.height) / 2 + _ROW_GAP


def _mean(values: Iterable[float], otherwise: float) -> float:
    given = [*values]
    return sum(given) / len(given) if given else otherwise
