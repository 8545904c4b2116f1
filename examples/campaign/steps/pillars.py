"""3. Message pillars: the benefits, ordered by how many people each convinces, and an angle for each segment."""

from examples.campaign.craft.names import slug
from examples.campaign.models.strategy import Angle, NormalBrief, Pillar, Pillars, Segments

__all__ = ["pillars"]

_MOST = 4


def pillars(brief: NormalBrief, segments: Segments) -> Pillars:
    """Choose what the campaign says.

    Benefits that convince somebody come first, in the order of the segments; the others fill up to four. What a
    segment weighs is not in here: a change of the weights that leaves the order alone changes no word of the copy.
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
