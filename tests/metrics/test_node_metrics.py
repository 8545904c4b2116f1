"""The metrics of a node as a value."""

import pytest
from pydantic import ValidationError

from langgraph_runner.metrics import NodeMetrics


@pytest.mark.req("M-1")
def test_empty_metrics_have_no_durations():
    """They are None, not 0, without executions."""
    empty = NodeMetrics(node="a")
    durations = (
        empty.last_execution_ms,
        empty.average_execution_ms,
        empty.p50_ms,
        empty.p90_ms,
        empty.p99_ms,
    )
    assert durations == (None,) * 5


@pytest.mark.req("M-1")
def test_empty_metrics_name_every_category():
    """A reader can ask for any failure without a default."""
    counts = NodeMetrics(node="a").failures_by_category
    assert counts == {"timeout": 0, "validation": 0, "network": 0, "other": 0}


@pytest.mark.req("M-1", "M-15")
def test_each_category_is_a_field_too():
    """For readers that take flat records. One that is missing in the dict is 0."""
    found = NodeMetrics(node="a", failures_by_category={"timeout": 1, "validation": 2, "network": 3})
    fields = (found.timeout_failures, found.validation_failures, found.network_failures, found.other_failures)
    assert fields == (1, 2, 3, 0)


@pytest.mark.req("M-1")
def test_the_total_is_successes_and_failures():
    """Retries, cancelled and refused calls are not executions."""
    found = NodeMetrics(
        node="a", success_count=3, failure_count=1, retry_count=9, cancelled_count=9, circuit_open_count=9
    )
    assert found.total_executions == 4


@pytest.mark.req("M-1")
@pytest.mark.parametrize(("successes", "failures", "rate"), [(3, 1, 0.25), (0, 2, 1.0), (0, 0, 0.0)])
def test_the_failure_rate_is_the_share_that_failed(successes, failures, rate):
    """The rate is 0 without executions."""
    assert NodeMetrics(node="a", success_count=successes, failure_count=failures).failure_rate == rate


@pytest.mark.req("M-1")
def test_metrics_are_frozen():
    """A reading cannot be changed."""
    with pytest.raises(ValidationError, match="frozen"):
        NodeMetrics(node="a").success_count = 1


@pytest.mark.req("M-1")
@pytest.mark.parametrize("field", ["success_count", "failure_count", "retry_count", "last_execution_ms"])
def test_metrics_below_zero_are_refused(field):
    """The message names the field."""
    with pytest.raises(ValidationError, match=field):
        NodeMetrics(node="a", **{field: -1})


@pytest.mark.req("M-1", "M-16")
def test_metrics_survive_json():
    """The computed fields are written too, and ignored when read back."""
    found = NodeMetrics(node="a", success_count=1, last_execution_ms=0.1, p50_ms=0.1)
    assert NodeMetrics.model_validate_json(found.model_dump_json()) == found
