"""The media plan and the tracking links."""

from datetime import date

from pydantic import BaseModel

from examples.campaign.models.brief import Channel

__all__ = ["Flight", "MediaPlan", "TrackedLink", "TrackedLinks"]


class Flight(BaseModel):
    """One segment on one channel, week by week."""

    segment: str
    name: str
    channel: Channel
    cents: int
    weekly_cents: tuple[int, ...]
    impressions: int
    """An estimate, from the planning prices in `steps/media_plan.py`."""


class MediaPlan(BaseModel):
    """The budget, split without a cent lost."""

    currency: str
    total_cents: int
    start: date
    weeks: int
    flights: tuple[Flight, ...]

    def by_channel(self) -> dict[Channel, int]:
        """Return the cents for each channel, the largest amount first."""
        sums: dict[Channel, int] = {}
        for flight in self.flights:
            sums[flight.channel] = sums.get(flight.channel, 0) + flight.cents
        return dict(sorted(sums.items(), key=lambda each: (-each[1], each[0])))


class TrackedLink(BaseModel):
    """A link that identifies its placement."""

    id: str
    """Short and stable: the same placement always has the same id."""
    placement: str
    """Such as `social:train-commuters`."""
    url: str
    short_url: str


class TrackedLinks(BaseModel):
    """A link for each placement."""

    links: tuple[TrackedLink, ...]

    def to(self, placement: str) -> str:
        """Return the long address for a placement."""
        return next(link.url for link in self.links if link.placement == placement)
