"""Limits on what is measured, and the events that report a crossing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from langgraph_runner.errors.logs import emit
from langgraph_runner.metrics.forwarding import LOGGER
from langgraph_runner.metrics.window import MAX_WINDOW_SIZE

if TYPE_CHECKING:
    from langgraph_runner.metrics.tally import NodeTally

Metric = Literal["failure_rate", "fallback_rate", "circuit_open_rate", "p99_ms"]
_OF_CALLS = frozenset({"fallback_rate", "circuit_open_rate"})


class MetricThreshold(BaseModel):
    """A limit on one metric of every node, over the collector's rolling windows.

    Over the latest `window_size` executions:

    - `failure_rate`: the share that failed, from 0 to 1, whether or not a fallback delivered.
    - `p99_ms`: the 99th percentile of the durations.

    Over the latest `window_size` calls, which are executions and calls that an open circuit refused:

    - `fallback_rate`: the share for which the fallback delivered, from 0 to 1.
    - `circuit_open_rate`: the share that was refused, from 0 to 1. Watch it for a node with a circuit breaker:
      while the circuit is open there are no executions, so `failure_rate` does not move.

    A value above the limit exceeds it; a value at or below the limit recovers. A limit of 1 of a rate is exceeded
    when the rate is 1.

    `min_samples` is how many executions (of the last two metrics: calls) the window must hold before the
    threshold is evaluated: 1 to 100,000, by default 1, and at most the collector's `window_size`. With 1, a failure
    in the first execution of a node exceeds any `failure_rate`.

    Raises:
        pydantic.ValidationError: (a `ValueError`) A field is out of its range; the message names it.
    """

    model_config = ConfigDict(frozen=True)

    metric: Metric
    limit: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """0 <= limit <= 1 for rates; 0 or more for `p99_ms`."""
    min_samples: Annotated[int, Field(strict=True, ge=1, le=MAX_WINDOW_SIZE)] = 1
    """Executions or calls that the window must hold before the threshold is evaluated; 1 to 100,000."""

    @model_validator(mode="after")
    def _can_be_exceeded(self) -> Self:
        if self.metric != "p99_ms" and self.limit > 1:
            raise ValueError(f"limit of {self.metric} must be 0 <= limit <= 1, got {self.limit}")
        return self

    def is_exceeded(self, value: float) -> bool:
        """Return whether a value of the metric exceeds the limit."""
        return value > self.limit or (self.metric != "p99_ms" and value == self.limit == 1)

    def value(self, tally: NodeTally) -> float | None:
        """Return the metric of one node; None with fewer than `min_samples`."""
        samples = len(tally.calls if self.metric in _OF_CALLS else tally.window)
        if samples < self.min_samples:
            return None
        match self.metric:
            case "failure_rate":
                return tally.window.failure_rate
            case "fallback_rate":
                return tally.calls.fallback_rate
            case "circuit_open_rate":
                return tally.calls.circuit_open_rate
            case "p99_ms":
                return tally.window.percentile(99)


@dataclass(frozen=True, slots=True)
class ThresholdEvent:
    """A metric of a node went above its limit (`exceeded`) or came back (`recovered`)."""

    node: str
    metric: Metric
    value: float
    limit: float
    direction: Literal["exceeded", "recovered"]


ThresholdListener = Callable[[ThresholdEvent], object] | Callable[[], object]


def crossings(node: str, tally: NodeTally, thresholds: Iterable[MetricThreshold]) -> list[ThresholdEvent]:
    """Return an event for each limit that the newest call crossed, and update `tally.exceeded`.

    That set holds the indexes of the exceeded thresholds, because hashing a pydantic model would cost more than
    all other work here.
    """
    events = []
    exceeded = tally.exceeded
    for index, threshold in enumerate(thresholds):
        value = threshold.value(tally)
        if value is None:
            continue
        is_above = threshold.is_exceeded(value)
        if is_above == (index in exceeded):
            continue
        if is_above:
            exceeded.add(index)
        else:
            exceeded.discard(index)
        direction: Literal["exceeded", "recovered"] = "exceeded" if is_above else "recovered"
        events.append(ThresholdEvent(node, threshold.metric, value, threshold.limit, direction))
    return events


def notify(listener: Callable[[ThresholdEvent], object] | None, events: Iterable[ThresholdEvent]) -> None:
    """Call the listener with each event; what it raises is logged and harms nothing. Without one, log each event."""
    for event in events:
        if listener is None:
            level = logging.WARNING if event.direction == "exceeded" else logging.INFO
            emit(
                LOGGER,
                level,
                f"metrics.threshold_{event.direction}",
                node=event.node,
                metric=event.metric,
                value=event.value,
                limit=event.limit,
            )
            continue
        try:
            listener(event)
        except Exception as error:  # A listener never harms the node that is recorded.
            emit(
                LOGGER,
                logging.ERROR,
                "metrics.threshold_listener_failed",
                node=event.node,
                metric=event.metric,
                direction=event.direction,
                exc_info=error,
            )
