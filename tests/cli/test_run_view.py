"""What is known about a run while a command follows it."""

import pytest

from tests.cli.views import ago, event, view_of

pytestmark = pytest.mark.req("R-54")


def test_a_recovered_run_has_no_running_steps():
    """Its steps are pending until another process starts them."""
    view = view_of(theme="completed", media={"status": "running", "started_at": ago(seconds=9)})
    assert view.apply(event("run_recovered")) is None
    media = view.steps["media"]
    assert (media.status, media.elapsed_ms(ago(seconds=0))) == ("pending", None)
    assert view.steps["theme"].status == "completed"


def test_old_events_do_not_restart_a_step():
    """The steps may be newer than the events that are read."""
    view = view_of(theme="completed")
    assert view.apply(event("step_started", step="theme")).status == "completed"
