"""Values on the command line."""

import pytest

from langgraph_runner.cli.arguments.values import read_duration

pytestmark = pytest.mark.req("R-54")


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("500ms", 0.5), ("30s", 30), ("1.5m", 90), ("2h", 7200), ("7d", 604_800), ("12", 12)],
)
def test_durations_are_read(given, seconds):
    """A bare number is in seconds."""
    assert read_duration(given, "--timeout").total_seconds() == seconds
