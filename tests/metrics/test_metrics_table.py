"""Metrics as a table of rich, and as plain text."""

import sys

import pytest
from rich.console import Console

from langgraph_runner.metrics import NodeMetricsCollector


@pytest.fixture
def collector():
    """Two nodes, one of which had failures of several kinds."""
    collector = NodeMetricsCollector()
    collector.record_success("theme", 12.34)
    collector.record_success("theme", 20)
    collector.record_fallback("[b]", 5, "network")
    collector.record_failure("[b]", 5, "cancelled")
    return collector


@pytest.mark.req("M-1")
def test_text_has_a_line_for_each_node(collector):
    """Columns are aligned, numbers to the right."""
    assert str(collector).splitlines() == [
        "node   total  ok  failed  fallback  retries  last ms  avg ms  p50 ms  p90 ms  p99 ms  failures",
        "theme      2   2       0         0        0     20.0    16.2    20.0    20.0    20.0  -",
        (
            "[b]        1   0       1         1        0      5.0     5.0     5.0     5.0     5.0"
            "  network 1, cancelled 1"
        ),
    ]


@pytest.mark.req("M-1")
def test_a_node_without_executions_shows_dashes():
    """A node that is still being retried has no duration yet."""
    collector = NodeMetricsCollector()
    collector.record_retry("a")
    assert str(collector).splitlines()[1].split() == ["a", "0", "0", "0", "0", "1", *"------"]


@pytest.mark.req("M-1")
def test_rich_prints_a_table(collector):
    """It has totals, percentiles and categories. Brackets in names are not markup."""
    console = Console(width=200, record=True, file=sys.stderr)
    console.print(collector)
    printed = console.export_text()
    assert [cell in printed for cell in ("p99 ms", "[b]", "16.2", "network 1, cancelled 1")] == [True] * 4


@pytest.mark.req("M-1")
def test_text_needs_no_rich(collector, monkeypatch):
    """The table of plain text is part of the base install."""
    monkeypatch.setitem(sys.modules, "rich", None)
    assert "theme" in str(collector)


def test_repr_names_the_nodes(collector):
    """The text is short enough for a log line."""
    assert repr(collector) == "NodeMetricsCollector(window_size=100, nodes=['theme', '[b]'])"
