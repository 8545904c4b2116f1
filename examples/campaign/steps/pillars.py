"""3. Message pillars: the benefits, ordered by how many people each convinces, and an angle for each segment."""

from examples.campaign.craft.names import slug
from examples.campaign.models.strategy import Angle, NormalBrief, Pillar, Pillars, Segments

__all__ = ["pillars"]

_MOST = 4


def pillars(brief: NormalBrief, segments: Segments) -> Pillars:
    """Choose the messages of the campaign.

    Benefits that convince a segment come first, in the order of the segments; others fill up to four. The output does
    not contain the weights of the segments, so a change of weights that keeps the order does not change the copy.
    """
    wanted = [segment.benefit - 1 for segment in segments.segments]
    order = [*dict.fromkeys([*wanted, *range(len(brief.benefits))])]
    kept = order[: max(_MOST, len({*wanted}))]
    ids = {place: f"{place + 1}-{slug(brief.benefits[place].title)}" for place in kept}
    return Pillars(
        pillars=tuple(
            Pillar(
                id=ids[place],
                claim=brief.benefits[place].title,
                detail=brief.benefits[place].detail,
                proof=brief.benefits[place].proof,
            )
            for place in kept
        ),
        angles=tuple(
            Angle(
                segment=segment.id,
                name=segment.name,
                wants=segment.wants,
                worry=segment.worry,
                pillar=ids[segment.benefit - 1],
            )
            for segment in segments.segments
        ),
    )
