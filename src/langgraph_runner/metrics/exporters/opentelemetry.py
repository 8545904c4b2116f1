"""What a collector counts, as OpenTelemetry metrics. Needs the extra `otel`.

Names, units and attributes follow https://opentelemetry.io/docs/specs/semconv/general/metrics/: a namespace with
dots, seconds, and `error.type` for what failed.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from langgraph_runner.errors.categories import REFUSALS, FailureCategory
from langgraph_runner.errors.hints import importing_extra
from langgraph_runner.metrics.collector import DEFAULT_BUCKETS_MS
from langgraph_runner.metrics.model import ABANDONED_THREADS, COUNTERS, NODE_FAILURES
from langgraph_runner.runtime.threads import abandoned_threads

with importing_extra("opentelemetry", "Metrics for OpenTelemetry need opentelemetry-api", extra="otel"):
    from opentelemetry.metrics import Meter, Observation, get_meter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import CallbackOptions

    from langgraph_runner.metrics.collector import NodeMetricsCollector

__all__ = ["NodeMetricsOpenTelemetryExporter", "export_to_opentelemetry"]

_SCOPE = "langgraph_runner"
_NODE = "langgraph.node.name"
_SUCCESS = ("langgraph.node.outcome", "success")
_FAILURE = ("langgraph.node.outcome", "failure")

_Attributes = tuple[tuple[str, str], ...]


class NodeMetricsOpenTelemetryExporter:
    """Records what a `NodeMetricsCollector` forwards to it with the instruments of a meter.

    Use `export_to_opentelemetry`, or make one and hand it to `NodeMetricsCollector.forward_to`. Every series but the
    last one has the attribute `langgraph.node.name`:

    - `langgraph.node.duration`, a histogram in `s` of all executions, with `langgraph.node.outcome` (`success` or
      `failure`) and, of failures, `error.type` (`timeout`, `validation`, `network` or `other`)
    - `langgraph.node.executions`, a counter in `{execution}`, with `langgraph.node.outcome`
    - `langgraph.node.failures`, a counter in `{failure}`, with `error.type`
    - `langgraph.node.fallbacks`, a counter in `{call}`: failed executions and refused calls for which the fallback
      delivered
    - `langgraph.node.retries`, a counter in `{retry}`: attempts after the first
    - `langgraph.node.cancelled` and `langgraph.node.circuit_open`, counters in `{call}`: calls that were given up
      and calls that an open circuit refused; no executions and no failures
    - `langgraph.node.refusals`, a counter in `{call}`: calls that a policy refused, with `error.type`
      (`circuit_open`, `bulkhead_full`, `rate_limited` or `refused`)
    - `langgraph.node.queued`, a counter in `{call}`: calls that waited for a policy
    - `langgraph.node.abandoned_threads`, a gauge of the process in `{thread}`, see `abandoned_threads()`

    Counters are observable ones that are kept here; they cost a node nearly nothing. The histogram is an ordinary
    one, recorded at each execution in the node's own context: so it is exact in whatever aggregation the SDK is
    set to, and its exemplars name the span that was active.

    Only what is forwarded counts, so nothing that was recorded before; and counters never go back, even when the
    collector is reset. Both temporalities are right.

    Safe to use from any number of threads. Its size is bounded by the number of node names.

    Args:
        meter: What makes the instruments; None for the meter of the global meter provider, which may be set later.
        buckets_ms: Advice to the SDK for the bounds of the histogram, in ms; a view overrules it.
    """

    def __init__(
        self, meter: Meter | None = None, *, buckets_ms: Iterable[float] = DEFAULT_BUCKETS_MS
    ) -> None:
        meter = meter if meter is not None else get_meter(_SCOPE)
        self._lock = Lock()
        self._counts: dict[str, Counter[_Attributes]] = {name: Counter() for name in COUNTERS}
        self._duration = meter.create_histogram(
            "langgraph.node.duration",
            unit="s",
            description="How long executions of a node took, retries and waits included.",
            explicit_bucket_boundaries_advisory=[bound / 1000 for bound in buckets_ms],
        )
        for name, (unit, _, description) in COUNTERS.items():
            meter.create_observable_counter(
                f"langgraph.node.{name}",
                callbacks=[partial(self._observations, name)],
                unit=unit,
                description=description,
            )
        meter.create_observable_gauge(
            "langgraph.node.abandoned_threads",
            callbacks=[lambda _: [Observation(abandoned_threads())]],
            unit="{thread}",
            description=ABANDONED_THREADS,
        )

    def record_success(self, node: str, duration_ms: float, /) -> None:
        """Count an execution that succeeded, and record how long it took."""
        with self._lock:
            self._counts["executions"][(_NODE, node), _SUCCESS] += 1
        self._duration.record(duration_ms / 1000, dict(((_NODE, node), _SUCCESS)))

    def record_failure(self, node: str, duration_ms: float, category: FailureCategory, /) -> None:
        """Count a failed execution and record how long it took, or count a cancelled or refused call."""
        name, cause = (_NODE, node), ("error.type", category.value)
        if category not in NODE_FAILURES:
            with self._lock:
                if category in REFUSALS:
                    self._counts["refusals"][name, cause] += 1
                if category.value in self._counts:
                    self._counts[category.value][(name,)] += 1
            return
        with self._lock:
            self._counts["executions"][name, _FAILURE] += 1
            self._counts["failures"][name, cause] += 1
        self._duration.record(duration_ms / 1000, dict((name, _FAILURE, cause)))

    def record_fallback(self, node: str, duration_ms: float, category: FailureCategory, /) -> None:
        """Count a failed execution or refused call, and that the fallback delivered."""
        with self._lock:
            self._counts["fallbacks"][((_NODE, node),)] += 1
        self.record_failure(node, duration_ms, category)

    def record_retry(self, node: str, /) -> None:
        """Count an attempt after the first."""
        with self._lock:
            self._counts["retries"][((_NODE, node),)] += 1

    def record_queued(self, node: str, /) -> None:
        """Count a call that waited for a policy."""
        with self._lock:
            self._counts["queued"][((_NODE, node),)] += 1

    def _observations(self, name: str, _options: CallbackOptions) -> list[Observation]:
        with self._lock:
            counts = list(self._counts[name].items())
        return [Observation(count, dict(attributes)) for attributes, count in counts]


_exporters: WeakKeyDictionary[Any, NodeMetricsOpenTelemetryExporter] = WeakKeyDictionary()
_lock = Lock()


class _GlobalMeter:
    """The key of the meter of the global provider, which a program sets once."""


def export_to_opentelemetry(
    collector: NodeMetricsCollector, meter: Meter | None = None
) -> NodeMetricsOpenTelemetryExporter:
    """Export what a collector records from now on; `NodeMetricsOpenTelemetryExporter` says under which names.

    Several collectors may go to one meter: their numbers add up. To export one a second time does nothing.
    A failing SDK never harms a node; see `NodeMetricsCollector.forward_to`.

    Args:
        collector: What to export. The bounds of the histogram are the `buckets_ms` of the first collector that
            goes to a meter.
        meter: Where to export to; None for a meter `langgraph_runner` of the global meter provider, which may be
            set before or after.

    Returns:
        The exporter, one for each meter. `collector.stop_forwarding(exporter)` ends it.
    """
    with _lock:
        key = meter if meter is not None else _GlobalMeter
        exporter = _exporters.get(key)
        if exporter is None:
            exporter = NodeMetricsOpenTelemetryExporter(meter, buckets_ms=collector.buckets_ms)
            _exporters[key] = exporter
    collector.forward_to(exporter)
    return exporter
