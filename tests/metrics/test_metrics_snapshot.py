"""Saving a collector as JSON, and loading it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langgraph_runner.errors import FailureCategory
from langgraph_runner.metrics import MetricThreshold, NodeMetricsCollector, create_node_metrics_collector

EXECUTIONS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.floats(0, 1e9),
        st.none() | st.sampled_from([*FailureCategory, "fallback", "refused_fallback"]),
    )
)


def record(collector, executions):
    """Record successes, where the category is None, and failures."""
    for node, duration, category in executions:
        if category is None:
            collector.record_success(node, duration)
        elif category.endswith("fallback"):
            collector.record_fallback(node, duration, "other" if category == "fallback" else "circuit_open")
        else:
            collector.record_failure(node, duration, category)


@pytest.fixture
def saved():
    """The parsed snapshot of a collector with a full window of two."""
    collector = NodeMetricsCollector(window_size=2)
    record(collector, [("a", 1.0, None), ("a", 2.5, "network"), ("a", 2.0, None), ("a", 9.0, "cancelled")])
    collector.record_retry("a")
    return collector.snapshot()


@pytest.mark.req("M-16")
def test_a_snapshot_shows_the_metrics_to_readers(saved):
    """Other programs can read it without calculations."""
    assert saved["nodes"]["a"]["metrics"] == {
        "node": "a",
        "success_count": 2,
        "failure_count": 1,
        "fallback_count": 0,
        "retry_count": 1,
        "cancelled_count": 1,
        "circuit_open_count": 0,
        "bulkhead_full_count": 0,
        "rate_limited_count": 0,
        "refused_count": 0,
        "queued_count": 0,
        "last_execution_ms": 2.0,
        "average_execution_ms": 5.5 / 3,
        "p50_ms": 2.5,
        "p90_ms": 2.5,
        "p99_ms": 2.5,
        "failures_by_category": {"timeout": 0, "validation": 0, "network": 1, "other": 0},
        "total_executions": 3,
        "total_refusals": 0,
        "failure_rate": 1 / 3,
        "fallback_rate": 0.0,
        "circuit_open_rate": 0.0,
        "timeout_failures": 0,
        "validation_failures": 0,
        "network_failures": 1,
        "other_failures": 0,
    }


@pytest.mark.req("M-16")
def test_a_flat_snapshot_has_the_metrics_by_node():
    """Without the name of the node in the values. They are JSON values."""
    collector = NodeMetricsCollector()
    record(collector, [("b", 1.0, None), ("a", 2.0, "network"), ("a", 0.0, "cancelled")])
    flat = collector.flat_snapshot()
    assert list(flat) == list(collector.get_all_node_metrics())
    expected = collector.get_node_metrics("a").model_dump(mode="json")
    assert {"node": "a", **flat["a"]} == expected
    assert json.loads(json.dumps(flat)) == flat


@pytest.mark.req("M-16")
def test_a_flat_snapshot_may_have_zeros_without_executions():
    """For a system that takes numbers only. Every other number would be wrong."""
    collector = create_node_metrics_collector()
    collector.record_failure("a", 0, "cancelled")
    names = ["average_execution_ms", "last_execution_ms", "p50_ms", "p90_ms", "p99_ms"]
    for value in (None, 0):
        flat = collector.flat_snapshot(without_samples=value)
        assert {name: flat["a"][name] for name in names} == dict.fromkeys(names, value)
    with pytest.raises(ValueError, match="without_samples must be None or 0, got 5"):
        collector.flat_snapshot(without_samples=5)


@pytest.mark.req("M-16")
def test_a_snapshot_has_the_window_in_the_order_of_arrival(saved):
    """Each execution with its duration and whether it failed."""
    assert saved["nodes"]["a"]["window"] == [[2.5, True], [2.0, False]]


@pytest.mark.req("M-16", "M-19")
def test_a_snapshot_has_the_latest_calls_in_the_order_of_arrival():
    """Each execution and refused call with whether it was refused and whether the fallback delivered."""
    collector = NodeMetricsCollector(window_size=3)
    executions = [("a", 1.0, None), ("a", 1.0, "network"), ("a", 1.0, "fallback"), ("a", 0.0, "cancelled")]
    record(collector, [*executions, ("a", 0.0, "refused_fallback")])
    assert collector.snapshot()["nodes"]["a"]["calls"] == [[False, False], [False, True], [True, True]]


@pytest.mark.req("M-16", "M-19")
def test_a_snapshot_from_before_fallbacks_were_counted_loads(saved):
    """It continues without fallbacks, and its own snapshot can be loaded again."""
    del saved["nodes"]["a"]["calls"]
    for field in ("fallback_count", "fallback_rate", "circuit_open_rate"):
        del saved["nodes"]["a"]["metrics"][field]
    saved["nodes"]["a"]["metrics"]["circuit_open_count"] = 5
    restored = NodeMetricsCollector.from_json(json.dumps(saved))
    restored.record_fallback("a", 3, "network")
    again = NodeMetricsCollector.from_json(restored.to_json())
    found = again.get_node_metrics("a")
    assert (found.fallback_count, found.circuit_open_count, found.total_executions) == (1, 5, 4)
    assert again.snapshot()["nodes"]["a"]["calls"] == [[False, False], [False, True]]


@pytest.mark.req("M-16")
def test_json_is_the_snapshot_as_text(saved):
    """The text contains what `snapshot` returns."""
    assert json.loads(NodeMetricsCollector.from_json(json.dumps(saved)).to_json()) == saved


@pytest.mark.req("M-16")
@given(before=EXECUTIONS, after=EXECUTIONS, size=st.integers(1, 5))
@settings(deadline=None)
def test_a_restored_collector_goes_on_as_the_original_would(before, after, size):
    """It has the same metrics now and after more executions, because the order of samples is saved, too."""
    original = NodeMetricsCollector(size)
    record(original, before)
    restored = NodeMetricsCollector.from_json(original.to_json())
    assert restored.snapshot() == original.snapshot()
    record(original, after)
    record(restored, after)
    assert restored.get_all_node_metrics() == original.get_all_node_metrics()


@pytest.mark.req("M-16", "M-17")
def test_thresholds_of_a_restored_collector_start_afresh():
    """The new listener does not know yet that the node is above its limit."""
    text = _failing_collector().to_json()
    events = []
    threshold = MetricThreshold(metric="failure_rate", limit=0.5, min_samples=1)
    restored = NodeMetricsCollector.from_json(text, thresholds=[threshold], on_threshold=events.append)
    restored.record_failure("a", 1)
    assert [event.direction for event in events] == ["exceeded"]


def _failing_collector():
    collector = NodeMetricsCollector()
    collector.record_failure("a", 1)
    return collector


@pytest.mark.req("M-16")
@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "{}", '"text"', '{"format": "other", "version": 1}', "[" * 100_000, "NaN"],
)
def test_text_that_is_no_snapshot_is_refused(text):
    """Any such text leads to the same type of error."""
    with pytest.raises(ValueError, match="not a metrics snapshot of version 1"):
        NodeMetricsCollector.from_json(text)


@pytest.mark.req("M-16")
@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("format",), "other", "format: Input should be 'langgraph_runner.metrics'"),
        (("version",), 2, "version: Input should be 1"),
        (("window_size",), 0, "window_size: Input should be greater than or equal to 1"),
        (("window_size",), 100_001, "window_size: Input should be less than or equal to 100000"),
        (("window_size",), True, "window_size: Input should be a valid integer"),
        (("nodes",), [], "nodes: Input should be"),
        (("nodes", "a", "duration_sum_ms"), -1, "nodes.a.duration_sum_ms: Input should be greater"),
        (
            ("nodes", "a", "duration_sum_ms"),
            float("inf"),
            "nodes.a.duration_sum_ms: Input should be a finite",
        ),
        (("nodes", "a", "window"), [[1, 2, 3]], r"nodes.a.window.0: .*2 items"),
        (("nodes", "a", "window"), [[float("nan"), False]], "nodes.a.window.0.0: "),
        (("nodes", "a", "window"), [["1", False]], "nodes.a.window.0.0: "),
        (("nodes", "a", "window"), [], "the window of node 'a' does not have the latest executions"),
        (("nodes", "a", "window"), [[1, True], [1, True]], "window has more executions than were counted"),
        (("nodes", "a", "metrics", "node"), "b", "the metrics of node 'a' are those of 'b'"),
        (("nodes", "a", "metrics", "success_count"), -1, "nodes.a.metrics.success_count: "),
        (("nodes", "a", "calls"), [[True, False]], "calls has more than were counted"),
        (("nodes", "a", "calls"), [[False, True]], "calls has more than were counted"),
        (("nodes", "a", "calls"), [[False, False]] * 4, "calls has more than were counted"),
        (("nodes", "a", "calls"), [[False, False]] * 3, r"calls of node 'a' has more than window_size \(2\)"),
        (("nodes", "a", "calls"), [[0, 1]], "nodes.a.calls.0.0.bool: "),
        (
            ("nodes", "a", "metrics", "fallback_count"),
            2,
            "fallback_count is more than the failed and refused",
        ),
        (("nodes", "a", "metrics", "failure_count"), 3, "does not add up to failure_count"),
        (
            ("nodes", "a", "metrics", "failures_by_category"),
            {"cancelled": 1},
            "has a category that is not a failure of the node",
        ),
        (("nodes", "a", "metrics", "failures_by_category"), {"meteor": 1}, "meteor"),
    ],
)
def test_a_snapshot_that_does_not_add_up_is_refused(saved, place, value, message):
    """The message says where the snapshot is inconsistent, and how."""
    target = saved
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    with pytest.raises(ValueError, match=message):
        NodeMetricsCollector.from_json(json.dumps(saved))
