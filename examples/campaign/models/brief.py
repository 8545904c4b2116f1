"""The inputs of the campaign. Steps receive single fields of the brief."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, model_validator

__all__ = [
    "AudienceGroup",
    "Benefit",
    "Brand",
    "Brief",
    "Budget",
    "Channel",
    "Headlines",
    "Look",
    "Product",
    "Schedule",
    "Tone",
]


def one_line(text: str) -> str:
    """Replace runs of white space by one blank; refuse empty texts and control characters."""
    line = " ".join(text.split())
    if not line:
        raise ValueError("must not be empty")
    if not line.isprintable():
        raise ValueError("must not contain control characters")
    return line


Line = Annotated[str, Field(max_length=400), AfterValidator(one_line)]
Short = Annotated[str, Field(max_length=60), AfterValidator(one_line)]


class Tone(StrEnum):
    """The tone of the copy."""

    WARM = "warm"
    BOLD = "bold"
    PLAIN = "plain"


class Channel(StrEnum):
    """A media channel."""

    SEARCH = "search"
    SOCIAL = "social"
    VIDEO = "video"
    EMAIL = "email"
    OUTDOOR = "outdoor"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Brand(_Part):
    """The advertiser."""

    name: Short
    site: HttpUrl
    """The target of links; path and query are kept."""


class Benefit(_Part):
    """One reason to buy, with a proof."""

    title: Short
    """What the product does, to be read after its name: `Folds in nine seconds`."""
    detail: Line
    """A sentence that explains it."""
    proof: Line
    """A sentence with a fact."""


class Product(_Part):
    """The advertised product."""

    name: Short
    kind: Short
    """A noun without an article: `folding e-bike`."""
    benefits: Annotated[tuple[Benefit, ...], Field(min_length=3, max_length=6)]
    offer: Line
    """A sentence."""
    action: Annotated[str, Field(max_length=28), AfterValidator(one_line)]
    """The text of the button: `Book a test ride`."""


class AudienceGroup(_Part):
    """A part of the audience."""

    name: Short
    """A plural: `train commuters`."""
    wants: Short
    """What they want, as a phrase that begins with a verb: `skip the parking hunt`."""
    worry: Line
    """What holds them back, as a question."""
    benefit: int = Field(ge=1)
    """Which benefit convinces them, counted from 1."""
    weight: int = Field(ge=1, le=100)
    """How much of the budget is for them, in proportion to the other groups."""
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    """The best first."""


class Look(_Part):
    """The base of the colours."""

    hue: int = Field(ge=0, le=359)
    """The brand's hue in degrees, as in CSS `hsl()`."""
    mode: Literal["light", "dark"] = "light"


class Budget(_Part):
    """The budget for media."""

    amount: Decimal = Field(gt=0, le=Decimal(100_000_000), decimal_places=2)
    currency: Literal["EUR", "USD", "GBP", "CHF"] = "EUR"

    @property
    def cents(self) -> int:
        """The amount in the smallest unit."""
        return int(self.amount * 100)


class Schedule(_Part):
    """When the campaign runs."""

    start: date
    weeks: int = Field(ge=1, le=26)


class Headlines(_Part):
    """Headlines written by hand. They win over generated ones."""

    hero: Annotated[str, Field(max_length=90), AfterValidator(one_line)] | None = None
    groups: dict[str, Annotated[str, Field(max_length=90), AfterValidator(one_line)]] = {}
    """By the name of the audience group."""


class Brief(_Part):
    """The inputs of the workflow."""

    brand: Brand
    product: Product
    audience: Annotated[tuple[AudienceGroup, ...], Field(min_length=1, max_length=5)]
    tone: Tone
    look: Look
    budget: Budget
    schedule: Schedule
    wording: Headlines = Headlines()
    writer: Short | None = None
    """A chat model for the copy, as LangChain's `init_chat_model()` takes it; None for the templates."""

    @model_validator(mode="after")
    def _fits_together(self) -> "Brief":
        names = [group.name.casefold() for group in self.audience]
        if len({*names}) < len(names):
            raise ValueError("audience: two groups have the same name")
        for group in self.audience:
            if group.benefit > len(self.product.benefits):
                raise ValueError(
                    f"audience: '{group.name}' asks for benefit {group.benefit},"
                    f" but the product has {len(self.product.benefits)}"
                )
            if len({*group.channels}) < len(group.channels):
                raise ValueError(f"audience: '{group.name}' names a channel twice")
        for name in self.wording.groups:
            if name not in [group.name for group in self.audience]:
                raise ValueError(f"wording: there is no audience group '{name}'")
        return self
