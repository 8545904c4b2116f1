"""The colours of the campaign."""

from typing import Literal

from pydantic import BaseModel

__all__ = ["ContrastCheck", "Theme"]


class ContrastCheck(BaseModel):
    """One pair of colours that meet in the drawings or pages."""

    text: str
    """The role of the colour in front."""
    ground: str
    """The role of the one behind."""
    required: float
    ratio: float
    """As it is now, rounded down."""
    corrected_from: str | None = None
    """The colour that was there first, where it had too little contrast."""


class Theme(BaseModel):
    """Colours by role, as `#rrggbb`, and proof that they can be read."""

    mode: Literal["light", "dark"]
    hue: int
    colours: dict[str, str]
    checks: tuple[ContrastCheck, ...]

    def __getitem__(self, role: str) -> str:
        return self.colours[role]
