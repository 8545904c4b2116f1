"""What nodes did and how long it took: counts, percentiles over a rolling window, threshold events."""

from langgraph_runner.errors.categories import FailureCategory
from langgraph_runner.metrics.collector import NodeMetricsCollector
from langgraph_runner.metrics.model import NodeMetrics
from langgraph_runner.metrics.thresholds import MetricThreshold, ThresholdEvent

__all__ = [
    "FailureCategory",
    "MetricThreshold",
    "NodeMetrics",
    "NodeMetricsCollector",
    "ThresholdEvent",
]
