"""4. The colour theme: a palette from one hue, corrected until every pair of colours can be read."""

from math import floor
from typing import Final

from examples.campaign.craft.colour import Oklch, contrast, hue_of, readable
from examples.campaign.craft.documents import theme_files
from examples.campaign.craft.saving import save
from examples.campaign.models.brief import Look
from examples.campaign.models.theme import ContrastCheck, Theme
from langgraph_runner.workflow import StepContext

__all__ = ["theme"]

# Role: lightness, chroma, and how many degrees from the brand's hue.
_LIGHT: Final = {
    "paper": (0.985, 0.008, 0),
    "surface": (0.955, 0.018, 0),
    "line": (0.87, 0.025, 0),
    "ink": (0.25, 0.04, 0),
    "muted": (0.56, 0.035, 0),
    "brand": (0.58, 0.16, 0),
    "on_brand": (0.985, 0.01, 0),
    "deep": (0.29, 0.075, 0),
    "on_deep": (0.96, 0.02, 0),
    "accent": (0.80, 0.14, 165),
    "on_accent": (0.25, 0.04, 165),
    "sky_top": (0.925, 0.045, 0),
    "ridge_1": (0.83, 0.06, 0),
    "ridge_2": (0.72, 0.085, 0),
    "ridge_3": (0.59, 0.095, 0),
    "ridge_4": (0.45, 0.09, 0),
    "ridge_5": (0.33, 0.075, 0),
}
_DARK: Final = _LIGHT | {
    "paper": (0.19, 0.02, 0),
    "surface": (0.24, 0.028, 0),
    "line": (0.36, 0.03, 0),
    "ink": (0.95, 0.015, 0),
    "muted": (0.66, 0.03, 0),
    "brand": (0.72, 0.15, 0),
    "on_brand": (0.18, 0.03, 0),
    "deep": (0.145, 0.025, 0),
    "on_deep": (0.94, 0.02, 0),
    "sky_top": (0.20, 0.05, 0),
    "ridge_1": (0.42, 0.08, 0),
    "ridge_2": (0.36, 0.075, 0),
    "ridge_3": (0.30, 0.065, 0),
    "ridge_4": (0.24, 0.05, 0),
    "ridge_5": (0.18, 0.035, 0),
}
# Natural colours, independent of the brand: the light of the sun or of the moon.
_LIGHTS: Final = {
    "light": {"sun": Oklch(0.87, 0.13, 78), "sky_low": Oklch(0.968, 0.03, 82)},
    "dark": {"sun": Oklch(0.94, 0.045, 95), "sky_low": Oklch(0.36, 0.07, 285)},
}
# WCAG 2.2, success criteria 1.4.3 (text: 4.5) and 1.4.11 (graphics: 3).
_PAIRS: Final = (
    ("ink", "paper", 4.5),
    ("ink", "surface", 4.5),
    ("ink", "sky_top", 4.5),
    ("ink", "sky_low", 4.5),
    ("muted", "paper", 4.5),
    ("muted", "surface", 4.5),
    ("brand", "paper", 4.5),
    ("brand", "surface", 4.5),
    ("brand", "sky_top", 4.5),
    ("on_brand", "brand", 4.5),
    ("on_deep", "deep", 4.5),
    ("accent", "deep", 3.0),
    ("on_accent", "accent", 4.5),
)


def theme(look: Look, ctx: StepContext) -> Theme:
    """Make the palette, and correct the colours whose contrast is too low."""
    hue = hue_of(look.hue)
    palette = {
        role: Oklch(lightness, chroma, (hue + turn) % 360)
        for role, (lightness, chroma, turn) in (_LIGHT if look.mode == "light" else _DARK).items()
    } | _LIGHTS[look.mode]
    first = {role: colour.hex() for role, colour in palette.items()}
    for text, ground, required in _PAIRS:
        palette[text] = readable(palette[text], palette[ground].hex(), required)
    colours = {role: colour.hex() for role, colour in palette.items()}
    made = Theme(
        mode=look.mode,
        hue=look.hue,
        colours=colours,
        checks=tuple(
            ContrastCheck(
                text=text,
                ground=ground,
                required=required,
                ratio=floor(contrast(colours[text], colours[ground]) * 100) / 100,
                corrected_from=first[text] if first[text] != colours[text] else None,
            )
            for text, ground, required in _PAIRS
        ),
    )
    save(ctx, theme_files(made))
    return made
