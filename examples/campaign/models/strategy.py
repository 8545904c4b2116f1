"""What the campaign says, to whom: the normalised brief, segments, pillars."""

from pydantic import BaseModel

from examples.campaign.models.brief import Benefit, Channel

__all__ = ["Angle", "NormalBrief", "Pillar", "Pillars", "Segment", "Segments"]


class NormalBrief(BaseModel):
    """Brand and product, cleaned and named as all other steps name them."""

    campaign: str
    """A slug, good in file names and links."""
    brand: str
    site: str
    product: str
    kind: str
    kind_with_article: str
    benefits: tuple[Benefit, ...]
    offer: str
    action: str


class Segment(BaseModel):
    """An audience group with its place in the plan."""

    id: str
    name: str
    wants: str
    worry: str
    benefit: int
    share_percent: float
    """Of the audience's weight; for people, the plan splits by `weight`."""
    weight: int
    channels: tuple[Channel, ...]


class Segments(BaseModel):
    """The most important first."""

    segments: tuple[Segment, ...]


class Pillar(BaseModel):
    """One message that everything says again."""

    id: str
    claim: str
    detail: str
    proof: str


class Angle(BaseModel):
    """Which pillar speaks to a segment, and to what wish."""

    segment: str
    name: str
    wants: str
    worry: str
    pillar: str


class Pillars(BaseModel):
    """The pillars, the leading one first, and an angle for each segment in the segments' order."""

    pillars: tuple[Pillar, ...]
    angles: tuple[Angle, ...]

    def of(self, angle: Angle) -> Pillar:
        """The pillar of an angle."""
        return next(pillar for pillar in self.pillars if pillar.id == angle.pillar)
