"""The places of the steps of a graph: in layers, left to right, few crossings (Sugiyama, Tagawa, Toda, 1981).

An edge over several layers gets a waypoint in each layer between, so that it goes around boxes, not through them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph_runner.workflow import Dag

__all__ = ["Layout", "Place", "lay_out"]

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


def lay_out(dag: Dag, *, box: float, waypoint: float, gap: float) -> Layout:
    """Lay out a graph.

    Args:
        dag: The graph.
        box: The height of a step.
        waypoint: The height of a waypoint.
        gap: The vertical gap between two places of a layer.
    """
    layers = [[Place(step, depth, box) for step in wave] for depth, wave in enumerate(dag.waves())]
    steps = {place.step: place for layer in layers for place in layer if place.step is not None}
    pairs = [(steps[before], steps[step]) for step in dag.order for before in dag.dependencies[step]]
    count = sum(after.layer - before.layer - 1 for before, after in pairs)
    edges = [
        [before, after] if count > _MAX_WAYPOINTS else _with_waypoints(layers, before, after, waypoint)
        for before, after in pairs
    ]
    for edge in edges:
        for one, other in pairwise(edge):
            one.after.append(other)
            other.before.append(one)
    _uncross(layers)
    height = _stack(layers, gap)
    return Layout(layers, steps, edges, height)


def _with_waypoints(layers: list[list[Place]], before: Place, after: Place, height: float) -> list[Place]:
    between = [Place(None, layer, height) for layer in range(before.layer + 1, after.layer)]
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


def _stack(layers: list[list[Place]], gap: float) -> float:
    """Set the vertical positions: near the neighbours, and with the minimum distance to the next place.

    Returns:
        The height of the drawing.
    """
    # Begin with each layer stacked around the same middle line.
    for layer in layers:
        y = 0.0
        for above, place in zip([None, *layer], layer, strict=False):
            y += 0.0 if above is None else _distance(above, place, gap)
            place.y = y
        for place in layer:
            place.y -= y / 2
    # Then pull each place towards its neighbours, in alternating directions.
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = [_mean((each.y for each in [*place.before, *place.after]), place.y) for place in layer]
            for place, y in zip(layer, _keep_distance(layer, wanted, gap), strict=True):
                place.y = y
    # Last, move the drawing so that its top is at 0.
    places = [place for layer in layers for place in layer]
    top = min(place.y - place.height / 2 for place in places)
    for place in places:
        place.y -= top
    return max(place.y + place.height / 2 for place in places)


def _keep_distance(layer: list[Place], wanted: list[float], gap: float) -> list[float]:
    """Return positions near the wanted ones that keep the distances: the mean of pushing down and pushing up."""
    down, up = [*wanted], [*wanted]
    for index in range(1, len(layer)):
        down[index] = max(down[index], down[index - 1] + _distance(layer[index - 1], layer[index], gap))
    for index in range(len(layer) - 2, -1, -1):
        up[index] = min(up[index], up[index + 1] - _distance(layer[index], layer[index + 1], gap))
    return [(one + other) / 2 for one, other in zip(down, up, strict=True)]


def _distance(above: Place, below: Place, gap: float) -> float:
    return (above.height + below.height) / 2 + gap


def _mean(values: Iterable[float], otherwise: float) -> float:
    given = [*values]
    return sum(given) / len(given) if given else otherwise
