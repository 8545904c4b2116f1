"""The colours of the campaign."""

from typing import Literal

from pydantic import BaseModel

__all__ = ["ContrastCheck", "Theme"]


class ContrastCheck(BaseModel):
    """The contrast of one pair of text and background colours."""

    text: str
    """The role of the text colour."""
    ground: str
    """The role of the background colour."""
    required: float
    ratio: float
    """The contrast after the correction, rounded down."""
    corrected_from: str | None = None
    """The original colour, if its contrast was too low."""


class Theme(BaseModel):
    """Colours by role, as `#rrggbb`, with the contrast of each pair."""

    mode: Literal["light", "dark"]
    hue: int
    colours: dict[str, str]
    checks: tuple[ContrastCheck, ...]

    def __getitem__(self, role: str) -> str:
        return self.colours[role]
