from langgraph_runner.metrics.exporters.opentelemetry import (
    NodeMetricsOpenTelemetryExporter as NodeMetricsOpenTelemetryExporter,
)
from langgraph_runner.metrics.exporters.opentelemetry import (
    export_to_opentelemetry as export_to_opentelemetry,
)
from langgraph_runner.metrics.exporters.prometheus import (
    NodeMetricsPrometheusCollector as NodeMetricsPrometheusCollector,
)
from langgraph_runner.metrics.exporters.spans import NodeSpans as NodeSpans
