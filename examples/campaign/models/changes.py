"""The payloads of change requests. Fields that are left out do not change."""

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
    """The complete new list of groups."""

    audience: tuple[AudienceGroup, ...]


class NewHeadline(_Payload):
    """One headline, written by hand."""

    text: str
    group: str | None = None
    """The name of the audience group; None for the headline of the campaign."""


class NewSchedule(_Payload):
    """Another start, or length."""

    start: date | None = None
    weeks: int | None = None
