"""2. Audience segments: the groups, ordered by weight."""

from examples.campaign.craft.names import slug
from examples.campaign.craft.wording import lower
from examples.campaign.models.brief import AudienceGroup
from examples.campaign.models.strategy import Segment, Segments

__all__ = ["segments"]


def segments(audience: tuple[AudienceGroup, ...]) -> Segments:
    """Order the groups by weight and compute the share of each."""
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
    """Add a number to ids that occur twice. Different names may have the same slug."""
    return [
        each if each not in ids[:place] else f"{each}-{ids[: place + 1].count(each)}"
        for place, each in enumerate(ids)
    ]
