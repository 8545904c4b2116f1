"""OpenTelemetry metrics, as an OTLP receiver gets them over HTTP."""

from __future__ import annotations

import gc
import importlib
import logging
import math
import sys
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from langgraph_runner import create_node, runner_config
from langgraph_runner.metrics import NodeMetricsCollector
from langgraph_runner.metrics.exporters import (
    NodeMetricsOpenTelemetryExporter,
    NodeSpans,
    export_to_opentelemetry,
)
from langgraph_runner.testing import Flaky

DELTA = dict.fromkeys((Counter, ObservableCounter, Histogram), AggregationTemporality.DELTA)


class Receiver(ThreadingHTTPServer):
    """A backend that receives metrics and spans as protobuf, and keeps the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Any] = []
        self.last_path: str | None = None

    @property
    def endpoint(self) -> str:
        """Where to send metrics."""
        return f"http://127.0.0.1:{self.server_port}/v1/metrics"

    def metrics(self) -> dict[str, Any]:
        """The metrics of the latest request by name. Each must exist once."""
        found = [
            (metric.name, metric)
            for resource in self.requests[-1].resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]
        assert len(dict(found)) == len(found)
        return dict(found)

    def counts(self) -> dict[str, dict[tuple[str, ...], int]]:
        """The counters of the latest request: name, then the values of the attributes in order of their names."""
        return {
            name: {tuple(attributes(point).values()): point.as_int for point in metric.sum.data_points}
            for name, metric in self.metrics().items()
            if metric.HasField("sum")
        }

    def durations(self) -> dict[tuple[str, ...], Any]:
        """The histogram of the latest request."""
        points = self.metrics()["langgraph.node.duration"].histogram.data_points
        return {tuple(attributes(point).values()): point for point in points}


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Receive one export."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.last_path = self.path
        kind = ExportTraceServiceRequest if self.path == "/v1/traces" else ExportMetricsServiceRequest
        self.server.requests.append(kind.FromString(body))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Log nothing."""


def attributes(point: Any) -> dict[str, str]:
    """The attributes of a data point, in order of their names."""
    found = {attribute.key: attribute.value.string_value for attribute in point.attributes}
    return dict(sorted(found.items()))


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """The backend, on loopback."""
    with Receiver() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(params=["cumulative", "delta"])
def temporality(request: pytest.FixtureRequest) -> str:
    """Both ways to report a counter."""
    return request.param


def make_provider(receiver: Receiver, temporality: str = "cumulative", **options: Any) -> MeterProvider:
    """An SDK that exports to the receiver only when it is flushed."""
    exporter = OTLPMetricExporter(
        endpoint=receiver.endpoint, preferred_temporality=DELTA if temporality == "delta" else None
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
    return MeterProvider(metric_readers=[reader], shutdown_on_exit=False, **options)


@pytest.fixture
def provider(receiver: Receiver) -> Iterator[MeterProvider]:
    """An SDK with cumulative counters."""
    provider = make_provider(receiver)
    yield provider
    provider.shutdown()


@pytest.fixture
def collector() -> NodeMetricsCollector:
    """An empty collector of three buckets."""
    return NodeMetricsCollector(buckets_ms=[10, 250, 2_500])


def record_a_bit_of_everything(collector: NodeMetricsCollector) -> None:
    """Five successes, three failures, four retries, two fallbacks; a cancelled call, three refused, one queued."""
    for duration in (10, 11, 250, 251.5, 9_000):
        collector.record_success("theme", duration)
    collector.record_failure("theme", 0.5, "timeout")
    collector.record_failure("theme", 1, "other")
    collector.record_fallback("theme", 1, "other")
    collector.record_failure("theme", 77, "cancelled")
    collector.record_failure("theme", 0, "circuit_open")
    collector.record_fallback("theme", 0, "circuit_open")
    collector.record_failure("theme", 0, "bulkhead_full")
    collector.record_queued("theme")
    for _ in range(4):
        collector.record_retry("theme")


COUNTS = {
    "langgraph.node.executions": {("theme", "success"): 5, ("theme", "failure"): 3},
    "langgraph.node.failures": {("timeout", "theme"): 1, ("other", "theme"): 2},
    "langgraph.node.fallbacks": {("theme",): 2},
    "langgraph.node.retries": {("theme",): 4},
    "langgraph.node.cancelled": {("theme",): 1},
    "langgraph.node.circuit_open": {("theme",): 2},
    "langgraph.node.refusals": {("circuit_open", "theme"): 2, ("bulkhead_full", "theme"): 1},
    "langgraph.node.queued": {("theme",): 1},
}


@pytest.mark.req("M-18", "M-19")
def test_counters_arrive(receiver, provider, collector):
    """Every count arrives once, at the path of the protocol."""
    export_to_opentelemetry(collector, provider.get_meter("test"))
    record_a_bit_of_everything(collector)
    provider.force_flush()
    assert receiver.last_path == "/v1/metrics"
    assert receiver.counts() == COUNTS


@pytest.mark.req("M-18")
def test_the_histogram_arrives_in_seconds_and_exact(receiver, provider, collector):
    """It has the collector's buckets, separately for each outcome."""
    export_to_opentelemetry(collector, provider.get_meter("test"))
    record_a_bit_of_everything(collector)
    provider.force_flush()
    durations = receiver.durations()
    assert {
        labels: (list(point.explicit_bounds), list(point.bucket_counts), point.count, point.sum)
        for labels, point in durations.items()
    } == {
        ("theme", "success"): ([0.01, 0.25, 2.5], [1, 2, 1, 1], 5, 9.5225),
        ("timeout", "theme", "failure"): ([0.01, 0.25, 2.5], [1, 0, 0, 0], 1, 0.0005),
        ("other", "theme", "failure"): ([0.01, 0.25, 2.5], [2, 0, 0, 0], 2, 0.002),
    }


def test_instruments_are_named_by_the_conventions(receiver, provider, collector):
    """Units, monotonicity and attribute names follow the conventions, too."""
    export_to_opentelemetry(collector, provider.get_meter("test"))
    record_a_bit_of_everything(collector)
    provider.force_flush()
    metrics = receiver.metrics()
    assert {name: metric.unit for name, metric in metrics.items()} == {
        "langgraph.node.duration": "s",
        "langgraph.node.executions": "{execution}",
        "langgraph.node.failures": "{failure}",
        "langgraph.node.fallbacks": "{call}",
        "langgraph.node.retries": "{retry}",
        "langgraph.node.cancelled": "{call}",
        "langgraph.node.circuit_open": "{call}",
        "langgraph.node.refusals": "{call}",
        "langgraph.node.queued": "{call}",
        "langgraph.node.abandoned_threads": "{thread}",
    }
    assert all(metric.description for metric in metrics.values())
    assert all(metric.sum.is_monotonic for metric in metrics.values() if metric.HasField("sum"))
    names = {
        name: set().union(*(attributes(point) for point in metric.sum.data_points))
        for name, metric in metrics.items()
        if metric.HasField("sum")
    }
    assert names["langgraph.node.executions"] == {"langgraph.node.name", "langgraph.node.outcome"}
    assert names["langgraph.node.failures"] == {"langgraph.node.name", "error.type"}
    assert names["langgraph.node.retries"] == {"langgraph.node.name"}


def test_a_reset_takes_nothing_back(receiver, collector, temporality):
    """Exported values stay: later values add up, or are exported as differences."""
    provider = make_provider(receiver, temporality)
    export_to_opentelemetry(collector, provider.get_meter("test"))
    record_a_bit_of_everything(collector)
    provider.force_flush()
    collector.reset_node_metrics()
    record_a_bit_of_everything(collector)
    provider.force_flush()
    factor = 1 if temporality == "delta" else 2
    assert receiver.counts() == {
        name: {labels: factor * count for labels, count in counts.items()} for name, counts in COUNTS.items()
    }
    assert receiver.durations()["theme", "success"].count == factor * 5
    provider.shutdown()


def test_what_was_before_is_not_exported(receiver, provider, collector):
    """Counters and the histogram begin when the export begins."""
    record_a_bit_of_everything(collector)
    export_to_opentelemetry(collector, provider.get_meter("test"))
    collector.record_success("theme", 1)
    provider.force_flush()
    assert receiver.counts() == {"langgraph.node.executions": {("theme", "success"): 1}}
    assert receiver.durations()["theme", "success"].count == 1


def test_several_collectors_to_one_meter_add_up(receiver, provider, collector):
    """A collector that is exported twice counts once."""
    meter, other = provider.get_meter("test"), NodeMetricsCollector()
    exporters = {export_to_opentelemetry(each, meter) for each in (collector, other, collector)}
    assert len(exporters) == 1
    record_a_bit_of_everything(collector)
    other.record_success("theme", 20)
    provider.force_flush()
    assert receiver.counts()["langgraph.node.executions"]["theme", "success"] == 6
    assert receiver.durations()["theme", "success"].count == 6


def test_an_export_ends(receiver, provider, collector):
    """The last counts stay; later records are not added."""
    exporter = export_to_opentelemetry(collector, provider.get_meter("test"))
    record_a_bit_of_everything(collector)
    collector.stop_forwarding(exporter)
    record_a_bit_of_everything(collector)
    provider.force_flush()
    assert receiver.counts() == COUNTS


def test_a_node_reports_through_the_collector(receiver, provider, collector):
    """With a real node and the receiver."""
    export_to_opentelemetry(collector, provider.get_meter("test"))
    node = create_node(lambda state: {"y": 2}, name="double", metrics_collector=collector)
    assert node({"x": 1}) == {"y": 2}
    provider.force_flush()
    assert receiver.counts() == {"langgraph.node.executions": {("double", "success"): 1}}
    assert receiver.durations()["double", "success"].count == 1


def test_exemplars_name_the_span_that_was_active(receiver, collector):
    """A duration is recorded in the node's context, so a slow call leads to its trace."""
    provider = make_provider(receiver, exemplar_filter=TraceBasedExemplarFilter())
    export_to_opentelemetry(collector, provider.get_meter("test"))
    with TracerProvider(shutdown_on_exit=False).get_tracer("test").start_as_current_span("run") as span:
        collector.record_success("theme", 5)
    provider.force_flush()
    (exemplar,) = receiver.durations()["theme", "success"].exemplars
    assert exemplar.trace_id == span.get_span_context().trace_id.to_bytes(16, "big")
    provider.shutdown()


def test_nothing_is_lost_between_threads(receiver, provider, collector):
    """Four threads record during exports; the last export has all records."""
    export_to_opentelemetry(collector, provider.get_meter("test"))

    def work() -> None:
        for _ in range(250):
            collector.record_success("a", 1)
            collector.record_failure("a", 1, "network")
            collector.record_retry("a")

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work) for _ in range(4)]
        while not all(future.done() for future in working):
            provider.force_flush()
        for future in working:
            future.result()
    provider.force_flush()
    assert receiver.counts() == {
        "langgraph.node.executions": {("a", "success"): 1_000, ("a", "failure"): 1_000},
        "langgraph.node.failures": {("network", "a"): 1_000},
        "langgraph.node.retries": {("a",): 1_000},
    }
    assert receiver.durations()["a", "success"].count == 1_000


@pytest.mark.req("M-18")
def test_the_span_of_a_node_arrives_with_its_attempts(receiver):
    """In the caller's trace, with an event for each failed attempt."""
    exporter = OTLPSpanExporter(endpoint=receiver.endpoint.replace("metrics", "traces"))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    flaky = Flaky(ConnectionError, {"answer": 42})
    retry = {"max_attempts": 2, "backoff_ms": 0}
    node = create_node(flaky.sync, name="theme", retry=retry, spans=NodeSpans(provider.get_tracer("test")))
    node({}, runner_config(trace_id="ab" * 16))
    provider.shutdown()
    (span,) = receiver.requests[-1].resource_spans[0].scope_spans[0].spans
    assert (span.name, span.trace_id.hex()) == ("node theme", "ab" * 16)
    assert [event.name for event in span.events] == ["langgraph.node.attempt_failed"]
    assert span.end_time_unix_nano >= span.start_time_unix_nano


def test_a_failing_sdk_harms_no_node(monkeypatch, provider, collector, caplog):
    """The node returns its result and is counted. The failure is logged once."""
    exporter = export_to_opentelemetry(collector, provider.get_meter("test"))
    monkeypatch.setattr(exporter, "_duration", None)
    node = create_node(lambda state: {"y": 2}, name="double", metrics_collector=collector)
    with caplog.at_level(logging.WARNING, logger="langgraph_runner"):
        assert [node({"x": 1}) for _ in range(3)] == [{"y": 2}] * 3
    assert collector.get_node_metrics("double").success_count == 3
    assert [record.getMessage().split()[0] for record in caplog.records] == ["metrics.recorder_failed"]


def test_the_meter_of_a_program_that_has_no_sdk_takes_everything(collector):
    """The API without an SDK ignores the metrics, without an error."""
    exporter = export_to_opentelemetry(collector)
    assert export_to_opentelemetry(NodeMetricsCollector()) is exporter
    record_a_bit_of_everything(collector)
    assert collector.get_node_metrics("theme").total_executions == 8


def test_a_meter_that_is_gone_is_not_kept():
    """Only the collectors that export to it refer to it."""
    collector = NodeMetricsCollector()
    provider = MeterProvider(shutdown_on_exit=False)
    exporter = weakref.ref(export_to_opentelemetry(collector, provider.get_meter("test")))
    provider.shutdown()
    del provider, collector
    gc.collect()
    assert exporter() is None


def test_an_exporter_can_be_made_by_hand(receiver, provider, collector):
    """With its own bounds."""
    collector.forward_to(NodeMetricsOpenTelemetryExporter(provider.get_meter("test"), buckets_ms=[1_000]))
    collector.record_success("theme", 5)
    provider.force_flush()
    assert list(receiver.durations()["theme", "success"].explicit_bounds) == [1.0]


def test_the_error_without_the_library_names_the_extra(monkeypatch):
    """The message says what to install if opentelemetry-api is missing."""
    monkeypatch.delitem(sys.modules, "langgraph_runner.metrics.exporters.opentelemetry")
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", None)
    exporters = importlib.import_module("langgraph_runner.metrics.exporters")
    # The package keeps a name after its first use.
    monkeypatch.delitem(vars(exporters), "export_to_opentelemetry", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'langgraph-runner\[otel\]'"):
        _ = exporters.export_to_opentelemetry
