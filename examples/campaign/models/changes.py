"""What change requests may carry. What they leave out stays as it is."""

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from examples.campaign.models.brief import AudienceGroup, Tone

__all__ = ["NewAudience", "NewBudget", "NewHeadline", "NewLook", "NewSchedule", "NewTone"]


class _Payload(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewLook(_Payload):
    """Another hue or mode."""

    hue: int | None = None
    mode: Literal["light", "dark"] | None = None


class NewTone(_Payload):
    """Another tone."""

    tone: Tone


class NewBudget(_Payload):
    """Another amount, or currency."""

    amount: Decimal | None = None
    currency: str | None = None


class NewAudience(_Payload):
    """The groups as they are from now on, all of them."""

    audience: tuple[AudienceGroup, ...]


class NewHeadline(_Payload):
    """One headline, in words of one's own."""

    text: str
    group: str | None = None
    """For which audience group; None for the campaign's."""


class NewSchedule(_Payload):
    """Another start, or length."""

    start: date | None = None
    weeks: int | None = None
