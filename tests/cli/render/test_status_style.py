"""The style of each status."""

import pytest

from langgraph_runner.cli.render.status_style import status_style
from langgraph_runner.workflow import Reason, StepStatus

pytestmark = pytest.mark.req("R-54")


def test_every_status_and_every_reason_has_a_style():
    """Each has a mark and a label."""
    assert all(status_style(status).mark for status in StepStatus)
    assert {status_style("skipped", reason).label for reason in Reason} >= {"cached", "reused", "cancelled"}
