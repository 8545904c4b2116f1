"""`registry_of()`: the metrics that `/metrics` shows: live runs, connections, the cache, and the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from langgraph_runner.engine.store import queries
from langgraph_runner.metrics.exporters.prometheus import NodeMetricsPrometheusCollector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

    from langgraph_runner.engine import RunEngine

__all__ = ["registry_of"]


def registry_of(engine: RunEngine) -> CollectorRegistry:
    """Return a registry with the runs, the hot tier of the cache, and the steps if the engine has a collector."""
    registry = CollectorRegistry()
    registry.register(_EngineMetrics(engine))
    if engine.metrics_collector is not None:
        registry.register(NodeMetricsPrometheusCollector(engine.metrics_collector))
    return registry


class _EngineMetrics(Collector):
    """Reads its values when they are collected, and nothing when it is registered."""

    def __init__(self, engine: RunEngine) -> None:
        self._store = engine.store
        self._cache = engine.step_cache

    def collect(self) -> Iterable[Metric]:
        """Read the values from the database and the cache."""
        runs = GaugeMetricFamily(
            "langgraph_runner_runs", "Runs of all tenants that are pending or running.", labels=["status"]
        )
        for status, count in self._store.read_now(queries.live_runs).items():
            runs.add_metric([status], count)
        yield runs
        yield GaugeMetricFamily(
            "langgraph_runner_oldest_waiting_seconds",
            "Seconds that the oldest pending run of all tenants has waited; 0 if no run is pending.",
            (self._store.read_now(queries.oldest_waiting_ms) or 0) / 1_000,
        )
        in_use, at_most = self._store.database.connections()
        connections = GaugeMetricFamily(
            "langgraph_runner_db_connections",
            "Database connections of this process: in use, and the maximum.",
            labels=["kind"],
        )
        connections.add_metric(["in_use"], in_use)
        connections.add_metric(["at_most"], at_most)
        yield connections
        yield GaugeMetricFamily(
            "langgraph_runner_cache_hot_tier_up",
            "1 if the last read or write of the hot tier of the step cache succeeded, otherwise 0.",
            float(self._cache.is_hot_tier_up),
        )
        yield CounterMetricFamily(
            "langgraph_runner_cache_hot_tier_failures",
            "Failed reads and writes of the hot tier of the step cache.",
            self._cache.hot_failures,
        )
