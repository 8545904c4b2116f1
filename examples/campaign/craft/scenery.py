"""A landscape in the colours of a theme: sky, sun, ridges behind ridges, trees. Drawn by arithmetic, as SVG."""

from collections.abc import Iterator
from functools import lru_cache
from math import sin
from typing import NamedTuple

from examples.campaign.craft.names import chosen
from examples.campaign.models.theme import Theme

__all__ = ["SUN", "Canvas", "landscape"]

_RIDGES = ("ridge_1", "ridge_2", "ridge_3", "ridge_4", "ridge_5")
_STEP = 12
SUN = 8
"""The radius of the sun, in units."""


class Canvas(NamedTuple):
    """The drawing area."""

    width: int
    height: int
    horizon: float
    """The height at which the ridges begin, from 0 (top) to 1."""
    seed: str
    """The same seed gives the same landscape."""

    @property
    def clear(self) -> float:
        """The part of the height that has only sky."""
        return self.height * self.horizon - self.unit * (SUN + 3)

    @property
    def unit(self) -> float:
        """The unit of sizes: a hundredth of the smaller side."""
        return min(self.width, self.height) / 100


def landscape(canvas: Canvas, theme: Theme) -> str:
    """Return the elements of the drawing, from back to front."""
    parts = [_definitions(theme), _sky(canvas), *_light(canvas, theme)]
    for layer, role in enumerate(_RIDGES):
        parts.append(_ridge(canvas, layer, theme[role]))
        if layer > 1:
            parts.append(_trees(canvas, layer, theme[role]))
    return "\n".join(parts)


def _definitions(theme: Theme) -> str:
    return (
        '<defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1">'
        f'<stop offset="0" stop-color="{theme["sky_top"]}"/>'
        f'<stop offset="1" stop-color="{theme["sky_low"]}"/></linearGradient>'
        '<radialGradient id="glow">'
        f'<stop offset="0" stop-color="{theme["sun"]}" stop-opacity=".5"/>'
        f'<stop offset=".45" stop-color="{theme["sun"]}" stop-opacity=".16"/>'
        f'<stop offset="1" stop-color="{theme["sun"]}" stop-opacity="0"/></radialGradient></defs>'
    )


def _sky(canvas: Canvas) -> str:
    return f'<rect width="{canvas.width}" height="{canvas.height}" fill="url(#sky)"/>'


def _light(canvas: Canvas, theme: Theme) -> Iterator[str]:
    """Yield the rising sun; at night, the moon and stars."""
    x = canvas.width * (0.7 + chosen(f"{canvas.seed} sun", 12) / 100)
    y = canvas.height * canvas.horizon - canvas.unit
    if theme.mode == "dark":
        for star in range(46):
            across = chosen(f"{canvas.seed} star {star} x", canvas.width)
            down = chosen(f"{canvas.seed} star {star} y", int(canvas.height * canvas.horizon))
            size = canvas.unit * (0.12 + chosen(f"{canvas.seed} star {star}", 3) / 12)
            yield f'<circle cx="{across}" cy="{down}" r="{size:.1f}" fill="{theme["sun"]}" opacity=".5"/>'
    yield f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{canvas.unit * 34:.0f}" fill="url(#glow)"/>'
    yield f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{canvas.unit * SUN:.0f}" fill="{theme["sun"]}"/>'


def _height_at(canvas: Canvas, layer: int, x: float) -> float:
    """Return the height of a ridge at `x`: the sum of three waves. Farther ridges are steeper."""
    room = canvas.height * (1 - canvas.horizon)
    base = canvas.height * canvas.horizon + room * (0.12 + 0.19 * layer)
    waves = sum(sin(x / span + phase) * part for span, phase, part in _waves(canvas, layer))
    return base - waves * room * (0.15 - 0.014 * layer)


@lru_cache(maxsize=64)
def _waves(canvas: Canvas, layer: int) -> tuple[tuple[float, float, float], ...]:
    """Return the length, phase and weight of each wave."""
    return tuple(
        (canvas.unit * span, chosen(f"{canvas.seed} {layer} {span}", 628) / 100, part)
        for span, part in ((41 - 4 * layer, 0.62), (17, 0.27), (6.5, 0.11))
    )


def _ridge(canvas: Canvas, layer: int, colour: str) -> str:
    edge = " ".join(f"{x},{_height_at(canvas, layer, x):.1f}" for x in range(0, canvas.width + _STEP, _STEP))
    corners = f"{canvas.width + _STEP},{canvas.height} 0,{canvas.height}"
    return f'<polygon points="{edge} {corners}" fill="{colour}"/>'


def _trees(canvas: Canvas, layer: int, colour: str) -> str:
    """Yield groups of conifers along a ridge, in its colour."""
    path = []
    for group in range(7):
        centre = chosen(f"{canvas.seed} grove {layer} {group}", canvas.width)
        for tree in range(3 + chosen(f"{canvas.seed} count {layer} {group}", 5)):
            spot = f"{canvas.seed} tree {layer} {group} {tree}"
            x = centre + (chosen(f"{spot} x", 100) - 50) / 100 * canvas.unit * 16
            path.append(_tree(x, _height_at(canvas, layer, x), _size(canvas, layer, spot)))
    return f'<path d="{"".join(path)}" fill="{colour}"/>'


def _size(canvas: Canvas, layer: int, spot: str) -> float:
    return canvas.unit * (1.1 + 0.75 * (layer - 2)) * (2 + chosen(f"{spot} size", 100) / 60)


def _tree(x: float, ground: float, size: float) -> str:
    """Return a tree of three tiers, each wider than the one above it."""
    tiers = []
    for top, bottom, half in ((1.0, 0.58, 0.17), (0.75, 0.3, 0.24), (0.48, -0.08, 0.31)):
        y = ground - size * top
        tiers.append(
            f"M{x:.1f} {y:.1f}L{x + size * half:.1f} {ground - size * bottom:.1f}H{x - size * half:.1f}Z"
        )
    return "".join(tiers)
