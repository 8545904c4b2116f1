"""2. Audience segments: who matters how much."""

from examples.campaign.craft.names import slug
from examples.campaign.craft.wording import lower
from examples.campaign.models.brief import AudienceGroup
from examples.campaign.models.strategy import Segment, Segments

__all__ = ["segments"]


def segments(audience: tuple[AudienceGroup, ...]) -> Segments:
    """Order the groups by weight and say what share of the whole each is."""
    total = sum(group.weight for group in audience)
    ordered = sorted(audience, key=lambda group: (-group.weight, group.name))
    ids = _distinct([slug(group.name) for group in ordered])
    return Segments(
        segments=tuple(
            Segment(
                id=each,
                name=lower(group.name),
                wants=lower(group.wants).rstrip(".!"),
                worry=group.worry if group.worry.endswith("?") else f"{group.worry}?",
                benefit=group.benefit,
                share_percent=round(100 * group.weight / total, 1),
                weight=group.weight,
                channels=group.channels,
            )
            for each, group in zip(ids, ordered, strict=True)
        )
    )


def _distinct(ids: list[str]) -> list[str]:
    """Number those that look the same once accents and signs are gone."""
    return [
        each if each not in ids[:place] else f"{each}-{ids[: place + 1].count(each)}"
        for place, each in enumerate(ids)
    ]
