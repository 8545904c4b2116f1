"""Metrics for Prometheus, as a scraping server receives them."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from langgraph_runner.metrics import NodeMetricsCollector
from langgraph_runner.metrics.exporters import NodeMetricsPrometheusCollector

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """The key of a sample."""
    return name, frozenset(labels.items())


def samples_of(families: Any) -> Samples:
    """All samples by name and labels. Each must exist once."""
    found = [
        (key(sample.name, **sample.labels), sample.value) for family in families for sample in family.samples
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def read(registry: CollectorRegistry) -> Samples:
    """Return the samples of a scrape, without a server."""
    return samples_of(parse_text(generate_latest(registry).decode()))


@pytest.fixture
def collector() -> NodeMetricsCollector:
    """A collector with three buckets, and a node with all kinds of records."""
    collector = NodeMetricsCollector(buckets_ms=[10, 250, 2_500])
    for duration in (10, 11, 250, 251.5, 9_000):
        collector.record_success("theme", duration)
    collector.record_failure("theme", 0.5, "timeout")
    collector.record_failure("theme", 1, "other")
    collector.record_fallback("theme", 1, "other")
    collector.record_failure("theme", 77, "cancelled")
    collector.record_failure("theme", 0, "circuit_open")
    collector.record_fallback("theme", 0, "circuit_open")
    collector.record_failure("theme", 0, "rate_limited")
    collector.record_queued("theme")
    for _ in range(4):
        collector.record_retry("theme")
    return collector


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[CollectorRegistry, int]]:
    """A registry, and the port of prometheus_client's server for it."""
    registry = CollectorRegistry()
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    yield registry, server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def registry(
    served: tuple[CollectorRegistry, int], collector: NodeMetricsCollector
) -> Iterator[CollectorRegistry]:
    """The registry, with the collector."""
    exporter = NodeMetricsPrometheusCollector(collector)
    served[0].register(exporter)
    yield served[0]
    served[0].unregister(exporter)


@pytest.fixture
def scrape(
    served: tuple[CollectorRegistry, int], registry: CollectorRegistry
) -> Callable[..., tuple[str, str]]:
    """GET /metrics; returns the content type and the text."""

    def get(accept: str = "text/plain") -> tuple[str, str]:
        connection = HTTPConnection("127.0.0.1", served[1], timeout=10)
        try:
            connection.request("GET", "/metrics", headers={"Accept": accept})
            response = connection.getresponse()
            assert response.status == 200
            return response.headers["Content-Type"], response.read().decode()
        finally:
            connection.close()

    return get


EXPECTED: Samples = {
    key("langgraph_node_executions_total", node="theme", outcome="success"): 5,
    key("langgraph_node_executions_total", node="theme", outcome="failure"): 3,
    key("langgraph_node_failures_total", node="theme", category="timeout"): 1,
    key("langgraph_node_failures_total", node="theme", category="validation"): 0,
    key("langgraph_node_failures_total", node="theme", category="network"): 0,
    key("langgraph_node_failures_total", node="theme", category="other"): 2,
    key("langgraph_node_fallbacks_total", node="theme"): 2,
    key("langgraph_node_retries_total", node="theme"): 4,
    key("langgraph_node_cancelled_total", node="theme"): 1,
    key("langgraph_node_circuit_open_total", node="theme"): 2,
    key("langgraph_node_refusals_total", node="theme", category="circuit_open"): 2,
    key("langgraph_node_refusals_total", node="theme", category="bulkhead_full"): 0,
    key("langgraph_node_refusals_total", node="theme", category="rate_limited"): 1,
    key("langgraph_node_refusals_total", node="theme", category="refused"): 0,
    key("langgraph_node_queued_total", node="theme"): 1,
    key("langgraph_node_abandoned_threads"): 0,
    key("langgraph_node_duration_seconds_bucket", node="theme", le="0.01"): 4,
    key("langgraph_node_duration_seconds_bucket", node="theme", le="0.25"): 6,
    key("langgraph_node_duration_seconds_bucket", node="theme", le="2.5"): 7,
    key("langgraph_node_duration_seconds_bucket", node="theme", le="+Inf"): 8,
    key("langgraph_node_duration_seconds_count", node="theme"): 8,
    key("langgraph_node_duration_seconds_sum", node="theme"): 9.525,
    key("langgraph_node_duration_window_seconds", node="theme", quantile="0.5"): 0.011,
    key("langgraph_node_duration_window_seconds", node="theme", quantile="0.9"): 9,
    key("langgraph_node_duration_window_seconds", node="theme", quantile="0.99"): 9,
}


@pytest.mark.req("M-18", "M-19")
def test_a_scrape_shows_every_count_in_base_units(scrape):
    """Over HTTP, in the text format: exactly these samples, in seconds."""
    content_type, text = scrape()
    assert content_type.startswith("text/plain")
    assert samples_of(parse_text(text)) == EXPECTED


@pytest.mark.req("M-18")
def test_a_scrape_in_openmetrics_says_the_same(scrape):
    """Over HTTP, in the newer format, by its stricter parser."""
    content_type, text = scrape(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    assert samples_of(parse_openmetrics(text)) == EXPECTED


def test_metrics_have_the_types_of_what_they_count(scrape):
    """A counter, a histogram or a gauge, each with a help text."""
    families = list(parse_openmetrics(scrape(OPENMETRICS)[1]))
    assert {family.name: family.type for family in families} == {
        "langgraph_node_executions": "counter",
        "langgraph_node_failures": "counter",
        "langgraph_node_fallbacks": "counter",
        "langgraph_node_retries": "counter",
        "langgraph_node_cancelled": "counter",
        "langgraph_node_circuit_open": "counter",
        "langgraph_node_refusals": "counter",
        "langgraph_node_queued": "counter",
        "langgraph_node_duration_seconds": "histogram",
        "langgraph_node_duration_window_seconds": "gauge",
        "langgraph_node_abandoned_threads": "gauge",
    }
    assert all(family.documentation for family in families)


@pytest.mark.parametrize(
    ("node", "shown"),
    [
        ('say "hi"', 'say "hi"'),
        ("back\\slash\\n", "back\\slash\\n"),
        ("two\nlines", "two\nlines"),
        ('}{,="', '}{,="'),
        ("Thème 主题", "Thème 主题"),
        ("", ""),
        ("half \ud83d", "half \\ud83d"),
    ],
    ids=["quotes", "backslash", "newline", "syntax", "unicode", "empty", "lone surrogate"],
)
@pytest.mark.parametrize("parse", [parse_text, parse_openmetrics])
def test_a_node_may_have_any_name(collector, scrape, node, shown, parse):
    """The scrape has the unchanged name. Characters that cannot be encoded are escaped."""
    collector.record_retry(node)
    text = scrape(OPENMETRICS if parse is parse_openmetrics else "text/plain")[1]
    assert samples_of(parse(text))[key("langgraph_node_retries_total", node=shown)] == 1


def test_a_collector_without_nodes_has_metrics_without_samples(scrape, collector):
    """Only the gauge of the process has one."""
    collector.reset_node_metrics()
    families = list(parse_openmetrics(scrape(OPENMETRICS)[1]))
    assert len(families) == 11
    assert samples_of(families) == {key("langgraph_node_abandoned_threads"): 0}


def test_a_reset_node_counts_from_zero(collector, registry):
    """Prometheus sees lower numbers than before, as after a restart."""
    collector.reset_node_metrics("theme")
    collector.record_success("theme", 1)
    samples = read(registry)
    assert samples[key("langgraph_node_executions_total", node="theme", outcome="success")] == 1
    assert samples[key("langgraph_node_duration_seconds_count", node="theme")] == 1


def test_a_node_that_only_retried_has_no_quantiles(collector, registry):
    """There are no samples for durations that do not exist."""
    collector.record_retry("draft")
    names = {name for name, labels in read(registry) if ("node", "draft") in labels}
    assert "langgraph_node_duration_window_seconds" not in names
    assert "langgraph_node_duration_seconds_count" in names


def test_registering_twice_is_refused(registry, collector):
    """The registry does not accept the same names from two sources."""
    with pytest.raises(ValueError, match="langgraph_node_executions"):
        registry.register(NodeMetricsPrometheusCollector(collector))


def test_a_restored_collector_shows_its_counts_and_an_empty_histogram(collector):
    """Values that `to_json` does not contain are not invented. Later values are exact."""
    restored = NodeMetricsCollector.from_json(collector.to_json(), buckets_ms=[100])
    registry = CollectorRegistry()
    registry.register(NodeMetricsPrometheusCollector(restored))
    restored.record_success("theme", 50)
    samples = read(registry)
    assert samples[key("langgraph_node_executions_total", node="theme", outcome="success")] == 6
    assert samples[key("langgraph_node_duration_seconds_bucket", node="theme", le="0.1")] == 1
    assert samples[key("langgraph_node_duration_seconds_count", node="theme")] == 1
    assert samples[key("langgraph_node_duration_seconds_sum", node="theme")] == pytest.approx(0.05)


@given(
    durations=st.lists(st.floats(0, 1e6) | st.sampled_from([0, 5, 7.5, 10])),
    bounds=st.lists(st.floats(0.001, 1e6), min_size=1, max_size=9, unique=True).map(sorted),
)
@settings(deadline=None)
def test_each_bucket_has_the_executions_up_to_its_bound(durations, bounds):
    """The histogram counts all executions, also those that have left the window."""
    collector = NodeMetricsCollector(window_size=2, buckets_ms=bounds)
    for place, duration in enumerate(durations):
        if place % 2:
            collector.record_failure("n", duration, "network")
        else:
            collector.record_success("n", duration)
    for totals in collector.totals():
        counts = [sum(totals.bucket_counts[: place + 1]) for place in range(len(bounds) + 1)]
        assert counts == [
            *(sum(duration <= bound for duration in durations) for bound in bounds),
            len(durations),
        ]
        assert totals.bucket_sum_ms == pytest.approx(sum(durations))


@pytest.mark.usefixtures("restless_threads")
def test_a_scrape_is_of_one_moment(registry, collector, scrape):
    """While four threads record, each scrape is consistent, no value decreases, and the last has all."""
    collector.reset_node_metrics()

    def work(place: int) -> None:
        node = "ab"[place % 2]
        for _ in range(500):
            collector.record_success(node, 1_000)
            collector.record_failure(node, 1_000, "network")
            collector.record_failure(node, 1_000, "timeout")

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work, place) for place in range(4)]
        scrapes = [samples_of(parse_text(scrape()[1]))]
        while not all(future.done() for future in working):
            scrapes.append(samples_of(parse_text(scrape()[1])))
        for future in working:
            future.result()
    scrapes.append(samples_of(parse_text(scrape()[1])))

    for samples in scrapes:
        for node in {dict(labels)["node"] for _, labels in samples if labels}:
            assert_adds_up(samples, node)
    for before, after in pairwise(scrapes):
        assert [name for name, value in before.items() if value > after[name]] == []
    assert scrapes[-1][key("langgraph_node_duration_seconds_count", node="a")] == 3_000
    assert scrapes[-1][key("langgraph_node_executions_total", node="b", outcome="failure")] == 2_000


def assert_adds_up(samples: Samples, node: str) -> None:
    """Check that the numbers of one node are consistent. Every execution took a second."""
    succeeded = samples[key("langgraph_node_executions_total", node=node, outcome="success")]
    failed = samples[key("langgraph_node_executions_total", node=node, outcome="failure")]
    causes = [
        samples[key("langgraph_node_failures_total", node=node, category=category)]
        for category in ("timeout", "validation", "network", "other")
    ]
    total = succeeded + failed
    assert failed == sum(causes)
    assert samples[key("langgraph_node_duration_seconds_count", node=node)] == total
    assert samples[key("langgraph_node_duration_seconds_bucket", node=node, le="2.5")] == total
    assert samples[key("langgraph_node_duration_seconds_bucket", node=node, le="0.25")] == 0
    assert samples[key("langgraph_node_duration_seconds_sum", node=node)] == total


def test_the_error_without_the_library_names_the_extra(monkeypatch):
    """The message says what to install if prometheus-client is missing."""
    monkeypatch.delitem(sys.modules, "langgraph_runner.metrics.exporters.prometheus")
    for name in [name for name in sys.modules if name.partition(".")[0] == "prometheus_client"]:
        monkeypatch.setitem(sys.modules, name, None)
    exporters = importlib.import_module("langgraph_runner.metrics.exporters")
    # The package keeps a name after its first use.
    monkeypatch.delitem(vars(exporters), "NodeMetricsPrometheusCollector", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'langgraph-runner\[prometheus\]'"):
        _ = exporters.NodeMetricsPrometheusCollector


def test_an_error_inside_the_library_is_not_taken_for_its_absence(monkeypatch):
    """The error names the other missing module."""
    monkeypatch.delitem(sys.modules, "langgraph_runner.metrics.exporters.prometheus")
    monkeypatch.setitem(sys.modules, "prometheus_client.core", _Broken("prometheus_client.core"))
    with pytest.raises(ModuleNotFoundError, match=r"^no part$"):
        importlib.import_module("langgraph_runner.metrics.exporters.prometheus")


class _Broken(type(sys)):  # type: ignore[misc]
    """A module that needs a missing module."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ModuleNotFoundError("no part", name="part")


def test_the_logs_stay_silent(collector, scrape, caplog):
    """A scrape logs nothing."""
    with caplog.at_level(logging.DEBUG, logger="langgraph_runner"):
        scrape()
    assert caplog.records == []
