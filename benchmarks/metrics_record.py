"""What recording costs a node, and what reading the metrics costs.

Run `python -m benchmarks.metrics_record`. Each figure is the best of several rounds, in nanoseconds.
The windows are full, so that each record also evicts an old sample.
"""

from __future__ import annotations

import random
from timeit import repeat
from typing import TYPE_CHECKING

from langgraph_runner.metrics import MetricThreshold, NodeMetricsCollector
from langgraph_runner.metrics.window import RollingWindow

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_SIZES = (100, 1_000, 10_000)
SEED = 8
CALLS = 20_000
ROUNDS = 5


def durations(count: int) -> list[float]:
    """Make realistic execution times: most are short, a few are long."""
    rng = random.Random(SEED)  # noqa: S311 - it has to repeat, not to be secret
    return [rng.lognormvariate(3, 1) for _ in range(count)]


def best_ns(run: Callable[[], object], calls: int) -> float:
    """Return the nanoseconds per call of `run` in its best round."""
    return min(repeat(run, number=1, repeat=ROUNDS)) / calls * 1e9


def record_success_ns(window_size: int, *, watched: bool = False) -> float:
    """Time one `record_success` into a full window, with or without two thresholds."""
    thresholds = [
        MetricThreshold(metric="failure_rate", limit=0.5),
        MetricThreshold(metric="p99_ms", limit=60_000),
    ]
    options = {"thresholds": thresholds, "on_threshold": print} if watched else {}
    collector = NodeMetricsCollector(window_size, **options)
    for duration in durations(window_size):
        collector.record_success("node", duration)
    samples = durations(CALLS)

    def run() -> None:
        record = collector.record_success
        for duration in samples:
            record("node", duration)

    return best_ns(run, CALLS)


def read_percentile_ns(window_size: int) -> float:
    """Time the read of one percentile of a full window."""
    window = RollingWindow(window_size)
    for duration in durations(window_size):
        window.add(duration, failed=False)

    def run() -> None:
        read = window.percentile
        for _ in range(CALLS):
            read(99)

    return best_ns(run, CALLS)


def read_metrics_ns(window_size: int) -> float:
    """Time one `get_node_metrics` with all its fields."""
    collector = NodeMetricsCollector(window_size)
    for duration in durations(window_size):
        collector.record_success("node", duration)

    def run() -> None:
        read = collector.get_node_metrics
        for _ in range(CALLS):
            read("node")

    return best_ns(run, CALLS)


def measure() -> dict[str, float]:
    """Return all figures in nanoseconds, by name."""
    figures = {}
    for size in WINDOW_SIZES:
        figures[f"record_success, window {size:,}"] = record_success_ns(size)
        figures[f"record_success, two thresholds, window {size:,}"] = record_success_ns(size, watched=True)
        figures[f"percentile read, window {size:,}"] = read_percentile_ns(size)
        figures[f"get_node_metrics, window {size:,}"] = read_metrics_ns(size)
    return figures


def main() -> None:
    """Print the figures."""
    for name, nanoseconds in measure().items():
        print(f"{name:<45} {nanoseconds:>8,.0f} ns")


if __name__ == "__main__":
    main()
