"""The strategy: normalised brief, audience segments and messages."""

from pydantic import BaseModel

from examples.campaign.models.brief import Benefit, Channel

__all__ = ["Angle", "NormalBrief", "Pillar", "Pillars", "Segment", "Segments"]


class NormalBrief(BaseModel):
    """Brand and product, with cleaned texts."""

    campaign: str
    """A slug for file names and links."""
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
    """Share of the total weight, for people to read. The plan is split by `weight`."""
    weight: int
    channels: tuple[Channel, ...]


class Segments(BaseModel):
    """The segments, the most important first."""

    segments: tuple[Segment, ...]


class Pillar(BaseModel):
    """One message of the campaign."""

    id: str
    claim: str
    detail: str
    proof: str


class Angle(BaseModel):
    """The pillar that convinces a segment, and why."""

    segment: str
    name: str
    wants: str
    worry: str
    pillar: str


class Pillars(BaseModel):
    """The pillars, the main one first, and an angle for each segment, in the order of the segments."""

    pillars: tuple[Pillar, ...]
    angles: tuple[Angle, ...]

    def of(self, angle: Angle) -> Pillar:
        """Return the pillar of an angle."""
        return next(pillar for pillar in self.pillars if pillar.id == angle.pillar)
