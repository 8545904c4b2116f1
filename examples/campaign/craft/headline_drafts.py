"""Headlines by template."""

from examples.campaign.craft.names import chosen
from examples.campaign.craft.phrases import PHRASES, angle_fields, fields
from examples.campaign.craft.wording import first_fitting
from examples.campaign.models.brief import Tone
from examples.campaign.models.strategy import Angle, NormalBrief, Pillars
from examples.campaign.models.words import GroupHeadline, HeadlineSet

__all__ = ["drafted_headlines"]

_LIMIT = 80


def drafted_headlines(brief: NormalBrief, pillars: Pillars, tone: Tone) -> HeadlineSet:
    """Return a headline for the campaign and one for each segment, with different patterns as far as possible."""
    phrases = PHRASES[tone]
    start = chosen(f"{brief.campaign} headlines", len(phrases.groups))

    def for_group(place: int, angle: Angle) -> str:
        # If the chosen pattern gets too long, the next ones are tried.
        patterns = [phrases.groups[(start + place + more) % len(phrases.groups)] for more in range(3)]
        said = angle_fields(brief, pillars, angle)
        return first_fitting((pattern.format(**said) for pattern in patterns), _LIMIT)

    said = fields(brief, pillars)
    return HeadlineSet(
        hero=first_fitting((pattern.format(**said) for pattern in phrases.hero), _LIMIT),
        groups=tuple(
            GroupHeadline(segment=angle.segment, text=for_group(place, angle))
            for place, angle in enumerate(pillars.angles)
        ),
    )
