"""The counts and windows that a collector keeps for one node. They have no lock; the collector has one."""

from __future__ import annotations

from bisect import bisect_left
from sys import float_info
from typing import TYPE_CHECKING, NamedTuple, Self

from langgraph_runner.errors.categories import REFUSALS, FailureCategory
from langgraph_runner.metrics.model import NODE_FAILURES, NodeMetrics
from langgraph_runner.metrics.window import EXECUTION, Call, CallWindow, RollingWindow

if TYPE_CHECKING:
    from langgraph_runner.metrics.snapshot import NodeSnapshot

QUANTILES = (50, 90, 99)


class NodeTotals(NamedTuple):
    """What exporters read of one node, all at one moment."""

    node: str
    success_count: int
    fallback_count: int
    retry_count: int
    counts: dict[FailureCategory, int]
    """All categories, also those that do not count as failures of the node."""
    queued_count: int
    bucket_counts: list[int]
    """Executions by duration, not cumulative: one number for each of the collector's buckets, and a last one for
    the executions that took longer than all of them."""
    bucket_sum_ms: float
    """The durations of the executions that are in the buckets."""
    quantiles_ms: dict[int, float | None]
    """Over the rolling window, by percent: 50, 90 and 99; None without executions."""


class NodeTally:
    """The running counts of one node and the windows of its latest executions and calls.

    Not thread-safe.
    """

    __slots__ = (
        "_bucket_counts",
        "_buckets_ms",
        "_restored_sum_ms",
        "calls",
        "counts",
        "duration_sum_ms",
        "exceeded",
        "fallback_count",
        "pending",
        "queued_count",
        "retry_count",
        "success_count",
        "window",
    )

    def __init__(self, window_size: int, buckets_ms: tuple[float, ...]) -> None:
        self.window = RollingWindow(window_size)
        self.calls = CallWindow(window_size)
        self._buckets_ms = buckets_ms
        self._bucket_counts = [0] * (len(buckets_ms) + 1)
        self._restored_sum_ms = 0.0
        self.success_count = 0
        self.fallback_count = 0
        self.retry_count = 0
        self.queued_count = 0
        # Durations of successes that are not counted yet. Appending to a list is atomic, so it needs no lock.
        self.pending: list[float] = []
        self.counts = dict.fromkeys(FailureCategory, 0)
        self.duration_sum_ms = 0.0
        self.exceeded: set[int] = set()

    def succeeded(self, duration_ms: float) -> None:
        """Count a success."""
        self.success_count += 1
        self.duration_sum_ms += duration_ms
        self._bucket_counts[bisect_left(self._buckets_ms, duration_ms)] += 1
        self.window.add(duration_ms, failed=False)
        self.calls.add(EXECUTION)

    def count_pending(self) -> None:
        """Count the successes that are pending, oldest first. New ones may be added meanwhile."""
        pending = self.pending
        while durations := pending[:]:
            # Only these: another thread may have added some since the copy was made.
            del pending[: len(durations)]
            self.success_count += len(durations)
            buckets_ms, bucket_counts = self._buckets_ms, self._bucket_counts
            for duration_ms in durations:
                self.duration_sum_ms += duration_ms
                bucket_counts[bisect_left(buckets_ms, duration_ms)] += 1
            self.window.add_successes(durations)
            self.calls.add_executions(len(durations))

    def failed(self, duration_ms: float, category: FailureCategory, *, fell_back: bool = False) -> None:
        """Count a failure, or a call that was cancelled or refused, which leaves no duration.

        With `fell_back`, count also that the fallback delivered.
        """
        self.count_pending()
        self.counts[category] += 1
        if category is FailureCategory.CANCELLED:
            return
        self.fallback_count += fell_back
        self.calls.add(Call(refusal=category if category in REFUSALS else None, fell_back=fell_back))
        if category in NODE_FAILURES:
            self.duration_sum_ms += duration_ms
            self._bucket_counts[bisect_left(self._buckets_ms, duration_ms)] += 1
            self.window.add(duration_ms, failed=True)

    def metrics(self, node: str) -> NodeMetrics:
        """Read everything as a value."""
        self.count_pending()
        failures = {category: self.counts[category] for category in NODE_FAILURES}
        failure_count = sum(failures.values())
        total = self.success_count + failure_count
        return NodeMetrics(
            node=node,
            success_count=self.success_count,
            failure_count=failure_count,
            fallback_count=self.fallback_count,
            retry_count=self.retry_count,
            cancelled_count=self.counts[FailureCategory.CANCELLED],
            **{f"{category.value}_count": self.counts[category] for category in REFUSALS},
            queued_count=self.queued_count,
            last_execution_ms=self.window.last_ms,
            average_execution_ms=self.finite_sum_ms / total if total else None,
            p50_ms=self.window.percentile(50),
            p90_ms=self.window.percentile(90),
            p99_ms=self.window.percentile(99),
            failures_by_category=failures,
        )

    def totals(self, node: str) -> NodeTotals:
        """Read what exporters need; a copy, and cheaper to take than `metrics`."""
        self.count_pending()
        return NodeTotals(
            node=node,
            success_count=self.success_count,
            fallback_count=self.fallback_count,
            retry_count=self.retry_count,
            counts=self.counts.copy(),
            queued_count=self.queued_count,
            bucket_counts=self._bucket_counts.copy(),
            bucket_sum_ms=max(self.finite_sum_ms - self._restored_sum_ms, 0.0),
            quantiles_ms={percent: self.window.percentile(percent) for percent in QUANTILES},
        )

    @property
    def finite_sum_ms(self) -> float:
        """The sum of all durations, at most the largest float: JSON has no infinity."""
        return min(self.duration_sum_ms, float_info.max)

    @classmethod
    def restored(cls, snapshot: NodeSnapshot, window_size: int, buckets_ms: tuple[float, ...]) -> Self:
        """Return a tally that continues from a snapshot. The buckets are not in it, so they start empty."""
        metrics = snapshot.metrics
        tally = cls(window_size, buckets_ms)
        tally.success_count = metrics.success_count
        tally.fallback_count = metrics.fallback_count
        tally.retry_count = metrics.retry_count
        tally.queued_count = metrics.queued_count
        tally.duration_sum_ms = tally._restored_sum_ms = snapshot.duration_sum_ms
        tally.counts |= metrics.failures_by_category
        tally.counts[FailureCategory.CANCELLED] = metrics.cancelled_count
        for category in REFUSALS:
            tally.counts[category] = getattr(metrics, f"{category.value}_count")
        for duration_ms, failed in snapshot.window:
            tally.window.add(duration_ms, failed=failed)
        for refusal, fell_back in snapshot.latest_calls:
            tally.calls.add(Call(refusal, fell_back))
        return tally
