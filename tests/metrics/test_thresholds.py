"""Threshold events: when they fire, and what their listener may do."""

import dataclasses

import pytest
from pydantic import ValidationError

from langgraph_runner.metrics import MetricThreshold, NodeMetricsCollector, ThresholdEvent

FAILURES = MetricThreshold(metric="failure_rate", limit=0.5, min_samples=1)
SLOWNESS = MetricThreshold(metric="p99_ms", limit=100, min_samples=1)


@pytest.fixture
def events():
    """The events that the listener received."""
    return []


def watching(events, *thresholds, window_size=4):
    """Make a collector with a small window that adds each crossing to `events`."""
    return NodeMetricsCollector(window_size, thresholds=thresholds, on_threshold=events.append)


@pytest.mark.req("M-17")
def test_a_failure_rate_above_its_limit_is_told(events):
    """The event has the node, the metric, the value and the limit."""
    watching(events, FAILURES).record_failure("a", 1)
    assert events == [ThresholdEvent("a", "failure_rate", 1.0, 0.5, "exceeded")]


@pytest.mark.req("M-17")
def test_a_p99_above_its_limit_is_told(events):
    """Slow successes are enough for an event."""
    watching(events, SLOWNESS).record_success("a", 101)
    assert events == [ThresholdEvent("a", "p99_ms", 101.0, 100.0, "exceeded")]


@pytest.mark.req("M-17")
def test_a_value_at_its_limit_is_within_it(events):
    """Only a value above the limit exceeds it."""
    collector = watching(events, FAILURES, SLOWNESS)
    collector.record_success("a", 100)
    collector.record_failure("a", 100)
    assert events == []


@pytest.mark.req("M-17")
def test_only_the_crossing_is_told(events):
    """There is no event while the value stays above its limit."""
    collector = watching(events, FAILURES)
    for _ in range(10):
        collector.record_failure("a", 1)
    assert len(events) == 1


@pytest.mark.req("M-17")
def test_a_recovery_is_told_and_arms_the_threshold_again(events):
    """Up, down and up again are three events."""
    collector = watching(events, FAILURES, window_size=2)
    for record in (collector.record_failure, collector.record_success, collector.record_failure):
        record("a", 1)
        record("a", 1)
    assert [event.direction for event in events] == ["exceeded", "recovered", "exceeded"]


@pytest.mark.req("M-17")
def test_the_rate_is_that_of_the_window(events):
    """Old successes do not hide that the latest executions all fail."""
    collector = watching(events, FAILURES, window_size=2)
    for _ in range(50):
        collector.record_success("a", 1)
    collector.record_failure("a", 1)
    collector.record_failure("a", 1)
    assert [event.value for event in events] == [1.0]


@pytest.mark.req("M-17")
def test_nothing_is_said_of_too_few_samples(events):
    """One failure in one call is 100 %, but too little for an alarm."""
    collector = watching(events, MetricThreshold(metric="failure_rate", limit=0.1, min_samples=3))
    collector.record_failure("a", 1)
    collector.record_failure("a", 1)
    told_before = len(events)
    collector.record_failure("a", 1)
    assert (told_before, len(events)) == (0, 1)


@pytest.mark.req("M-17")
def test_each_node_crosses_for_itself(events):
    """Two failing nodes lead to two events."""
    collector = watching(events, FAILURES)
    collector.record_failure("a", 1)
    collector.record_failure("b", 1)
    assert [event.node for event in events] == ["a", "b"]


@pytest.mark.req("M-17")
def test_each_limit_of_a_metric_crosses_for_itself(events):
    """For example, a warning level and an alarm level."""
    collector = watching(events, SLOWNESS, MetricThreshold(metric="p99_ms", limit=200, min_samples=1))
    collector.record_success("a", 150)
    collector.record_success("a", 250)
    assert [event.limit for event in events] == [100, 200]


@pytest.mark.req("M-15", "M-17")
@pytest.mark.parametrize("category", ["cancelled", "circuit_open"])
def test_cancelled_and_refused_calls_exceed_nothing(events, category):
    """They are not failures of the node."""
    watching(events, FAILURES, SLOWNESS).record_failure("a", 1_000, category)
    assert events == []


@pytest.mark.req("M-17", "M-19")
def test_a_fallback_does_not_hide_failures_from_the_failure_rate(events):
    """The function has failed, even if a fallback replaced its result."""
    watching(events, FAILURES).record_fallback("a", 1)
    assert [(event.metric, event.value) for event in events] == [("failure_rate", 1.0)]


@pytest.mark.req("M-17", "M-19")
@pytest.mark.parametrize("metric", ["fallback_rate", "circuit_open_rate"])
def test_rates_of_fallbacks_and_refusals_cross_their_limits(events, metric):
    """They count the latest calls: refused calls raise the rate, successes lower it."""
    collector = watching(events, MetricThreshold(metric=metric, limit=0.5, min_samples=3))
    for _ in range(3):
        collector.record_fallback("a", 1, "circuit_open")
    for _ in range(2):
        collector.record_success("a", 1)
    assert [(event.metric, event.value, event.direction) for event in events] == [
        (metric, 1.0, "exceeded"),
        (metric, 0.5, "recovered"),
    ]


@pytest.mark.req("M-17", "M-19")
def test_refused_calls_show_an_outage_that_has_left_no_executions(events):
    """While a circuit is open the failure rate does not move."""
    limits = [
        MetricThreshold(metric=m, limit=0.5, min_samples=4) for m in ("failure_rate", "circuit_open_rate")
    ]
    collector = watching(events, *limits)
    for _ in range(4):
        collector.record_success("a", 1)
    for _ in range(3):
        collector.record_failure("a", 0, "circuit_open")
    assert [(event.metric, event.value) for event in events] == [("circuit_open_rate", 0.75)]


@pytest.mark.req("M-5", "M-17")
def test_a_reset_arms_the_threshold_without_an_event(events):
    """After the reset, the next crossing is a new event."""
    collector = watching(events, FAILURES)
    collector.record_failure("a", 1)
    collector.reset_node_metrics("a")
    collector.record_failure("a", 1)
    assert [event.direction for event in events] == ["exceeded", "exceeded"]


@pytest.mark.req("M-17")
def test_the_listener_may_use_the_collector():
    """It runs outside the lock."""
    totals = []
    collector = NodeMetricsCollector(
        thresholds=[FAILURES],
        on_threshold=lambda event: totals.append(collector.get_node_metrics(event.node).total_executions),
    )
    collector.record_failure("a", 1)
    assert totals == [1]


@pytest.mark.req("M-17")
def test_a_failing_listener_is_logged(caplog):
    """The log has the exception and the event."""

    def broken(event):
        raise RuntimeError("pager is down")

    NodeMetricsCollector(thresholds=[FAILURES], on_threshold=broken).record_failure("a", 1)
    (record,) = caplog.records
    assert record.getMessage() == (
        "metrics.threshold_listener_failed node='a' metric='failure_rate' direction='exceeded'"
    )
    assert "pager is down" in str(record.exc_info[1])


@pytest.mark.req("M-17")
def test_a_failing_listener_does_not_keep_the_next_event_away(caplog):
    """Each event is delivered independently."""
    told = []

    def fails_at_first(event):
        told.append(event.metric)
        if len(told) == 1:
            raise RuntimeError

    collector = NodeMetricsCollector(thresholds=[FAILURES, SLOWNESS], on_threshold=fails_at_first)
    collector.record_failure("a", 1_000)
    assert told == ["failure_rate", "p99_ms"]


@pytest.mark.req("M-17")
def test_events_are_frozen(events):
    """An event is data, the same for every reader."""
    watching(events, FAILURES).record_failure("a", 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        events[0].value = 0


@pytest.mark.req("M-17")
@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("limit", {"metric": "fallback_rate", "limit": 1.1}),
        ("limit", {"metric": "circuit_open_rate", "limit": 1.1}),
        ("metric", {"metric": "p98_ms", "limit": 1}),
        ("limit", {"metric": "failure_rate", "limit": 1.1}),
        ("limit", {"metric": "failure_rate", "limit": -0.1}),
        ("limit", {"metric": "p99_ms", "limit": float("inf")}),
        ("limit", {"metric": "p99_ms", "limit": float("nan")}),
        ("min_samples", {"metric": "p99_ms", "limit": 1, "min_samples": 0}),
        ("min_samples", {"metric": "p99_ms", "limit": 1, "min_samples": True}),
        ("min_samples", {"metric": "p99_ms", "limit": 1, "min_samples": 100_001}),
    ],
)
def test_a_threshold_that_cannot_be_is_refused(field, values):
    """The message names the field."""
    with pytest.raises(ValidationError, match=field):
        MetricThreshold(**values)


@pytest.mark.req("M-17")
def test_a_threshold_that_could_never_fire_is_refused(events):
    """It asks for more samples than the window holds."""
    with pytest.raises(ValueError, match=r"min_samples must be at most window_size \(4\), got 10"):
        watching(events, MetricThreshold(metric="p99_ms", limit=1, min_samples=10))


@pytest.mark.req("M-17")
def test_a_listener_without_thresholds_is_refused():
    """It would never be called."""
    with pytest.raises(ValueError, match="on_threshold needs thresholds"):
        NodeMetricsCollector(on_threshold=print)


@pytest.mark.req("M-17")
def test_without_a_listener_the_events_are_logged(caplog):
    """The crossing is a warning, the recovery is not. The defaults suit a small window."""
    caplog.set_level("INFO")
    collector = NodeMetricsCollector(5, thresholds=[MetricThreshold(metric="failure_rate", limit=0.5)])
    for _ in range(5):
        collector.record_failure("n", 1.0, "network")
    for _ in range(5):
        collector.record_success("n", 1.0)
    collector.get_node_metrics("n")
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "metrics.threshold_exceeded node='n' metric='failure_rate' value=1.0 limit=0.5"),
        ("INFO", "metrics.threshold_recovered node='n' metric='failure_rate' value=0.4 limit=0.5"),
    ]


@pytest.mark.req("M-17")
def test_a_limit_of_one_is_exceeded_when_all_fail(events):
    """One success recovers it."""
    collector = watching(events, MetricThreshold(metric="failure_rate", limit=1.0))
    collector.record_failure("n", 1.0, "network")
    collector.record_success("n", 1.0)
    assert [event.direction for event in events] == ["exceeded", "recovered"]


@pytest.mark.req("M-17")
def test_a_coroutine_function_is_refused_as_a_listener():
    """Nothing would await it."""

    async def listener(event): ...

    with pytest.raises(TypeError, match="on_threshold must be a plain function"):
        NodeMetricsCollector(thresholds=[FAILURES], on_threshold=listener)
