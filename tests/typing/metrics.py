"""The types of metrics and their exporters; never run."""

from __future__ import annotations

from typing import assert_type

from langgraph_runner import (
    FailureCategory,
    MetricThreshold,
    NodeMetrics,
    NodeMetricsCollector,
    NodeMetricsPrometheusCollector,
    NodeSpans,
    ThresholdEvent,
    create_node,
    create_node_metrics_collector,
    export_to_opentelemetry,
)
from langgraph_runner.metrics.exporters import NodeMetricsOpenTelemetryExporter


def reads(collector: NodeMetricsCollector) -> None:
    """Metrics of one node and of all nodes."""
    metrics = collector.get_node_metrics("load")
    assert_type(metrics, NodeMetrics)
    assert_type(metrics.success_count, int)
    assert_type(metrics.p99_ms, float | None)
    assert_type(metrics.failures_by_category, dict[FailureCategory, int])
    assert_type(metrics.timeout_failures, int)
    assert_type(collector.get_all_node_metrics(), dict[str, NodeMetrics])
    assert_type(create_node_metrics_collector(window_size=5), NodeMetricsCollector)
    assert_type(MetricThreshold(metric="p99_ms", limit=500).limit, float)


def heard(event: ThresholdEvent) -> None:
    """A callback."""
    assert_type(event.node, str)
    assert_type(event.value, float)


def load(state: dict[str, int]) -> dict[str, int]:
    """A function."""
    return state


def exports(collector: NodeMetricsCollector) -> None:
    """Exports to Prometheus and OpenTelemetry."""
    assert_type(NodeMetricsPrometheusCollector(collector), NodeMetricsPrometheusCollector)
    assert_type(export_to_opentelemetry(collector), NodeMetricsOpenTelemetryExporter)
    create_node(load, spans=NodeSpans())
