"""Colours by lightness, chroma and hue, and the contrast between two of them.

Relative luminance and contrast ratio: Web Content Accessibility Guidelines 2.2, https://www.w3.org/TR/WCAG22/
(definitions "relative luminance" and "contrast ratio"). Oklab, in which equal steps look equal: Björn Ottosson,
"A perceptual color space for image processing", https://bottosson.github.io/posts/oklab/.
"""

import colorsys
from collections.abc import Callable
from math import atan2, cos, degrees, radians, sin
from typing import NamedTuple

__all__ = ["Oklch", "contrast", "hue_of", "readable", "relative_luminance"]

_STEPS = 24  # Halvings of an interval: far below one of the 256 values of a channel.
_TOLERANCE = 1e-6
_Triple = tuple[float, float, float]


class Oklch(NamedTuple):
    """A colour by lightness, chroma and hue."""

    lightness: float
    """From 0, black, to 1, white."""
    chroma: float
    """From 0, grey, to about 0.3."""
    hue: float
    """In degrees."""

    def hex(self) -> str:
        """Return `#rrggbb`; if a screen cannot show the colour, with less chroma."""
        low, high = 0.0, self.chroma
        if _is_shown(_linear_rgb(self)):
            low = high
        for _ in range(_STEPS):
            middle = (low + high) / 2
            low, high = (
                (middle, high) if _is_shown(_linear_rgb(self._replace(chroma=middle))) else (low, middle)
            )
        channels = (_encoded(channel) for channel in _linear_rgb(self._replace(chroma=low)))
        return "#" + "".join(f"{round(min(max(channel, 0), 1) * 255):02x}" for channel in channels)


def relative_luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`, from 0 to 1, as WCAG defines it."""
    red, green, blue = (_decoded(channel) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, from 1 to 21, as WCAG defines it."""
    low, high = sorted((relative_luminance(one), relative_luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable(text: Oklch, ground: str, required: float) -> Oklch:
    """Return `text`, lighter or darker until it has the contrast `required` on `ground`.

    Raises:
        ValueError: Neither black nor white has the required contrast on that ground.
    """

    def has_enough(lightness: float) -> bool:
        return contrast(text._replace(lightness=lightness).hex(), ground) >= required

    if has_enough(text.lightness):
        return text
    # First away from the ground; if that cannot reach the contrast, the other way.
    is_lighter = relative_luminance(text.hex()) > relative_luminance(ground)
    for end in (1.0, 0.0) if is_lighter else (0.0, 1.0):
        if has_enough(end):
            return text._replace(lightness=_nearest(text.lightness, end, has_enough))
    raise ValueError(f"nothing has a contrast of {required} on {ground}")


def hue_of(degrees_in_hsl: int) -> float:
    """Return the Oklab hue of a fully saturated CSS `hsl()` colour."""
    red, green, blue = (_decoded(each) for each in colorsys.hls_to_rgb(degrees_in_hsl / 360, 0.5, 0.85))
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return degrees(atan2(b, a)) % 360


def _nearest(bad: float, good: float, has_enough: Callable[[float], bool]) -> float:
    for _ in range(_STEPS):
        middle = (bad + good) / 2
        bad, good = (bad, middle) if has_enough(middle) else (middle, good)
    return good


def _channels(colour: str) -> _Triple:
    value = int(colour[1:], 16)
    return (value >> 16) / 255, (value >> 8 & 255) / 255, (value & 255) / 255


def _decoded(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB's


def _encoded(channel: float) -> float:
    if channel <= 0.0031308:  # noqa: PLR2004 - sRGB's
        return channel * 12.92
    return 1.055 * channel ** (1 / 2.4) - 0.055


def _linear_rgb(colour: Oklch) -> _Triple:
    a = colour.chroma * cos(radians(colour.hue))
    b = colour.chroma * sin(radians(colour.hue))
    long = (colour.lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (colour.lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (colour.lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _is_shown(channels: _Triple) -> bool:
    return all(-_TOLERANCE <= channel <= 1 + _TOLERANCE for channel in channels)
