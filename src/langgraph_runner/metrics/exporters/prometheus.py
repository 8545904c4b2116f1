"""A collector's metrics for Prometheus, read at each scrape. Needs the extra `prometheus`.

Names and units follow https://prometheus.io/docs/practices/naming/: base units, so seconds, and `_total` for
counters.
"""

from __future__ import annotations

from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING

from langgraph_runner.errors.categories import REFUSALS, FailureCategory
from langgraph_runner.errors.hints import importing_extra
from langgraph_runner.metrics.model import ABANDONED_THREADS, COUNTERS, NODE_FAILURES
from langgraph_runner.runtime.threads import abandoned_threads

with importing_extra(
    "prometheus_client", "Metrics for Prometheus need prometheus-client", extra="prometheus"
):
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
    from prometheus_client.registry import Collector
    from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client.core import Metric

    from langgraph_runner.metrics.collector import NodeMetricsCollector
    from langgraph_runner.metrics.tally import NodeTotals

__all__ = ["NodeMetricsPrometheusCollector"]


# prometheus_client writes the bounds of its own histograms so; the function has no types.
_number: Callable[[float], str] = floatToGoString


class NodeMetricsPrometheusCollector(Collector):
    """Shows a `NodeMetricsCollector` to `prometheus_client`.

    ```
    REGISTRY.register(NodeMetricsPrometheusCollector(collector))
    ```

    Every sample but the last one has a label `node`:

    - `langgraph_node_executions_total{node, outcome}`: by `success` and `failure` of the node's own function
    - `langgraph_node_failures_total{node, category}`: by `timeout`, `validation`, `network` and `other`
    - `langgraph_node_fallbacks_total{node}`: failed executions and refused calls for which the fallback delivered
    - `langgraph_node_retries_total{node}`: attempts after the first
    - `langgraph_node_cancelled_total{node}`, `langgraph_node_circuit_open_total{node}`: calls that were given
      up and calls that an open circuit refused; no executions and no failures
    - `langgraph_node_refusals_total{node, category}`: calls that a policy refused, by `circuit_open`,
      `bulkhead_full`, `rate_limited` and `refused`
    - `langgraph_node_queued_total{node}`: calls that waited for a policy
    - `langgraph_node_duration_seconds{node, le}`: a classic histogram of all executions, with the collector's
      `buckets_ms` in seconds
    - `langgraph_node_duration_window_seconds{node, quantile}`: gauges, `0.5`, `0.9` and `0.99` of the latest
      `window_size` executions; absent without any
    - `langgraph_node_abandoned_threads`: a gauge of the process, see `abandoned_threads()`

    All samples of a scrape are of one moment: whatever is recorded meanwhile, `_count` of the histogram is the
    sum of both outcomes, and the categories add up to the failures. (Of a collector that `from_json` made, the
    histogram lacks what was before.)

    The counters of a node start at 0 when it first reports, and again after `reset_node_metrics`, which looks like
    a restart of the program to Prometheus.
    There are no `_created` samples: a record reads no clock.

    Safe to use from any number of threads. A scrape holds the collector's lock while it copies the numbers,
    a few microseconds a node, and never while it formats them. A registry has one of these at most, because
    the names of a second would be the same.

    Args:
        collector: What to show. It does not know this object, which so cannot harm a node.
    """

    def __init__(self, collector: NodeMetricsCollector) -> None:
        self._collector = collector
        self._bounds = [_number(bound / 1000) for bound in (*collector.buckets_ms, inf)]

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without samples, for `REGISTRY.register` to see their names."""
        return _Families().all()

    def collect(self) -> Iterable[Metric]:
        """Return the metrics with their samples, as they are now."""
        families = _Families()
        for totals in self._collector.totals():
            families.add(totals, self._bounds)
        return families.all()


class _Families:
    """The metrics of one scrape, each with one set of samples a node."""

    def __init__(self) -> None:
        self._counters = {
            name: CounterMetricFamily(
                f"langgraph_node_{name}", description, labels=["node", label] if label else ["node"]
            )
            for name, (_, label, description) in COUNTERS.items()
        }
        self._duration = HistogramMetricFamily(
            "langgraph_node_duration_seconds",
            "How long executions of a node took, retries and waits included.",
            labels=["node"],
        )
        self._abandoned = GaugeMetricFamily(
            "langgraph_node_abandoned_threads", ABANDONED_THREADS, value=abandoned_threads()
        )
        self._window = GaugeMetricFamily(
            "langgraph_node_duration_window_seconds",
            "Quantiles of the latest executions of a node.",
            labels=["node", "quantile"],
        )

    def add(self, totals: NodeTotals, bounds: list[str]) -> None:
        """Add the samples of one node."""
        node = _label(totals.node)
        counts, counters = totals.counts, self._counters
        counters["executions"].add_metric([node, "success"], totals.success_count)
        counters["executions"].add_metric([node, "failure"], sum(counts[each] for each in NODE_FAILURES))
        for category in NODE_FAILURES:
            counters["failures"].add_metric([node, category.value], counts[category])
        counters["fallbacks"].add_metric([node], totals.fallback_count)
        counters["retries"].add_metric([node], totals.retry_count)
        counters["cancelled"].add_metric([node], counts[FailureCategory.CANCELLED])
        counters["circuit_open"].add_metric([node], counts[FailureCategory.CIRCUIT_OPEN])
        for category in REFUSALS:
            counters["refusals"].add_metric([node, category.value], counts[category])
        counters["queued"].add_metric([node], totals.queued_count)
        cumulative = list(zip(bounds, accumulate(totals.bucket_counts), strict=True))
        self._duration.add_metric([node], cumulative, totals.bucket_sum_ms / 1000)
        for percent, quantile_ms in totals.quantiles_ms.items():
            if quantile_ms is not None:
                self._window.add_metric([node, _number(percent / 100)], quantile_ms / 1000)

    def all(self) -> list[Metric]:
        """Return them in the order in which a scrape shows them."""
        return [*self._counters.values(), self._duration, self._window, self._abandoned]


def _label(node: str) -> str:
    """Return a label value that can be encoded: one lone surrogate would fail the scrape of the whole program.

    prometheus_client escapes quotes, backslashes and line ends.
    """
    return str(node).encode("utf-8", "backslashreplace").decode("utf-8")
