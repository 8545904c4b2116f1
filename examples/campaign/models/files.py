"""Files as outputs of steps. They are texts, so that the bundle step can receive them."""

from pydantic import BaseModel

__all__ = ["Bundle", "CampaignFile", "Image", "ManifestEntry", "TextFiles", "Visuals"]


class CampaignFile(BaseModel):
    """A text file of the campaign."""

    path: str
    media_type: str
    text: str


class TextFiles(BaseModel):
    """The output of a step that makes files."""

    files: tuple[CampaignFile, ...]

    def named(self, path: str) -> CampaignFile:
        """Return the file at `path`."""
        return next(file for file in self.files if file.path == path)


class Image(CampaignFile):
    """A drawing."""

    width: int
    height: int
    alt: str
    """A description for people who cannot see it."""


class Visuals(BaseModel):
    """The hero image without text, and cards with the headlines."""

    hero: Image
    cards: tuple[Image, ...]

    @property
    def files(self) -> tuple[Image, ...]:
        """All images."""
        return (self.hero, *self.cards)


class ManifestEntry(BaseModel):
    """A file in the bundle."""

    path: str
    media_type: str
    size: int
    sha256: str


class Bundle(BaseModel):
    """The campaign as one file."""

    name: str
    size: int
    sha256: str
    entries: tuple[ManifestEntry, ...]
