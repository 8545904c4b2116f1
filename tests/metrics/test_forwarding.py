"""A collector that forwards its records to others."""

import logging

import pytest

from langgraph_runner import create_node
from langgraph_runner.metrics import NodeMetricsCollector


class Failing:
    """A recorder that raises if it is switched to fail."""

    def __init__(self):
        self.broken = True
        self.calls = 0

    def record_success(self, node, duration_ms):
        """A method of a recorder, like the other two."""
        self._record()

    def record_failure(self, node, duration_ms, category):
        """A method of a recorder."""
        self._record()

    def record_retry(self, node):
        """A method of a recorder."""
        self._record()

    def _record(self):
        self.calls += 1
        if self.broken:
            raise RuntimeError("no connection")


@pytest.fixture
def collector():
    """An empty collector."""
    return NodeMetricsCollector()


def record_one_of_each(collector):
    """A success, a failure, a fallback and a retry."""
    collector.record_success("a", 5)
    collector.record_fallback("a", 6, "circuit_open")
    collector.record_failure("a", 7, "network")
    collector.record_retry("a")


def test_everything_is_forwarded(collector):
    """Another collector gets the same records."""
    other = NodeMetricsCollector()
    collector.forward_to(other)
    record_one_of_each(collector)
    assert other.get_all_node_metrics() == collector.get_all_node_metrics()


@pytest.mark.req("M-19")
def test_a_recorder_that_does_not_know_fallbacks_is_told_the_failure(collector):
    """Such as a recorder from before `record_fallback` existed."""
    told = []

    class Recorder(Failing):
        def record_failure(self, node, duration_ms, category):
            told.append((node, duration_ms, category))

    collector.forward_to(Recorder())
    collector.record_fallback("a", 6, "network")
    assert told == [("a", 6.0, "network")]


def test_durations_are_forwarded_as_they_were_counted(collector):
    """The recorder gets 0 for an impossible duration, too."""
    other = NodeMetricsCollector()
    collector.forward_to(other)
    collector.record_success("a", float("nan"))
    assert other.get_node_metrics("a").last_execution_ms == 0


def test_a_recorder_is_told_once(collector):
    """Even if it was added several times."""
    other = NodeMetricsCollector()
    collector.forward_to(other)
    collector.forward_to(other)
    collector.record_retry("a")
    assert other.get_node_metrics("a").retry_count == 1


def test_forwarding_ends(collector):
    """Later records are not forwarded, and ending twice has no effect."""
    other = NodeMetricsCollector()
    collector.forward_to(other)
    collector.stop_forwarding(other)
    collector.stop_forwarding(other)
    record_one_of_each(collector)
    assert other.get_all_node_metrics() == {}


def test_a_collector_does_not_forward_to_itself(collector):
    """It would forward forever."""
    with pytest.raises(ValueError, match="itself"):
        collector.forward_to(collector)


@pytest.mark.parametrize(
    ("recorder", "message"),
    [
        (NodeMetricsCollector, r"recorder must be an instance, got the class NodeMetricsCollector. Pass"),
        (
            print,
            "recorder must have record_success, record_failure, record_retry, got <built-in function print>",
        ),
    ],
)
def test_what_nothing_can_be_reported_to_is_refused(collector, recorder, message):
    """It is refused when it is added, not at each record."""
    with pytest.raises(TypeError, match=message):
        collector.forward_to(recorder)


def test_a_failing_recorder_harms_nothing(collector):
    """The collector counts, the other recorders are called, and the node returns its result."""
    failing, other = Failing(), NodeMetricsCollector()
    collector.forward_to(failing)
    collector.forward_to(other)
    record_one_of_each(collector)
    node = create_node(lambda state: {"y": 2}, name="double", metrics_collector=collector)
    assert node({"x": 1}) == {"y": 2}
    assert failing.calls == 5
    assert list(other.get_all_node_metrics()) == list(collector.get_all_node_metrics()) == ["a", "double"]


def test_a_failing_recorder_is_logged_when_it_begins_to_fail(collector, caplog):
    """It is logged once for several failures in a row, and again after a recovery."""
    failing = Failing()
    collector.forward_to(failing)
    with caplog.at_level(logging.WARNING, logger="langgraph_runner"):
        for broken in (True, False, True):
            failing.broken = broken
            record_one_of_each(collector)
    assert [record.getMessage().split()[0] for record in caplog.records] == ["metrics.recorder_failed"] * 2
    assert caplog.records[0].exc_info


@pytest.mark.parametrize(
    "buckets_ms",
    [[], [0], [-1, 1], [2, 1], [1, 1], [1, float("inf")], [float("nan")], range(1, 102)],
    ids=["none", "zero", "negative", "falling", "twice", "infinite", "nan", "too many"],
)
def test_buckets_that_are_none_are_refused(buckets_ms):
    """The message says what they must be."""
    with pytest.raises(ValueError, match="buckets_ms must be 1 to 100 ascending finite numbers above 0"):
        NodeMetricsCollector(buckets_ms=buckets_ms)


def test_buckets_can_be_read():
    """They are floats, also if they were given as integers."""
    assert NodeMetricsCollector(buckets_ms=range(1, 4)).buckets_ms == (1.0, 2.0, 3.0)
