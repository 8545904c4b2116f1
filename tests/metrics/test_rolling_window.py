"""The rolling window: which samples it holds, and its percentiles."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from langgraph_runner.errors import FailureCategory
from langgraph_runner.metrics.window import Call, CallWindow, RollingWindow

DURATIONS = st.floats(min_value=0, allow_nan=False, allow_infinity=False)


def window_of(*durations, size=100):
    """Fill a window with successes."""
    window = RollingWindow(size)
    for duration in durations:
        window.add(duration, failed=False)
    return window


@pytest.mark.req("M-8")
@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (50, 51), (90, 91), (99, 100), (100, 100)])
def test_percentile_is_the_sorted_sample_at_the_floor_of_its_share(percent, expected):
    """Of 1..100 ms, p50 is the sample at index 50, and p100 is bounded to the last."""
    assert window_of(*range(100, 0, -1)).percentile(percent) == expected


@pytest.mark.req("M-8")
@pytest.mark.parametrize("percent", [0, 50, 90, 99, 100])
def test_one_sample_is_every_percentile(percent):
    """A single execution answers for the whole distribution."""
    assert window_of(7.5).percentile(percent) == 7.5


@pytest.mark.req("M-8")
def test_an_empty_window_has_no_percentile():
    """There is no number to give without samples."""
    assert RollingWindow(5).percentile(50) is None


@pytest.mark.req("M-8")
def test_a_share_that_floats_get_wrong_is_floored_right():
    """0.29 * 100 is 28.999999999999996 in floats; the sample is the one at index 29."""
    assert window_of(*range(100)).percentile(29) == 29


@pytest.mark.req("M-12")
def test_the_oldest_execution_leaves_a_full_window():
    """With room for three, the first of four is gone."""
    assert [duration for duration, _ in window_of(4, 3, 2, 1, size=3)] == [3, 2, 1]


@pytest.mark.req("M-17")
def test_failure_rate_forgets_failures_that_left_the_window():
    """A failure counts as long as it is among the latest executions."""
    window = RollingWindow(2)
    for failed in (True, True, False):
        window.add(1.0, failed=failed)
    assert window.failure_rate == 0.5


def test_an_empty_window_has_no_failures():
    """The rate is 0 before the first execution."""
    assert RollingWindow(2).failure_rate == 0


@pytest.mark.req("M-8", "M-12")
@given(
    size=st.integers(1, 12),
    samples=st.lists(st.tuples(DURATIONS, st.booleans())),
    percent=st.integers(0, 100),
)
@example(size=2, samples=[(0.0, False), (-0.0, True), (0.0, False)], percent=50)
@settings(deadline=None)
def test_the_window_agrees_with_sorting_the_latest_samples(size, samples, percent):
    """For any samples, the result equals that of sorting the latest samples each time."""
    window = RollingWindow(size)
    for duration, failed in samples:
        window.add(duration, failed=failed)
    latest = samples[-size:]
    ordered = sorted(duration for duration, _ in latest)
    index = min(math.floor(percent * len(ordered) / 100), len(ordered) - 1)
    assert list(window) == latest
    assert window.percentile(percent) == (ordered[index] if ordered else None)
    assert window.failures == sum(failed for _, failed in latest)
    assert window.last_ms == (latest[-1][0] if latest else None)


@pytest.mark.req("M-8")
@given(
    size=st.integers(1, 40),
    batches=st.lists(st.lists(DURATIONS, max_size=12), max_size=6),
    failures=st.lists(DURATIONS, max_size=20),
)
@settings(deadline=None)
def test_successes_added_together_are_those_added_one_by_one(size, batches, failures):
    """In windows of executions and of calls, small and large beside the batch."""
    together, single = RollingWindow(size), RollingWindow(size)
    calls, single_calls = CallWindow(size), CallWindow(size)
    for window, window_of_calls in ((together, calls), (single, single_calls)):
        for duration in failures:
            window.add(duration, failed=True)
            window_of_calls.add(Call(FailureCategory.CIRCUIT_OPEN, fell_back=True))
    for batch in batches:
        together.add_successes(batch)
        calls.add_executions(len(batch))
        for duration in batch:
            single.add(duration, failed=False)
            single_calls.add(Call(None, fell_back=False))
    assert list(together) == list(single)
    assert together.failures == single.failures
    assert [together.percentile(p) for p in (0, 50, 100)] == [single.percentile(p) for p in (0, 50, 100)]
    assert list(calls) == list(single_calls)
    assert (calls.fallbacks, calls.circuit_refusals) == (
        single_calls.fallbacks,
        single_calls.circuit_refusals,
    )
