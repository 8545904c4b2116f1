"""`registry_of()`: the metrics that `/metrics` shows: live runs, connections, the cache, and the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from langgraph_runner.engine.store import queries
from langgraph_runner.metrics.exporters.prometheus import NodeMetricsPrometheusCollector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

    from langgraph_runner.engine import RunEngine
    from langgraph_runner.engine.cache.tiers import TieredCache
    from langgraph_runner.engine.store import RunStore

__all__ = ["registry_of"]

_RUNS: Final = "Runs of all tenants that are pending or running."
_CONNECTIONS: Final = "Database connections of this process: in use, and the maximum."
_OLDEST: Final = "Seconds that the oldest pending run of all tenants has waited; 0 if no run is pending."


def registry_of(engine: RunEngine) -> CollectorRegistry:
    """Return a registry with the runs, the hot tier of the cache, and the steps if the engine has a collector."""
    registry = CollectorRegistry()
    registry.register(_LiveRuns(engine.store))
    registry.register(_HotTier(engine.step_cache))
    if engine.metrics_collector is not None:
        registry.register(NodeMetricsPrometheusCollector(engine.metrics_collector))
    return registry


class _LiveRuns(Collector):
    def __init__(self, store: RunStore) -> None:
        self._store = store

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without values, so that registration asks no database."""
        return [
            GaugeMetricFamily("langgraph_runner_runs", _RUNS),
            GaugeMetricFamily("langgraph_runner_oldest_waiting_seconds", _OLDEST),
            GaugeMetricFamily("langgraph_runner_db_connections", _CONNECTIONS),
        ]

    def collect(self) -> Iterable[Metric]:
        """Read the values from the database."""
        family = GaugeMetricFamily("langgraph_runner_runs", _RUNS, labels=["status"])
        for status, count in self._store.read_now(queries.live_runs).items():
            family.add_metric([status], count)
        age_ms = self._store.read_now(queries.oldest_waiting_ms) or 0
        in_use, at_most = self._store.database.connections()
        connections = GaugeMetricFamily("langgraph_runner_db_connections", _CONNECTIONS, labels=["kind"])
        connections.add_metric(["in_use"], in_use)
        connections.add_metric(["at_most"], at_most)
        oldest = GaugeMetricFamily("langgraph_runner_oldest_waiting_seconds", _OLDEST, age_ms / 1_000)
        return [family, oldest, connections]


class _HotTier(Collector):
    def __init__(self, cache: TieredCache) -> None:
        self._cache = cache

    def collect(self) -> Iterable[Metric]:
        """Report whether the hot tier answers, and how often it failed."""
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
