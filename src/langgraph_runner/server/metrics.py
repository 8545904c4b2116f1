"""What `/metrics` shows: the runs that are not over, and what steps have reported."""

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

_CONNECTIONS: Final = "Connections of this process to the database: in use, and how many there may be."
_OLDEST: Final = "How long the oldest run that waits has waited, of all tenants; 0 if none waits."


def registry_of(engine: RunEngine) -> CollectorRegistry:
    """A registry of the runs, of the cache's hot tier, and of the steps if the engine has a collector."""
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
        """Its names, without asking the database."""
        return [
            GaugeMetricFamily("langgraph_runner_runs", "Runs of all tenants that are not over."),
            GaugeMetricFamily("langgraph_runner_oldest_waiting_seconds", _OLDEST),
            GaugeMetricFamily("langgraph_runner_db_connections", _CONNECTIONS),
        ]

    def collect(self) -> Iterable[Metric]:
        """Runs that wait and that run, of all tenants."""
        family = GaugeMetricFamily(
            "langgraph_runner_runs", "Runs of all tenants that are not over.", labels=["status"]
        )
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
        """Whether the hot tier answers, and how often it did not."""
        yield GaugeMetricFamily(
            "langgraph_runner_cache_hot_tier_up",
            "1 if the hot tier of the step cache could be read and written when last tried, else 0.",
            float(self._cache.is_hot_tier_up),
        )
        yield CounterMetricFamily(
            "langgraph_runner_cache_hot_tier_failures",
            "How often the hot tier of the step cache has failed.",
            self._cache.hot_failures,
        )
