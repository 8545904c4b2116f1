"""The queries of the dashboard match the metrics of the exporter."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from langgraph_runner.metrics import NodeMetricsCollector
from langgraph_runner.metrics.exporters import NodeMetricsPrometheusCollector

DASHBOARD = Path(__file__).parents[3] / "docs" / "grafana-dashboard.json"
_SELECTOR = re.compile(r"(?P<name>langgraph_\w+)(?:\{(?P<labels>[^}]*)\})?")


@pytest.fixture(scope="module")
def dashboard():
    """The dashboard, parsed."""
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def expressions(dashboard):
    """Every query of every panel."""
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


@pytest.fixture(scope="module")
def exported():
    """The labels of each name in a scrape."""
    collector = NodeMetricsCollector()
    collector.record_success("a", 1)
    registry = CollectorRegistry()
    registry.register(NodeMetricsPrometheusCollector(collector))
    return {sample.name: set(sample.labels) for family in registry.collect() for sample in family.samples}


def test_every_name_and_label_is_exported(expressions, exported):
    """A panel that queries another name would stay empty."""
    for expression in expressions:
        found = list(_SELECTOR.finditer(expression))
        assert found
        for selector in found:
            labels = set(re.findall(r"(\w+)=", selector["labels"] or ""))
            assert labels <= exported[selector["name"]]


def test_every_exported_name_is_shown(expressions, exported):
    """For the histogram, its buckets are enough."""
    asked = {selector["name"] for expression in expressions for selector in _SELECTOR.finditer(expression)}
    derived = {"langgraph_node_duration_seconds_count", "langgraph_node_duration_seconds_sum"}
    assert set(exported) - derived == asked


def test_panels_do_not_overlap(dashboard):
    """Each has its own place on the grid of 24 columns, and its own id."""
    places = [
        (x, y)
        for grid in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) == 23
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
