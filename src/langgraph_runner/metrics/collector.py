"""`NodeMetricsCollector`: counts what nodes report, from any thread or task."""

from __future__ import annotations

import json
import logging
from inspect import iscoroutinefunction
from itertools import pairwise
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from langgraph_runner.callbacks import accept_fewer_arguments
from langgraph_runner.errors.categories import FailureCategory
from langgraph_runner.errors.classification import failure_category
from langgraph_runner.errors.logs import emit
from langgraph_runner.metrics import snapshot, table
from langgraph_runner.metrics.forwarding import LOGGER, Forwarding, NodeMetricsRecorder, check_recorder
from langgraph_runner.metrics.model import NodeMetrics
from langgraph_runner.metrics.tally import NodeTally, NodeTotals
from langgraph_runner.metrics.thresholds import (
    MetricThreshold,
    ThresholdListener,
    crossings,
    notify,
)
from langgraph_runner.metrics.window import MAX_WINDOW_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

_MAX_BUCKETS = 100
_MAX_PENDING = 256
"""How many successes of a node may be pending. To count them together is cheaper than one by one."""
# Keyed by the enum's members, which are equal to their strings and hash like them.
_CATEGORIES: dict[str, FailureCategory] = {category: category for category in FailureCategory}


DEFAULT_BUCKETS_MS = (
    *(5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0),
    *(1_000.0, 2_500.0, 5_000.0, 10_000.0, 30_000.0, 60_000.0, 120_000.0, 300_000.0),
)
"""Bounds in ms, from a lookup in memory to a model that thinks for minutes."""


class NodeMetricsCollector:
    """Counts what nodes do, and keeps their latest durations.

    Safe to use from any number of threads and tasks; one lock, never held while a listener or a log runs.
    Its size is bounded by the number of node names: each keeps `window_size` executions at most.

    Printed by rich it is a table, and `str()` gives one of plain text.
    """

    __slots__ = (
        "_buckets_ms",
        "_forwardings",
        "_lock",
        "_on_threshold",
        "_tallies",
        "_thresholds",
        "_window_size",
    )

    def __init__(
        self,
        window_size: int = 100,
        *,
        thresholds: Iterable[MetricThreshold] = (),
        on_threshold: ThresholdListener | None = None,
        buckets_ms: Iterable[float] = DEFAULT_BUCKETS_MS,
    ) -> None:
        """Make an empty collector.

        Args:
            window_size: How many of the latest executions of a node the percentiles are taken over, and how many
                of its latest calls the rates of thresholds are; 1 to 100,000.
            thresholds: Limits to watch, for every node.
            on_threshold: None to log the events, as `metrics.threshold_exceeded` and `metrics.threshold_recovered`.
                Otherwise called with a `ThresholdEvent` when a node crosses a limit: once when it exceeds it, once
                when it recovers. It is a plain function, not a coroutine function; it runs in the thread that
                recorded, outside the collector's lock, so it may use the collector. What it raises is logged.
                Crossings in different threads may be reported in either order.
            buckets_ms: Upper bounds of the histogram of durations that exporters show, in ms, each inclusive;
                1 to 100 of them, ascending, above 0 and finite. 5 ms to 5 minutes by default.

        Raises:
            ValueError: `window_size` or `buckets_ms` is out of range, a threshold needs more samples than the
                window holds, or `on_threshold` is given without `thresholds`.
            TypeError: `on_threshold` is a coroutine function.
        """
        self._window_size = _checked_window_size(window_size)
        self._thresholds = _checked_thresholds(thresholds, on_threshold, window_size)
        self._on_threshold = (
            None
            if on_threshold is None
            else accept_fewer_arguments(on_threshold, "event", field="on_threshold")
        )
        self._buckets_ms = _checked_buckets(buckets_ms)
        self._forwardings: tuple[Forwarding, ...] = ()
        self._tallies: dict[str, NodeTally] = {}
        self._lock = Lock()

    @property
    def window_size(self) -> int:
        """How many of the latest executions of a node the percentiles are taken over."""
        return self._window_size

    @property
    def buckets_ms(self) -> tuple[float, ...]:
        """Upper bounds of the histogram of durations, in ms, ascending, each inclusive."""
        return self._buckets_ms

    def record_success(self, node: str, duration_ms: float) -> None:
        """Count an execution that succeeded.

        Args:
            node: The node's name; one not seen before is added.
            duration_ms: How long it took. An impossible one (negative, NaN or infinite) counts as 0, and a
                warning is logged.
        """
        if type(duration_ms) is not float or not 0.0 <= duration_ms < inf:
            duration_ms = _usable_duration(node, duration_ms)
        if self._thresholds or node not in self._tallies:
            self._record_succeeded(node, duration_ms)
        else:
            # The usual case takes no lock: the success is counted with others, by a reader or by one of the next.
            try:
                tally = self._tallies[node]
            except KeyError:  # Another thread has just reset it.
                self._record_succeeded(node, duration_ms)
            else:
                tally.pending.append(duration_ms)
                if len(tally.pending) >= _MAX_PENDING:
                    with self._lock:
                        tally.count_pending()
        for forwarding in self._forwardings:
            forwarding.report("record_success", node, duration_ms)

    def _record_succeeded(self, node: str, duration_ms: float) -> None:
        with self._lock:
            tally = self._tallies.get(node) or self._new_tally_needs_lock(node)
            tally.succeeded(duration_ms)
            events = crossings(node, tally, self._thresholds)
        if events:
            notify(self._on_threshold, events)

    def record_failure(
        self,
        node: str,
        duration_ms: float,
        error: BaseException | FailureCategory | str = FailureCategory.OTHER,
    ) -> None:
        """Count an execution that failed, or a call that was cancelled or refused by a policy.

        Args:
            node: The node's name; one not seen before is added.
            duration_ms: As for `record_success`. Not used for a call that was cancelled or refused.
            error: Why: an exception, which `failure_category` classifies as it does for nodes, or a category.
                `cancelled` and the refusals (`circuit_open`, `bulkhead_full`, `rate_limited`, `refused`) have counts
                of their own and are not executions.

        Raises:
            ValueError: There is no such category.
        """
        category = _category(error)
        duration_ms = self._record_failed(node, duration_ms, category, fell_back=False)
        for forwarding in self._forwardings:
            forwarding.report("record_failure", node, duration_ms, category)

    def record_fallback(
        self,
        node: str,
        duration_ms: float,
        error: BaseException | FailureCategory | str = FailureCategory.OTHER,
    ) -> None:
        """Count a call whose function failed, or that a policy refused, and for which the fallback delivered.

        It also counts as a failure or a refused call, so do not call `record_failure` for it.

        Args:
            node: The node's name; one not seen before is added.
            duration_ms: How long the call took, fallback included. Not used for a refused call.
            error: Why the function did not deliver, as for `record_failure`.

        Raises:
            ValueError: There is no such category, or it is `cancelled`: such a call has no fallback.
        """
        category = _category(error)
        if category is FailureCategory.CANCELLED:
            raise ValueError(
                "error must not be 'cancelled': such a call has no fallback. Use record_failure()."
            )
        duration_ms = self._record_failed(node, duration_ms, category, fell_back=True)
        for forwarding in self._forwardings:
            forwarding.report("record_fallback", node, duration_ms, category)

    def _record_failed(
        self, node: str, duration_ms: float, category: FailureCategory, *, fell_back: bool
    ) -> float:
        if type(duration_ms) is not float or not 0.0 <= duration_ms < inf:
            duration_ms = _usable_duration(node, duration_ms)
        with self._lock:
            tally = self._tallies.get(node) or self._new_tally_needs_lock(node)
            tally.failed(duration_ms, category, fell_back=fell_back)
            events = crossings(node, tally, self._thresholds)
        if events:
            notify(self._on_threshold, events)
        return duration_ms

    def record_retry(self, node: str, attempt: int | None = None) -> None:
        """Count an attempt after the first.

        Args:
            node: The node's name; one not seen before is added.
            attempt: The number of the attempt, from 1. Each call counts one retry, whatever the number is.

        Raises:
            ValueError: `attempt` is not a whole number from 1.
        """
        if attempt is not None and (type(attempt) is not int or attempt < 1):
            raise ValueError(f"attempt must be a whole number from 1, got {attempt!r}.")
        with self._lock:
            tally = self._tallies.get(node) or self._new_tally_needs_lock(node)
            tally.retry_count += 1
        for forwarding in self._forwardings:
            forwarding.report("record_retry", node)

    def record_queued(self, node: str) -> None:
        """Count a call that waited for a bulkhead, a rate limit or another policy.

        Args:
            node: The node's name; one not seen before is added.
        """
        with self._lock:
            tally = self._tallies.get(node) or self._new_tally_needs_lock(node)
            tally.queued_count += 1
        for forwarding in self._forwardings:
            forwarding.report("record_queued", node)

    def forward_to(self, recorder: NodeMetricsRecorder) -> None:
        """Report to `recorder` everything that is recorded from now on, after it was counted here.

        It is called in the thread and the context that recorded, outside the collector's lock, with durations
        that are finite and not negative. What it raises is logged, the first time of several in a row, and harms
        nothing. To add a recorder a second time does nothing.

        Raises:
            ValueError: It is this collector.
            TypeError: It lacks a method of `NodeMetricsRecorder`, has one that must be awaited, or is a class.
        """
        check_recorder(recorder, field="recorder")
        if recorder is self:
            raise ValueError("recorder must be another collector or recorder, got the collector itself.")
        with self._lock:
            if all(forwarding.recorder is not recorder for forwarding in self._forwardings):
                self._forwardings = (*self._forwardings, Forwarding(recorder))

    def stop_forwarding(self, recorder: NodeMetricsRecorder) -> None:
        """Stop reporting to `recorder`; calls that record at this moment may still do so. Ignore an unknown one."""
        with self._lock:
            self._forwardings = tuple(
                forwarding for forwarding in self._forwardings if forwarding.recorder is not recorder
            )

    def get_node_metrics(self, node: str) -> NodeMetrics:
        """Return the metrics of one node; a node that never reported has empty metrics, and is not added."""
        with self._lock:
            tally = self._tallies.get(node)
            return tally.metrics(node) if tally else NodeMetrics(node=node)

    def get_all_node_metrics(self) -> dict[str, NodeMetrics]:
        """Return the metrics of all nodes at one moment, by name, in the order in which they first reported."""
        with self._lock:
            return {node: tally.metrics(node) for node, tally in self._tallies.items()}

    def totals(self) -> list[NodeTotals]:
        """Return what exporters need of all nodes at one moment, in the order in which they first reported."""
        with self._lock:
            return [tally.totals(node) for node, tally in self._tallies.items()]

    def reset_node_metrics(self, node: str | None = None) -> None:
        """Forget one node, or all of them. This reports no threshold event, and re-arms the thresholds."""
        with self._lock:
            if node is None:
                self._tallies.clear()
            else:
                self._tallies.pop(node, None)

    def snapshot(self) -> dict[str, Any]:
        """Return all that is known, as a dict of JSON values; `to_json()` returns the same as text.

        `from_json()` reads the text only.
        """
        with self._lock:
            nodes = [
                (tally.metrics(node), tally.finite_sum_ms, list(tally.window), list(tally.calls))
                for node, tally in self._tallies.items()
            ]
        return {
            "format": snapshot.FORMAT,
            "version": snapshot.VERSION,
            "window_size": self._window_size,
            "nodes": {
                metrics.node: {
                    "metrics": metrics.model_dump(mode="json"),
                    "duration_sum_ms": duration_sum_ms,
                    "window": [[duration_ms, failed] for duration_ms, failed in window],
                    "calls": [[snapshot.flag_of(refusal), fell_back] for refusal, fell_back in calls],
                }
                for metrics, duration_sum_ms, window, calls in nodes
            },
        }

    def flat_snapshot(self, *, without_samples: float | None = None) -> dict[str, dict[str, Any]]:
        """Return the fields of `NodeMetrics` as JSON values, by the name of the node.

        Args:
            without_samples: The value of averages and percentiles without executions: None, or 0 for a system that
                takes numbers only.

        Raises:
            ValueError: `without_samples` is neither None nor 0.
        """
        if without_samples is not None and without_samples != 0:
            raise ValueError(f"without_samples must be None or 0, got {without_samples!r}.")
        return {
            node: {
                name: without_samples if value is None else value
                for name, value in metrics.model_dump(mode="json", exclude={"node"}).items()
            }
            for node, metrics in self.get_all_node_metrics().items()
        }

    def to_json(self) -> str:
        """Return all that is known as JSON text, a `str`; `snapshot()` returns the same as a dict.

        `from_json()` reads it.
        """
        return json.dumps(self.snapshot(), allow_nan=False)

    @classmethod
    def from_json(
        cls,
        text: str,
        *,
        thresholds: Iterable[MetricThreshold] = (),
        on_threshold: ThresholdListener | None = None,
        buckets_ms: Iterable[float] = DEFAULT_BUCKETS_MS,
    ) -> Self:
        """Make a collector that continues from what `to_json` wrote.

        It has the same window size and counts, and the same executions in its windows, oldest first, so
        every metric reads the same, now and after more is recorded.
        Thresholds are not in the text. Those given here start without a state: a node that is above a limit
        already is reported at its next execution.
        Buckets are not in the text either: the histogram of exporters starts empty.

        Raises:
            ValueError: The text was not written by `to_json`, or its numbers do not add up.
        """
        saved = snapshot.CollectorSnapshot.parse(text)
        collector = cls(
            saved.window_size, thresholds=thresholds, on_threshold=on_threshold, buckets_ms=buckets_ms
        )
        for name, node in saved.nodes.items():
            collector._tallies[name] = NodeTally.restored(node, saved.window_size, collector._buckets_ms)
        return collector

    def _new_tally_needs_lock(self, node: str) -> NodeTally:
        tally = self._tallies[node] = NodeTally(self._window_size, self._buckets_ms)
        return tally

    def __rich__(self) -> Table:
        return table.rich_table(self.get_all_node_metrics().values())

    def __str__(self) -> str:
        return table.text_table(self.get_all_node_metrics().values())

    def __repr__(self) -> str:
        return f"{type(self).__name__}(window_size={self._window_size}, nodes={list(self._tallies)})"


create_node_metrics_collector = NodeMetricsCollector
"""The same as the class, for code that makes its parts with functions, as `create_node()` does."""


def _category(error: BaseException | FailureCategory | str) -> FailureCategory:
    if isinstance(error, BaseException):
        return failure_category(error)
    category = _CATEGORIES.get(error) if isinstance(error, str) else None
    if category is None:
        raise ValueError(f"error must be an exception or one of {', '.join(FailureCategory)}, got {error!r}.")
    return category


def _usable_duration(node: str, duration_ms: float) -> float:
    """Return a duration as a float; an impossible one becomes 0, and is logged."""
    duration_ms = float(duration_ms)
    if 0.0 <= duration_ms < inf:
        return duration_ms
    emit(LOGGER, logging.WARNING, "metrics.duration_replaced", node=node, duration_ms=duration_ms)
    return 0.0


def _checked_window_size(window_size: int) -> int:
    # A bool is an int in Python, but a window of True is a mistake.
    whole = isinstance(window_size, int) and not isinstance(window_size, bool)
    if not whole or not 1 <= window_size <= MAX_WINDOW_SIZE:
        raise ValueError(
            f"window_size must be a whole number from 1 to {MAX_WINDOW_SIZE}, got {window_size!r}."
        )
    return window_size


def _checked_buckets(buckets_ms: Iterable[float]) -> tuple[float, ...]:
    bounds = tuple(float(bound) for bound in buckets_ms)
    ascending = all(low < high for low, high in pairwise((0.0, *bounds, inf)))
    if not ascending or not 1 <= len(bounds) <= _MAX_BUCKETS:
        raise ValueError(
            f"buckets_ms must be 1 to {_MAX_BUCKETS} ascending finite numbers above 0, got {bounds!r:.200}."
        )
    return bounds


def _checked_thresholds(
    thresholds: Iterable[MetricThreshold], on_threshold: ThresholdListener | None, window_size: int
) -> tuple[MetricThreshold, ...]:
    checked = tuple(thresholds)
    if on_threshold is not None and not checked:
        raise ValueError("on_threshold needs thresholds, or it is never called.")
    if iscoroutinefunction(on_threshold):
        raise TypeError(
            "on_threshold must be a plain function, got a coroutine function, which nothing awaits."
        )
    for threshold in checked:
        if threshold.min_samples > window_size:
            raise ValueError(
                f"min_samples must be at most window_size ({window_size}), got {threshold.min_samples}."
            )
    return checked
