"""Metrics and spans for the systems that watch programs: Prometheus and OpenTelemetry, each an extra.

A library is imported when its exporter is first asked for, never before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langgraph_runner.metrics.exporters.opentelemetry import (
        NodeMetricsOpenTelemetryExporter,
        export_to_opentelemetry,
    )
    from langgraph_runner.metrics.exporters.prometheus import NodeMetricsPrometheusCollector
    from langgraph_runner.metrics.exporters.spans import NodeSpan, NodeSpans

__all__ = [
    "NodeMetricsOpenTelemetryExporter",
    "NodeMetricsPrometheusCollector",
    "NodeSpan",
    "NodeSpans",
    "export_to_opentelemetry",
]

_MODULES = {
    "NodeMetricsOpenTelemetryExporter": "opentelemetry",
    "NodeMetricsPrometheusCollector": "prometheus",
    "NodeSpan": "spans",
    "NodeSpans": "spans",
    "export_to_opentelemetry": "opentelemetry",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
