"""7. The media plan: the budget by segment, channel and week, to the cent."""

from typing import Final

from examples.campaign.craft.documents import plan_files
from examples.campaign.craft.money import split
from examples.campaign.craft.saving import save
from examples.campaign.models.brief import Budget, Channel, Schedule
from examples.campaign.models.plan import Flight, MediaPlan
from examples.campaign.models.strategy import Segment, Segments
from langgraph_runner.workflow import StepContext

__all__ = ["media_plan"]

_BY_RANK: Final = (50, 30, 20, 12, 8)
"""Weights of the channels of a segment, from the best to the worst."""
_FACTOR: Final = {
    Channel.SEARCH: 10,
    Channel.SOCIAL: 10,
    Channel.VIDEO: 12,
    Channel.EMAIL: 3,
    Channel.OUTDOOR: 14,
}
"""Relative cost of a channel."""
_LEAST_CENTS: Final = {
    Channel.SEARCH: 10_000,
    Channel.SOCIAL: 10_000,
    Channel.VIDEO: 50_000,
    Channel.EMAIL: 2_000,
    Channel.OUTDOOR: 150_000,
}
"""Minimum for a channel to have an effect. Below it, the money goes to the other channels."""
_THOUSAND_VIEWS_CENTS: Final = {
    Channel.SEARCH: 2_400,
    Channel.SOCIAL: 750,
    Channel.VIDEO: 1_300,
    Channel.EMAIL: 450,
    Channel.OUTDOOR: 600,
}
"""Estimated prices, rounded. They are not real offers."""


def media_plan(segments: Segments, budget: Budget, schedule: Schedule, ctx: StepContext) -> MediaPlan:
    """Split the budget. Every sum is exact: of the flights, and of the weeks of each flight."""
    each_segment = split(budget.cents, [segment.weight for segment in segments.segments])
    plan = MediaPlan(
        currency=budget.currency,
        total_cents=budget.cents,
        start=schedule.start,
        weeks=schedule.weeks,
        flights=tuple(
            flight
            for segment, cents in zip(segments.segments, each_segment, strict=True)
            for flight in _flights(segment, cents, schedule.weeks)
        ),
    )
    save(ctx, plan_files(plan))
    return plan


def _flights(segment: Segment, cents: int, weeks: int) -> list[Flight]:
    channels = [*segment.channels]
    while True:
        weights = [_BY_RANK[segment.channels.index(each)] * _FACTOR[each] for each in channels]
        parts = dict(zip(channels, split(cents, weights), strict=True))
        too_small = [each for each in channels if parts[each] < _LEAST_CENTS[each]]
        if not too_small or len(channels) == 1:
            return [_flight(segment, channel, part, weeks) for channel, part in parts.items()]
        channels.remove(too_small[-1])


def _flight(segment: Segment, channel: Channel, cents: int, weeks: int) -> Flight:
    # A strong first week, a steady middle, and a push at the end.
    weights = [4, *[2] * (weeks - 2), 3][:weeks]
    return Flight(
        segment=segment.id,
        name=segment.name,
        channel=channel,
        cents=cents,
        weekly_cents=split(cents, weights),
        impressions=cents * 1000 // _THOUSAND_VIEWS_CENTS[channel],
    )
