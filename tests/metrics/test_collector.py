"""The collector: counting, reading and resetting."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from langgraph_runner import CircuitOpenError, RetryExhaustedError, metrics
from langgraph_runner.errors import FailureCategory
from langgraph_runner.metrics import NodeMetrics, NodeMetricsCollector

NO_FAILURES = {"timeout": 0, "validation": 0, "network": 0, "other": 0}


@pytest.fixture
def collector():
    """An empty collector."""
    return NodeMetricsCollector()


@pytest.mark.req("M-1", "M-2")
def test_metrics_tell_what_a_node_did(collector):
    """Counts, last, average, percentiles and categories of a few executions."""
    collector.record_success("theme", 10)
    collector.record_success("theme", 20)
    collector.record_retry("theme")
    collector.record_failure("theme", 60, FailureCategory.TIMEOUT)
    assert collector.get_node_metrics("theme") == NodeMetrics(
        node="theme",
        success_count=2,
        failure_count=1,
        retry_count=1,
        last_execution_ms=60,
        average_execution_ms=30,
        p50_ms=20,
        p90_ms=60,
        p99_ms=60,
        failures_by_category=NO_FAILURES | {"timeout": 1},
    )


@pytest.mark.req("M-2")
def test_nodes_are_counted_apart(collector):
    """Each node has its own counts."""
    collector.record_success("a", 1)
    collector.record_failure("b", 2)
    totals = {node: found.success_count for node, found in collector.get_all_node_metrics().items()}
    assert totals == {"a": 1, "b": 0}


@pytest.mark.req("M-1")
def test_the_average_is_over_all_executions_not_the_window():
    """Executions that left the window still count in the average."""
    collector = NodeMetricsCollector(window_size=1)
    collector.record_success("a", 10)
    collector.record_success("a", 20)
    assert collector.get_node_metrics("a").average_execution_ms == 15


@pytest.mark.req("M-1")
def test_an_average_too_large_for_a_float_stays_finite(collector):
    """Two of the largest durations do not make an infinite average, which JSON could not hold."""
    collector.record_success("a", sys.float_info.max)
    collector.record_success("a", sys.float_info.max)
    assert collector.get_node_metrics("a").average_execution_ms == sys.float_info.max / 2


@pytest.mark.req("M-3")
def test_an_unknown_node_has_empty_metrics(collector):
    """Asking for a node that never reported is no error."""
    assert collector.get_node_metrics("nobody") == NodeMetrics(node="nobody")


@pytest.mark.req("M-3")
def test_asking_for_a_node_does_not_add_it(collector):
    """A read does not change the collector."""
    collector.get_node_metrics("nobody")
    assert collector.get_all_node_metrics() == {}


@pytest.mark.req("M-4")
def test_all_metrics_are_a_copy(collector):
    """Changing what was returned changes nothing in the collector."""
    collector.record_success("a", 1)
    collector.get_all_node_metrics().clear()
    assert list(collector.get_all_node_metrics()) == ["a"]


@pytest.mark.req("M-4")
def test_failures_by_category_are_a_copy(collector):
    """The reader may change this dict, too."""
    collector.record_failure("a", 1)
    collector.get_node_metrics("a").failures_by_category.clear()
    assert collector.get_node_metrics("a").failures_by_category == NO_FAILURES | {"other": 1}


@pytest.mark.req("M-4")
def test_a_reading_does_not_change_later(collector):
    """Later records do not change metrics that were already read."""
    collector.record_success("a", 1)
    reading = collector.get_node_metrics("a")
    collector.record_success("a", 1)
    assert reading.total_executions == 1


@pytest.mark.req("M-5")
def test_resetting_a_node_forgets_only_that_node(collector):
    """The other nodes keep their counts."""
    collector.record_success("a", 1)
    collector.record_success("b", 1)
    collector.reset_node_metrics("a")
    assert list(collector.get_all_node_metrics()) == ["b"]


@pytest.mark.req("M-5")
def test_resetting_without_a_name_forgets_all(collector):
    """The collector is empty again."""
    collector.record_success("a", 1)
    collector.record_success("", 1)
    collector.reset_node_metrics()
    assert collector.get_all_node_metrics() == {}


@pytest.mark.req("M-5")
def test_an_empty_name_resets_the_node_of_that_name_only(collector):
    """An empty string is a name, not the absence of one."""
    collector.record_success("a", 1)
    collector.record_success("", 1)
    collector.reset_node_metrics("")
    assert list(collector.get_all_node_metrics()) == ["a"]


@pytest.mark.req("M-5")
def test_resetting_an_unknown_node_is_no_error(collector):
    """There is nothing to forget."""
    collector.reset_node_metrics("nobody")
    assert collector.get_all_node_metrics() == {}


@pytest.mark.req("M-12")
def test_the_window_holds_100_executions_by_default(collector):
    """This is the default size."""
    assert collector.window_size == 100


@pytest.mark.req("M-12")
def test_percentiles_are_over_the_window():
    """Slow first executions no longer count after they have left the window."""
    collector = NodeMetricsCollector(window_size=2)
    for duration in (1_000, 1, 2):
        collector.record_success("a", duration)
    assert collector.get_node_metrics("a").p99_ms == 2


@pytest.mark.req("M-12")
@pytest.mark.parametrize("size", [0, -1, 100_001, True, 2.0, "5", None])
def test_a_window_that_cannot_be_is_refused(size):
    """The message names the field and its range."""
    with pytest.raises(ValueError, match="window_size must be a whole number from 1 to 100000, got"):
        NodeMetricsCollector(size)


@pytest.mark.req("M-12")
@pytest.mark.parametrize("size", [1, 100_000])
def test_the_ends_of_the_range_are_accepted(size):
    """The smallest and the largest window."""
    assert NodeMetricsCollector(size).window_size == size


@pytest.mark.req("M-14")
@pytest.mark.parametrize("duration", [-1, -0.001, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("record", ["record_success", "record_failure"])
def test_a_duration_that_cannot_be_counts_as_zero(collector, record, duration):
    """The execution counts, even if the clock was wrong."""
    getattr(collector, record)("a", duration)
    found = collector.get_node_metrics("a")
    assert (found.total_executions, found.last_execution_ms) == (1, 0)


@pytest.mark.req("M-14")
@pytest.mark.parametrize("duration", [-1, float("nan"), float("inf")])
def test_a_duration_that_cannot_be_is_logged(collector, caplog, duration):
    """One warning names the node and the value."""
    collector.record_success("a", duration)
    logged = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    expected = f"metrics.duration_replaced node='a' duration_ms={float(duration)!r}"
    assert logged == [("langgraph_runner.metrics", "WARNING", expected)]


@pytest.mark.req("M-14")
def test_zero_is_a_duration(collector, caplog):
    """No warning for an execution too fast for the clock."""
    collector.record_success("a", 0)
    assert caplog.records == []


@pytest.mark.req("M-15")
@pytest.mark.parametrize("category", ["timeout", "validation", "network", "other"])
def test_failures_are_counted_by_category(collector, category):
    """A category may be given as a string."""
    collector.record_failure("a", 1, category)
    assert collector.get_node_metrics("a").failures_by_category == NO_FAILURES | {category: 1}


@pytest.mark.req("M-15")
def test_a_failure_without_a_category_is_other(collector):
    """The caller does not have to know the category."""
    collector.record_failure("a", 1)
    assert collector.get_node_metrics("a").failures_by_category[FailureCategory.OTHER] == 1


@pytest.mark.req("M-15")
@pytest.mark.parametrize("category", ["cancelled", "circuit_open"])
def test_cancelled_and_refused_calls_have_counts_of_their_own(collector, category):
    """Each is counted, under its own name."""
    collector.record_failure("a", 1, category)
    assert getattr(collector.get_node_metrics("a"), f"{category}_count") == 1


@pytest.mark.req("M-15")
@pytest.mark.parametrize("category", [FailureCategory.CANCELLED, FailureCategory.CIRCUIT_OPEN])
def test_cancelled_and_refused_calls_are_no_executions_of_the_node(collector, category):
    """They change neither the total nor failures nor durations."""
    collector.record_failure("a", 1, category)
    found = collector.get_node_metrics("a")
    assert (found.total_executions, found.failure_count, found.last_execution_ms) == (0, 0, None)


@pytest.mark.req("M-2", "M-15")
@pytest.mark.parametrize("record", ["record_failure", "record_fallback"])
@pytest.mark.parametrize(
    ("error", "category"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionResetError(), "network"),
        (KeyError("x"), "other"),
        (RetryExhaustedError(node="a", attempts=3, last_error=TimeoutError()), "timeout"),
    ],
)
def test_an_exception_is_classified_as_by_nodes(collector, record, error, category):
    """So code outside nodes is counted with the same categories."""
    getattr(collector, record)("a", 1, error)
    assert collector.get_node_metrics("a").failures_by_category == NO_FAILURES | {category: 1}


@pytest.mark.req("M-2", "M-15")
@pytest.mark.parametrize(
    ("error", "count"),
    [
        (asyncio.CancelledError(), "cancelled_count"),
        (CircuitOpenError(node="a", retry_after_ms=1), "circuit_open_count"),
    ],
)
def test_an_exception_may_be_a_cancellation_or_a_refusal(collector, error, count):
    """Neither counts as a failure."""
    collector.record_failure("a", 1, error)
    found = collector.get_node_metrics("a")
    assert (getattr(found, count), found.failure_count) == (1, 0)


@pytest.mark.req("M-19")
@pytest.mark.parametrize(("category", "executions", "refused"), [("network", 1, 0), ("circuit_open", 0, 1)])
def test_a_fallback_is_counted_beside_the_failure_that_it_stands_in_for(
    collector, category, executions, refused
):
    """The failure or refusal counts as it would without the fallback."""
    collector.record_fallback("a", 7, category)
    found = collector.get_node_metrics("a")
    assert (found.fallback_count, found.success_count) == (1, 0)
    assert (found.failure_count, found.total_executions, found.circuit_open_count) == (
        executions,
        executions,
        refused,
    )
    assert found.last_execution_ms == (7 if executions else None)


@pytest.mark.req("M-19")
def test_rates_of_fallbacks_and_refusals_are_shares_of_executions_and_refused_calls(collector):
    """A cancelled call is in neither."""
    collector.record_success("a", 1)
    collector.record_failure("a", 1)
    collector.record_fallback("a", 1)
    collector.record_fallback("a", 1, "circuit_open")
    collector.record_failure("a", 1, "cancelled")
    found = collector.get_node_metrics("a")
    assert (found.fallback_rate, found.circuit_open_rate, found.failure_rate) == (0.5, 0.25, 2 / 3)


@pytest.mark.req("M-19")
def test_a_cancelled_call_has_no_fallback(collector):
    """It is refused, because the counts would not add up."""
    with pytest.raises(ValueError, match=r"such a call has no fallback\. Use record_failure"):
        collector.record_fallback("a", 1, asyncio.CancelledError())
    assert collector.get_all_node_metrics() == {}


@pytest.mark.req("M-2")
def test_a_retry_may_say_which_attempt_it_is(collector):
    """Each call counts one retry, regardless of the number."""
    collector.record_retry("a", 2)
    collector.record_retry("a", attempt=7)
    assert collector.get_node_metrics("a").retry_count == 2


@pytest.mark.req("M-2")
@pytest.mark.parametrize("attempt", [0, -1, 1.5, True, "2"])
def test_an_attempt_that_cannot_be_is_refused(collector, attempt):
    """It is refused, and nothing is counted."""
    with pytest.raises(ValueError, match="attempt must be a whole number from 1, got"):
        collector.record_retry("a", attempt)
    assert collector.get_all_node_metrics() == {}


@pytest.mark.req("M-15")
@pytest.mark.parametrize("category", ["Timeout", "", None, 3, []])
def test_an_unknown_category_is_refused(collector, category):
    """The message lists those that are known."""
    known = (
        "error must be an exception or one of timeout, validation, network, other, cancelled, circuit_open"
    )
    with pytest.raises(ValueError, match=known):
        collector.record_failure("a", 1, category)


@pytest.mark.req("M-15")
def test_a_refused_record_counts_nothing(collector):
    """The node does not appear either."""
    with pytest.raises(ValueError, match="error must be"):
        collector.record_failure("a", 1, "nonsense")
    assert collector.get_all_node_metrics() == {}


@pytest.mark.req("M-13")
@pytest.mark.usefixtures("restless_threads")
def test_no_record_is_lost_between_threads():
    """Eight threads record on two nodes; every count is exact."""
    collector = NodeMetricsCollector(window_size=7)

    def report(worker):
        for step in range(300):
            node = f"node {step % 2}"
            collector.record_success(node, float(worker))
            collector.record_failure(node, float(step), "network")
            collector.record_retry(node)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(report, range(8)))
    counts = [
        (found.success_count, found.failures_by_category["network"], found.retry_count)
        for found in collector.get_all_node_metrics().values()
    ]
    assert counts == [(1200, 1200, 1200)] * 2


@pytest.mark.req("M-13")
@pytest.mark.usefixtures("restless_threads")
def test_the_window_holds_together_while_threads_read_and_reset():
    """While others write, readers and resets see a consistent window at any moment."""
    collector = NodeMetricsCollector(window_size=5)

    def write(worker):
        for step in range(200):
            collector.record_success("a", float(step * worker % 17))

    def read(_):
        for _ in range(30):
            NodeMetricsCollector.from_json(collector.to_json())
            collector.reset_node_metrics("a")

    with ThreadPoolExecutor(6) as threads:
        jobs = [threads.submit(write, worker) for worker in range(4)] + [threads.submit(read, 0)]
        errors = [job.exception() for job in jobs]
    assert errors == [None] * 5


@pytest.mark.req("M-13")
async def test_no_record_is_lost_between_tasks(collector):
    """Concurrent tasks record all of their executions."""

    async def report():
        for _ in range(20):
            collector.record_success("a", 1.0)
            await asyncio.gather()

    await asyncio.gather(*(report() for _ in range(20)))
    assert collector.get_node_metrics("a").success_count == 400


def test_the_package_hands_on_its_public_names_in_order():
    """`__all__` lists each name that users import, once."""
    assert sorted(set(metrics.__all__)) == metrics.__all__
    assert all(hasattr(metrics, name) for name in metrics.__all__)
