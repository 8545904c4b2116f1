"""Limits on what is measured, and the events that tell of a limit being crossed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from langgraph_runner.errors.logs import get_logger
from langgraph_runner.metrics.window import MAX_WINDOW_SIZE, RollingWindow

Metric = Literal["failure_rate", "p99_ms"]


class MetricThreshold(BaseModel):
    """A limit on one metric of every node, over the collector's rolling window.

    `failure_rate` is the share of the executions in the window that failed, from 0 to 1.
    `p99_ms` is the 99th percentile of their durations.
    The limit is exceeded by a value above it, and recovered from by one at or below it.

    Raises:
        pydantic.ValidationError: (a `ValueError`) If a field is out of its range; names it.
    """

    model_config = ConfigDict(frozen=True)

    metric: Metric
    limit: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """0 <= limit < 1 for `failure_rate`; 0 or more for `p99_ms`."""
    min_samples: Annotated[int, Field(strict=True, ge=1, le=MAX_WINDOW_SIZE)] = 10
    """Executions that the window must have before anything is said of it; 1 to 100,000."""

    @model_validator(mode="after")
    def _can_be_exceeded(self) -> Self:
        if self.metric == "failure_rate" and self.limit >= 1:
            raise ValueError(f"limit of failure_rate must be 0 <= limit < 1, not {self.limit}")
        return self

    def value(self, window: RollingWindow) -> float:
        """Read the metric; the window must not be empty."""
        if self.metric == "failure_rate":
            return window.failure_rate
        return window.percentile(99) or 0.0


@dataclass(frozen=True, slots=True)
class ThresholdEvent:
    """A metric of a node went above its limit (`exceeded`) or came back (`recovered`)."""

    node: str
    metric: Metric
    value: float
    limit: float
    direction: Literal["exceeded", "recovered"]


ThresholdListener = Callable[[ThresholdEvent], object]


def crossings(
    node: str, window: RollingWindow, thresholds: Iterable[MetricThreshold], exceeded: set[int]
) -> list[ThresholdEvent]:
    """Tell which limits the newest execution crossed.

    `exceeded` has the places of those that the node is above of, and is brought up to date; the places,
    because hashing a pydantic model costs more than all else here.
    """
    events = []
    for place, threshold in enumerate(thresholds):
        if len(window) < threshold.min_samples:
            continue
        value = threshold.value(window)
        above = value > threshold.limit
        if above == (place in exceeded):
            continue
        (exceeded.add if above else exceeded.discard)(place)
        direction: Literal["exceeded", "recovered"] = "exceeded" if above else "recovered"
        events.append(ThresholdEvent(node, threshold.metric, value, threshold.limit, direction))
    return events


def tell(listener: ThresholdListener, events: Iterable[ThresholdEvent]) -> None:
    """Call the listener with each event; what it raises is logged and goes no further."""
    for event in events:
        try:
            listener(event)
        except Exception:  # the node that was recorded has nothing to do with it
            get_logger("langgraph_runner.metrics").exception(
                "threshold_listener_failed", node=event.node, metric=event.metric, direction=event.direction
            )
