"""Metrics as a table: of rich in a terminal or notebook, of plain text anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph_runner.metrics.model import NODE_FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from langgraph_runner.metrics.model import NodeMetrics

HEADER = (
    "node",
    "total",
    "ok",
    "failed",
    "fallback",
    "retries",
    "last ms",
    "avg ms",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "failures",
)


def text_table(metrics: Iterable[NodeMetrics]) -> str:
    """Return a table of plain text: a header, and one line for each node."""
    rows = [HEADER, *map(_row, metrics)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def rich_table(metrics: Iterable[NodeMetrics]) -> Table:
    """Return a table that rich can print.

    Raises:
        ModuleNotFoundError: rich is not installed; it comes with `langgraph-runner[rich]`.
    """
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - an extra
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title="Node metrics", box=SIMPLE_HEAD)
    for title in HEADER:
        is_text = title in {"node", "failures"}
        # A narrow terminal may wrap the list of failures, but never cut a name or a number.
        table.add_column(title, justify="left" if is_text else "right", no_wrap=title != "failures")
    for row in map(_row, metrics):
        # As Text, because rich would take "[a]" in the name of a node for markup.
        table.add_row(*map(Text, row))
    return table


def _row(metrics: NodeMetrics) -> tuple[str, ...]:
    counts = (
        metrics.total_executions,
        metrics.success_count,
        metrics.failure_count,
        metrics.fallback_count,
        metrics.retry_count,
    )
    durations = (
        metrics.last_execution_ms,
        metrics.average_execution_ms,
        metrics.p50_ms,
        metrics.p90_ms,
        metrics.p99_ms,
    )
    return (metrics.node, *map(str, counts), *map(_milliseconds, durations), _failures(metrics))


def _milliseconds(duration: float | None) -> str:
    return "-" if duration is None else f"{duration:.1f}"


def _failures(metrics: NodeMetrics) -> str:
    """Return the counts that are not 0, such as `timeout 2, cancelled 1`."""
    counts = {category.value: metrics.failures_by_category.get(category, 0) for category in NODE_FAILURES}
    counts |= {"cancelled": metrics.cancelled_count, "circuit_open": metrics.circuit_open_count}
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "-"


def _line(row: Iterable[str], widths: Iterable[int]) -> str:
    first, *middle, last = [*zip(row, widths, strict=True)]
    cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in middle), last[0]]
    return "  ".join(cells)
