"""What recording an execution and reading a percentile cost."""

from __future__ import annotations

from benchmarks.metrics_record import WINDOW_SIZES, read_percentile_ns, record_success_ns
from benchmarks.report import Goal, Section, Table, microseconds, times

LIMIT_US = 1

METHOD = """
`record_success` into a full window, so that each record also evicts the oldest one, and a percentile read
from the same window. `python -m benchmarks.metrics_record` has more figures.
"""
WHY_SLOW = "it is a lock, two searches in a sorted list and the memory that they move."


def measure() -> Section:
    """Time each window size."""
    record = {size: record_success_ns(size) / 1e3 for size in WINDOW_SIZES}
    read = {size: read_percentile_ns(size) / 1e3 for size in WINDOW_SIZES}
    smallest = WINDOW_SIZES[0]
    rows = [
        [
            f"{size:,}",
            times(record[size] / record[smallest]),
            microseconds(record[size]),
            microseconds(read[size]),
        ]
        for size in WINDOW_SIZES
    ]
    return Section(
        title="Recording an execution",
        method=METHOD,
        tables=[
            Table(
                "",
                ["Window", f"Record, relative to window {smallest}", "Record, µs", "Percentile read, µs"],
                rows,
            )
        ],
        goals=[Goal(f"record at window {smallest}", record[smallest], LIMIT_US, "µs", if_missed=WHY_SLOW)],
    )
