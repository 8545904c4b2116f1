"""Values as text."""

from datetime import UTC, datetime, timedelta

import pytest

from langgraph_runner.cli.render.text import ago, duration, size, status_style
from langgraph_runner.workflow import Reason, StepStatus

pytestmark = pytest.mark.req("R-54")


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, ""),
        (0, "0 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (59_940, "59.9 s"),
        (59_960, "1 min 00 s"),
        (185_000, "3 min 05 s"),
        (3_599_800, "1 h 00 min"),
        (7_800_000, "2 h 10 min"),
    ],
)
def test_durations_have_a_fitting_unit(ms, text):
    """None is `60 s` or `60 min`."""
    assert duration(ms) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (2**50, "1024.0 TiB")]
)
def test_sizes_have_a_fitting_unit(count, text):
    """The largest unit is TiB."""
    assert size(count) == text


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(seconds=-3), "0 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(days=3), "3 days ago"),
    ],
)
def test_ages_are_rounded_to_one_unit(passed, text):
    """A time in the future counts as now."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert ago(now - passed, now) == text


def test_every_status_and_every_reason_has_a_style():
    """Each has a mark and a label."""
    assert all(status_style(status).mark for status in StepStatus)
    assert {status_style("skipped", reason).label for reason in Reason} >= {"cached", "reused", "cancelled"}
